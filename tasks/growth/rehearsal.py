"""What a step would ask: its prompts rendered, the ledger's answers counted, the rest estimated. Nothing is sent."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from tasks.clients.model import SHARE, Answer, Model, Request, bulk
from tasks.growth.asking import COSTS, Read
from tasks.growth.engine import Grown, complete
from tasks.growth.growing import GrowingStep
from tasks.growth.herd import grow, room_for
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.reading import Refused, Unpaid, once_more
from tasks.growth.strategy import CompletingStep, ModelStep, Row
from tasks.step import Context

T = TypeVar("T")
SPREAD = 1.7
"""An estimate says from 1 / SPREAD to SPREAD times what it takes for the likeliest: the high is less than three times the low."""
BLIND_SPREAD = 3.0
"""The same for growing where too few rows were grown to tell what one costs."""
ENOUGH = 5
"""Answers, or rows, from which others are judged."""
SECONDS, TOKENS_A_SECOND = 0.7, 60.0
"""What an answer takes, and how fast it is written, where none tells."""
CALLS_A_ROW, OUTPUT_TOKENS, JUDGED = 1.3, 220, 40.0
"""Calls for a row that is grown, tokens of its answer, and those of a verdict on it, where none tells."""


@dataclass(frozen=True)
class Span:
    """A low and a high."""

    low: float
    high: float


def span(likely: float, spread: float = SPREAD) -> Span:
    """Give the span around what is likeliest."""
    return Span(likely / spread, likely * spread)


@dataclass(frozen=True)
class Estimate:
    """What a step would ask for: answers that are known, calls to be made, their tokens, dollars and seconds."""

    known: int
    calls: Span
    tokens: Span
    usd: Span
    seconds: Span
    left: float = math.inf
    """What is left of the step's budget, in its unit."""

    def times(self, factor: int) -> "Estimate":
        """Give the estimate of so many times as many rows."""
        spans = [Span(factor * held.low, factor * held.high) for held in (self.calls, self.tokens, self.usd, self.seconds)]
        return Estimate(factor * self.known, spans[0], spans[1], spans[2], spans[3], self.left)

    def plain(self) -> dict[str, object]:
        """Give it as plain data."""
        spans = {"calls": self.calls, "tokens": self.tokens, "usd": self.usd, "seconds": self.seconds}
        return {"known": self.known, **{name: {"low": held.low, "high": held.high} for name, held in spans.items()}}


class Known(NamedTuple):
    """An answer that the ledger had, the name of its model, and the weight of its question."""

    name: str
    answer: Answer
    weight: float


class Typical(NamedTuple):
    """What a call takes: tokens of the question and of the answer, and seconds."""

    input: float
    output: float
    seconds: float


class Rehearsal:
    """Stands where an `Asking` would: answers from the ledger, and counts what it lacks."""

    def __init__(self, models: Mapping[str, Model], first: str, ledger: Ledger | None) -> None:
        self._models = models
        self._first = first
        self._ledger = ledger
        self.cost: dict[str, float] = dict.fromkeys(COSTS, 0)
        self.worth = 0.0
        self.unpaid = False
        self.known: list[Known] = []
        """What the ledger answered."""
        self.missing: list[tuple[str, Request]] = []
        """What it lacks, once each, with the name of the model; of the calls that follow on one another the first."""
        self._lacking: set[str] = set()

    @property
    def failures(self) -> Counter[str]:
        """None: nothing is sent."""
        return Counter()

    def model(self, name: str) -> Model:
        """Give one of the models."""
        return self._models[name]

    async def __call__(self, request: Request, read: Read[T], model: str = "") -> T:
        """Answer from the ledger as `Asking` does; Unpaid where it has no answer."""
        name = model or self._first
        tried: set[str] = set()
        while True:
            key = request_key(name, self._models[name], request)
            answer = self._ledger.get(key) if self._ledger else None
            if answer is None:
                raise self._lacks(key, name, request)
            self.known.append(Known(name, answer, bulk(request.messages).weight))
            try:
                return read(answer, "told" in tried)
            except Refused as refused:
                again = None if refused.again in tried else once_more(request, answer, refused, self._models[name].context)
                if again is None:
                    raise
                tried.add(str(refused.again))
                request = again

    def _lacks(self, key: str, name: str, request: Request) -> Unpaid:
        """Note what is missing; whoever else asks the same waits for one answer."""
        if key not in self._lacking:
            self._lacking.add(key)
            self.missing.append((name, request))
        self.unpaid = True
        return Unpaid()

    def asked(self, name: str, expected: float) -> "Typical":
        """Give what a call to a model takes: as those did that were answered, or else as expected."""
        known = [held for held in self.known if held.name == name]
        tells = len(known) >= ENOUGH
        share = max(sum(held.answer.input_tokens for held in known) / max(sum(held.weight for held in known), 1), 0.01) if tells else SHARE
        missing = [bulk(request.messages).weight for each, request in self.missing if each == name]
        weights = missing or [held.weight for held in known] or [bulk(request.messages).weight for _, request in self.missing]
        output = sum(held.answer.output_tokens for held in known) / len(known) if tells else expected
        timed = [held.answer.seconds for held in known if held.answer.seconds]
        seconds = sum(timed) / len(timed) if len(timed) >= ENOUGH else SECONDS + output / TOKENS_A_SECOND
        return Typical(share * sum(weights) / max(len(weights), 1), output, seconds)


async def rehearsed(step: ModelStep, rows: Sequence[Row], asking: Rehearsal, context: Context) -> Grown:
    """Carry out a step as far as the ledger's answers reach."""
    if isinstance(step, GrowingStep):
        return await grow(step, rows, asking, context)
    assert isinstance(step, CompletingStep)
    return await complete(step, rows, asking, context)


def missing_rows(step: ModelStep, rows: Sequence[Row], grown: Grown, asking: Rehearsal) -> int:
    """Give how many rows would come besides those that a rehearsal gave."""
    if not asking.unpaid:
        return 0
    if isinstance(step, GrowingStep):
        return max(min(step.rows, room_for(step, rows)) - len(grown.rows), 0)
    return sum(reason == grown.partial for _, reason in grown.dropped)


async def rehearse(step: ModelStep, rows: Sequence[Row], asking: Rehearsal, context: Context, coming: int = 0) -> Estimate:
    """Estimate what a step would ask of these rows, and of so many that are still to come from steps before it."""
    grown = await rehearsed(step, rows, asking, context)
    if isinstance(step, GrowingStep):
        return _growing(step, grown, asking, allowed=room_for(step, rows))
    assert isinstance(step, CompletingStep)
    expected = step.expects(rows)
    calls = _calls(expected, grown, asking)
    low = calls.total() + coming * len(expected) / SPREAD
    calls.update(name for name, _ in expected for _ in range(coming))
    return _estimate(step, asking, Span(low, calls.total()), calls, expected, SPREAD)


def _calls(expected: Sequence[tuple[str, float]], grown: Grown, asking: Rehearsal) -> Counter[str]:
    """Count the calls that rows still need, by model: of those that stopped at one that is missing, the ones that follow too."""
    finished = len(grown.rows) - grown.unanswered.total()
    stopped = sum(reason == grown.partial for _, reason in grown.dropped) + grown.unanswered[grown.partial]
    following = stopped * (len(expected) - 1)
    begun = min(max(len(asking.known) - finished * len(expected), 0), following)
    calls = Counter(name for name, _ in asking.missing)
    for place, (name, _) in enumerate(expected[1:]):
        calls[name] += (following - begun + place) // (len(expected) - 1)
    return calls


def _growing(step: GrowingStep, grown: Grown, asking: Rehearsal, allowed: int) -> Estimate:
    """Estimate by what the rows cost that are there; without them, by what is usual.

    Growing that has ended for another reason than an answer that is missing asks for nothing more.
    """
    accepted = len(grown.rows)
    tells = accepted >= ENOUGH
    judge = [(step.accept.judge.model, JUDGED)] if step.accept.judge else []
    each: dict[str, float] = dict.fromkeys(step.models(), 0.0)
    for name, count in [(held.name, 1 / accepted) for held in asking.known] if tells else _usual(step):
        each[name] += count
    a_row = sum(each.values())
    missing = max(min(step.rows, allowed) - accepted, 0) if asking.unpaid else 0
    spread = SPREAD if tells else BLIND_SPREAD
    calls = Span(max(missing * a_row / spread, math.ceil(missing / step.each) if tells else 0), missing * a_row * spread)
    likely = {name: missing * count for name, count in each.items()}
    return _estimate(step, asking, calls, likely, [(step.model, OUTPUT_TOKENS * step.each), *judge], spread)


def _usual(step: GrowingStep) -> list[tuple[str, float]]:
    """Give how many calls to each model a row takes, where none tells."""
    return [(step.model, CALLS_A_ROW / step.each), *([(step.accept.judge.model, 1.0)] if step.accept.judge else [])]


def _estimate(
    step: ModelStep, asking: Rehearsal, calls: Span, likely: Mapping[str, float], expected: Sequence[tuple[str, float]], spread: float
) -> Estimate:
    """Add up what the likely calls to each model take; a step's calls share its concurrency, each model has a pace of its own."""
    tokens = usd = seconds = 0.0
    waits = [0.0]
    for name, count in likely.items():
        model, told = asking.model(name), [output for each, output in expected if each == name]
        typical = asking.asked(name, min(sum(told) / max(len(told), 1), step.max_tokens))
        tokens += count * (typical.input + typical.output)
        usd += model.usd(count * typical.input, count * typical.output)
        seconds += count * typical.seconds / step.concurrency
        waits.append(model.least_seconds(count, count * (typical.input + typical.output)))
    rounded = Span(math.floor(calls.low), math.ceil(calls.high))
    return Estimate(len(asking.known), rounded, span(tokens, spread), span(usd, spread), span(max(seconds, *waits), spread))
