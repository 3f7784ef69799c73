"""Shards: a text part with the column parts that lie beside it, read as frames of live rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tasks.errors import CorruptError
from tasks.frames import MARKS, TEXT_COLUMNS
from tasks.store.commit import Part, open_part
from tasks.store.keys import digest
from tasks.store.place import Place


@dataclass(frozen=True)
class Shard:
    """A run of rows: one text part, and column parts row for row beside it, in order of making."""

    text: Part
    columns: tuple[Part, ...] = ()
    cut: bool = False
    """Whether a column part takes spans out of the text."""

    @property
    def digest(self) -> str:
        """The hash of everything that a reader of the live rows can see."""
        return digest([self.text.sha256, *(part.sha256 for part in self.columns)])

    def beside(self, part: Part, *, cut: bool = False) -> "Shard":
        """Give the shard with one more column part."""
        return Shard(self.text, (*self.columns, part), self.cut or cut)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Shard":
        """Make it again of plain data."""
        return cls(Part(**plain["text"]), tuple(Part(**part) for part in plain["columns"]), plain["cut"])


CUTS = "cuts."


def _verified(path: Path) -> Any:
    """Open a Parquet file whose pages are checked against their checksums."""
    return pq.ParquetFile(path, page_checksum_verification=True)


def whole(work: Place, part: Part) -> pl.DataFrame:
    """Read all of a part as one frame.

    Not by `pyarrow.parquet.read_table`, which would import pandas for it.
    """
    with open_part(work, part) as path, _verified(path) as file:
        return _frame(file.read())


def columns_of(work: Place, shard: Shard) -> pl.DataFrame:
    """Read what lies beside the text: `row`, `keep`, and `split`, `cluster` and cuts where they were set.

    `keep` is true where every column part keeps the row; of marks set twice the later one counts;
    cuts are all there, in order of making, since each is of the text that the one before it left.
    """
    frame = pl.DataFrame({"row": pl.int_range(shard.text.rows, dtype=pl.UInt32, eager=True)}).with_columns(keep=pl.lit(value=True))
    for part in shard.columns:
        beside = whole(work, part)
        if beside.height != frame.height:
            raise CorruptError(f"{work.address(part.path)}: does not lie row for row beside its text. Remove it and run again.")
        marks = [name for name in MARKS if name in beside.columns]
        cuts = [beside["cuts"].alias(f"{CUTS}{len(frame.columns)}")] if "cuts" in beside.columns else []
        frame = frame.with_columns(frame["keep"] & beside["keep"], *(beside[name] for name in marks), *cuts)
    return frame


def groups(work: Place, part: Part, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
    """Read a part a row group at a time; one frame without rows where there are none."""
    with open_part(work, part) as path, _verified(path) as file:
        for group in range(file.num_row_groups):
            yield _frame(file.read_row_group(group, columns=columns))
        if file.num_row_groups == 0:
            empty = file.schema_arrow.empty_table()
            yield _frame(empty if columns is None else empty.select(columns))


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def read(work: Place, shard: Shard, columns: Sequence[str] | None = None, *, dead: bool = False) -> Iterator[pl.DataFrame]:
    """Yield the live rows of a shard, a row group at a time, cut and marked as its column parts say.

    Each frame has `row`, the row's place in the shard. `columns` limits what is read of the text
    part. With `dead` the dropped rows come too, and `keep` tells them apart.
    """
    beside = columns_of(work, shard)
    with ExitStack() as stack:
        path = stack.enter_context(open_part(work, shard.text))
        file = stack.enter_context(_verified(path))
        wanted = None if columns is None else [name for name in file.schema_arrow.names if name in set(columns)]
        start = 0
        for group in range(file.num_row_groups):
            rows = _frame(file.read_row_group(group, columns=wanted))
            height = file.metadata.row_group(group).num_rows
            yield _live(rows, beside.slice(start, height), columns, dead=dead)
            start += height
        if start != shard.text.rows:
            raise CorruptError(f"{work.address(shard.text.path)}: holds {start} rows, not {shard.text.rows}. Remove it and run again.")
        if file.num_row_groups == 0:
            empty = _frame(file.schema_arrow.empty_table())
            yield _live(empty if wanted is None else empty.select(wanted), beside, columns, dead=dead)


def text_bytes(work: Place, shard: Shard) -> int:
    """Give the bytes of the texts of all rows, dropped ones too, from what the file says of its columns."""
    with open_part(work, shard.text) as path:
        held = pq.read_metadata(path)
    total = 0
    for group in range(held.num_row_groups):
        columns = (held.row_group(group).column(place) for place in range(held.num_columns))
        total += sum(column.total_uncompressed_size for column in columns if column.path_in_schema in TEXT_COLUMNS)
    return total


def has_nulls(work: Place, shard: Shard, column: str) -> bool:
    """Tell whether rows may have no value in a column, dropped ones too, from what the file says; not for a column that is not there."""
    with open_part(work, shard.text) as path:
        held = pq.read_metadata(path)
    found = [
        held.row_group(group).column(place).statistics
        for group in range(held.num_row_groups)
        for place in range(held.num_columns)
        if held.row_group(group).column(place).path_in_schema == column
    ]
    return any(told is None or not told.has_null_count or told.null_count for told in found)


def _live(rows: pl.DataFrame, beside: pl.DataFrame, wanted: Sequence[str] | None, *, dead: bool) -> pl.DataFrame:
    marks = [name for name in beside.columns if wanted is None or name in wanted or name in ("row", "keep") or name.startswith(CUTS)]
    frame = rows.drop([name for name in marks if name in rows.columns]).hstack(beside.select(marks))
    if not dead:
        frame = (frame if frame["keep"].all() else frame.filter("keep")).drop("keep")
    return _cut(frame)


def _cut(frame: pl.DataFrame) -> pl.DataFrame:
    if not any(name.startswith(CUTS) for name in frame.columns):
        return frame
    from tasks.text.cuts import cut

    text = next((name for name in ("text", "output") if name in frame.columns), None)
    for cuts in [name for name in frame.columns if name.startswith(CUTS)]:
        if text:
            frame = frame.with_columns(cut(frame[text], frame[cuts]).alias(text))
        if "span" in frame.columns:
            unknown = pl.struct(pl.col("span").struct.field("file"), start=pl.lit(None, pl.Int64), end=pl.lit(None, pl.Int64))
            frame = frame.with_columns(span=pl.when(pl.col(cuts).list.len().fill_null(0) > 0).then(unknown).otherwise("span"))
        frame = frame.drop(cuts)
    return frame


def counted(frame: pl.DataFrame) -> dict[str, int]:
    """Count the rows of `frame` by `reason`, in order of reason."""
    table = frame.group_by("reason").len().sort("reason")
    return dict(zip(table["reason"].to_list(), table["len"].to_list(), strict=True))


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up counts by reason, in order of reason."""
    total: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            total[reason] = total.get(reason, 0) + number
    return dict(sorted(total.items()))
