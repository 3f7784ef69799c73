"""Barriers: summaries of all shards, the pairs of rows that are alike where rows are compared, and one settlement."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from flows.earlier import earlier_splits
from flows.exchanging import Pairs, by_partition, only, partitions
from flows.known import known_shards
from flows.plan import Stage
from flows.scene import DataFile, Phases, Result, Scene, report_of
from flows.semantics import near_in_meaning
from flows.work.job import Call, Job
from tasks.dedup.step import Dedup
from tasks.shards import Shard
from tasks.step import BarrierStep
from tasks.store.commit import Done


def barrier(stage: Stage, scene: Scene) -> Phases:
    """Summarise every shard, find the pairs where rows are compared, settle, and lay the outcome beside the shards."""
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, BarrierStep)
    shards, call = scene.shards(stage), scene.site.call(name)
    extra: dict[str, Any] = {"columns": scene.columns(stage)}
    comparison = step.comparison(extra["columns"])
    known = (yield from known_shards(stage, scene, call, comparison.columns)) if comparison else []
    every = [*shards, *(shard for _, shard in known)]
    counted = {"partitions": partitions(sum(shard.text.rows for shard in every) * comparison.keys_a_row)} if comparison else {}
    summaries = yield [
        scene.site.job("summary", [call], [shard.digest, extra, counted], shards=(shard,), extra=extra | counted) for shard in every
    ]
    parts = tuple(done.part("summary.parquet") for done in summaries)
    pairs, told = (yield from _compared(scene, call, extra, every, len(shards), summaries)) if comparison else ((), {})
    if isinstance(step, Dedup) and step.semantic and comparison:
        meant, found = yield from near_in_meaning(scene, call, step.semantic, comparison.columns, every, len(shards))
        pairs, told = (*pairs, *meant), told | found
    extra["known"] = [name for name, _ in known]
    inputs = [[shard.digest for shard in shards], [part.sha256 for part in (*parts, *pairs)], extra]
    if step.carries and scene.site.since != "none":
        (earlier,) = yield [_earlier(scene, call, inputs)]
        pairs, told = (*pairs, earlier.part("earlier.parquet")), told | {"since": earlier.report["version"]}
        inputs, extra = [*inputs, pairs[-1].sha256], extra | {"earlier": True}
    (settled,) = yield [scene.site.job("settle", [call], inputs, shards=shards, parts=(*parts, *pairs), extra=extra)]
    laid = tuple(shard.beside(settled.part(f"columns-{number:05}.parquet")) for number, shard in enumerate(shards))
    report = settled.report
    addresses = [scene.site.work.address(settled.part(file).path) for file in sorted(settled.files) if file.startswith("verdicts")]
    counts = report_of(scene, name, report["rows_in"], report["rows_out"], report["dropped"], parts={"verdicts": addresses})
    files = (DataFile(f"splits/{name}.parquet", settled.part("splits.parquet"), "", ""),) if step.carries else ()
    partial = told.pop("partial", "")
    more = {key: report[key] for key in ("splits",) if key in report} | report["told"] | told
    return Result(laid, files=files, partial=partial, reports=(counts | more,))


def _earlier(scene: Scene, call: Call, inputs: object) -> Job:
    """Give the job that looks for splits to carry over.

    Its key holds what the rows are, so a build that is repeated finds the version again that it went on from.
    """
    site = scene.site
    where = {"out": site.out, "dataset": scene.plan.recipe.name}
    version, split = earlier_splits(site.out, scene.plan.recipe.name, call.name, site.since)
    return site.job("earlier", [call], [inputs, where, site.since], coded=False, extra=where | {"version": version, "split": split})


def _compared(scene: Scene, call: Call, extra: Mapping[str, Any], shards: Sequence[Shard], own: int, summaries: Sequence[Done]) -> Pairs:
    """Find the pairs of rows that are equal or alike: the parts that hold them, and what is told of the search.

    Of earlier data, the shards behind the `own` first ones, rows are not compared with each other.
    """
    job = scene.site.job
    met = yield by_partition(scene, call, "meet", summaries, "keys.parquet", own=own)
    told = {name: sum(done.report[name] for done in met) for name in ("large_buckets", "large_bucket_rows")}
    if not met:
        return (), {"compared": told | {"candidates": 0, "alike": 0}}
    sums, pairs = [done.part("summary.parquet") for done in summaries], [done.part("pairs.parquet") for done in met]
    inputs = [[part.sha256 for part in (*sums, *pairs)], len(sums)]
    (routed,) = yield [job("route", [call], inputs, named=False, parts=(*sums, *pairs), extra={"summaries": len(sums)})]
    sets = yield from _shingled(scene, call, extra, shards, routed)
    held = [routed.part("near.parquet"), *(done.part("sets.parquet") for _, done in sets)]
    groups, numbers = [done.report["groups"] for _, done in sets], [number for number, _ in sets]
    inputs = [[part.sha256 for part in held], numbers, dict(extra)]
    alike = yield [
        job(
            "verify",
            [call],
            [inputs, blocks],
            parts=tuple(held),
            extra={
                **extra,
                "groups": [only([routed.report["near"]], blocks)[0], *only(groups, *blocks.split())],
                "numbers": numbers,
                "blocks": blocks,
            },
        )
        for blocks in routed.report["near"]
    ]
    told |= {name: sum(done.report[name] for done in alike) for name in ("candidates", "alike")}
    return (routed.part("exact.parquet"), *(done.part("alike.parquet") for done in alike)), {"compared": told}


def _shingled(
    scene: Scene, call: Call, extra: Mapping[str, Any], shards: Sequence[Shard], routed: Done
) -> Generator[list[Job], list[Done], list[tuple[int, Done]]]:
    """Have the shingles made of the rows that met others, in each shard that has some; with the shards' numbers."""
    rows, groups = routed.part("rows.parquet"), routed.report["rows"]
    numbers = sorted(map(int, groups))
    sets = yield [
        scene.site.job(
            "shingle", [call], [shards[number].digest, rows.sha256, number, dict(extra)],
            shards=(shards[number],), parts=(rows,), extra={**extra, "groups": [groups], "number": number},
        )
        for number in numbers
    ]  # fmt: skip
    return list(zip(numbers, sets, strict=True))
