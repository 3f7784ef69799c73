"""What steps that ask a model would ask: the stages before them are carried out, their prompts rendered, and nothing is sent."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.plan import Plan, Stage
from flows.scene import Result, Scene
from flows.walk import Execute, Unknown, survey, walk
from flows.work.job import Job
from flows.workplace import Site
from tasks.clients.llm import Endpoint
from tasks.clients.model import Request
from tasks.errors import DartboardError, Fault, RecipeError
from tasks.growth.budget import Budget, Purse
from tasks.growth.growing import GrowingStep
from tasks.growth.ledger import Ledger
from tasks.growth.rehearsal import Estimate, Rehearsal, Span, rehearse
from tasks.growth.strategy import ModelStep, Row
from tasks.shards import read
from tasks.sources.remote import RemoteStep
from tasks.step import SourceStep
from tasks.store.commit import Done
from tasks.store.place import Place

ASKING = ("model", "ask-vectors", "list", "fetch")
"""Kinds of jobs that speak to somebody."""
MOST_BYTES = 200_000_000
"""Sources of more are not read for a plan."""
MOST_ROWS = 20_000
"""Of more rows some are rehearsed, and the count is scaled."""
SPARE = 1.3
"""A budget that is proposed is so much larger than the high estimate."""


def estimates(plan: Plan, site: Site, execute: Execute) -> dict[str, Estimate]:
    """Estimate each stage that asks a model and is not done, as far as its rows can be had without the network.

    Stages before it that ask a model too are carried out as far as the ledger answers; rows that are still to come are reckoned with.

    What is carried out for it is kept: a build finds it done.
    """
    return {name: rehearsal.estimate for name, rehearsal in rehearsals(plan, site, execute).items()}


@dataclass(frozen=True)
class Rehearsed:
    """What became of a rehearsal: the requests that the ledger has no answer for, by the names of their models, and the estimate."""

    missing: Sequence[tuple[str, Request]]
    estimate: Estimate


def rehearsals(plan: Plan, site: Site, execute: Execute) -> dict[str, Rehearsed]:
    """Rehearse each stage that asks a model and is not done."""
    found: dict[str, Rehearsed] = {}
    states = survey(plan, site).states
    for stage in plan.stages:
        if stage.kind == "model" and states[stage.name] != "cached":
            before = _before(plan, site, stage, execute)
            rehearsed = before and _rehearsed(plan, site, stage, before)
            if rehearsed:
                found[stage.name] = rehearsed
    return found


@dataclass(frozen=True)
class _Before:
    """What the stages before one gave, and how many rows are still to come from those that ask a model."""

    results: dict[str, Result]
    coming: int
    waiting: int
    """Rows among them that are as they were, and will be completed."""

    def tells(self, rows: Sequence[Row]) -> bool:
        """Tell whether these rows say what a step behind will be asked: some are there, and none waits for its output."""
        unwritten = self.waiting and any(row.get("output", "") is None for row in rows)
        return not unwritten and (bool(rows) or not self.coming)


def _before(plan: Plan, site: Site, asking: Stage, execute: Execute) -> _Before | None:
    """Carry out the stages before one, those that ask a model as far as the ledger answers.

    None where that would need the network or much time.
    """
    coming = waiting = 0

    def at_home(stage: Stage, jobs: Sequence[Job]) -> list[Done]:
        nonlocal coming, waiting
        if any(job.kind in ASKING and job.kind != "model" for job in jobs):
            raise Unknown(stage.name)
        if stage.kind != "model":
            return execute(stage, jobs)
        dones = execute(stage, [replace(job, extra={**job.extra, "rehearsed": True}) for job in jobs])
        coming += sum(done.report["missing"] for done in dones)
        waiting += sum(done.report["waiting"] for done in dones)
        return dones

    names = _ancestors(plan, asking)
    stages = tuple(held for held in plan.stages if held.name in names)
    if not all(_is_at_hand(plan, site, held) for held in stages):
        return None
    try:
        return _Before(walk(replace(plan, stages=stages), at_home, site), coming, waiting)
    except (Unknown, DartboardError):
        return None


def _ancestors(plan: Plan, stage: Stage) -> set[str]:
    by_name = {held.name: held for held in plan.stages}
    found: set[str] = set()
    waiting = [*stage.needs, *stage.beside]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend((*by_name[name].needs, *by_name[name].beside))
    return found


def _is_at_hand(plan: Plan, site: Site, stage: Stage) -> bool:
    """Tell whether a source is files of this machine, and not too many."""
    step = plan.step(stage.steps[0])
    if not isinstance(step, SourceStep):
        return True
    if isinstance(step, RemoteStep) and step.remote:
        return False
    patterns = site.patterns(step.path)
    near = all(pattern.partition("://")[0] in ("file", "local", "memory") for pattern in patterns if "://" in pattern)
    return near and sum(unit.bytes for unit in step.units(patterns)) <= MOST_BYTES


def _rehearsed(plan: Plan, site: Site, stage: Stage, before: _Before) -> Rehearsed | None:
    """Rehearse a stage; None where none of its rows is there yet, or some wait for their output."""
    (name,) = stage.steps
    step = plan.step(name)
    assert isinstance(step, ModelStep)
    shards = Scene(plan, site, before.results).shards(stage)
    rows: list[Row] = [row for shard in shards for frame in read(site.work, shard) for row in frame.drop("row").to_dicts()]
    if not before.tells(rows):
        return None
    every = 1 if isinstance(step, GrowingStep) else -(-len(rows) // MOST_ROWS)
    place = Place.at(site.ledger)
    ledger = Ledger(place) if not place.local or place.names("") else None
    models = {each: plan.recipe.models[each] for each in step.models()}
    try:
        asking = Rehearsal(models, step.model, ledger)
        context = site.job("model", [site.call(name)], []).context()
        found = asyncio.run(rehearse(step, rows[:: max(every, 1)], asking, context, before.coming // max(every, 1)))
        if step.budget:
            purse = Purse(ledger, f"{plan.recipe.name}/{name}", step.budget) if ledger else None
            found = replace(found, left=purse.left if purse else step.budget.cap)
    finally:
        if ledger:
            ledger.close()
    return Rehearsed(asking.missing, found if every <= 1 else found.times(every))


def told(estimate: Estimate, unit: str = "") -> str:
    """Say an estimate in one line; with the unit of a budget, also what is left of that, where it may not do."""
    if not estimate.calls.high:
        return f"asks nothing: {estimate.known:,} answers are known"
    usd = f", {estimate.usd.low:.2g} to {estimate.usd.high:.2g} dollars" if estimate.usd.high else ""
    known = f" ({estimate.known:,} answers known)" if estimate.known else ""
    spans = ["{} to {}".format(*ends) if ends[0] != ends[1] else ends[0] for ends in map(_ends, (estimate.calls, estimate.tokens))]
    took = f"{_minutes(estimate.seconds.low)} to {_minutes(estimate.seconds.high)}"
    return f"asks {spans[0]} calls{known}, {spans[1]} tokens{usd}, {took}{_short(estimate, unit)}"


def _short(estimate: Estimate, unit: str) -> str:
    """Say what is left of a budget that the high estimate does not fit in."""
    needed = estimate.usd if unit == "usd" else estimate.tokens
    if not unit or needed.high <= estimate.left:
        return ""
    left = f"{max(estimate.left, 0):,.{4 if unit == 'usd' else 0}f} {unit} are left of its budget"
    return f"; but {left}{', which will not do' if needed.low > estimate.left else ''}"


def _ends(held: Span) -> tuple[str, str]:
    return f"{held.low:,.0f}", f"{held.high:,.0f}"


def _minutes(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def check_budgets(plan: Plan, site: Site, execute: Execute) -> None:
    """Refuse steps that ask a model without a budget, and propose one for each."""
    without = [name for name, step in plan.recipe.steps.items() if isinstance(step, ModelStep) and step.budget is None]
    if without:
        found = rehearsals(plan, site, execute)
        raise RecipeError([_without_budget(plan, name, found.get(name)) for name in without])


def _without_budget(plan: Plan, name: str, rehearsed: Rehearsed | None) -> Fault:
    step = plan.step(name)
    assert isinstance(step, ModelStep)
    rule = "a step that asks a model needs a budget, in `usd` or in `tokens`"
    if rehearsed is None or not rehearsed.estimate.calls.high:
        return Fault(f"steps.{name}.budget", rule, remedy="For instance `budget: {tokens: 500000}`.")
    estimate = rehearsed.estimate
    priced = all(plan.recipe.models[each].price for each in step.models()) and estimate.usd.high > 0
    unit = Budget(usd=1) if priced else Budget(tokens=1)
    worst = max((_worst(plan, unit, *asked) for asked in rehearsed.missing), default=0.0)
    figure = (
        f"usd: {_rounded(SPARE * estimate.usd.high + worst, 0.01):g}"
        if priced
        else f"tokens: {_rounded(SPARE * estimate.tokens.high + worst, 1):.0f}"
    )
    return Fault(f"steps.{name}.budget", rule, remedy=f"It {told(estimate)}: `budget: {{{figure}}}` would do.")


def _worst(plan: Plan, unit: Budget, name: str, request: Request) -> float:
    """Give what the first call may cost at worst, of which nothing is known yet."""
    model = plan.recipe.models[name]
    return unit.cost(model, *Endpoint(name, model).worst(request))


def _rounded(value: float, least: float) -> float:
    """Round up to two digits."""
    value = max(value, least)
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit - 1e-9) * unit
