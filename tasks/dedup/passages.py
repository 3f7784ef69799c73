"""Repeated passages: of equal windows of words one stays, the others are cut or counted."""

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from tasks.frames import CUTS
from tasks.settings import Settings


class Repeats(Settings):
    """How long a repeated passage is at least, and what becomes of it."""

    words: Annotated[int, Field(ge=10, le=1000)] = 50
    """Windows of so many words, whatever their case and the signs between them, that stand more than once."""
    mode: Literal["cut", "count"] = "cut"
    """Cut all but the first out of `text` or `output`, or only count and list them."""


def repeated(windows: pl.DataFrame) -> pl.DataFrame:
    """Give the windows that an equal one stands before: `place`, `start`, `end`, and `first`, the place of that one.

    `windows` have `key`, `rank`, `order`, `place`, `start` and `end`; the first is that of the lowest rank, then order, then start. Of one
    that overlaps the first, and of the first itself, only what goes beyond it counts.
    """
    ranked = windows.sort("key", "rank", "order", "place", "start")
    first = ranked.select(pl.col("place", "end").first().over("key").name.prefix("first_"))
    beyond = pl.when(pl.col("place") == pl.col("first_place")).then(pl.max_horizontal("start", "first_end")).otherwise("start")
    told = ranked.hstack(first)
    return told.select("place", beyond.alias("start"), "end", first="first_place").filter(pl.col("start") < pl.col("end"))


def spans(found: pl.DataFrame) -> pl.DataFrame:
    """Join windows of one row that overlap or touch: `place`, `start`, `end`, and `first` of the first window."""
    laid = found.sort("place", "start", "end")
    reach = pl.col("end").cum_max().shift(1).over("place")
    begins = (pl.col("start") > reach).fill_null(value=True)
    return (
        laid.with_columns(span=begins.cum_sum())
        .group_by("span", maintain_order=True)
        .agg(pl.col("place", "start", "first").first(), pl.col("end").max())
        .select("place", "start", "end", "first")
    )


def cuts_of(found: pl.DataFrame, rows: pl.Series) -> pl.Series:
    """Give the spans of each of `rows`, null where there is none; `found` has `row`, `start` and `end`."""
    listed = found.group_by("row", maintain_order=True).agg(pl.struct("start", "end").alias("cuts"))
    return rows.to_frame("row").join(listed, on="row", how="left", maintain_order="left")["cuts"].cast(CUTS)
