"""Sinks: what there is to write, and the files of a dataset."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from flows.work.job import Job
from tasks.abreast import ahead
from tasks.frames import TYPES
from tasks.published.files import spool_provenance, spool_rows
from tasks.published.layouts import talking
from tasks.published.sink import Write
from tasks.shards import has_nulls, read, text_bytes
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import spool_folder

TOLD = ("licence", "source", "generator", "created", "split", "system", "turns", "tools")
"""The columns that a tally looks at: texts are not read, and their bytes are those of all rows in the mean."""


def tally(job: Job, steps: list[Step]) -> Done:
    """Count a shard's live rows and text bytes by split, and whether any of them talks."""
    (step,) = steps
    assert isinstance(step, Write)
    work = Place.at(job.work)
    counts: dict[str, int] = {}
    lost = 0
    needed = [name for name in step.needed if has_nulls(work, job.shards[0], name)]
    origins: dict[str, Counter[str]] = {"licence": Counter(), "source": Counter(), "generator": Counter()}
    talks = False
    newest = ""
    each = text_bytes(work, job.shards[0]) / max(job.shards[0].text.rows, 1)
    for rows in read(work, job.shards[0], (*TOLD, *needed)):
        frame = rows.drop_nulls(needed) if needed else rows
        lost += rows.height - frame.height
        for name, count in origins.items():
            if name in frame.columns:
                count.update(frame[name].fill_null("unknown").to_list())
        dates = frame["created"].str.extract(r"^(\d{4}-\d{2}-\d{2})")
        newest = max(newest, str(dates.max() or ""))
        for split, count in _split(frame).group_by("split").len().sort("split").iter_rows():
            counts[split] = counts.get(split, 0) + count
        talks = talks or ("turns" in frame.columns and talking(frame))
    return commit(
        work,
        job.key,
        {},
        {
            "dropped": {"no input or output": lost} if lost else {},
            "splits": {split: [rows, int(rows * each)] for split, rows in sorted(counts.items())},
            "talks": talks,
            "newest": newest,
            "origins": {name: dict(sorted(count.items())) for name, count in origins.items()},
        },
    )


def _split(frame: pl.DataFrame) -> pl.DataFrame:
    if "split" not in frame.columns:
        return frame.with_columns(split=pl.lit("train"))
    return frame.with_columns(pl.col("split").fill_null("train"))


def write_file(job: Job, steps: list[Step]) -> Done:
    """Write one file of a split from its pieces of shards, and its provenance where a layout leaves that out."""
    (step,) = steps
    assert isinstance(step, Write)
    work = Place.at(job.work)
    with spool_folder() as folder:
        path = folder / f"data.{step.format}"
        files = {path.name: (path, spool_rows(step, ahead(_pieces(work, job, step)), path, talks=job.extra["talks"]))}
        if step.layout is not None:
            beside = folder / "provenance.parquet"
            files[beside.name] = (beside, spool_provenance(ahead(_pieces(work, job, step)), beside))
        return commit(work, job.key, files, {})


def _pieces(work: Place, job: Job, step: Write) -> Iterator[pl.DataFrame]:
    """Yield the rows of the file: from each shard those of the split from `start` to `stop`."""
    for shard, piece in zip(job.shards, job.extra["pieces"], strict=True):
        yield from _piece(work, shard, piece, job.extra, step)


def _piece(work: Place, shard: Any, piece: Mapping[str, int], extra: Mapping[str, Any], step: Write) -> Iterator[pl.DataFrame]:
    seen = 0
    for frame in read(work, shard):
        rows = _split(frame).filter(pl.col("split") == extra["split"])
        rows = rows.drop_nulls([name for name in step.needed if name in rows.columns])
        start, stop = max(piece["start"] - seen, 0), min(piece["stop"] - seen, rows.height)
        seen += rows.height
        if stop > start:
            columns = extra["columns"]
            held = rows.slice(start, stop - start)
            absent = [pl.lit(None, dtype=TYPES.get(name, pl.String())).alias(name) for name in columns if name not in held.columns]
            yield held.with_columns(absent).select(columns)
