"""The walk: the loop that computes keys as soon as inputs exist, skips what is there, and has the rest run.

Free of Prefect; `direct` and the flow both use it, and nothing else knows the order.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from flows.phases import phases_of
from flows.plan import Plan, Stage
from flows.scene import Result, Scene, with_times
from flows.work.job import Job
from flows.workplace import Site
from tasks.store.commit import Done, find_done


class Execute(Protocol):
    """What runs jobs: here, in processes, in tasks of a flow."""

    def __call__(self, stage: Stage, jobs: Sequence[Job]) -> list[Done]:
        """Run the jobs of a stage and give what came of each, in order."""
        ...


class Watch(Protocol):
    """What is told how the walk goes."""

    def begin(self, stage: Stage) -> None:
        """A stage begins."""
        ...

    def jobs(self, stage: Stage, total: int, cached: int) -> None:
        """A stage has jobs, some of them done before."""
        ...

    def end(self, stage: Stage, result: Result) -> None:
        """A stage has ended."""
        ...


class Unknown(Exception):
    """Raised by an executor that only looks: the stage has something to do."""


@dataclass
class Survey:
    """What a plan would do: for each stage `cached`, `todo` or `unknown`."""

    states: dict[str, str] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)


def walk(plan: Plan, execute: Execute, site: Site, watch: Watch | None = None) -> dict[str, Result]:
    """Carry out a plan; give each stage's result."""
    results: dict[str, Result] = {}
    for stage in plan.stages:
        if watch:
            watch.begin(stage)
        started = time.perf_counter()
        result, tally = _carry_out(stage, Scene(plan, site, results), execute, watch)
        results[stage.name] = with_times(result, time.perf_counter() - started, cached=not tally.todo, units_cached=tally.units_cached)
        if watch:
            watch.end(stage, results[stage.name])
    return results


def survey(plan: Plan, site: Site) -> Survey:
    """Look what a walk would find done: the same walk with an executor that refuses."""
    found = Survey()

    def refuse(stage: Stage, jobs: Sequence[Job]) -> list[Done]:
        del jobs
        raise Unknown(stage.name)

    for stage in plan.stages:
        if any(need not in found.results for need in (*stage.needs, *stage.beside)):
            found.states[stage.name] = "unknown"
            continue
        try:
            found.results[stage.name], _ = _carry_out(stage, Scene(plan, site, found.results), refuse, None)
            found.states[stage.name] = "cached"
        except Unknown:
            found.states[stage.name] = "todo"
    return found


@dataclass
class _Tally:
    """How many jobs of a stage were to do, and how many units of a source were not read again."""

    todo: int = 0
    units_cached: int = 0


def _carry_out(stage: Stage, scene: Scene, execute: Execute, watch: Watch | None) -> tuple[Result, _Tally]:
    phases = phases_of(stage, scene)
    tally = _Tally()
    try:
        jobs = next(phases)
        while True:
            known = _known(scene.site, jobs)
            todo = [job for job, done in zip(jobs, known, strict=True) if done is None]
            if watch:
                watch.jobs(stage, len(jobs), len(jobs) - len(todo))
            fresh = iter(execute(stage, todo) if todo else [])
            tally.todo += len(todo)
            tally.units_cached += sum(done.report.get("units", 0) for done in known if done is not None)
            jobs = phases.send([done if done is not None else next(fresh) for done in known])
    except StopIteration as stop:
        result: Result = stop.value
        return result, tally


def _known(site: Site, jobs: Sequence[Job]) -> list[Done | None]:
    if len(jobs) < 8 or site.work.local:
        return [find_done(site.work, job.key) for job in jobs]
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda job: find_done(site.work, job.key), jobs))
