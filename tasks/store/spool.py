"""Spooling: a file is written locally, closed, reopened, counted and hashed before it is put anywhere."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import CorruptError
from tasks.store.place import plainly

LEVEL = 3
"""zstd level of every Parquet file that we write."""


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
    """A local Parquet file in the making: one row group a frame, pages with checksums.

    The schema is that of the first frame, or `schema` when no frame comes.
    """

    def __init__(self, path: Path, schema: pl.Schema | None = None, compression: str = "zstd") -> None:
        self.path = path
        self.rows = 0
        self.row_group_rows = 1_000_000
        self._schema = schema
        self._compression = compression
        self._writer: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of `frame`; an empty frame only fixes the schema."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        with plainly("writing", str(self.path)):
            if self._writer is None:
                self._writer = self._open(table.schema)
            if table.num_rows:
                self._writer.write_table(table, row_group_size=self.row_group_rows)
        self.rows += table.num_rows

    def finish(self) -> FileInfo:
        """Close the file, open it again, count its rows and hash it; CorruptError where they differ."""
        if self._writer is None:
            self.write(pl.DataFrame(schema=self._schema or {}))
        if self._writer is not None:
            with plainly("writing", str(self.path)):
                self._writer.close()
        counted = pq.read_metadata(self.path).num_rows
        if counted != self.rows:
            raise CorruptError(f"{self.path}: holds {counted} rows, {self.rows} were written to it. Run again.")
        return file_info(self.path, counted)

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        options = {"compression_level": LEVEL} if self._compression == "zstd" else {}
        return pq.ParquetWriter(self.path, schema, compression=self._compression, write_page_checksum=True, version="2.6", **options)


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Give a local folder for files in the making; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dartboard-") as folder:
        yield Path(folder)
