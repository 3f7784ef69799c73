"""What `--plan` prints: the stages with their states, costs and what is expected of them."""

import math
from typing import Any

import orjson

from flows.plan import Plan, Stage
from flows.rehearsing import estimates, told
from flows.rim import Exit
from flows.runners import interruptible, pool
from flows.sampling import expected_rows
from flows.walk import survey
from flows.workplace import Site
from tasks.dedup.near import Near
from tasks.dedup.semantic import Semantic
from tasks.growth.budget import Budget
from tasks.growth.rehearsal import Estimate
from tasks.growth.strategy import ModelStep


def show_plan(plan: Plan, site: Site, workers: int, *, sample: bool, as_json: bool) -> int:
    """Say what is cached, what is to do, and what it costs; give the exit code."""
    expected: dict[str, int] = {}
    if sample:
        with interruptible(), pool("direct", workers) as execute:
            expected = expected_rows(plan, site, execute)
    asked: dict[str, Estimate] = {}
    if any(stage.kind == "model" for stage in plan.stages):
        with interruptible(), pool("direct", workers) as execute:
            asked = estimates(plan, site, execute)
    states = survey(plan, site).states
    stages: list[dict[str, Any]] = [
        {
            "name": stage.name,
            "kind": stage.kind,
            "steps": list(stage.steps),
            "needs": list(stage.needs),
            "state": states[stage.name],
            "cost": _cost(plan, stage, states[stage.name], asked.get(stage.name)),
            "rows": expected.get(stage.steps[-1]),
            "expected": _asks(plan, stage, asked[stage.name]) if stage.name in asked else _told(plan, stage),
            "estimate": asked[stage.name].plain() if stage.name in asked else None,
        }
        for stage in plan.stages
    ]
    if as_json:
        print(orjson.dumps({"stages": stages}).decode())
        return Exit.GOOD
    waiting = next((stage["name"] for stage in stages if stage["state"] == "todo"), "")
    for stage in stages:
        state = f"unknown until {waiting}" if stage["state"] == "unknown" else stage["state"]
        rows = "" if stage["rows"] is None else f"  about {stage['rows']:,} rows"
        cost = f"  at most {stage['cost']['high']:g} {stage['cost']['unit']}" if stage["cost"]["high"] else ""
        print(f"{stage['name']:<28} {stage['kind']:<9} {state}{rows}{cost}")
        if stage["expected"]:
            print(f"{'':<28} {stage['expected']}")
    return Exit.GOOD


def _told(plan: Plan, stage: Stage) -> str:
    """Say what a search for near-duplicates, and for rows of one meaning, is expected to find."""
    step = plan.step(stage.steps[-1])
    searches = [getattr(step, name, None) for name in ("near", "semantic")]
    return "; ".join(search.told() for search in searches if isinstance(search, Near | Semantic))


def _asks(plan: Plan, stage: Stage, estimate: Estimate) -> str:
    step = plan.step(stage.steps[-1])
    return told(estimate, step.budget.unit if isinstance(step, ModelStep) and step.budget else "")


def _cost(plan: Plan, stage: Stage, state: str, estimate: Estimate | None) -> dict[str, Any]:
    """Give what a stage costs at least and at most: nothing, or what is expected of a step that asks a model, up to its budget."""
    step = plan.step(stage.steps[-1])
    semantic = getattr(step, "semantic", None)
    if state == "cached":
        return {"low": 0, "high": 0, "unit": "usd"}
    if isinstance(semantic, Semantic) and semantic.endpoint:
        return {"low": 0, "high": semantic.endpoint.tokens, "unit": "tokens"}
    return _of_model(step.budget, estimate) if isinstance(step, ModelStep) else {"low": 0, "high": 0, "unit": "usd"}


def _of_model(budget: Budget | None, estimate: Estimate | None) -> dict[str, Any]:
    """Give what a step that asks a model costs, in the unit of its budget."""
    unit, most = (budget.unit, budget.cap) if budget else ("tokens", math.inf)
    if estimate is None:
        return {"low": 0, "high": most if budget else 0, "unit": unit}
    most = max(min(most, estimate.left), 0)
    if unit == "usd":
        return {"low": min(estimate.usd.low, most), "high": min(estimate.usd.high, most), "unit": unit}
    low, high = math.floor(estimate.tokens.low), math.ceil(estimate.tokens.high)
    return {"low": min(low, most), "high": min(high, most), "unit": unit}
