"""Asking a model for many rows: ledger first, then purse, then the endpoint; answers are used in order."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tasks.clients.llm import Answer, Endpoint, Request, estimate
from tasks.growth.backtranslate import Backtranslate
from tasks.growth.budget import Purse
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.novelty import Novelty
from tasks.growth.self_instruct import SelfInstruct
from tasks.growth.strategy import Refused, Row, once_more
from tasks.step import Context

Read = Callable[[Answer], Row]
"""Makes a row of an answer, or raises Refused."""
ROUND = 16
"""Calls whose shots are drawn from the same pool; a fixed number, so that a rerun asks the same."""
BARREN_ROUNDS = 8
"""Rounds without an accepted row after which growing gives up."""
LAST = 50
"""Candidates whose mean novelty tells whether the model still finds something new."""


@dataclass
class Grown:
    """What came of asking: rows, reasons, cost, and whether something is missing (`partial` says what)."""

    rows: list[Row] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    asked: int = 0
    cost: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("requests", "cached", "input_tokens", "output_tokens", "usd"), 0))
    failures: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    """Why answers were asked for once more."""
    partial: str = ""


class Asking:
    """One step's calls in one build."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, purse: Purse) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._purse = purse
        self._slots = asyncio.Semaphore(endpoint.concurrency)
        self._settled = asyncio.Event()
        self.grown = Grown()

    async def read(self, asked: Sequence[tuple[Request, Read]]) -> list[Row | Refused | None]:
        """Answer requests and read the answers, in their order; None where the budget did not allow the call.

        What was cut off is asked for once more with twice the room, what could not be read with what was wrong with it.
        """
        return list(await asyncio.gather(*(self._read(request, read) for request, read in asked)))

    async def _read(self, request: Request, read: Read) -> Row | Refused | None:
        answer = await self._answer(request)
        if answer is None:
            return None
        made = _made(answer, read)
        again = once_more(request, answer, made) if isinstance(made, Refused) else None
        if again is None:
            return made
        self.grown.again[str(made)] += 1
        second = await self._answer(again)
        return made if second is None else _made(second, read)

    async def _answer(self, request: Request) -> Answer | None:
        key = request_key(self._endpoint.name, self._endpoint.model, request)
        known = self._ledger.get(key)
        worst = self._purse.cost(estimate(request.messages), int(request.parameters["max_tokens"]) + self._endpoint.model.thinking)
        if known is not None:
            self._book(known, cached=True)
            self._purse.reserve(0)
            self._purse.settle(0, known)
            return known
        async with self._slots:
            if not await self._reserved(worst):
                self.grown.partial = "budget reached"
                return None
            answer = Answer(failure="interrupted")
            try:
                answer = await self._endpoint.ask(request)
                if not answer.failure:
                    self._ledger.keep(key, answer)
            finally:
                self._purse.settle(worst, answer)
                self._settled.set()
        self._book(answer, cached=False)
        return answer

    async def _reserved(self, worst: float) -> bool:
        """Set the worst case of a call aside; where there is no room now, wait for calls under way, which may cost less than theirs."""
        while not self._purse.reserve(worst):
            if not self._purse.pending:
                return False
            self._settled.clear()
            await self._settled.wait()
        return True

    def _book(self, answer: Answer, *, cached: bool) -> None:
        cost = self.grown.cost
        if answer.failure:
            self.grown.failures[answer.failure] += 1
        elif cached:
            cost["cached"] += 1
        else:
            cost["requests"] += 1
            cost["input_tokens"] += answer.input_tokens
            cost["output_tokens"] += answer.output_tokens
            price = self._endpoint.model.price
            cost["usd"] += (answer.input_tokens * price.input + answer.output_tokens * price.output) / 1e6 if price else 0


def _made(answer: Answer, read: Read) -> Row | Refused:
    try:
        if answer.failure:
            raise Refused(answer.failure)
        return read(answer)
    except Refused as refused:
        return refused


async def complete(step: Backtranslate, rows: Sequence[Row], asking: Asking, context: Context) -> Grown:
    """Ask once for every row that may be shown; rows keep their order."""
    grown = asking.grown
    shown = [row for row in rows if not row["private"]]
    grown.dropped.extend((row["id"], "private") for row in rows if row["private"])
    made = await asking.read([(step.ask(row, context), partial(step.read, row)) for row in shown])
    for row, found in zip(shown, made, strict=True):
        _use(grown, row["id"], found)
    return grown


async def grow(step: SelfInstruct, rows: Sequence[Row], asking: Asking, context: Context) -> Grown:
    """Ask in rounds until enough rows are accepted, the budget is spent, or nothing new comes."""
    grown = asking.grown
    seeds = [row for row in rows if not row["private"] and row.get("split") in (None, "train")]
    pool = Novelty(f"{row['input']}" for row in rows)
    found: deque[float] = deque(maxlen=LAST)
    number = barren = 0
    while seeds and len(grown.rows) < step.rows and not grown.partial:
        calls = [step.ask(seeds, grown.rows, number + k, context) for k in range(ROUND)]
        asked = [(request, partial(step.read, shots=shots, number=number + k, context=context)) for k, (request, shots) in enumerate(calls)]
        before = len(grown.rows)
        for k, made in enumerate(await asking.read(asked)):
            if len(grown.rows) < step.rows:
                _use(grown, f"{context.step}#{number + k}", _novel(step, pool, found, made) if isinstance(made, dict) else made)
        number += ROUND
        barren = barren + 1 if len(grown.rows) == before else 0
        grown.partial = grown.partial or _spent(step, grown, found, barren)
    if not seeds:
        grown.partial = "no seeds in train"
    return grown


def _spent(step: SelfInstruct, grown: Grown, found: Sequence[float], barren: int) -> str:
    """Say why growing ends before its rows are there; nothing where it goes on."""
    if len(grown.rows) >= step.rows:
        return ""
    if barren >= BARREN_ROUNDS:
        return f"{BARREN_ROUNDS} rounds without a new row"
    if len(found) == LAST and sum(found) / LAST < step.accept.mean:
        return f"the last {LAST} candidates are new by {sum(found) / LAST:.2f} in the mean, less than {step.accept.mean}"
    return ""


def _novel(step: SelfInstruct, pool: Novelty, found: deque[float], row: Row) -> Row | Refused:
    found.append(pool.of(row["input"]))
    if found[-1] < step.accept.novelty:
        return Refused("not new")
    pool.add(row["input"])
    return row


def _use(grown: Grown, name: str, made: Row | Refused | None) -> None:
    if made is None:
        grown.dropped.append((name, "budget reached"))
        return
    grown.asked += 1
    if isinstance(made, Refused):
        grown.dropped.append((name, str(made)))
    else:
        grown.rows.append(made)


def summary(grown: Grown) -> Mapping[str, Any]:
    """Give cost, failures and what was asked for once more as plain data."""
    failures, again = (dict(sorted(count.items())) for count in (grown.failures, grown.again))
    return {"cost": grown.cost, "failures": failures, "again": again, "partial": grown.partial}
