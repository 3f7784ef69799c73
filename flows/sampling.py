"""`--plan --sample`: one shard of each source is carried through the plan, and its counts are scaled to all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.plan import Plan, Stage
from flows.scene import Report, Result
from flows.walk import Execute, walk
from flows.workplace import Site
from tasks.errors import GateError
from tasks.selection import Select
from tasks.step import SourceStep

NOT_SAMPLED = ("gate", "model", "sink")
"""Kinds of stages that a sample stops before: it is judged by nobody, asks nobody and publishes nothing."""


def expected_rows(plan: Plan, site: Site, execute: Execute) -> dict[str, int]:
    """Give about how many rows each step would give, as far as a sample tells.

    The parts that the sample makes are kept: a build finds them done.
    """
    stages: list[Stage] = []
    for stage in plan.stages:
        if stage.kind not in NOT_SAMPLED and all(any(need == held.name for held in stages) for need in stage.needs):
            stages.append(stage)
    reports: dict[str, Report] = {}
    results: dict[str, Result] = {}
    for count in range(1, len(stages) + 1):
        try:
            results = walk(replace(plan, stages=tuple(stages[:count])), execute, replace(site, sample=True))
        except GateError:
            break
        reports = {report["name"]: report for result in results.values() for report in result.reports}
    return _scaled(plan, reports)


def _scaled(plan: Plan, reports: Mapping[str, Report]) -> dict[str, int]:
    rows: dict[str, float] = {}
    for name in (step for stage in plan.stages for step in dict.fromkeys(stage.steps)):
        report, step = reports.get(name), plan.step(name)
        parents: Sequence[str] = plan.recipe.parents(name)
        if report is None or any(parent not in rows for parent in parents):
            continue
        if isinstance(step, SourceStep):
            most = step.limit if isinstance(step.limit, int) else None
            rows[name] = min(report["rows_out"] / max(report["sampled"], 1e-9), most or float("inf"))
        else:
            rows[name] = sum(rows[parent] for parent in parents) * report["rows_out"] / max(report["rows_in"], 1)
        if isinstance(step, Select):
            rows[name] = min(rows[name], step.rows)
    return {name: round(count) for name, count in rows.items()}
