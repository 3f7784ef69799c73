"""One client for OpenAI-compatible endpoints: one gate for all calls, retries by class of failure."""

import asyncio
import math
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.clients.complaints import Complaint
from tasks.clients.completions import Stopped, Unfinished, Worst, answer_of, pieces_of, streamed, vectors_of
from tasks.clients.dialect import Dialect, Reworded
from tasks.clients.model import SHARE, Answer, Model, Prices, Request, bulk, bulk_of, estimate
from tasks.clients.rate import Turn
from tasks.errors import ModelError, usage

if TYPE_CHECKING:
    import openai

    from tasks.clients.vendors import Vendor

__all__ = ["Answer", "Endpoint", "Model", "Prices", "Request", "estimate"]

ATTEMPTS = 6
FIRST_ATTEMPTS = 3
"""Attempts to connect after which an endpoint that never answered is given up."""
GIVEN = 8
"""Calls in a row that are given up, after all their attempts, before an endpoint is left alone for the rest of the build."""
LOCKED = 8
"""Calls in a row, after some were answered, whose key is refused before the endpoint is given up; fewer cost their rows alone."""
MOST_TOLD = 300
"""Characters of a complaint that are shown."""
MAX_WAIT_SECONDS = 3600.0
"""An endpoint that tells to wait longer is given up for this build; what it answered is kept."""
FILTERED, REFUSED = "filtered", "refused"
"""Classes of calls that the endpoint would not answer however often they are sent."""
TIMEOUT, CONNECTION, CUT_STREAM, BROKEN = "timeout", "connection", "cut stream", "broken answer"
SERVER, RATE = "server error", "rate limit"
UNSURE = (TIMEOUT, CONNECTION, CUT_STREAM, BROKEN)
"""Classes of calls that may be billed though no answer came of them, unless they never went out."""
NO_ROOM = "budget reached"
"""The failure of a call that was not sent again because it might have been billed twice."""
TELLING = 5
"""Answers from which it is known what a call takes."""
DEARER = 1.25
"""By this the tokens of later questions may exceed those of the dearest one seen, byte for byte."""


async def _always() -> bool:
    return True


@dataclass
class Attempts:
    """What became of the attempts of one call, for whoever pays for them."""

    may_resend: Callable[[], Awaitable[bool]] = _always
    """Asked before a call that may have been billed already is sent again."""
    lost: int = 0
    """Attempts that may be billed though no answer came of them."""
    under_way: bool = False
    """Whether one was sent of which nothing is known yet."""

    @property
    def unsure(self) -> int:
        """How often the call may be billed although it has no answer."""
        return self.lost + self.under_way


class Usual(NamedTuple):
    """Sums over the answers that told their tokens."""

    answers: float = 0
    weight: float = 0
    """Of their questions."""
    input: float = 0
    output: float = 0

    def with_one(self, weight: float, answer: Answer) -> "Usual":
        """Add an answer, and the weight of its question."""
        return Usual(self.answers + 1, self.weight + weight, self.input + answer.input_tokens, self.output + answer.output_tokens)


@dataclass
class Endpoint:
    """An endpoint in use: its calls take turns with all others to the same model, and none while a Retry-After lasts."""

    name: str
    model: Model
    concurrency: int = 8
    timeout_seconds: float = 120.0
    failures: Counter[str] = field(default_factory=Counter)
    """Failed calls by class, those that a retry mended among them."""
    requests: int = 0
    answered: bool = False
    understood: bool = False
    """Whether an answer has been one."""
    dialect: Dialect = field(default_factory=Dialect)
    dearest: float = 0.0
    """The highest tokens of a question that was answered, as a share of its weight."""
    usual: Usual = field(default_factory=Usual)
    """What the calls took that were answered."""
    _client: "openai.AsyncOpenAI | None" = None
    _vendor: "Vendor | None" = None

    _closed: str = ""
    """Why it is left alone for the rest of the build: it asks to wait for too long, or one call after another fails."""
    _given: int = 0
    """Calls in a row that were given up, since the last answer."""
    _locked: int = 0
    """Calls in a row for which the key was refused, since the last answer."""

    def worst(self, request: Request) -> Worst:
        """Give the most tokens that a question and its answer can have; the form of the answer is part of the question.

        Until an answer tells how this model counts, it is one for each byte. From then on letters beyond ASCII, digits and signs,
        which one text may have more of than another, still count in full, and one token has two letters of ASCII at most:
        what comes next may be dearer than all that came before.
        """
        held = bulk_of(request)
        share = min(max(DEARER * self.dearest, 1.0), 2.0)
        asked = share * held.weight if self.dearest else held.most
        return int(asked) + 1, int(request.parameters.get("max_tokens", 0)) + self.model.thinking

    def typical(self, request: Request) -> int:
        """Give the tokens that a question and its answer will about have, for the pace."""
        seen, weight = self.usual, bulk(request.messages).weight
        if seen.answers < TELLING:
            return math.ceil(SHARE * weight) + int(request.parameters.get("max_tokens", 0)) // 4 + self.model.thinking
        return math.ceil(seen.input * weight / seen.weight + seen.output / seen.answers)

    async def ask(self, request: Request, attempts: Attempts | None = None) -> Answer:
        """Send one request; waiting at the gate uses up no attempt."""
        answer = await self._tried(lambda: self._send(request), self.typical(request), attempts or Attempts())
        if not answer.failure:
            self.learn(request.messages, answer)
        return answer

    def learn(self, messages: Sequence[Mapping[str, str]], answer: Answer) -> None:
        """Learn from an answer how many tokens this model makes of a question's bytes."""
        if answer.told:
            weight = max(bulk(messages).weight, 16)
            self.dearest = max(self.dearest, answer.input_tokens / weight)
            self.usual = self.usual.with_one(weight, answer)

    async def embed(self, texts: Sequence[str], attempts: Attempts | None = None) -> Answer:
        """Ask for the vectors of some texts: the answer's text is a JSON list of them, in order."""
        messages = [{"content": text} for text in texts]
        answer = await self._tried(lambda: self._send_texts(texts), estimate(messages), attempts or Attempts())
        if not answer.failure:
            self.learn(messages, answer)
        return answer

    async def _tried(self, send: Callable[[], Awaitable[Answer]], tokens: int, attempts: Attempts) -> Answer:
        import openai

        self._connect()
        attempt, rate = 0, self.model.rate
        broken: tuple[type[Exception], ...] = (openai.APIError, Reworded, *_transport(), TimeoutError, ValueError)
        while True:
            turn = await rate.turn(tokens, lambda: bool(self._closed))
            if turn is None:
                return Answer(failure=self._closed)
            sent = time.monotonic()
            try:
                attempts.under_way = True
                answer = await send()
            except broken as error:
                attempts.under_way = False
                kind = self._class_of(error)
                self.failures[kind] += 1
                if self._comes_again(turn, error):
                    continue
                attempt += 1
                unsure = _may_be_billed(error, kind)
                attempts.lost += unsure
                if self._given_up(error, kind, attempt):
                    return Answer(failure=kind)
            else:
                attempts.under_way = False
                rate.answer(turn, time.monotonic())
                self.understood, self._locked, self._given = True, 0, 0
                return replace(answer, seconds=round(time.monotonic() - sent, 3))
            if unsure and not await attempts.may_resend():
                return Answer(failure=NO_ROOM)
            await asyncio.sleep(min(0.5 * 2**attempt, 20) * random.uniform(0.7, 1.3))

    def _comes_again(self, turn: Turn, error: Exception) -> bool:
        """Tell the gate what came of a call, and whether it takes another turn without having used up an attempt."""
        import openai

        if isinstance(error, openai.APIStatusError) and _is_put_off(error):
            seconds = _complaint(error).wait(error.response.headers)
            self._closed = self._closed or (RATE if seconds is not None and seconds > MAX_WAIT_SECONDS else "")
            if self._closed:
                self.model.rate.answer(turn, time.monotonic())
                return False
            if error.status_code == 429 or seconds is None:
                self.model.rate.refuse(turn, time.monotonic(), seconds)
            else:
                self.model.rate.pause(turn, time.monotonic(), seconds)
            return True
        self.model.rate.answer(turn, time.monotonic())
        return isinstance(error, Reworded)

    def _class_of(self, error: Exception) -> str:
        """Name the class of a failed call; ModelError where no other call would do better."""
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._class_of_status(error)
        classes: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
            ((openai.APITimeoutError, TimeoutError), TIMEOUT),
            ((openai.APIConnectionError,), CONNECTION),
            ((Unfinished, *_transport()), CUT_STREAM),
            ((Stopped,), SERVER),
        )
        if isinstance(error, Reworded):
            return SERVER if error.status >= 500 else REFUSED
        return next((kind for types, kind in classes if isinstance(error, types)), BROKEN)

    def _class_of_status(self, error: "openai.APIStatusError") -> str:
        complaint = _complaint(error)
        if error.status_code < 400 and not self.understood:
            where = error.response.headers.get("location", "elsewhere")
            raise ModelError(f"models.{self.name}: {self.model.url} redirects to {where}. Name the address that answers itself.")
        if error.status_code in (408, 504):
            return TIMEOUT
        if error.status_code >= 500 or error.status_code in (409, 425):
            return SERVER
        if complaint.filtered:
            return FILTERED
        if error.status_code == 429 and complaint.unpaid(complaint.wait(error.response.headers)):
            raise ModelError(f"models.{self.name}: {self.model.url} has no credit left{self._told_of(error)}. Pay, or name another model.")
        return RATE if error.status_code == 429 else REFUSED

    def _locked_out(self, error: "openai.APIStatusError") -> ModelError:
        told = f"{self._told_of(error)}. Check the url, the model's name, the key and what is paid for."
        return ModelError(f"models.{self.name}: {self.model.url} answered {error.status_code}{told}")

    def _told_of(self, error: "openai.APIStatusError") -> str:
        """Give what the endpoint says of a refused call, in one line and without the key."""
        body = error.body if isinstance(error.body, dict) else {}
        inner = body.get("error", body)
        text = str((inner.get("message") if isinstance(inner, dict) else inner) or (error.message if not body else ""))
        key = os.environ.get(self.model.key or "", "")
        words = " ".join((text.replace(key, "…") if key else text).split()).rstrip(".")
        return f": {words[:MOST_TOLD]}" if words else ""

    def _given_up(self, error: Exception, kind: str, attempt: int) -> bool:
        """Tell whether a call is not tried again; ModelError where nothing has ever answered, or let a call in."""
        if kind in (REFUSED, FILTERED, RATE):
            return self._is_refused(error, kind, attempt)
        if kind == CONNECTION and not self.answered and attempt >= FIRST_ATTEMPTS:
            raise ModelError(f"models.{self.name}: nothing answers at {self.model.url}. Start the server, or correct the url.")
        if kind == BROKEN and not self.understood and attempt >= FIRST_ATTEMPTS:
            told = "no chat completion is among its answers. Correct the url: most end in /v1"
            raise ModelError(f"models.{self.name}: {self.model.url} answers, but {told}.")
        self._given += attempt >= ATTEMPTS
        self._closed = self._closed or (kind if self._given >= GIVEN else "")
        return attempt >= ATTEMPTS or bool(self._closed)

    def _is_refused(self, error: Exception, kind: str, attempt: int) -> bool:
        """Tell whether a refusal is of this call alone; one that may be of all (401 to 404) is so once another call was answered.

        A key that is refused many times in a row was withdrawn.
        """
        import openai

        if kind != REFUSED or not isinstance(error, openai.APIStatusError) or not 401 <= error.status_code <= 404:
            return True
        unpaid = error.status_code < 403
        self._locked += unpaid
        if self._locked >= LOCKED or (not self.understood and (unpaid or attempt >= FIRST_ATTEMPTS)):
            raise self._locked_out(error) from error
        return self.understood

    async def close(self) -> None:
        """Close the connections."""
        for client in (self._client, self._vendor):
            if client is not None:
                await client.close()

    async def _send(self, request: Request) -> Answer:
        """Send a call; Reworded where the endpoint complains of words that it does not know."""
        import openai

        told = self.dialect.parameters(request, self.model)
        try:
            answer = await asyncio.wait_for(self._sent(request, told), self.timeout_seconds)
        except openai.APIStatusError as error:
            self.answered = True
            if self.dialect.learnt(_complaint(error), told):
                raise Reworded(error.status_code) from error
            raise
        self.dialect.understood(told)
        return answer

    async def _sent(self, request: Request, told: Mapping[str, Any]) -> Answer:
        self.requests += 1
        asked = {"model": self.model.model, "messages": list(request.messages), **told}
        if self._vendor is not None:
            answer = await self._vendor.answer(asked, self.worst(request))
            self.answered = True
            return answer
        completions: Any = self.connected().chat.completions
        if self.model.stream:
            async with completions.with_streaming_response.create(**asked) as response:
                self.answered = True
                if "json" in response.headers.get("content-type", ""):
                    return answer_of(await response.read(), self.worst(request))
                return await streamed(pieces_of(response.iter_bytes()), self.worst(request))
        raw = await completions.with_raw_response.create(**asked)
        self.answered = True
        return answer_of(raw.content, self.worst(request))

    async def _send_texts(self, texts: Sequence[str]) -> Answer:
        if self.model.vendor:
            raise ModelError(f"models.{self.name}: vectors come from OpenAI-compatible endpoints only. Name a model without `vendor`.")
        self.requests += 1
        made: Any = self.connected().embeddings.create(model=self.model.model, input=list(texts), encoding_format="float")
        response = await asyncio.wait_for(made, self.timeout_seconds)
        self.answered = True
        return vectors_of(response, texts)

    def _connect(self) -> None:
        """Make the client, if there is none yet; RecipeError where the key is missing."""
        if not self.model.vendor:
            self.connected()
        elif self._vendor is None:
            from tasks.clients.vendors import Vendor

            self._vendor = Vendor(f"models.{self.name}.vendor", self.model.vendor, self.model.url, self._key(), self.timeout_seconds)

    def connected(self) -> "openai.AsyncOpenAI":
        """Give the client, made when it is first needed; it follows no redirect, which could lead beyond the allowed addresses."""
        import openai

        if self._client is None:
            self._client = openai.AsyncOpenAI(
                base_url=self.model.url,
                api_key=self._key(),
                max_retries=0,
                timeout=self.timeout_seconds,
                http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=self.timeout_seconds),
            )
        return self._client

    def _key(self) -> str:
        key = os.environ.get(self.model.key, "") if self.model.key else "none"
        if not key:
            raise usage(
                "names an environment variable that is not set",
                f"export {self.model.key}=…",
                place=f"models.{self.name}.key",
                value=self.model.key or "",
            )
        return key


def _transport() -> tuple[type[Exception], ...]:
    """Give the errors of a connection that breaks while an answer comes."""
    import httpx2

    return (httpx2.TransportError, httpx2.StreamError)


def _is_put_off(error: "openai.APIStatusError") -> bool:
    """Tell whether a call came too fast, or the server is busy and says for how long: it is sent again later, as often as it takes."""
    return error.status_code == 429 or (error.status_code == 503 and _complaint(error).wait(error.response.headers) is not None)


def _complaint(error: "openai.APIStatusError") -> Complaint:
    """Give what an endpoint says of a call that it refuses."""
    return Complaint.read(error.status_code, error.body, error.message)


def _may_be_billed(error: Exception, kind: str) -> bool:
    """Tell whether a call that failed may be billed: not where no connection came about, since nothing was sent then."""
    import httpx2

    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return isinstance(error, Stopped) or (kind in UNSURE and not isinstance(error.__cause__ or error, unsent))
