"""What all pairings share: how a document's row becomes a pair's."""

from collections.abc import Iterable
from typing import ClassVar

import polars as pl

from tasks.frames import DOCUMENTS, PAIRS, Kind, conform
from tasks.step import Family, RowStep


def _made_by(rule: str, frame: pl.DataFrame) -> pl.Expr:
    """Say who made the pairs: what a model wrote stays its, whatever a rule does to it."""
    ours = pl.lit(f"rule:{rule}")
    if frame.schema.get("generator") != pl.String:
        return ours.alias("generator")
    return pl.when(pl.col("generator").str.starts_with("model:")).then("generator").otherwise(ours).alias("generator")


class Pairing(RowStep):
    """A step that makes pairs by a rule."""

    family: ClassVar[Family] = "pair"
    gives: ClassVar[Kind | None] = "pairs"

    use: str
    system: str | None = None
    """A system message for every pair; `template` renders it, other pairings take it as it stands."""

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A pair's columns, and those of the user's own."""
        return frozenset(PAIRS) | (before - set(DOCUMENTS))

    def pairs(self, frame: pl.DataFrame, texts: Iterable[pl.Expr], step: str) -> pl.DataFrame:
        """Give `frame` as pairs with `input` and `output` of `texts`, labelled by this rule.

        Ids get `/STEP`, so that the pairs which two steps make of one row stay apart where their
        branches meet.
        """
        told = [] if self.system is None and "system" in frame.columns else [pl.lit(self.system, dtype=pl.String).alias("system")]
        made = frame.with_columns(told).with_columns(
            *texts,
            pl.format("{}/{}", "id", pl.lit(step)).alias("id"),
            _made_by(self.use, frame),
        )
        return conform(made, "pairs")
