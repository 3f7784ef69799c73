"""Axes of the board: what rows are told apart by, as short labels."""

from collections.abc import Sequence

import polars as pl

from tasks.frames import text_column

LENGTHS = (250, 500, 1000, 2000, 4000, 8000)
"""Bounds in characters of the axis `length`."""
LABEL = 60
MEASURED = ("length", "style", "format", "topic")
"""Axes that are measured, not columns."""
STYLE = ("dialogue", "short sentences", "even sentences", "long sentences")


def labels(rows: pl.DataFrame, axis: str) -> pl.Series:
    """Give each row its label on an axis: a measured one, a column, or an expression in SQL; `none` where there is nothing."""
    name = text_column(rows.columns)
    if axis == "length":
        return rows.select(_length(pl.col(name).fill_null("").str.len_chars())).to_series()
    if axis == "style":
        return _style(rows[name].fill_null(""))
    if axis == "format":
        return rows.select(_format(pl.col(name).fill_null(""))).to_series()
    told = pl.col(axis) if axis in rows.columns else pl.sql_expr(axis)
    return rows.select(told.cast(pl.String).fill_null("none").str.slice(0, LABEL).alias("label")).to_series()


def needed(axes: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Name the columns that axes read."""
    texts = [text_column(columns)] if any(axis in MEASURED for axis in axes) else []
    return [*texts, *(name for axis in axes if axis not in MEASURED for name in ([axis] if axis in columns else _named(axis)))]


def fault_in(axis: str) -> str:
    """Say what is wrong with an axis that is an expression; nothing where it can be read."""
    try:
        pl.sql_expr(axis)
    except pl.exceptions.PolarsError as error:
        return f"is no column and no expression in SQL: {error}"
    return ""


def _named(axis: str) -> list[str]:
    return pl.sql_expr(axis).meta.root_names()


def _length(chars: pl.Expr) -> pl.Expr:
    label = pl.lit(f"from {LENGTHS[-1]}")
    for low, high in reversed(list(zip((0, *LENGTHS), LENGTHS, strict=False))):
        label = pl.when(chars < high).then(pl.lit(f"{low} to {high}")).otherwise(label)
    return label.alias("label")


def _format(text: pl.Expr) -> pl.Expr:
    """Tell what a text is written as, by its first sign and the beginnings of its lines."""
    bare = text.str.strip_chars()
    lines = text.str.count_matches(r"(?m)^[^\n\S]*\S")

    def share(pattern: str) -> pl.Expr:
        return text.str.count_matches(pattern) / pl.max_horizontal(lines, 1)

    return (
        pl.when(bare.str.contains(r"^[\[{](?s:.*)[\]}]$"))
        .then(pl.lit("json"))
        .when(bare.str.contains(r"^<[A-Za-z!?](?s:.*)>$"))
        .then(pl.lit("markup"))
        .when(text.str.contains(r"(?m)^```"))
        .then(pl.lit("with code"))
        .when(share(r"(?m)^[^\n]*\|[^\n]*\|") >= 0.5)
        .then(pl.lit("table"))
        .when(share(r"(?m)^[^\n\S]*(?:[-*•]|\d{1,3}[.)])[^\n\S]") >= 0.5)
        .then(pl.lit("list"))
        .when((lines >= 3) & (share(r"(?m)^[^\n\S]*[\w \-]{1,30}:(?:[^\n\S]|$)") >= 0.6))
        .then(pl.lit("fields"))
        .when((lines >= 4) & (text.str.len_chars() / pl.max_horizontal(lines, 1) < 60))
        .then(pl.lit("short lines"))
        .when(lines <= 1)
        .then(pl.lit("one paragraph"))
        .otherwise(pl.lit("paragraphs"))
        .alias("label")
    )


def _style(texts: pl.Series) -> pl.Series:
    """Tell texts that are mostly dialogue, and others by the words of their sentences."""
    from tasks.text.structure import structure

    told = structure(texts, style=True)
    words = pl.col("words") / pl.max_horizontal("sentences", 1)
    by_length = pl.when(words < 12).then(pl.lit(STYLE[1])).when(words < 22).then(pl.lit(STYLE[2])).otherwise(pl.lit(STYLE[3]))
    spoken = pl.col("quoted_chars") / pl.max_horizontal("chars", 1) > 0.3
    return told.select(pl.when(spoken).then(pl.lit(STYLE[0])).otherwise(by_length).alias("label")).to_series()
