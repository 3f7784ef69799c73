"""Carrying splits over: rows of an earlier build keep theirs, and new ones follow those that they belong to."""

import polars as pl

STRADDLES = "straddles"
ROW, TIE, SPLIT = "n", "tie", "split"
UNSEEN = "unseen"
RANKS = ("train", "validation", "test", UNSEEN)
"""Splits, those last that a row must not leave."""


def carried(ties: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give `n`, `split` and `reason` of every row that is tied to rows of an earlier build, those rows included.

    `ties` has `n` and `tie`: rows with the same tie belong together. `rows` has `n`, `order` and `split`, null for new
    rows. A new row gets the split of those it is tied to; one that is tied to rows of two splits is dropped as STRADDLES.
    Of old rows that a changed recipe ties together, those of the last split in RANKS stay.
    New rows are reached step by step, and of two that would meet in different splits the first by `order` stays.
    """
    known = _reconciled(ties, rows.filter(pl.col(SPLIT).is_not_null()).select(ROW, SPLIT))
    ties = ties.join(rows.select(ROW, "order"), on=ROW)
    while True:
        sides = (
            ties.join(known.filter(pl.col("reason").is_null()), on=ROW).group_by(TIE).agg(pl.col(SPLIT).min(), other=pl.col(SPLIT).max())
        )
        reached = ties.join(known, on=ROW, how="anti").join(sides, on=TIE)
        if not reached.height:
            return known.sort(ROW)
        found = reached.group_by(ROW).agg(pl.col("order").first(), pl.col(SPLIT).min(), other=pl.col("other").max())
        found = found.with_columns(reason=pl.when(pl.col(SPLIT) != pl.col("other")).then(pl.lit(STRADDLES)))
        known = pl.concat([known, _at_odds(ties, found).select(ROW, SPLIT, "reason")])


def _reconciled(ties: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Drop old rows that are tied to one of a higher split: what was a test stays one."""
    rank = pl.col(SPLIT).replace_strict({name: place for place, name in enumerate(RANKS)}, default=len(RANKS), return_dtype=pl.Int64)
    held = ties.join(known.with_columns(rank=rank), on=ROW)
    lost = held.filter(pl.col("rank") < pl.col("rank").max().over(TIE))[ROW].unique()
    return known.with_columns(reason=pl.when(pl.col(ROW).is_in(lost.implode())).then(pl.lit(STRADDLES)))


def _at_odds(ties: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Drop rows that came into different splits at once though they are tied: all but those of the first one's."""
    stays = found.filter(pl.col("reason").is_null())
    first = ties.select(ROW, TIE).join(stays, on=ROW).sort("order", ROW)
    first = first.with_columns(wins=pl.col(SPLIT).first().over(TIE))
    lost = first.filter(pl.col("wins") != pl.col(SPLIT))[ROW].unique()
    return found.with_columns(reason=pl.when(pl.col(ROW).is_in(lost.implode())).then(pl.lit(STRADDLES)).otherwise("reason"))
