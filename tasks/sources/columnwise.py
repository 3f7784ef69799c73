"""Documents of JSON lines by columns: what is read of them record by record, for many at once.

Lines that hold anything unusual are not read here but named, and read by themselves.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import orjson
import polars as pl

from tasks.frames import DOCUMENTS, PAIRS, conform
from tasks.sources.jsonlines import Block, Row
from tasks.sources.origin import attrs

KNOWN = ("title", "url", "licence", "language", "created", "group")
"""Fields that are taken by their names where a record has them."""
UNUSUAL = frozenset({"authors", "private", "span"})
LINE = "line in block"
NOTHING = (":null", ':""', ":[]")
"""Members that `attrs` leaves out."""
NO_SPACE = r"[^\s\x1c-\x1f]"
"""What Python's strip leaves something of."""


class Asked(NamedTuple):
    """Which fields become which columns, and fields for whose sake a record is read by itself."""

    columns: dict[str, str]
    required: frozenset[str]
    unusual: frozenset[str]


class Origin(NamedTuple):
    """What all rows of a file share."""

    step: str
    source: str
    unit: str
    member: str
    licence: str | None
    private: bool

    def place(self, number: str) -> str:
        """Name a record of the file by its number."""
        return f"{self.member}#{number}" if self.member else number


def asked_of(columns: Mapping[str, str]) -> Asked | None:
    """Tell how records are read whose fields are named so (ours to theirs); None where only one by one."""
    ours = {theirs: own for own, theirs in columns.items()}
    own = [name for name in columns if name not in {**DOCUMENTS, **PAIRS}]
    elsewhere = "text" in ours and "text" not in columns
    if elsewhere or len(ours) < len(columns) or set(columns) - {"text", *KNOWN, *own} or LINE in columns:
        return None
    known = {name: name for name in ("text", *KNOWN) if name not in columns and name not in ours}
    return Asked(ours | known, frozenset(ours), UNUSUAL | (columns.keys() - ours.keys() - {"text"}))


def json_text(name: str) -> str:
    """Write a name as JSON does."""
    return orjson.dumps(name).decode()


def documents(block: Block, asked: Asked, origin: Origin) -> tuple[pl.DataFrame, Iterator[Row]]:
    """Give the documents of a block, with their lines in it as LINE, and the records of lines read by themselves."""
    from tasks.text.jsonlines import FINE, ODD

    found = block.strings(list(asked.columns))
    told = found.told
    if told is None:
        told = pl.Series(None, [None], dtype=pl.String).new_from_index(0, len(found.state))
        looked_at = list(found.rest)
    else:
        looked_at = told.str.contains_any([*NOTHING, *map(json_text, asked.unusual)]).arg_true().to_list()
    changed: dict[int, str | None] = {}
    for line in looked_at:
        rest = found.rest[line]
        try:
            changed[line] = attrs(rest)
        except RecursionError:
            found.state[line] = ODD
        if not asked.unusual.isdisjoint(rest):
            found.state[line] = ODD
    told = told.scatter(list(changed), pl.Series(list(changed.values()), dtype=pl.String))
    rows = found.columns.rename(dict(asked.columns))
    whole = (pl.col(asked.columns[name]).is_not_null() for name in asked.required)
    fit = rows.select(pl.all_horizontal(pl.col("text").str.contains(NO_SPACE).fill_null(value=False), *whole)).to_series().to_numpy()
    fine = found.state == FINE
    lines = np.flatnonzero(fine & fit)
    kept = rows.hstack([told.alias("attrs")]).filter(pl.Series(fine & fit)).hstack([pl.Series(LINE, lines)])
    odd = np.flatnonzero((found.state == ODD) | (fine & ~fit)).tolist()
    return _with_origin(kept, block.first, origin), block.rows_at(odd, found.ends)


def _with_origin(rows: pl.DataFrame, first: int, origin: Origin) -> pl.DataFrame:
    def stated(name: str, otherwise: pl.Expr) -> pl.Expr:
        return (pl.coalesce(pl.col(name).replace("", None), otherwise) if name in rows.columns else otherwise).alias(name)

    file = pl.concat_str(pl.lit(f"{origin.unit}#{origin.place('')}"), (pl.col(LINE) + first).cast(pl.String))
    nothing = pl.lit(None, pl.String)
    shared = {
        "id": pl.concat_str(pl.lit(f"{origin.step}/"), file),
        "source": pl.lit(origin.source),
        "unit": pl.lit(origin.unit),
        "span": pl.struct(file.alias("file"), start=pl.lit(0, pl.Int64), end=pl.col("text").str.len_bytes().cast(pl.Int64)),
        "private": pl.lit(origin.private),
    }
    otherwise = {"group": pl.concat_str(pl.lit(f"{origin.source}:"), file), "licence": pl.lit(origin.licence, pl.String)}
    return conform(rows.with_columns(*(stated(name, otherwise.get(name, nothing)) for name in KNOWN), **shared), "documents")
