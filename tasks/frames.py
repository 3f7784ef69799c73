"""The columns of documents and pairs, and how frames are made to fit them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import polars as pl

Kind = Literal["documents", "pairs"]

MAX_FRAME_BYTES = 32_000_000
"""Rows travel in frames of at most this many bytes of text (one longer row makes a frame of its own)."""
MAX_FRAME_ROWS = 10_000
"""And of at most so many rows."""

SPAN = pl.Struct({"file": pl.String, "start": pl.Int64, "end": pl.Int64})
SECTIONS = pl.List(pl.Struct({"title": pl.String, "level": pl.Int64, "start": pl.Int64, "end": pl.Int64}))
TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
CUTS = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64}))

ORIGIN: dict[str, pl.DataType] = {
    "id": pl.String(),
    "source": pl.String(),
    "unit": pl.String(),
    "span": SPAN,
    "title": pl.String(),
    "authors": pl.List(pl.String),
    "url": pl.String(),
    "licence": pl.String(),
    "language": pl.String(),
    "created": pl.String(),
    "group": pl.String(),
    "parents": pl.List(pl.String),
    "private": pl.Boolean(),
    "attrs": pl.String(),
}
DOCUMENTS: dict[str, pl.DataType] = {**ORIGIN, "text": pl.String(), "sections": SECTIONS}
PAIRS: dict[str, pl.DataType] = {
    **ORIGIN,
    "system": pl.String(),
    "turns": TURNS,
    "input": pl.String(),
    "output": pl.String(),
    "rejected": pl.String(),
    "tools": pl.String(),
    "generator": pl.String(),
    "imputed": pl.List(pl.String),
}
MARKS: dict[str, pl.DataType] = {"split": pl.String(), "cluster": pl.UInt64(), "contaminated": pl.String(), "fold": pl.UInt8()}
"""Columns that barriers add and that later rows carry on."""
MADE: dict[str, pl.DataType] = {"score": pl.Float64()}
"""Columns that steps add to pairs and that are not of text."""
UNWRITTEN = frozenset({"split", "cluster"})
"""Those of them that a dataset tells by other means, or not at all."""

TYPES: dict[str, pl.DataType] = {**MARKS, **MADE, **DOCUMENTS, **PAIRS}
"""The type of every column that has a name of ours; all others are of text."""
SCHEMAS: dict[Kind, dict[str, pl.DataType]] = {"documents": DOCUMENTS, "pairs": PAIRS}
EMPTY_LISTS = ("authors", "parents", "turns", "imputed")
"""Columns in which nothing is an empty list, not null."""
TEXT_COLUMNS = ("text", "input", "output")


class Skip(NamedTuple):
    """A record of a source that could not be used."""

    file: str
    place: str
    reason: str


class Halves(NamedTuple):
    """Both halves of a step's work: the rows kept, and `id` and `reason` of those dropped."""

    kept: pl.DataFrame
    dropped: pl.DataFrame


NO_DROPS = pl.DataFrame(schema={"id": pl.String, "reason": pl.String})


def kind_of(columns: Iterable[str]) -> Kind:
    """Tell documents from pairs by their columns."""
    return "pairs" if "output" in set(columns) else "documents"


def text_column(columns: Iterable[str]) -> str:
    """Name the column that filters and dedup read unless told otherwise: `text`, or `output` of pairs."""
    return "output" if kind_of(columns) == "pairs" else "text"


def conform(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Give `frame` every column of its kind in the fixed order, absent ones null, extra ones last.

    Null `authors` and `parents` become empty lists and null `private` false, so that later
    steps meet one form of nothing.
    """
    schema = SCHEMAS[kind]
    blank: dict[str, Any] = {"private": False} | {name: [] for name in EMPTY_LISTS}
    known = []
    for name, dtype in schema.items():
        column = pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
        column = column if frame.schema.get(name, dtype) == dtype else column.cast(dtype)
        known.append(column.fill_null(pl.lit(blank[name], dtype)) if name in blank else column)
    return frame.select(*known, *(name for name in frame.columns if name not in {*schema, "text", "sections"}))


def frame_of(rows: Sequence[Mapping[str, Any]], kind: Kind) -> pl.DataFrame:
    """Make a conforming frame of plain dictionaries; keys outside the schema become columns of text."""
    schema = SCHEMAS[kind]
    extra = {name: pl.String() for row in rows for name in row if name not in schema}
    blank = dict.fromkeys((*schema, *extra))
    return pl.DataFrame([_filled({**blank, **row}) for row in rows], schema={**schema, **extra}, strict=True)


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    """Give the row with empty lists, and false, for nulls that later steps meet in that form."""
    for name in EMPTY_LISTS:
        if name in row and row[name] is None:
            row[name] = []
    row["private"] = bool(row["private"])
    return row


def batches(rows: Iterable[Mapping[str, Any]], kind: Kind, max_bytes: int = MAX_FRAME_BYTES) -> Iterator[pl.DataFrame]:
    """Gather rows into frames of at most `max_bytes` of text, or 10,000 rows."""
    held: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        weight = sum(len(row.get(name) or "") for name in TEXT_COLUMNS)
        if held and (size + weight > max_bytes or len(held) >= MAX_FRAME_ROWS):
            yield frame_of(held, kind)
            held, size = [], 0
        held.append(row)
        size += weight
    if held:
        yield frame_of(held, kind)


def dropped(frame: pl.DataFrame, reason: str | pl.Expr) -> pl.DataFrame:
    """Name the rows of `frame` as dropped for `reason`."""
    why = pl.lit(reason) if isinstance(reason, str) else reason
    return frame.select("id", why.cast(pl.String).alias("reason"))
