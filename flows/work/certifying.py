"""The certificate of a dataset's splits: a second pass over the files as they were written."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from flows.work.job import Job
from tasks.published.certificate import Held, compared, held_out, plain_hash, shared
from tasks.step import Step
from tasks.store.commit import Done, commit, open_part
from tasks.store.place import Place

BLOCK_BYTES = 24_000_000
"""Text of held-out rows that is indexed at once."""
CHUNK_BYTES = 8_000_000
TOLD = 10
"""Leaks that are named; all are counted."""


def certify(job: Job, steps: list[Step]) -> Done:
    """Look for leaks between the splits of written files; one block of held-out rows a job, groups and equal rows in the first."""
    del steps
    work = Place.at(job.work)
    with ExitStack() as stack:
        paths = [stack.enter_context(open_part(work, part)) for part in job.parts]
        files = [
            Written(**{**plain, "data": paths[plain["data"]], "beside": None if plain["beside"] is None else paths[plain["beside"]]})
            for plain in job.extra["files"]
        ]
        return commit(work, job.key, {}, leaks(files, tuple(job.extra["block"]), job.extra["similarity"]))


@dataclass(frozen=True)
class Written:
    """A file of a split as it was written, and its provenance where it has one."""

    name: str
    split: str
    data: Path
    beside: Path | None = None


def leaks(files: Sequence[Written], block: tuple[int, int], similarity: float | None) -> dict[str, Any]:
    """Count the leaks between files of different splits, and name some; of near rows those of one block of what is held out."""
    told: dict[str, Any] = {"rows": 0, "groups": 0, "equal": 0, "near": 0}
    pairs: list[tuple[str, int, int, float]] = []
    if block[0] == 0:
        marks = pl.concat(
            frame.select("place", "split", pl.col("group").hash(7)).with_columns(equal=plain_hash(frame)) for frame in _rows(files)
        )
        told["rows"] = marks.height
        for name, column in (("groups", "group"), ("equal", "equal")):
            both = shared(marks.select("place", "split", value=column))
            told[name] = both["value"].n_unique()
            firsts = (
                both.unique(["value", "split"]).group_by("value").agg(one=pl.col("place").min(), other=pl.col("place").max()).sort("one")
            )
            pairs += [(name, one, other, 1.0) for one, other in firsts.select("one", "other").head(TOLD).iter_rows()]
    if similarity is not None:
        held = pl.concat(held_out(_rows(files), block, BLOCK_BYTES))
        if held.height:
            near = Held(held, similarity).near(_rows(files))
            told["near"] = near.height
            pairs += [("near", *row) for row in near.head(TOLD).iter_rows()]
    return told | {"leaks": _named(files, pairs)}


def _named(files: Sequence[Written], pairs: Sequence[tuple[str, int, int, float]]) -> list[str]:
    """Say of each pair where its rows are, and their ids."""
    wanted = pl.Series("place", sorted({place for _, one, other, _ in pairs for place in (one, other)}), dtype=pl.UInt64)
    ids: dict[int, str] = {}
    for frame in _rows(files) if pairs else ():
        ids |= dict(frame.filter(pl.col("place").is_in(wanted.implode())).select("place", "id").iter_rows())
    told = {place: f"{files[place >> 32].name} row {place % (1 << 32)} ({ids[place]})" for place in ids}
    why = {"groups": "share their group", "equal": "are equal"}
    return [f"{told[one]} and {told[other]} {why.get(kind, f'are alike by {similarity:.2f}')}" for kind, one, other, similarity in pairs]


def _rows(files: Sequence[Written]) -> Iterator[pl.DataFrame]:
    """Yield the rows of all files: `place`, `split`, `id`, `group`, `input`, `output`; a place is the file's number and the row's."""
    for number, file in enumerate(files):
        start = number << 32
        beside = None if file.beside is None else pl.read_parquet(file.beside, columns=["id", "group"])
        for frame in written_frames(file.data, parquet=file.name.endswith(".parquet")):
            origin = beside.slice(start % (1 << 32), frame.height) if beside is not None else frame.select("id", "group")
            place = pl.int_range(start, start + frame.height, dtype=pl.UInt64, eager=True).alias("place")
            yield pl.DataFrame([place]).with_columns(split=pl.lit(file.split)).hstack(origin).hstack(compared(frame))
            start += frame.height


def written_frames(path: Path, *, parquet: bool) -> Iterator[pl.DataFrame]:
    """Read a published data file, some rows at a time."""
    if parquet:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                frame = pl.from_arrow(file.read_row_group(group))
                assert isinstance(frame, pl.DataFrame)
                yield frame
        return
    with path.open("rb") as stream:
        while lines := stream.readlines(CHUNK_BYTES):
            yield pl.read_ndjson(b"".join(lines), infer_schema_length=None)
