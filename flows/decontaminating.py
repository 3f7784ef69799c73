"""Decontamination: the items of one step become a table, which every shard of another is looked through with."""

from flows.plan import Stage
from flows.scene import Phases, Result, Scene, addresses, report_of
from tasks.decontamination import Decontaminate
from tasks.shards import Shard, summed


def decontaminate(stage: Stage, scene: Scene) -> Phases:
    """Gather the items, join them to one table, and look through every shard with it."""
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, Decontaminate)
    call, job = scene.site.call(name), scene.site.job
    exams: list[Shard] = [shard for beside in stage.beside for shard in scene.results[beside].shards]
    items = yield [job("items", [call], shard.digest, shards=(shard,)) for shard in exams]
    parts = [done.part(file) for done in items for file in ("runs.parquet", "ids.parquet")]
    (exam,) = yield [job("exam", [call], [part.sha256 for part in parts], named=False, parts=tuple(parts))]
    table = (exam.part("runs.parquet"), exam.part("ids.parquet"))
    inputs = [part.sha256 for part in table]
    shards = scene.shards(stage)
    dones = yield [
        job("decontaminate", [call], [shard.digest, inputs], shards=(shard,), parts=table, extra={"columns": scene.columns(stage)})
        for shard in shards
    ]
    cut = step.mode == "cut"
    laid = tuple(shard.beside(done.part("columns.parquet"), cut=cut) for shard, done in zip(shards, dones, strict=True))
    ins, outs, hits, rows = (sum(done.report[count] for done in dones) for count in ("rows_in", "rows_out", "hits", "rows_hit"))
    found = {"items": exam.report["items"], "hits": hits, "rows": rows}
    more = {"parts": {kind: addresses(scene, dones, f"{kind}.parquet") for kind in ("verdicts", "hits")}, "found": found}
    return Result(laid, reports=(report_of(scene, name, ins, outs, summed([done.report["dropped"] for done in dones]), **more),))
