"""Asking a model for many rows: ledger first, then purse, then the endpoint; answers are used in order."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.clients.llm import Answer, Endpoint, Request, estimate
from tasks.growth.backtranslate import Backtranslate
from tasks.growth.budget import Purse
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.novelty import Novelty
from tasks.growth.self_instruct import SelfInstruct
from tasks.growth.strategy import Refused, Row
from tasks.step import Context

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
    partial: str = ""


class Asking:
    """One step's calls in one build."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, purse: Purse) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._purse = purse
        self._slots = asyncio.Semaphore(endpoint.concurrency)
        self.grown = Grown()

    async def answers(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Answer requests in their order; None where the budget did not allow the call."""
        return list(await asyncio.gather(*(self._answer(request) for request in requests)))

    async def _answer(self, request: Request) -> Answer | None:
        key = request_key(self._endpoint.name, self._endpoint.model, request)
        known = self._ledger.get(key)
        worst = self._purse.cost(estimate(request.messages), int(request.parameters["max_tokens"]))
        if known is not None:
            self._book(known, cached=True)
            self._purse.reserve(0)
            self._purse.settle(0, known)
            return known
        async with self._slots:
            if not self._purse.reserve(worst):
                self.grown.partial = "budget reached"
                return None
            answer = Answer(failure="interrupted")
            try:
                answer = await self._endpoint.ask(request)
                if not answer.failure:
                    self._ledger.keep(key, answer)
            finally:
                self._purse.settle(worst, answer)
        self._book(answer, cached=False)
        return answer

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


async def complete(step: Backtranslate, rows: Sequence[Row], asking: Asking, context: Context) -> Grown:
    """Ask once for every row that may be shown; rows keep their order."""
    grown = asking.grown
    shown = [row for row in rows if not row["private"]]
    grown.dropped.extend((row["id"], "private") for row in rows if row["private"])
    for row, answer in zip(shown, await asking.answers([step.ask(row, context) for row in shown]), strict=True):
        _use(grown, row["id"], answer, lambda got, row=row: step.read(row, got))
    return grown


async def grow(step: SelfInstruct, rows: Sequence[Row], asking: Asking, context: Context) -> Grown:
    """Ask in rounds until enough rows are accepted, the budget is spent, or rounds stay barren."""
    grown = asking.grown
    seeds = [row for row in rows if not row["private"] and row.get("split") in (None, "train")]
    pool = Novelty(f"{row['input']}" for row in rows)
    found: deque[float] = deque(maxlen=LAST)
    number = barren = 0
    while seeds and len(grown.rows) < step.rows and not grown.partial:
        calls = [step.ask(seeds, grown.rows, number + k, context) for k in range(ROUND)]
        before = len(grown.rows)
        for k, answer in enumerate(await asking.answers([request for request, _ in calls])):
            if len(grown.rows) < step.rows:
                shots = calls[k][1]
                _use(
                    grown,
                    f"{context.step}#{number + k}",
                    answer,
                    lambda got, n=number + k, s=shots: _novel(step, pool, found, step.read(got, s, n, context)),
                )
        number += ROUND
        barren = barren + 1 if len(grown.rows) == before else 0
        if barren >= BARREN_ROUNDS:
            grown.partial = f"{BARREN_ROUNDS} rounds without a new row"
        if len(grown.rows) < step.rows and len(found) == LAST and sum(found) / LAST < step.accept.mean:
            grown.partial = f"the last {LAST} candidates are new by {sum(found) / LAST:.2f} in the mean, less than {step.accept.mean}"
    if not seeds:
        grown.partial = "no seeds in train"
    return grown


def _novel(step: SelfInstruct, pool: Novelty, found: deque[float], row: Row) -> Row:
    found.append(pool.of(row["input"]))
    if found[-1] < step.accept.novelty:
        raise Refused("not new")
    pool.add(row["input"])
    return row


def _use(grown: Grown, name: str, answer: Answer | None, read: Any) -> None:
    if answer is None:
        grown.dropped.append((name, "budget reached"))
        return
    grown.asked += 1
    try:
        if answer.failure:
            raise Refused(answer.failure)
        grown.rows.append(read(answer))
    except Refused as refused:
        grown.dropped.append((name, str(refused)))


def summary(grown: Grown) -> Mapping[str, Any]:
    """Give cost and failures as plain data."""
    return {"cost": grown.cost, "failures": dict(sorted(grown.failures.items())), "partial": grown.partial}
