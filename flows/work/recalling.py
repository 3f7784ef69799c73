"""Taking rows of an earlier dataset, or of an index, into the work store."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl

from flows.work.certifying import written_frames
from flows.work.job import Job
from tasks.dedup.comparison import SAME
from tasks.errors import CorruptError
from tasks.published.layouts import taken_in
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, file_info, spool_folder


def recall(job: Job, steps: list[Step]) -> Done:
    """Take the ids and the compared columns of a published file, whatever its layout; its hash must be the manifest's."""
    del steps
    place, wanted = Place.at(job.extra["url"]), job.extra["columns"]
    columns: set[str] = set()
    with spool_folder() as folder, ExitStack() as stack:
        paths = [stack.enter_context(place.local_copy(file["path"])) for file in job.extra["files"]]
        intact(place, job.extra["files"], paths)
        spool = ParquetSpool(folder / "text.parquet")
        for frame in recalled(job.extra["files"][0]["path"], paths):
            spool.write(frame.select([name for name in wanted if name in frame.columns]))
            columns |= set(frame.columns)
        return commit(Place.at(job.work), job.key, {spool.path.name: (spool.path, spool.finish())}, {"columns": sorted(columns)})


def intact(place: Place, files: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> None:
    """Refuse local copies of published files whose hash is not the manifest's: CorruptError."""
    for file, path in zip(files, paths, strict=True):
        if not path.exists() or file_info(path, 0).sha256 != file["sha256"]:
            raise CorruptError(f"{place.address(file['path'])}: its bytes are not those that the manifest names. See `dartboard verify`.")


def recalled(name: str, paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """Read a data file, and the file of its ids where a layout leaves them out: `id` and what the rows say; of an index all it has."""
    start, ids = 0, pl.read_parquet(paths[1], columns=["id"]) if len(paths) > 1 else None
    for frame in written_frames(paths[0], parquet=name.endswith(".parquet")):
        if any(column.startswith(SAME) for column in frame.columns):
            yield frame
            continue
        known = frame.select("id") if ids is None else ids.slice(start, frame.height)
        yield known.hstack(taken_in(frame))
        start += frame.height
