"""Barriers: a summary of each shard, then one settlement laid beside all of them."""

from collections.abc import Sequence

import polars as pl

from flows.work.job import Job
from tasks.shards import columns_of, counted, read, whole
from tasks.step import BarrierStep, Step
from tasks.store.commit import Done, Part, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder


def summarise(job: Job, steps: list[Step]) -> Done:
    """Summarise the live rows of one shard: places, hashes and numbers."""
    (step,) = steps
    assert isinstance(step, BarrierStep)
    work = Place.at(job.work)
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "summary.parquet")
        rows = 0
        for frame in read(work, job.shards[0], ["row", *step.reads(job.extra["columns"])]):
            spool.write(step.summarise(_with_marks(frame, step, job), job.context()))
            rows += frame.height
        return commit(work, job.key, {"summary.parquet": (spool.path, spool.finish())}, {"rows": rows})


def _with_marks(frame: pl.DataFrame, step: BarrierStep, job: Job) -> pl.DataFrame:
    """Add marks that other branches carry and this shard does not, as nulls."""
    absent = [
        name
        for name in ("split", "cluster")
        if name in job.extra["columns"] and name in step.reads(job.extra["columns"]) and name not in frame.columns
    ]
    types = {"split": pl.String, "cluster": pl.UInt64}
    return frame.with_columns(pl.lit(None, dtype=types[name]).alias(name) for name in absent)


def settle(job: Job, steps: list[Step]) -> Done:
    """Settle over all summaries; each shard gets its column part, and the rows named in verdicts."""
    (step,) = steps
    assert isinstance(step, BarrierStep)
    work = Place.at(job.work)
    summaries = pl.concat([_summary(work, part, number) for number, part in enumerate(job.parts)], how="diagonal_relaxed")

    def reread(part: int, rows: Sequence[int]) -> pl.DataFrame:
        wanted = pl.Series(rows, dtype=pl.UInt32)
        frames = read(work, job.shards[part], ["row", *step.reads(job.extra["columns"])])
        return pl.concat([frame.filter(pl.col("row").is_in(wanted.implode())) for frame in frames])

    settled = step.settle(summaries, job.context(), reread)
    if settled.height != summaries.height:
        raise AssertionError(f"{job.calls[0].name}: settled {settled.height} of {summaries.height} rows")
    with spool_folder() as folder:
        files = {}
        for number, shard in enumerate(job.shards):
            spool = ParquetSpool(folder / f"columns-{number:05}.parquet")
            spool.write(_beside(columns_of(work, shard), settled.filter(pl.col("part") == number).drop("part")))
            files[spool.path.name] = (spool.path, spool.finish())
        lost = settled.filter(~pl.col("keep"))
        return commit(
            work,
            job.key,
            files,
            {"rows_in": settled.height, "rows_out": settled.height - lost.height, "dropped": counted(lost), **_splits(settled)},
        )


def _summary(work: Place, part: Part, number: int) -> pl.DataFrame:
    return whole(work, part).select(pl.lit(number, dtype=pl.UInt32).alias("part"), pl.all())


def _beside(rows: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    laid = rows.select("row").join(settled, on="row", how="left", maintain_order="left")
    return laid.drop("row").with_columns(pl.col("keep").fill_null(value=False))


def _splits(settled: pl.DataFrame) -> dict[str, object]:
    if "split" not in settled.columns:
        return {}
    table = settled.filter("keep").group_by("split").len().sort("split")
    return {"splits": dict(zip(table["split"].to_list(), table["len"].to_list(), strict=True))}
