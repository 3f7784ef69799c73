"""What a step would ask: its prompts rendered, the ledger's answers counted, the rest estimated. Nothing is sent."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from tasks.clients.model import SHARE, Answer, Model, Request, weight_of
from tasks.growth.asking import COSTS, Read
from tasks.growth.engine import Grown, complete
from tasks.growth.growing import GrowingStep
from tasks.growth.herd import grow, room_for
from tasks.growth.judging import judged
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.reading import Refused, Unpaid, once_more
from tasks.growth.strategy import Call, CompletingStep, ModelStep, Row
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


class Load(NamedTuple):
    """So many calls to a model: what a question weighs (0: as those that are missing do), and the tokens of an answer."""

    model: str
    calls: float
    weight: float
    output: float


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
        self.stops: list[int] = []
        """For each row that stopped at a call that is missing, how many calls it had made before."""
        self._lacking: set[str] = set()
        self._made: Counter[object] = Counter()

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
        row = asyncio.current_task()  # each row is a task of its own
        self._made[row] += 1
        while True:
            key = request_key(name, self._models[name], request)
            answer = self._ledger.get(key) if self._ledger else None
            if answer is None:
                self.stops.append(self._made[row] - 1)
                raise self._lacks(key, name, request)
            self.known.append(Known(name, answer, weight_of(request)))
            try:
                return read(answer, "told" in tried)
            except Refused as refused:
                again = None if refused.again in tried else once_more(request, answer, refused, self._models[name].room(answer))
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

    def typical(self, load: "Load") -> "Typical":
        """Give what one of some calls takes: as those to the same model did that were answered, or else as expected."""
        known = [held for held in self.known if held.name == load.model]
        tells = len(known) >= ENOUGH
        share = max(sum(held.answer.input_tokens for held in known) / max(sum(held.weight for held in known), 1), 0.01) if tells else SHARE
        output = sum(held.answer.output_tokens for held in known) / len(known) if tells else load.output
        timed = [held.answer.seconds for held in known if held.answer.seconds]
        seconds = sum(timed) / len(timed) if len(timed) >= ENOUGH else SECONDS + output / TOKENS_A_SECOND
        return Typical(share * (load.weight or self.weight(load.model)), output, seconds)

    def weight(self, name: str) -> float:
        """Give what a question to a model weighs: of those that are missing, or else of those that were answered."""
        missing = [weight_of(request) for each, request in self.missing if each == name]
        weights = missing or [held.weight for held in self.known if held.name == name]
        return sum(weights) / max(len(weights), 1)


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
        allowed = room_for(step, rows) + int(step.accept.ratio * coming)
        return _growing(step, rows, grown, asking, context, allowed)
    assert isinstance(step, CompletingStep)
    expected = step.expects(rows, context)
    loads = _loads(expected, asking) + [Load(call.model, coming, call.weight, call.output) for call in expected]
    calls = Span(len(asking.missing) + coming / SPREAD, sum(load.calls for load in loads))
    return _estimate(step, asking, calls, loads, SPREAD)


def _loads(expected: Sequence[Call], asking: Rehearsal) -> list[Load]:
    """Give the calls that rows still need: those that are missing, and of rows that stopped at one the calls that follow it too."""
    outputs = {call.model: call.output for call in reversed(expected)}
    loads = [Load(name, count, 0.0, outputs[name]) for name, count in Counter(name for name, _ in asking.missing).items()]
    following = [(sum(stop < place for stop in asking.stops), call) for place, call in enumerate(expected)]
    return loads + [Load(call.model, count, call.weight, call.output) for count, call in following if count]


def _growing(step: GrowingStep, rows: Sequence[Row], grown: Grown, asking: Rehearsal, context: Context, allowed: int) -> Estimate:
    """Estimate by what the rows cost that are there; without them, by what is usual.

    Growing that has ended for another reason than an answer that is missing asks for nothing more.
    """
    accepted = len(grown.rows)
    tells = accepted >= ENOUGH
    missing = max(min(step.rows, allowed) - accepted, 0) if asking.unpaid else 0
    a_row = dict.fromkeys(step.models(), 0.0)
    for name, count in [(held.name, 1 / accepted) for held in asking.known] if tells else _usual(step):
        a_row[name] += count
    spread = SPREAD if tells else BLIND_SPREAD
    total = missing * sum(a_row.values())
    calls = Span(max(total / spread, math.ceil(missing / step.each) if tells else 0), total * spread)
    judge = step.accept.judge
    verdicts = weight_of(judged(judge.rubric, context.files.get("rubric", ""), rows[0])) if judge and rows else 0.0
    told = {step.model: (0.0, OUTPUT_TOKENS * step.each), **({judge.model: (verdicts, JUDGED)} if judge else {})}
    loads = [Load(name, missing * count, *told[name]) for name, count in a_row.items()]
    return _estimate(step, asking, calls, loads, spread)


def _usual(step: GrowingStep) -> list[tuple[str, float]]:
    """Give how many calls to each model a row takes, where none tells."""
    return [(step.model, CALLS_A_ROW / step.each), *([(step.accept.judge.model, 1.0)] if step.accept.judge else [])]


def _estimate(step: ModelStep, asking: Rehearsal, calls: Span, loads: Sequence[Load], spread: float) -> Estimate:
    """Add up what the likely calls take; a step's calls share its concurrency, each model has a pace of its own."""
    tokens = usd = seconds = 0.0
    of_model: dict[str, tuple[float, float]] = {}
    for load in loads:
        each = asking.typical(load._replace(output=min(load.output, step.max_tokens)))
        taken = load.calls * (each.input + each.output)
        tokens += taken
        usd += asking.model(load.model).usd(load.calls * each.input, load.calls * each.output)
        seconds += load.calls * each.seconds / step.concurrency
        counted, before = of_model.get(load.model, (0.0, 0.0))
        of_model[load.model] = counted + load.calls, before + taken
    paced = max((asking.model(name).least_seconds(*held) for name, held in of_model.items()), default=0.0)
    rounded = Span(math.floor(calls.low), math.ceil(calls.high))
    return Estimate(len(asking.known), rounded, span(tokens, spread), span(usd, spread), span(max(seconds, paced), spread))
