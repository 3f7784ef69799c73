"""`select`: a number of rows spread evenly over the board."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.frames import text_column
from tasks.step import BarrierStep, Context, Names
from tasks.store.keys import draw

LENGTH_BANDS = (250, 500, 1000, 2000, 4000, 8000)
"""Bounds in characters of the axis `length`."""


class Select(BarrierStep):
    """Keep `rows` rows, spread as evenly as the rows allow over the cells of the named axes.

    The axis `length` stands for bands of characters; every other axis is a column. Each split gives
    rows in proportion to its size, and at least one. Cells are filled in turns, one row a turn, so that small cells
    are taken whole before large ones give more; which rows of a cell is drawn by id.

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
    """Axes: `length`, or columns."""

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The axes that are columns."""
        return {"spread": tuple(axis for axis in self.spread if axis != "length")}

    def reads(self, columns: Sequence[str]) -> list[str]:
        """Ids, splits, and the axes."""
        axes = [axis for axis in self.spread if axis != "length"]
        return ["id", "split", *axes, *([text_column(columns)] if "length" in self.spread else [])]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row its lot and the hash of its cell."""
        from tasks.text.hashing import chances, hash_texts

        axes = [self._axis(axis, rows.columns) for axis in self.spread] or [pl.lit("")]
        cell = rows.with_columns(pl.concat_str([axis.cast(pl.String).fill_null("") for axis in axes], separator="\x1f").alias("cell"))[
            "cell"
        ]
        split = (
            rows["split"].fill_null("train") if "split" in rows.columns else pl.Series("split", ["train"]).new_from_index(0, rows.height)
        )
        lots = chances(rows["id"], draw(context.seed, context.step) >> 1)
        return rows.select("row").with_columns(split.alias("split"), cell=hash_texts(cell), chance=lots)

    def _axis(self, axis: str, columns: Sequence[str]) -> pl.Expr:
        if axis != "length":
            return pl.col(axis)
        return pl.col(text_column(columns)).str.len_chars().cut(list(LENGTH_BANDS)).cast(pl.String)

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Fill cells in turns until the rows suffice."""
        del context, pairs
        sizes = rows.group_by("split").len().sort("split")
        shares = dict(zip(sizes["split"].to_list(), apportioned(self.rows, sizes["len"].to_list()), strict=True))
        turn = pl.col("chance").rank("ordinal").over("split", "cell")
        ranked = rows.with_columns(turn=turn)
        place = pl.struct("turn", "chance", "cell", "place").rank("ordinal").over("split")
        share = pl.col("split").replace_strict(shares, default=0, return_dtype=pl.Int64)
        keep = ranked.select(place <= share).to_series()
        return rows.select("place", keep=keep, reason=pl.when(~pl.lit(keep)).then(pl.lit("not selected")))


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
