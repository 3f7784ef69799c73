"""What each kind of stage does, as a conversation: it yields jobs, is sent what came of them, and returns its result.

Nothing here runs a job or knows where one runs; `walk` does, with whatever executes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from flows.certifying import certified
from flows.decontaminating import decontaminate
from flows.plan import Stage
from flows.repeating import passages
from flows.scene import DataFile, Phases, Result, Scene, addresses, report_of
from flows.settling import barrier
from flows.sourcing import source
from flows.work.job import Job
from flows.work.survey import joined, merged
from tasks.dedup.step import Dedup
from tasks.edits.redact import Redact
from tasks.errors import GateError, usage
from tasks.filters.sieve import Filter
from tasks.frames import DOCUMENTS, MARKS, PAIRS, TYPES, UNWRITTEN
from tasks.gate import Expect
from tasks.growth.strategy import ModelStep
from tasks.published.layouts import laid_out
from tasks.published.sink import Write
from tasks.shards import Shard, summed
from tasks.step import RowStep, Step
from tasks.store.commit import Done
from tasks.store.keys import digest


def phases_of(stage: Stage, scene: Scene) -> Phases:
    """Give the conversation of a stage."""
    kinds: dict[str, Callable[[Stage, Scene], Phases]] = {
        "source": source,
        "rows": _rows,
        "features": _features,
        "verdicts": _verdicts,
        "barrier": _barrier,
        "decontaminate": decontaminate,
        "gate": _gate,
        "model": _model,
        "slots": _slots,
        "sink": _sink,
    }
    return kinds[stage.kind](stage, scene)


def _barrier(stage: Stage, scene: Scene) -> Phases:
    result = yield from barrier(stage, scene)
    step = scene.plan.step(stage.steps[0])
    if isinstance(step, Dedup) and step.passages:
        return (yield from passages(scene, scene.site.call(stage.steps[0]), scene.columns(stage), step.passages, result))
    return result


def _rows(stage: Stage, scene: Scene) -> Phases:
    calls = [scene.site.call(name) for name in stage.steps]
    shards = scene.shards(stage)
    dones = yield [scene.site.job("rows", calls, shard.digest, shards=(shard,)) for shard in shards]
    reports = []
    for place, name in enumerate(stage.steps):
        counts = [done.report["steps"][place] for done in dones]
        dropped = summed([count["dropped"] for count in counts])
        ins, outs = (sum(count[side] for count in counts) for side in ("rows_in", "rows_out"))
        values = summed([count["values"] for count in counts])
        parts: dict[str, Any] = {"dropped": addresses(scene, dones, "dropped.parquet")}
        reports.append(report_of(scene, name, ins, outs, dropped, parts=parts, **_told(scene.plan.step(name), values, dropped)))
    return Result(tuple(Shard(done.part("text.parquet")) for done in dones), reports=tuple(reports))


def _told(step: Step, values: Mapping[str, int], dropped: Mapping[str, int]) -> dict[str, Any]:
    """Give what a row step found worth saying, as far as it did."""
    assert isinstance(step, RowStep)
    told = list(step.told(values, dropped))
    return ({"values": dict(values)} if step.counts else {}) | ({"warned": told} if told else {})


def _features(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Filter)
    shards = scene.shards(stage)
    marked = any(column in MARKS for columns in step.columns_read().values() for column in columns)
    extra: dict[str, Any] = {"column": step.column(scene.columns(stage)), "groups": list(step.needs())} | (
        {"marked": True} if marked else {}
    )
    call = scene.site.call(name)
    extra |= {"files": {field: digest(content) for field, content in call.files.items()}} if call.files else {}
    read = [shard.digest if shard.cut or marked else shard.text.sha256 for shard in shards]
    dones = yield [
        scene.site.job("features", [call], [found, extra], named=False, shards=(shard,), extra=extra)
        for shard, found in zip(shards, read, strict=True)
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
    dropped, failed, only = (summed([done.report[side] for done in dones]) for side in ("dropped", "failed", "only"))
    texts = [scene.site.work.address(shard.text.path) for shard in before.shards if shard.text.rows]
    parts = {"verdicts": addresses(scene, dones, "verdicts.parquet"), "texts": texts}
    bounds = {rule.name: rule.bounds for rule in step.all_rules()}
    places = _places(scene, before, dones)
    more = {"failed": failed, "only": only, "bounds": bounds, "groups": step.needs(), "shards": places}
    report = report_of(scene, name, ins, outs, dropped, parts=parts, column=step.column(scene.columns(stage)), **more)
    report |= {"varied": sorted(rule.name for rule in step.all_rules() if rule.varies_by), "decisions": step.decisions}
    ranges = joined([done.report["ranges"] for done in dones])
    extra = {"ranges": ranges, "bounds": bounds, "failed": sorted(failed), "shown": not _hides(scene)}
    both = [(done.part("verdicts.parquet"), part) for done, part in zip(dones, before.features, strict=True)]
    surveys = yield [
        scene.site.job("survey", [call], [[part.sha256 for part in pair], extra], named=False, shards=(shard,), parts=pair, extra=extra)
        for shard, pair in zip(before.shards, both, strict=True)
    ]
    survey = merged([done.report["rules"] for done in surveys], ranges, bounds)
    return Result(shards, reports=(report,), extra={"survey": {name: {"rules": survey, "failed": failed, "only": only}}})


def _hides(scene: Scene) -> bool:
    """Tell whether a step of the recipe looks for personal data, so that no text may be shown as it was before."""
    steps = scene.plan.recipe.steps.values()
    return any(isinstance(step, Redact) or (isinstance(step, Filter) and step.looks_for_personal_data) for step in steps)


def _places(scene: Scene, before: Result, dones: Sequence[Done]) -> list[dict[str, Any]]:
    """Give where the features, the verdicts and what lies beside them are, by shards."""
    at = scene.site.work.address
    return [
        {
            "features": at(part.path),
            "columns": at(done.part("columns.parquet").path),
            "verdicts": at(done.part("verdicts.parquet").path),
            "text": at(shard.text.path),
            "beside": [at(column.path) for column in shard.columns],
        }
        for shard, part, done in zip(before.shards, before.features, dones, strict=True)
    ]


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
    counts = report_of(scene, name, report["rows"], report["rows"], {}, expectations=expectations, engine=report["engine"], warned=failed)
    return Result(shards, reports=(counts,))


def _model(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, ModelStep)
    if scene.site.offline:
        raise usage("asks a model, and --offline refuses the network", "Leave the step out.", place=f"steps.{name}", value=step.model)
    models = {each: scene.plan.recipe.models[each] for each in step.models()}
    shards = scene.shards(stage)
    named = [[model.model, *([model.thinking] if model.thinking else [])] for model in models.values()]
    inputs = [[shard.digest for shard in shards], named]
    extra = {
        "models": {each: model.model_dump(mode="json") for each, model in models.items()},
        "ledger": scene.site.ledger,
        "budget": f"{scene.plan.recipe.name}/{name}",
        "columns": list(scene.plan.columns[name]),
    }
    (done,) = yield [scene.site.job("model", [scene.site.call(name)], inputs, shards=shards, extra=extra)]
    told = done.report
    asked = {key: told[key] for key in ("cost", "failures", "unanswered", "quarantined")} | told["told"]
    parts = {kind: addresses(scene, [done], f"{kind}.parquet") for kind in ("dropped", "quarantine")}
    report = report_of(scene, name, told["rows_in"], told["rows_out"], told["dropped"], **asked)
    partial = f"steps.{name}: {told['partial']}" if told["partial"] else ""
    return Result((Shard(done.part("text.parquet")),), reports=(report | {"parts": parts},), partial=partial)


def _slots(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    shards = scene.shards(stage)
    extra = {"columns": list(scene.plan.columns[name])}
    (done,) = yield [scene.site.job("slots", [scene.site.call(name)], [shard.digest for shard in shards], shards=shards, extra=extra)]
    told = done.report
    partial = f"steps.{name}: {told['partial']}" if told["partial"] else ""
    report = report_of(scene, name, told["rows_in"], told["rows_out"], told["dropped"], templates=told["templates"])
    return Result((Shard(done.part("text.parquet")),), reports=(report,), partial=partial)


def _sink(stage: Stage, scene: Scene) -> Phases:
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Write)
    shards = scene.shards(stage)
    call = scene.site.call(name)
    tallies = yield [scene.site.job("tally", [call], [shard.digest, list(step.needed)], named=False, shards=(shard,)) for shard in shards]
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
    certificate = yield from certified(
        scene, name, files, sum(size for done in tallies for split, (_, size) in done.report["splits"].items() if split != "train")
    )
    rows = sum(count for done in tallies for count, _ in done.report["splits"].values())
    origins = {about: summed([done.report["origins"][about] for done in tallies]) for about in ("licence", "source", "generator")}
    extra = {
        "origins": origins,
        "config": name if several else "default",
        "schema": laid_out(_empty(columns), step.layout, talks=talks).schema,
        "newest": max((done.report["newest"] for done in tallies), default=""),
    }
    dropped = summed([done.report["dropped"] for done in tallies])
    report = report_of(scene, name, rows + sum(dropped.values()), rows, dropped, **certificate)
    return Result(files=tuple(files), reports=(report,), extra=extra | certificate)


def _empty(columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={column: TYPES.get(column, pl.String()) for column in columns})


def _written(scene: Scene, name: str) -> list[str]:
    (kind, before) = scene.plan.kinds[name], set(scene.plan.columns[name])
    schema = list(PAIRS if kind == "pairs" else DOCUMENTS)
    return schema + sorted(before - set(PAIRS) - set(DOCUMENTS) - UNWRITTEN)


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
