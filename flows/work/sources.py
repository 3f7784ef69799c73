"""Reading units into a text part."""

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from flows.work.job import Job
from tasks.frames import SCHEMAS, Skip
from tasks.step import SourceStep, Step, unit_of
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import FileInfo, ParquetSpool, spool_folder

SKIPS = {"file": pl.String, "place": pl.String, "reason": pl.String}


def read_units(job: Job, steps: list[Step]) -> Done:
    """Read a shard's units in their order, until `enough` rows are there, into text and skips."""
    (step,) = steps
    assert isinstance(step, SourceStep)
    kind = getattr(step, "kind", None) or step.gives or "documents"
    extra = sorted(step.columns_after(frozenset()) - set(SCHEMAS[kind]))
    enough = job.extra.get("enough")
    skips: list[Skip] = []
    read = 0
    with spool_folder() as folder:
        text = _Texts(folder, pl.Schema({**SCHEMAS[kind], **dict.fromkeys(extra, pl.String())}), job.extra["max_bytes"])
        for unit in map(unit_of, job.extra["units"]):
            if enough is not None and text.rows >= enough:
                break
            read += 1
            for reading in step.read(unit, job.context()):
                text.write(_complete(reading.rows, extra))
                skips.extend(reading.skips)
        files = text.finish()
        skipped = dict(sorted(Counter(skip.reason for skip in skips).items()))
        report = {"rows": text.rows, "units": read, "skipped": skipped, "texts": list(files)}
        return commit(Place.at(job.work), job.key, files | {"skips.parquet": _skips(skips, folder)}, report)


class _Texts:
    """Text parts in the making, one after the other: a file of any length becomes parts of bounded size."""

    def __init__(self, folder: Path, schema: pl.Schema, max_bytes: int) -> None:
        self.rows = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._spool = ParquetSpool(folder / "text.parquet", schema)
        self._files: dict[str, tuple[Path, FileInfo]] = {}

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows to the present part, or to a new one where that is full."""
        if self._spool.bytes >= self._max_bytes:
            self._end()
            self._spool = ParquetSpool(self._folder / f"text-{len(self._files):05}.parquet")
        self._spool.write(frame)
        self.rows += frame.height

    def _end(self) -> None:
        self._files[self._spool.path.name] = (self._spool.path, self._spool.finish())

    def finish(self) -> dict[str, tuple[Path, FileInfo]]:
        """Close the last part; all are given by name, in order."""
        self._end()
        return self._files


def _complete(rows: pl.DataFrame, extra: list[str]) -> pl.DataFrame:
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in extra if name not in rows.columns]
    schema = [name for name in rows.columns if name not in extra]
    return rows.with_columns(missing).select(*schema, *extra)


def _skips(skips: list[Skip], folder: Any) -> tuple[Any, FileInfo]:
    spool = ParquetSpool(folder / "skips.parquet")
    spool.write(pl.DataFrame(skips, schema=SKIPS, orient="row"))
    return spool.path, spool.finish()


def trim(job: Job, steps: list[Step]) -> Done:
    """Keep `keep` rows of some shards, drawn by id from all of them; the rest is beyond the limit."""
    from tasks.shards import read
    from tasks.store.keys import draw
    from tasks.text.hashing import chances

    del steps
    work = Place.at(job.work)
    shards = [pl.concat(read(work, shard, ["id"], dead=True))["id"] for shard in job.shards]
    ids = pl.concat(shards)
    if job.extra["pick"] == "first":
        keep = pl.int_range(len(ids), eager=True) < job.extra["keep"]
    else:
        keep = chances(ids, draw(job.seed, job.calls[0].name) >> 1).rank("ordinal") <= job.extra["keep"]
    start, files = 0, {}
    with spool_folder() as folder:
        for number, held in enumerate(shards):
            spool = ParquetSpool(folder / f"columns-{number:05}.parquet")
            spool.write(keep.slice(start, len(held)).alias("keep").to_frame())
            files[spool.path.name] = (spool.path, spool.finish())
            start += len(held)
        return commit(work, job.key, files, {})
