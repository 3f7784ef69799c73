"""Chains of row-wise steps: from the live rows of a shard to a new text part."""

from functools import partial

import polars as pl

from flows.work.job import Job
from tasks.abreast import abreast
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
    counts = [{"rows_in": 0, "rows_out": 0, "dropped": dict[str, int](), "values": dict[str, int]()} for _ in steps]
    with spool_folder() as folder:
        text = ParquetSpool(folder / "text.parquet")
        lost = ParquetSpool(folder / "dropped.parquet", pl.Schema(DROPPED))
        for made in abreast(partial(_applied, job, steps), read(work, job.shards[0])):
            for place, (rows_in, halves) in enumerate(made):
                _count(counts[place], rows_in, halves, steps[place])
                if halves.dropped.height:
                    lost.write(halves.dropped.with_columns(step=pl.lit(job.calls[place].name)).select(*DROPPED))
            text.write(made[-1][1].kept)
        files = {"text.parquet": (text.path, text.finish()), "dropped.parquet": (lost.path, lost.finish())}
        return commit(work, job.key, files, {"steps": counts})


def _applied(job: Job, steps: list[Step], frame: pl.DataFrame) -> list[tuple[int, Halves]]:
    """Give how many rows went into each step, and what came out."""
    rows, made = frame.drop("row"), []
    for place, step in enumerate(steps):
        assert isinstance(step, RowStep)
        halves = step.apply(rows, job.context(place))
        made.append((rows.height, halves))
        rows = halves.kept
    return made


def _count(count: dict[str, object], rows_in: int, halves: Halves, step: Step) -> None:
    assert isinstance(step, RowStep)
    values = halves.kept[step.counts].drop_nulls().value_counts() if step.counts else pl.DataFrame()
    for name, found in (("dropped", counted(halves.dropped)), ("values", dict(values.iter_rows()))):
        held = count[name]
        assert isinstance(held, dict)
        for value, number in found.items():
            held[value] = held.get(value, 0) + number
    count["rows_in"] = _int(count["rows_in"]) + rows_in
    count["rows_out"] = _int(count["rows_out"]) + halves.kept.height


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
