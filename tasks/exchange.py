"""Exchange: what map tasks hand to reduce tasks, as one file for each with a row group for each partition.

A reader opens the file by ranges and reads its partition only, so the whole is never held, on any store.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import CorruptError
from tasks.store.commit import Part
from tasks.store.place import Place, plainly
from tasks.store.spool import WORK_COMPRESSION, FileInfo, file_info


def spool_partitions(path: Path, rows: pl.DataFrame, partition: str) -> tuple[FileInfo, dict[str, int]]:
    """Write rows, sorted by the column `partition`, with a row group for each of its values and without the column.

    The file's hash is given, and which row group holds which partition; those without rows have none.
    """
    parts = ((str(value), held.drop(partition)) for (value,), held in rows.group_by(partition, maintain_order=True))
    return _spooled(path, rows.drop(partition).clear(), parts, rows.height, WORK_COMPRESSION)


def spool_keys(path: Path, rows: pl.DataFrame, partitions: int) -> tuple[FileInfo, dict[str, int]]:
    """Write rows by the remainder of their `key` as `spool_partitions` does; hashes cannot be packed, and are not."""
    if partitions > 1:
        parted = rows.with_columns(partition=pl.col("key") % partitions).sort("partition", maintain_order=True)
        parts = ((str(value), held.drop("partition")) for (value,), held in parted.group_by("partition", maintain_order=True))
    else:
        parts = ((name, rows) for name in ["0"] if rows.height)
    return _spooled(path, rows.clear(), parts, rows.height, "none")


def _spooled(
    path: Path, empty: pl.DataFrame, parts: Iterable[tuple[str, pl.DataFrame]], rows: int, compression: str
) -> tuple[FileInfo, dict[str, int]]:
    groups: dict[str, int] = {}
    schema = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with plainly("writing", str(path)):
        writer = pq.ParquetWriter(path, schema, compression=compression, use_dictionary=False, write_page_checksum=True)
        for name, held in parts:
            groups[name] = len(groups)
            writer.write_table(held.to_arrow(compat_level=pl.CompatLevel.oldest()), row_group_size=max(held.height, 1))
        writer.close()
    info = pq.read_metadata(path)
    if info.num_rows != rows or info.num_row_groups != len(groups):
        raise CorruptError(f"{path}: holds {info.num_rows} rows, {rows} were written to it. Run again.")
    return file_info(path, rows), groups


def partition_of(work: Place, parts: Sequence[tuple[Part, Mapping[str, int]]], value: object) -> Iterator[tuple[int, pl.DataFrame]]:
    """Give the rows of a partition in each file that has some, with the file's number."""
    for number, (part, groups) in enumerate(parts):
        group = groups.get(str(value))
        if group is not None:
            with _ranges(work, part) as file:
                frame = pl.from_arrow(file.read_row_group(group))
            assert isinstance(frame, pl.DataFrame)
            yield number, frame


@contextmanager
def _ranges(work: Place, part: Part) -> Iterator[Any]:
    """Open a part to be read by ranges, its pages checked against their checksums."""
    with plainly("reading", work.address(part.path)):
        if work.local:
            yield pq.ParquetFile(work.full(part.path), page_checksum_verification=True, pre_buffer=False)
            return
        with work.fs.open(work.full(part.path), "rb") as stream:
            yield pq.ParquetFile(pa.PythonFile(stream, mode="r"), page_checksum_verification=True)
