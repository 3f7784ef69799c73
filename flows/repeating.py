"""Passages that stand more than once: found by fingerprints that are exchanged, then cut or counted."""

from collections.abc import Generator
from dataclasses import replace

from flows.exchanging import by_partition, partitions
from flows.scene import Result, Scene, addresses
from flows.work.job import Call, Job
from tasks.dedup.passages import Repeats
from tasks.store.commit import Done


def passages(scene: Scene, call: Call, columns: list[str], asked: Repeats, result: Result) -> Generator[list[Job], list[Done], Result]:
    """Look through the rows that a dedup left, and lay cuts beside them where that is asked for."""
    job, shards = scene.site.job, result.shards
    told = asked.model_dump(mode="json")
    extra = {"columns": columns, "partitions": partitions(sum(shard.text.bytes for shard in shards) // 30)}
    prints = yield [job("fingerprint", [call], [shard.digest, told, extra], named=False, shards=(shard,), extra=extra) for shard in shards]
    again = yield by_partition(scene, call, "meet-again", prints, "fingerprints.parquet")
    met = tuple(done.part("again.parquet") for done in again)
    inputs = [[part.sha256 for part in met], told, extra]
    touched = shards if any(part.rows for part in met) else ()
    windows = yield [job("windows", [call], [shard.digest, inputs], shards=(shard,), parts=met, extra=extra) for shard in touched]
    repeats = yield by_partition(scene, call, "repeats", windows, "windows.parquet")
    found = tuple(done.part("repeats.parquet") for done in repeats)
    inputs = [[shard.digest for shard in shards], [part.sha256 for part in found], extra]
    (settled,) = yield [job("passages", [call], inputs, shards=shards, parts=found, extra=extra)]
    if asked.mode == "cut":
        shards = tuple(shard.beside(settled.part(f"columns-{number:05}.parquet"), cut=True) for number, shard in enumerate(shards))
    return replace(result, shards=shards, reports=(_told(scene, result, settled),))


def _told(scene: Scene, result: Result, settled: Done) -> dict[str, object]:
    """Give the dedup's report with what was found, and the rows of which nothing is left."""
    (report,) = result.reports
    dropped = settled.report["dropped"]
    parts = {**report["parts"], "passages": addresses(scene, [settled], "passages.parquet")}
    counts = {"rows_out": report["rows_out"] - sum(dropped.values()), "dropped": {**report["dropped"], **dropped}, "parts": parts}
    return report | counts | {"passages": settled.report["passages"]}
