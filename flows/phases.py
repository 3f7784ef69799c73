"""What each kind of stage does, as a conversation: it yields jobs, is sent what came of them, and returns its result.

Nothing here runs a job or knows where one runs; `walk` does, with whatever executes.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from flows.packing import in_order, pack
from flows.plan import Plan, Stage
from flows.work.job import Call, Job
from flows.workplace import Site
from tasks.errors import GateError, SourceError, usage
from tasks.filters.sieve import Filter
from tasks.frames import DOCUMENTS, MARKS, PAIRS, SCHEMAS
from tasks.gate import Expect
from tasks.growth.strategy import ModelStep
from tasks.published.layouts import laid_out
from tasks.published.sink import Write
from tasks.shards import Shard
from tasks.step import BarrierStep, Limit, SourceStep, Unit
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


def phases_of(stage: Stage, scene: Scene) -> Phases:
    """Give the conversation of a stage."""
    kinds: dict[str, Callable[[Stage, Scene], Phases]] = {
        "source": _source,
        "rows": _rows,
        "features": _features,
        "verdicts": _verdicts,
        "barrier": _barrier,
        "gate": _gate,
        "model": _model,
        "sink": _sink,
    }
    return kinds[stage.kind](stage, scene)


def _report(scene: Scene, name: str, rows_in: int, rows_out: int, dropped: Mapping[str, int], **more: Any) -> Report:
    added = rows_out - rows_in + sum(dropped.values())
    base = {"name": name, "use": scene.plan.step(name).use, "rows_in": rows_in, "rows_out": rows_out, "added": added}
    return base | {"dropped": dict(dropped), "skipped": {}, "parts": {}} | more


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            total[reason] = total.get(reason, 0) + number
    return dict(sorted(total.items()))


def _addresses(scene: Scene, dones: Sequence[Done], name: str) -> list[str]:
    return [scene.site.work.address(done.part(name).path) for done in dones if name in done.files and done.files[name].rows]


def _source(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, SourceStep)
    try:
        units = step.units(scene.site.patterns(step.path))
    except SourceError as error:
        raise SourceError(f"steps.{name}.path: {error}") from error
    if not units:
        raise SourceError(f"steps.{name}.path: nothing there can be read as {step.use}. Correct it, or use another source.")
    limit = _limit(step)
    seed = scene.plan.recipe.seed if limit.rows or limit.units else 0
    shards = _packed(step, units, limit, seed, scene.site.shard_bytes)
    total = sum(unit.bytes for shard in shards for unit in shard)
    if scene.site.sample:
        shards = shards[:1]
    sampled = sum(unit.bytes for shard in shards for unit in shard)
    _check_space(scene.site, sampled)
    call = scene.site.call(name)
    dones: list[Done] = []
    if limit.rows is None:
        dones = yield [_reading(scene, call, shard, None) for shard in shards]
    for shard in shards if limit.rows else ():
        left = (limit.rows or 0) - sum(done.report["rows"] for done in dones)
        if left > 0:
            dones.extend((yield [_reading(scene, call, shard, left)]))
    made = [Shard(done.part("text.parquet")) for done in dones]
    rows = sum(shard.text.rows for shard in made)
    beyond = max(rows - limit.rows, 0) if limit.rows else 0
    if beyond:
        (trimmed,) = yield [_trimming(scene, call, made[-1], made[-1].text.rows - beyond, step.pick)]
        made[-1] = made[-1].beside(trimmed.part("columns.parquet"))
    skipped = _summed([done.report["skipped"] for done in dones])
    report = _report(
        scene, name, 0, rows - beyond, {"beyond limit": beyond} if beyond else {}, skipped=skipped,
        units=sum(done.report["units"] for done in dones), parts={"skips": _addresses(scene, dones, "skips.parquet")},
        **({"sampled": sampled / max(total, 1)} if scene.site.sample else {}),
    )  # fmt: skip
    return Result(tuple(made), reports=(report,))


def _packed(step: SourceStep, units: list[Unit], limit: Limit, seed: int, max_bytes: int) -> list[list[Unit]]:
    """Pack units into shards: in seeded-hash order, a limit of units applied in it, or in order of name."""
    if step.pick == "first":
        return in_order(units[: limit.units], max_bytes)
    if limit.units:
        units = [unit for shard in pack(units, 1, seed) for unit in shard][: limit.units]
    return pack(units, max_bytes, seed)


def _trimming(scene: Scene, call: Call, shard: Shard, keep: int, pick: str) -> Job:
    extra = {"keep": keep, "pick": pick}
    return scene.site.job("trim", [call], [shard.digest, extra], draws=True, shards=(shard,), extra=extra)


def _limit(step: SourceStep) -> Limit:
    if isinstance(step.limit, Limit):
        return step.limit
    return Limit(rows=step.limit)


def _reading(scene: Scene, call: Call, units: Sequence[Unit], enough: int | None) -> Job:
    inputs = [[unit.key, unit.fingerprint, unit.start, unit.end] for unit in units]
    identity = [inputs, enough] if enough is not None else [inputs]
    return scene.site.job("source", [call], identity, extra={"units": [asdict(unit) for unit in units], "enough": enough})


def _check_space(site: Site, source_bytes: int) -> None:
    free = site.work.free_bytes()
    needed = 3 * source_bytes
    if free is not None and needed > free:
        raise usage(
            f"needs about {_bytes(needed)} of work space, and {_bytes(free)} are free",
            "Free some, set a `limit`, or choose another --work.",
            value=site.work_url,
        )  # fmt: skip


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _rows(stage: Stage, scene: Scene) -> Phases:
    calls = [scene.site.call(name) for name in stage.steps]
    shards = scene.shards(stage)
    dones = yield [scene.site.job("rows", calls, shard.digest, shards=(shard,)) for shard in shards]
    reports = []
    for place, name in enumerate(stage.steps):
        counts = [done.report["steps"][place] for done in dones]
        dropped = _summed([count["dropped"] for count in counts])
        ins, outs = (sum(count[side] for count in counts) for side in ("rows_in", "rows_out"))
        reports.append(_report(scene, name, ins, outs, dropped, parts={"dropped": _addresses(scene, dones, "dropped.parquet")}))
    return Result(tuple(Shard(done.part("text.parquet")) for done in dones), reports=tuple(reports))


def _features(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Filter)
    shards = scene.shards(stage)
    extra = {"column": step.column(scene.columns(stage)), "groups": list(step.needs())}
    call = scene.site.call(name)
    dones = yield [
        scene.site.job(
            "features", [call], [shard.digest if shard.cut else shard.text.sha256, extra], named=False, shards=(shard,), extra=extra
        )
        for shard in shards
    ]
    return Result(shards, tuple(done.part("columns.parquet") for done in dones))


def _verdicts(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Filter)
    before = scene.results[stage.needs[0]]
    call = scene.site.call(name)
    dones = yield [
        scene.site.job("verdicts", [call], [[part.sha256 for part in shard.columns], part.sha256], shards=(shard,), parts=(part,))
        for shard, part in zip(before.shards, before.features, strict=True)
    ]
    cut = step.cuts() is not None
    shards = tuple(shard.beside(done.part("columns.parquet"), cut=cut) for shard, done in zip(before.shards, dones, strict=True))
    ins, outs = (sum(done.report[side] for done in dones) for side in ("rows_in", "rows_out"))
    dropped, failed = (_summed([done.report[side] for done in dones]) for side in ("dropped", "failed"))
    report = _report(scene, name, ins, outs, dropped, failed=failed, parts={"verdicts": _addresses(scene, dones, "verdicts.parquet")})
    return Result(shards, reports=(report,))


def _barrier(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, BarrierStep)
    shards = scene.shards(stage)
    call = scene.site.call(name)
    extra = {"columns": scene.columns(stage)}
    summaries = yield [scene.site.job("summary", [call], [shard.digest, extra], shards=(shard,), extra=extra) for shard in shards]
    parts = tuple(done.part("summary.parquet") for done in summaries)
    inputs = [[shard.digest, part.sha256] for shard, part in zip(shards, parts, strict=True)]
    (settled,) = yield [scene.site.job("settle", [call], inputs, shards=shards, parts=parts, extra=extra)]
    laid = tuple(shard.beside(settled.part(f"columns-{number:05}.parquet")) for number, shard in enumerate(shards))
    report = settled.report
    addresses = [scene.site.work.address(settled.part(file).path) for file in sorted(settled.files)]
    told = _report(scene, name, report["rows_in"], report["rows_out"], report["dropped"], parts={"verdicts": addresses})
    return Result(laid, reports=(told | {key: report[key] for key in ("splits",) if key in report},))


def _gate(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Expect)
    shards = scene.shards(stage)
    (done,) = yield [scene.site.job("gate", [scene.site.call(name)], [shard.digest for shard in shards], shards=shards)]
    report = done.report
    if not report["passed"]:
        failed = [found for found in report["expectations"] if not found["success"] and found["severity"] == "critical"]
        told = "; ".join(found["told"] for found in failed)
        raise GateError(
            f"steps.{name}: {len(failed)} critical of {len(report['expectations'])} expectations failed: {told}. "
            "Nothing was published. Mend the rows, or lower the expectation's severity."
        )
    failed = [f"{found['severity']}: {found['told']}" for found in report["expectations"] if not found["success"]]
    expectations = [{name: value for name, value in found.items() if name != "told"} for found in report["expectations"]]
    counts = _report(scene, name, report["rows"], report["rows"], {}, expectations=expectations, engine=report["engine"], warned=failed)
    return Result(shards, reports=(counts,))


def _model(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, ModelStep)
    if scene.site.offline:
        raise usage("asks a model, and --offline refuses the network", "Leave the step out.", place=f"steps.{name}", value=step.model)
    model = scene.plan.recipe.models[step.model]
    shards = scene.shards(stage)
    inputs = [[shard.digest for shard in shards], model.model]
    extra = {"model": model.model_dump(mode="json")}
    (done,) = yield [scene.site.job("model", [scene.site.call(name)], inputs, shards=shards, extra=extra)]
    told = done.report
    report = _report(scene, name, told["rows_in"], told["rows_out"], told["dropped"], cost=told["cost"], failures=told["failures"])
    partial = f"steps.{name}: {told['partial']}" if told["partial"] else ""
    return Result(
        (Shard(done.part("text.parquet")),),
        reports=(report | {"parts": {"dropped": _addresses(scene, [done], "dropped.parquet")}},),
        partial=partial,
    )


def _sink(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Write)
    shards = scene.shards(stage)
    call = scene.site.call(name)
    tallies = yield [scene.site.job("tally", [call], shard.digest, named=False, shards=(shard,)) for shard in shards]
    talks = any(done.report["talks"] for done in tallies)
    columns = _written(scene, name)
    several = sum(isinstance(other, Write) for other in scene.plan.recipe.steps.values()) > 1
    below = f"{name}/" if several else ""
    jobs: list[Job] = []
    places: list[tuple[str, int, int]] = []
    for split in _splits(tallies):
        groups = _files(split, shards, tallies, step.max_file_mb * 1_000_000)
        for number, pieces in enumerate(groups):
            held = tuple(shards[place] for place, _, _ in pieces)
            extra = {
                "split": split,
                "pieces": [{"start": start, "stop": stop} for _, start, stop in pieces],
                "talks": talks,
                "columns": columns,
            }
            jobs.append(scene.site.job("file", [call], [[shard.digest for shard in held], extra], shards=held, extra=extra))
            places.append((split, number, len(groups)))
    dones = yield jobs
    files: list[DataFile] = []
    for done, (split, number, total) in zip(dones, places, strict=True):
        base = f"{below}{split}-{number:05}-of-{total:05}"
        files.append(DataFile(f"data/{base}.{step.format}", done.part(f"data.{step.format}"), split, name if several else "default"))
        if "provenance.parquet" in done.files:
            files.append(DataFile(f"provenance/{base}.parquet", done.part("provenance.parquet"), split, name if several else "default"))
    rows = sum(count for done in tallies for count, _ in done.report["splits"].values())
    origins = {about: _summed([done.report["origins"][about] for done in tallies]) for about in ("licence", "source", "generator")}
    extra = {
        "origins": origins,
        "config": name if several else "default",
        "schema": laid_out(_empty(scene, name, columns), step.layout, talks=talks).schema,
        "newest": max(done.report["newest"] for done in tallies),
    }
    return Result(files=tuple(files), reports=(_report(scene, name, rows, rows, {}),), extra=extra)


def _empty(scene: Scene, name: str, columns: Sequence[str]) -> pl.DataFrame:
    types = SCHEMAS[scene.plan.kinds[name]]
    return pl.DataFrame(schema={column: types.get(column, pl.String()) for column in columns})


def _written(scene: Scene, name: str) -> list[str]:
    (kind, before) = scene.plan.kinds[name], set(scene.plan.columns[name])
    schema = list(PAIRS if kind == "pairs" else DOCUMENTS)
    return schema + sorted(before - set(PAIRS) - set(DOCUMENTS) - set(MARKS))


def _splits(tallies: Sequence[Done]) -> list[str]:
    found = {split for done in tallies for split in done.report["splits"]}
    order = ("train", "validation", "test")
    return sorted(found, key=lambda split: (order.index(split) if split in order else len(order), split))


def _files(split: str, shards: Sequence[Shard], tallies: Sequence[Done], max_bytes: int) -> list[list[tuple[int, int, int]]]:
    """Divide a split's rows into files: pieces (shard, start, stop) of at most about `max_bytes` of text."""
    files: list[list[tuple[int, int, int]]] = []
    room = 0.0
    for place in range(len(shards)):
        rows, size = tallies[place].report["splits"].get(split, (0, 0))
        start = 0
        while start < rows:
            if room <= 0:
                files.append([])
                room = float(max_bytes)
            each = max(size / rows, 1e-9)
            stop = min(rows, start + max(int(room / each), 1))
            files[-1].append((place, start, stop))
            room -= (stop - start) * each
            if stop < rows:
                room = 0
            start = stop
    return files


def with_times(result: Result, seconds: float, *, cached: bool, units_cached: int) -> Result:
    """Give the result with how long its stage took, and what of it was there before."""
    more = {"seconds": round(seconds, 3), "cached": cached}
    told = [{**report, **more, **({"units_cached": units_cached} if "units" in report else {})} for report in result.reports]
    return replace(result, reports=tuple(told))
