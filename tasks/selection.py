"""`select`: a number of rows spread over the board."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.axes import LABEL, MEASURED, fault_in, labels, needed
from tasks.errors import Fault
from tasks.frames import text_column
from tasks.step import BarrierStep, Context, Names
from tasks.store.keys import draw

TOPICS = 12
"""Topics of the axis `topic`."""
Weight = Annotated[float, Field(ge=0)]
Cells = list[str]


class Select(BarrierStep):
    """Keep `rows` rows, spread as evenly as the rows allow over the cells of the named axes.

    An axis is `length` (bands of characters), `style` (dialogue, or how long sentences are), `format` (paragraphs, lists,
    tables, fields, markup and the like), `topic` (twelve groups of texts by the words they share), a column, or an expression in SQL.
    Each split gives rows in proportion to its size, and at least one. Every cell gives a row before any gives
    two; then each gives its part: the same of all, or by `quotas` and `mix`. What a cell lacks the others give. Which rows of a
    cell are taken is drawn by id. The report draws the board and tells each cell's shortfall.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      board: {use: select, rows: 2, spread: [length]}
      dataset: {use: write}
    ```
    """

    draws: ClassVar[bool] = True

    use: Literal["select"] = "select"
    rows: Annotated[int, Field(ge=1)]
    """How many rows to keep; all, where there are fewer."""
    spread: Names = ()
    """Axes, outermost first."""
    quotas: dict[str, dict[str, Weight]] = {}
    """Shares (up to 1) or counts of rows for values of an axis, as in `{source: {arxiv: 0.3}}`; the others share what is left."""
    mix: dict[str, dict[str, Weight]] = {}
    """Weights for values of an axis, as in `{source: {books: 3, wiki: 1}}`; values that are not named weigh 1."""

    @property
    def axes(self) -> tuple[str, ...]:
        """All axes: those of `spread`, then those that only quotas or a mix name."""
        return tuple(dict.fromkeys((*self.spread, *self.quotas, *self.mix)))

    def faults(self) -> Sequence[Fault]:
        """An axis must be readable, and quotas of an axis leave no more than all."""
        found = [Fault("spread", told, axis) for axis in self.axes if axis not in MEASURED and (told := fault_in(axis))]
        for axis, quotas in self.quotas.items():
            total = sum(_share(value, self.rows) for value in quotas.values())
            if total > 1 + 1e-9:
                found.append(Fault(f"quotas.{axis}", f"add up to {total:g} of the rows", remedy="Lower one."))
            if axis in self.mix:
                found.append(Fault(f"mix.{axis}", "has quotas too", remedy="Give one of them."))
        return found

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns that axes are or read."""
        return {"spread": tuple(name for axis in self.axes if axis not in MEASURED and not fault_in(axis) for name in needed([axis], []))}

    def reads(self, columns: Sequence[str]) -> list[str]:
        """Ids, splits, and what the axes are measured on."""
        return ["id", "split", *needed(self.axes, columns)]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row its lot, its split and its label on each axis; for `topic` a vector."""
        from tasks.text.hashing import chances
        from tasks.text.topics import topic_vectors

        split = rows["split"].fill_null("train") if "split" in rows.columns else pl.Series(["train"]).new_from_index(0, rows.height)
        lots = chances(rows["id"], draw(context.seed, context.step) >> 1)
        held = [labels(rows, axis).alias(_axis(place)) for place, axis in enumerate(self.axes) if axis != "topic"]
        vectors = [topic_vectors(rows[text_column(rows.columns)]).alias("vector")] if "topic" in self.axes else []
        return rows.select("row").with_columns(split.alias("split"), *held, *vectors, chance=lots)

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Fill cells in turns until the rows suffice."""
        del context, pairs
        names = [_axis(place) for place in range(len(self.axes))]
        rows = self._with_topics(rows).with_columns(cell=pl.concat_str([pl.lit(""), *names], separator="\x1f"))
        sizes = rows.group_by("split").len().sort("split")
        shares = dict(zip(sizes["split"].to_list(), apportioned(self.rows, sizes["len"].to_list()), strict=True))
        weighed = rows.join(self._weights(rows, names), on=["split", "cell"], how="left", maintain_order="left")
        turn = pl.col("chance").rank("ordinal").over("split", "cell").cast(pl.Float64)
        due = pl.when(turn == 1).then(0.0).when(pl.col("weight") > 0).then((turn - 1) / pl.col("weight")).otherwise(float("inf"))
        ranked = weighed.with_columns(turn=turn, due=due)
        place = pl.struct("due", "turn", "chance", "cell", "place").rank("ordinal").over("split")
        share = pl.col("split").replace_strict(shares, default=0, return_dtype=pl.Int64)
        keep = ranked.select(place <= share).to_series()
        reason = pl.when(~pl.lit(keep)).then(pl.lit("not selected"))
        wanted = pl.col("split").replace_strict(shares, default=0, return_dtype=pl.Float64) * pl.col("weight")
        return ranked.select("place", *names, of="split", keep=keep, reason=reason, wanted=wanted)

    def told(self, settled: pl.DataFrame) -> dict[str, Any]:
        """Give the board: for each split and cell the rows that were there, wanted and taken."""
        if not self.axes:
            return {}
        names = [_axis(place) for place in range(len(self.axes))]
        table = (
            settled.group_by("of", *names)
            .agg(there=pl.len(), wanted=pl.col("wanted").first(), taken=pl.col("keep").sum())
            .sort("of", *names)
        )
        cells = [
            {
                "split": split,
                "cell": list(cell),
                "there": there,
                "wanted": round(wanted, 1),
                "taken": taken,
                "short": max(0, round(wanted) - taken),
            }
            for split, *cell, there, wanted, taken in table.iter_rows()
        ]
        return {"board": {"axes": list(self.axes), "cells": cells}}

    def _with_topics(self, rows: pl.DataFrame) -> pl.DataFrame:
        if "vector" not in rows.columns:
            return rows
        from tasks.text.topics import topics

        found = topics(rows["vector"], TOPICS, rows["chance"].to_numpy())
        label = pl.Series(_axis(self.axes.index("topic")), [f"topic {number + 1}" for number in found], dtype=pl.String)
        return rows.drop("vector").with_columns(label)

    def _weights(self, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Give each cell of each split its part of the rows."""
        cells = rows.group_by("split", "cell", *names).len()
        parts = [self._parts(axis, name) for axis, name in zip(self.axes, names, strict=True)]
        weighed = cells.with_columns(weight=reduce(lambda one, other: one * other, parts, pl.lit(1.0)))
        return weighed.select("split", "cell", weight=pl.col("weight") / pl.max_horizontal(pl.col("weight").sum().over("split"), 1e-300))

    def _parts(self, axis: str, name: str) -> pl.Expr:
        """Give the part of the rows that a value of an axis should have, shared by the cells that have the value."""
        given: Mapping[str, float] = self.quotas.get(axis) or self.mix.get(axis) or {}
        if not given:
            return pl.lit(1.0)
        values = {value[:LABEL]: _share(weight, self.rows) if axis in self.quotas else weight for value, weight in given.items()}
        rest = max(0.0, 1 - sum(values.values())) / pl.max_horizontal(_others(name, values), 1) if axis in self.quotas else pl.lit(1.0)
        part = pl.col(name).replace_strict(values, default=None, return_dtype=pl.Float64)
        return pl.coalesce(part, rest) / pl.len().over("split", name)


def _others(name: str, values: Mapping[str, float]) -> pl.Expr:
    """Count the values of an axis that are not named, in each split."""
    return pl.col(name).filter(~pl.col(name).is_in(list(values))).n_unique().over("split")


def _share(value: float, rows: int) -> float:
    """Give a quota as a share: a number above 1 counts rows."""
    return value if value <= 1 else value / rows


def _axis(place: int) -> str:
    return f"axis_{place}"


def apportioned(rows: int, sizes: Sequence[int]) -> list[int]:
    """Divide `rows` over parts of these sizes in proportion, by largest remainders; each part gets one where there are enough.

    >>> apportioned(10, [80, 15, 5])
    [8, 1, 1]
    """
    total = sum(sizes)
    if rows >= total:
        return list(sizes)
    least = 1 if rows >= len(sizes) else 0
    exact = [(rows - least * len(sizes)) * (size - least) / max(total - least * len(sizes), 1) for size in sizes]
    given = [least + int(share) for share in exact]
    order = sorted(range(len(sizes)), key=lambda place: (int(exact[place]) - exact[place], place))
    for place in order[: rows - sum(given)]:
        given[place] += 1
    return given
