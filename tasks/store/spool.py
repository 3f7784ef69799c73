"""Spooling: a file is written locally, closed, reopened, counted and hashed before it is put anywhere."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.abreast import Behind
from tasks.errors import CorruptError
from tasks.store.place import plainly

LEVEL = 3
"""zstd level of the Parquet files of a dataset."""
WORK_COMPRESSION = "lz4"
"""And the compression of the work store, whose files are written and read once or twice: a tenth of a filter's time went into zstd."""
DIFFERENT = frozenset({"id", "text", "input", "output", "rejected", "lines_of", "peer_lines_of"})
"""Columns whose values are hardly ever equal: a dictionary of them would be begun in vain."""
GROUP_BYTES = 8_000_000
"""Text that a row group of a dataset holds at most: what is read at once."""
WORK_GROUP_BYTES = 4_000_000
"""And one of the work store, of which several are held in several forms while they are worked on."""


@dataclass(frozen=True)
class FileInfo:
    """What a complete file holds."""

    sha256: str
    bytes: int
    rows: int


def file_info(path: Path, rows: int) -> FileInfo:
    """Hash a local file."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileInfo(sha256, path.stat().st_size, rows)


class ParquetSpool:
    """A local Parquet file in the making: frames gathered into row groups, pages with checksums.

    A row group holds frames of at most so many bytes of text together (one larger frame is a group by
    itself), so that many small frames cost no more than one. With `published`, the compression of a
    dataset's file, groups are larger than those of the work store. The schema is that of the first frame,
    or `schema` when no frame comes.
    """

    def __init__(self, path: Path, schema: pl.Schema | None = None, *, published: str | None = None) -> None:
        self.path = path
        self.rows = 0
        self.bytes = 0
        """Bytes of strings and binaries that were written."""
        self.row_group_rows = 1_000_000
        self._schema = schema
        self._compression, self._group_bytes = (published, GROUP_BYTES) if published else (WORK_COMPRESSION, WORK_GROUP_BYTES)
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.Table] = []
        self._held_bytes = self._held_rows = 0
        self._behind = Behind()

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of `frame`; an empty frame only fixes the schema."""
        size = _text_bytes(frame)
        if self._held and (self._held_bytes + size > self._group_bytes or self._held_rows >= self.row_group_rows):
            self._flush()
        # as Arrow rows stand for themselves: of a frame that few were left in, Polars holds the texts of all
        self._held.append(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
        self._held_bytes += size
        self._held_rows += frame.height
        self.bytes += size
        self.rows += frame.height

    def _flush(self) -> None:
        held, self._held, self._held_bytes, self._held_rows = self._held, [], 0, 0
        self._behind(lambda: self._put(held))

    def _put(self, tables: Sequence[pa.Table]) -> None:
        table = pa.concat_tables(tables).combine_chunks()
        with plainly("writing", str(self.path)):
            if self._writer is None:
                self._writer = self._open(table.schema)
            if table.num_rows:
                self._writer.write_table(table, row_group_size=self.row_group_rows)

    def finish(self) -> FileInfo:
        """Close the file, open it again, count its rows and hash it; CorruptError where they differ."""
        if not (self.rows or self._held):
            self.write(pl.DataFrame(schema=self._schema or {}))
        if self._held:
            self._flush()
        self._behind.wait()
        if self._writer is not None:
            with plainly("writing", str(self.path)):
                self._writer.close()
        counted = pq.read_metadata(self.path).num_rows
        if counted != self.rows:
            raise CorruptError(f"{self.path}: holds {counted} rows, {self.rows} were written to it. Run again.")
        return file_info(self.path, counted)

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        options: dict[str, Any] = {"compression_level": LEVEL} if self._compression == "zstd" else {}
        few = [name for name in schema.names if name not in DIFFERENT]
        return pq.ParquetWriter(
            self.path, schema, compression=self._compression, use_dictionary=few, write_page_checksum=True, version="2.6", **options
        )


def _text_bytes(frame: pl.DataFrame) -> int:
    """Give the bytes of strings and binaries; of a frame without them, of its numbers."""
    sizes = [pl.col(name).str.len_bytes().sum() for name, dtype in frame.schema.items() if dtype == pl.String]
    sizes += [pl.col(name).bin.size().sum() for name, dtype in frame.schema.items() if dtype == pl.Binary]
    return int(frame.select(pl.sum_horizontal(sizes)).item() or 0) if sizes else 8 * frame.height * frame.width


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Give a local folder for files in the making; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dartboard-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
