"""What a step would ask: its prompts rendered, the ledger's answers counted, the rest estimated. Nothing is sent."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tasks.clients.model import Answer, Model, Request, bulk
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
SHARE = 0.4
"""Tokens of a question as a share of its weight, where no answer tells: about one for four and a half bytes of English."""
SECONDS, TOKENS_A_SECOND = 0.7, 60.0
"""What an answer takes, and how fast it is written, where none tells."""
CALLS_A_ROW, OUTPUT_TOKENS = 1.3, 220
"""Calls for a row that is grown, and tokens of its answer, where none tells."""


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


class Rehearsal:
    """Stands where an `Asking` would: answers from the ledger, and counts what it lacks."""

    def __init__(self, models: Mapping[str, Model], first: str, ledger: Ledger | None) -> None:
        self._models = models
        self._first = first
        self._ledger = ledger
        self.cost: dict[str, float] = dict.fromkeys(COSTS, 0)
        self.worth = 0.0
        self.unpaid = False
        self.answers: list[Answer] = []
        """What the ledger answered."""
        self.weights: list[float] = []
        """The weight of each question that it answered."""
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
            self.answers.append(answer)
            self.weights.append(bulk(request.messages).weight)
            try:
                return read(answer, "told" in tried)
            except Refused as refused:
                again = None if refused.again in tried else once_more(request, answer, refused)
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

    @property
    def share(self) -> float:
        """The tokens of questions as a share of their weight."""
        seen = len(self.answers) >= ENOUGH
        return max(sum(answer.input_tokens for answer in self.answers) / max(sum(self.weights), 1), 0.01) if seen else SHARE

    def output(self, expected: float) -> float:
        """Give the tokens of an answer: of those that there are, or else as expected."""
        return sum(answer.output_tokens for answer in self.answers) / len(self.answers) if len(self.answers) >= ENOUGH else expected

    def input(self) -> float:
        """Give the tokens of a question."""
        weights = [bulk(request.messages).weight for _, request in self.missing] or self.weights
        return self.share * sum(weights) / max(len(weights), 1)

    def seconds(self, output: float) -> float:
        """Give what an answer takes."""
        timed = [answer.seconds for answer in self.answers if answer.seconds]
        return sum(timed) / len(timed) if len(timed) >= ENOUGH else SECONDS + output / TOKENS_A_SECOND


async def rehearse(step: ModelStep, rows: Sequence[Row], asking: Rehearsal, context: Context) -> Estimate:
    """Estimate what a step would ask of these rows."""
    if isinstance(step, GrowingStep):
        grown = await grow(step, rows, asking, context)
        return _growing(step, grown, asking, allowed=room_for(step, rows))
    assert isinstance(step, CompletingStep)
    grown = await complete(step, rows, asking, context)
    calls = _calls(step, grown, asking)
    return _estimate(step, asking, span(calls, 1.0), asking.output(min(step.expects(rows), step.max_tokens)), SPREAD)


def _calls(step: CompletingStep, grown: Grown, asking: Rehearsal) -> int:
    """Count the calls that rows still need: of those that stopped at one that is missing, the ones that follow too."""
    finished = len(grown.rows) - grown.unanswered.total()
    stopped = sum(reason == grown.partial for _, reason in grown.dropped) + grown.unanswered[grown.partial]
    begun = min(max(len(asking.answers) - finished * step.calls, 0), stopped * (step.calls - 1))
    return len(asking.missing) + stopped * (step.calls - 1) - begun


def _growing(step: GrowingStep, grown: Grown, asking: Rehearsal, allowed: int) -> Estimate:
    """Estimate by what the rows cost that are there; without them, by what is usual.

    Growing that has ended for another reason than an answer that is missing asks for nothing more.
    """
    accepted, known = len(grown.rows), len(asking.answers)
    tells = accepted >= ENOUGH
    a_row = known / accepted if tells else (CALLS_A_ROW / step.each + (1 if step.accept.judge else 0))
    missing = max(min(step.rows, allowed) - accepted, 0) if asking.unpaid else 0
    spread = SPREAD if tells else BLIND_SPREAD
    calls = Span(max(missing * a_row / spread, math.ceil(missing / step.each) if tells else 0), missing * a_row * spread)
    return _estimate(step, asking, calls, asking.output(min(OUTPUT_TOKENS * step.each, step.max_tokens)), spread, missing * a_row)


def _estimate(step: ModelStep, asking: Rehearsal, calls: Span, output: float, spread: float, likely: float | None = None) -> Estimate:
    count = calls.high if likely is None else likely
    model = asking.model(step.model)
    tokens = span(count * (asking.input() + output), spread)
    usd = span(model.usd(count * asking.input(), count * output), spread)
    waits = [asking.seconds(output) / step.concurrency, 60 / model.requests_per_minute if model.requests_per_minute else 0]
    waits.append(60 * (asking.input() + output) / model.tokens_per_minute if model.tokens_per_minute else 0)
    return Estimate(len(asking.answers), Span(math.floor(calls.low), math.ceil(calls.high)), tokens, usd, span(count * max(waits), spread))
