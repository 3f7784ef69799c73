"""Pairs of rows that mean the same: vectors of each shard, keys exchanged, and the cosines of those that met."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.exchanging import Pairs, by_partition, partitions
from flows.scene import Scene
from flows.work.job import Call
from tasks.dedup.semantic import Semantic
from tasks.errors import usage
from tasks.shards import Shard


def near_in_meaning(scene: Scene, call: Call, asked: Semantic, compared: Sequence[str], shards: Sequence[Shard], own: int) -> Pairs:
    """Find the pairs, of which one at least is of the `own` first shards: the part that holds them, and what is told of the search."""
    job = scene.site.job
    bands, _ = asked.bands()
    extra: Mapping[str, Any] = {"compared": list(compared), "partitions": partitions(sum(shard.text.rows for shard in shards) * bands)}
    files, told = dict(call.files), dict[str, Any]()
    hosted, told = (yield from _hosted(scene, call, asked.endpoint.model, compared, shards)) if asked.endpoint else ((), told)
    inputs: list[Any] = [dict(extra), files, [part.sha256 for part in hosted]]
    embedded = yield [job("embed", [call], [shard.digest, *inputs], shards=(shard,), parts=hosted, extra=extra) for shard in shards]
    met = yield by_partition(scene, call, "meet", embedded, "keys.parquet", own=own)
    if not met:
        return (), told
    vectors, pairs = [done.part("vectors.parquet") for done in embedded], [done.part("pairs.parquet") for done in met]
    inputs = [[part.sha256 for part in (*vectors, *pairs)], len(vectors), list(compared)]
    (alike,) = yield [
        job("near-in-meaning", [call], inputs, parts=(*vectors, *pairs), extra={"shards": len(vectors), "compared": list(compared)})
    ]
    counts = {name: sum(done.report[name] for done in met) for name in ("large_buckets", "large_bucket_rows")}
    return (alike.part("alike.parquet"),), told | {"meant": counts | {name: alike.report[name] for name in ("candidates", "alike")}}


def _hosted(scene: Scene, call: Call, name: str, compared: Sequence[str], shards: Sequence[Shard]) -> Pairs:
    """Ask the endpoint for the vectors of all texts: the part that holds them, and what it cost."""
    if scene.site.offline:
        raise usage(
            "asks a model, and --offline refuses the network", "Leave it out.", place=f"steps.{call.name}.semantic.endpoint", value=name
        )
    model = scene.plan.recipe.models[name]
    inputs = [[shard.digest for shard in shards], model.model, list(compared)]
    extra = {
        "model": model.model_dump(mode="json"),
        "compared": list(compared),
        "ledger": scene.site.ledger,
        "budget": f"{scene.plan.recipe.name}/{call.name}",
    }
    (done,) = yield [scene.site.job("ask-vectors", [call], inputs, shards=tuple(shards), extra=extra)]
    partial = f"steps.{call.name}: {done.report['partial']}" if done.report["partial"] else ""
    return (done.part("hosted.parquet"),), {"cost": done.report["cost"], "failures": done.report["failures"], "partial": partial}
