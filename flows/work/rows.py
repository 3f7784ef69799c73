"""Chains of row-wise steps: from the live rows of a shard to a new text part."""

import polars as pl

from flows.work.job import Job
from tasks.frames import Halves
from tasks.shards import counted, read
from tasks.step import RowStep, Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder

DROPPED = {"id": pl.String, "reason": pl.String, "step": pl.String}


def run_rows(job: Job, steps: list[Step]) -> Done:
    """Apply the steps to each frame in turn; what they drop is kept by id, reason and step."""
    work = Place.at(job.work)
    counts = [{"rows_in": 0, "rows_out": 0, "dropped": dict[str, int]()} for _ in steps]
    with spool_folder() as folder:
        text = ParquetSpool(folder / "text.parquet")
        lost = ParquetSpool(folder / "dropped.parquet", pl.Schema(DROPPED))
        for frame in read(work, job.shards[0]):
            rows = frame.drop("row")
            for place, step in enumerate(steps):
                assert isinstance(step, RowStep)
                halves = step.apply(rows, job.context(place))
                _count(counts[place], rows, halves)
                if halves.dropped.height:
                    lost.write(halves.dropped.with_columns(step=pl.lit(job.calls[place].name)).select(*DROPPED))
                rows = halves.kept
            text.write(rows)
        files = {"text.parquet": (text.path, text.finish()), "dropped.parquet": (lost.path, lost.finish())}
        return commit(work, job.key, files, {"steps": counts})


def _count(count: dict[str, object], rows: pl.DataFrame, halves: Halves) -> None:
    reasons = count["dropped"]
    assert isinstance(reasons, dict)
    for reason, number in counted(halves.dropped).items():
        reasons[reason] = reasons.get(reason, 0) + number
    count["rows_in"] = _int(count["rows_in"]) + rows.height
    count["rows_out"] = _int(count["rows_out"]) + halves.kept.height


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
