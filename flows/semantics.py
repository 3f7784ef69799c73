"""Pairs of rows that mean the same: vectors of each shard, keys exchanged, and the cosines of those that met."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.exchanging import Pairs, only, partitions
from flows.scene import Scene
from flows.work.job import Call
from tasks.dedup.semantic import Semantic
from tasks.shards import Shard


def near_in_meaning(scene: Scene, call: Call, asked: Semantic, compared: Sequence[str], shards: Sequence[Shard], own: int) -> Pairs:
    """Find the pairs, of which one at least is of the `own` first shards: the part that holds them, and what is told of the search."""
    job = scene.site.job
    bands, _ = asked.bands()
    extra: Mapping[str, Any] = {"compared": list(compared), "partitions": partitions(sum(shard.text.rows for shard in shards) * bands)}
    files = dict(call.files)
    embedded = yield [job("embed", [call], [shard.digest, dict(extra), files], shards=(shard,), extra=extra) for shard in shards]
    keys, groups = [done.part("keys.parquet") for done in embedded], [done.report["groups"] for done in embedded]
    hashes = [part.sha256 for part in keys]
    met = yield [
        job(
            "meet", [call], [hashes, value, own], named=False, parts=tuple(keys),
            extra={"groups": only(groups, value), "partition": value, "own": own},
        )
        for value in sorted({value for group in groups for value in group}, key=int)
    ]  # fmt: skip
    if not met:
        return (), {}
    vectors, pairs = [done.part("vectors.parquet") for done in embedded], [done.part("pairs.parquet") for done in met]
    inputs = [[part.sha256 for part in (*vectors, *pairs)], len(vectors), list(compared)]
    (alike,) = yield [
        job("near-in-meaning", [call], inputs, parts=(*vectors, *pairs), extra={"shards": len(vectors), "compared": list(compared)})
    ]
    return (alike.part("alike.parquet"),), {"meant": {name: alike.report[name] for name in ("candidates", "alike")}}
