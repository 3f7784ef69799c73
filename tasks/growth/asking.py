"""One call after another: the ledger first, then the purse, then the endpoint; what cannot be read is asked for once more."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from tasks.clients.llm import FILTERED, NO_ROOM, REFUSED, Attempts, Endpoint
from tasks.clients.model import Answer, Model, Request
from tasks.growth.budget import Leave, Purse
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.reading import REPEATED, Refused, Unpaid, once_more, traced

T = TypeVar("T")
Read = Callable[[Answer, bool], T]
"""Makes something of an answer, or raises Refused; told whether it is the last answer, so that one bad field may be emptied."""
INTERRUPTED = "interrupted"
POLL_SECONDS = 0.2
"""How often a call looks that waits for another build's."""
COSTS = ("requests", "cached", "input_tokens", "output_tokens", "usd")


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Give what came of several calls, in order; where one fails, the others have ended before its error is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class Ask(Protocol):
    """What steps ask by: see `Asking.__call__`."""

    async def __call__(self, request: Request, read: Read[T], model: str = "") -> T:
        """Give what `read` makes of the answer."""
        ...


class Asker(Ask, Protocol):
    """What the engine asks by: an `Asking`, or a rehearsal that sends nothing."""

    cost: dict[str, float]
    worth: float
    unpaid: bool

    @property
    def failures(self) -> Counter[str]:
        """Failed calls by class."""
        ...

    def model(self, name: str) -> Model:
        """Give one of the models."""
        ...


class Asking:
    """One step's calls in one build: to its model, and to others that it names."""

    def __init__(self, endpoints: Mapping[str, Endpoint], first: str, ledger: Ledger, purse: Purse) -> None:
        self._endpoints = endpoints
        self._first = first
        self._ledger = ledger
        self._purse = purse
        self._slots = asyncio.Semaphore(endpoints[first].concurrency)
        self._settled = asyncio.Event()
        self.cost: dict[str, float] = dict.fromkeys(COSTS, 0)
        self.worth = 0.0
        """Dollars that all answers cost that were used, those of earlier builds too."""
        self._misread: Counter[str] = Counter()
        self.unpaid = False
        """Whether the budget had no room for a call."""
        self._under_way = self._in_need = 0
        """Calls that were sent, and those among them that wait for room to be sent again."""

    def model(self, name: str) -> Model:
        """Give one of the models that are asked."""
        return self._endpoints[name].model

    @property
    def failures(self) -> Counter[str]:
        """Failed calls of this build by class, and answers that could not be read; those that were mended among them."""
        return sum((endpoint.failures for endpoint in self._endpoints.values()), self._misread)

    async def __call__(self, request: Request, read: Read[T], model: str = "") -> T:
        """Answer a request and read the answer; Refused says why there is none, Unpaid that the budget had no room.

        What was cut off is asked for once more with twice the room, what could not be read once with what was wrong with it.
        """
        endpoint = self._endpoints[model or self._first]
        tried: set[str] = set()
        while True:
            key = request_key(endpoint.name, endpoint.model, request)
            answer, fresh = await self._answer(key, endpoint, request)
            try:
                return read(_good(answer), "told" in tried)
            except Refused as refused:
                again = None if refused.again in tried else once_more(request, answer, refused, endpoint.model.room(answer))
                if fresh and not answer.failure and (refused.again or str(refused) in (FILTERED, *REPEATED)):
                    self._misread[str(refused)] += 1
                if again is None:
                    refused.trace = traced(request, answer) if _is_failure(refused, answer) else []
                    raise
                tried.add(str(refused.again))
                request = again

    async def _answer(self, key: str, endpoint: Endpoint, request: Request) -> tuple[Answer, bool]:
        """Give an answer, and whether it was asked for just now."""
        known = self._known(key, endpoint)
        if known is not None:
            endpoint.learn(request.messages, known)
            return known, False
        async with self._slots:
            while (leave := self._purse.reserve(key, self._worst(endpoint, request))) is not Leave.GO:
                if leave is Leave.NO:
                    self.unpaid = True
                    raise Unpaid
                if leave is Leave.WAIT:
                    await self._changed()
                if (known := self._known(key, endpoint)) is not None:
                    return known, False
            return await self._sent(key, endpoint, request), True

    def _worst(self, endpoint: Endpoint, request: Request) -> float:
        """Give what a call costs at worst, by what is known by now."""
        return self._purse.budget.cost(endpoint.model, *endpoint.worst(request))

    def _known(self, key: str, endpoint: Endpoint) -> Answer | None:
        answer = self._ledger.get(key)
        if answer is not None:
            self._purse.known(key, endpoint.model, answer)
            self.cost["cached"] += 1
            self.worth += endpoint.model.usd(answer.input_tokens, answer.output_tokens)
        return answer

    async def _changed(self) -> None:
        """Wait until a call of this build is settled, or one of another build may be."""
        self._settled.clear()
        try:
            await asyncio.wait_for(self._settled.wait(), POLL_SECONDS)
        except TimeoutError:
            self._ledger.bury()

    async def _room_for(self, key: str, endpoint: Endpoint, request: Request) -> bool:
        """Wait for the room to send a call again that may be billed already, as long as other calls under way may give some back."""
        self._in_need += 1
        try:
            while not (room := self._purse.resend(key, self._worst(endpoint, request))) and self._in_need < self._under_way:
                await self._changed()
        finally:
            self._in_need -= 1
        return room

    async def _sent(self, key: str, endpoint: Endpoint, request: Request) -> Answer:
        attempts = Attempts(lambda: self._room_for(key, endpoint, request))
        answer = Answer(failure=INTERRUPTED)
        self._under_way += 1
        try:
            answer = await endpoint.ask(request, attempts)
        finally:
            self._under_way -= 1
            if answer.failure:
                self._purse.let_go(key, lost=attempts.unsure, worst=self._worst(endpoint, request))
            else:
                self._purse.settle(key, endpoint.model, answer)
                self._ledger.share()
            self._settled.set()
        if answer.failure == NO_ROOM:
            self.unpaid = True
            raise Unpaid
        self._book(endpoint, answer)
        return answer

    def _book(self, endpoint: Endpoint, answer: Answer) -> None:
        if not answer.failure:
            self.cost["requests"] += 1
            self.cost["input_tokens"] += answer.input_tokens
            self.cost["output_tokens"] += answer.output_tokens
            usd = endpoint.model.usd(answer.input_tokens, answer.output_tokens)
            self.cost["usd"] += usd
            self.worth += usd


def _is_failure(refused: Refused, answer: Answer) -> bool:
    """Tell whether a call failed, other than by an answer that was read and found wanting."""
    return bool(refused.again or answer.failure or str(refused) == FILTERED)


def _good(answer: Answer) -> Answer:
    """Give an answer; Refused where there is none."""
    if answer.failure:
        refused = Refused(answer.failure)
        refused.transient = answer.failure not in (FILTERED, REFUSED)
        raise refused
    return answer
