"""What stages know and give: the scene before them, and results with their reports."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.plan import Plan, Stage
from flows.work.job import Job
from flows.workplace import Site
from tasks.shards import Shard
from tasks.store.commit import Done, Part

Report = dict[str, Any]


@dataclass(frozen=True)
class DataFile:
    """A file to publish: its place below the version, and the part that holds its bytes."""

    path: str
    part: Part
    split: str
    config: str


@dataclass(frozen=True)
class Result:
    """What a stage gives to the next: shards, features beside them, files to publish, and its reports by step."""

    shards: tuple[Shard, ...] = ()
    features: tuple[Part, ...] = ()
    files: tuple[DataFile, ...] = ()
    reports: tuple[Report, ...] = ()
    partial: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


Phases = Generator[list[Job], list[Done], Result]


@dataclass(frozen=True)
class Scene:
    """What a stage may know: the plan, the site, and the results of the stages before."""

    plan: Plan
    site: Site
    results: Mapping[str, Result]

    def shards(self, stage: Stage) -> tuple[Shard, ...]:
        """Give the shards of all needed stages, end to end."""
        return tuple(shard for need in stage.needs for shard in self.results[need].shards)

    def columns(self, stage: Stage) -> list[str]:
        """Give the columns that come into a stage."""
        parents = self.plan.recipe.parents(stage.steps[0])
        return sorted({column for parent in parents for column in self.plan.columns[parent]})


def report_of(scene: Scene, name: str, rows_in: int, rows_out: int, dropped: Mapping[str, int], **more: Any) -> Report:
    """Give the report of a step: what went in, what came out, and why rows were dropped."""
    added = rows_out - rows_in + sum(dropped.values())
    base = {"name": name, "use": scene.plan.step(name).use, "rows_in": rows_in, "rows_out": rows_out, "added": added}
    return base | {"dropped": dict(dropped), "skipped": {}, "parts": {}} | more


def addresses(scene: Scene, dones: Sequence[Done], name: str) -> list[str]:
    """Give where the files of that name lie which have rows."""
    return [scene.site.work.address(done.part(name).path) for done in dones if name in done.files and done.files[name].rows]


def with_times(result: Result, seconds: float, *, cached: bool, units_cached: int) -> Result:
    """Give the result with how long its stage took, and what of it was there before."""
    more = {"seconds": round(seconds, 3), "cached": cached}
    told = [{**report, **more, **({"units_cached": units_cached} if "units" in report else {})} for report in result.reports]
    return replace(result, reports=tuple(told))
