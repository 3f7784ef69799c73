"""`dedup`: of rows that say the same, one is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from tasks.dedup.comparison import Comparison, exact_keys, said
from tasks.dedup.near import Near
from tasks.dedup.passages import Repeats
from tasks.dedup.semantic import Semantic
from tasks.errors import Fault
from tasks.frames import text_column
from tasks.settings import Settings
from tasks.step import NO_IDENTITY, BarrierStep, Context, Names, Paths

Ids = npt.NDArray[np.int64]
RANKS = {"test": 0, "validation": 1}


class Best(Settings):
    """The row with the highest value of a column is kept."""

    best: str
    """A column of numbers; rows without one come last."""


class Dedup(BarrierStep):
    """Keep one of the rows whose texts are the same, or nearly the same.

    Exact: equal when case, white space and sentence marks at the edges of words are set aside. `near`:
    candidates from MinHash bands, each verified by the exact Jaccard similarity of their shingles (of words, or
    of characters where one has fewer than 20 words), in each of the columns compared. `semantic`: by the cosine of vectors. Which is kept:
    test before validation before train, human before rule before model, then `keep`. Dropped rows
    name a row that they resemble in `duplicate_of`: the one that is kept, or, unless `strict`, one that leads
    to it. `cluster` joins them. Rows that earlier data hold (`index`, `against`) are dropped as `known`, and `known_in` names the data.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      unique: {use: dedup, near: {similarity: 0.8}}
      dataset: {use: write}
    ```
    """

    use: Literal["dedup"] = "dedup"
    near: Near | None = None
    """Find near-duplicates too."""
    semantic: Semantic | None = None
    """Find rows that mean the same in other words too."""
    by: Names | None = None
    """The columns compared: `text`, or `system`, `turns`, `input` and `output` of pairs, unless named; null is like nothing."""
    keep: Literal["longest", "first"] | Best = "longest"
    """Which of equals is kept, after split and generator are weighed; `{best: column}`: the one with the highest value."""
    conflicts: Literal["list", "drop"] | None = None
    """Pairs of one input and different outputs: name each in `conflicts_with`, or `drop` all but the best. Left alone when absent."""
    strict: bool = False
    """Drop a row only where it resembles the kept one itself, not by way of others."""
    passages: Repeats | None = None
    """Find runs of words that stand more than once in the rows that are left, and cut all but the first or count them."""
    index: Paths | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Datasets, or indexes that `dartboard index` made, whose rows are not wanted again: folders on any store, relative to the recipe; the
    latest version of each counts, unless a version's own folder is named. `semantic` looks into datasets only: it needs texts."""
    against: str | None = None
    """A step whose rows are not wanted again."""

    @property
    def paired_only(self) -> bool:
        """Rows without a like stay, unless conflicts are looked for."""
        return self.conflicts is None

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns compared, where they are named, and the one that tells the best."""
        return {"by": self.by or (), **({"keep.best": (self.keep.best,)} if isinstance(self.keep, Best) else {})}

    def known(self) -> tuple[str, ...]:
        """Earlier datasets and indexes."""
        return (self.index,) if isinstance(self.index, str) else self.index or ()

    def model_files(self) -> dict[str, str]:
        """The files of the model of `semantic`."""
        return self.semantic.files() if self.semantic else {}

    def faults(self) -> Sequence[Fault]:
        """Vectors come from one place."""
        both = self.semantic and self.semantic.model and self.semantic.endpoint
        return [Fault("semantic", "takes a `model` or an `endpoint`, not both", remedy="Leave one out.")] if both else ()

    def model_faults(self, models: Mapping[str, Any]) -> Sequence[Fault]:
        """The endpoint's model must be among the recipe's."""
        name = self.semantic.endpoint.model if self.semantic and self.semantic.endpoint else None
        if name is None or name in models:
            return ()
        return [Fault("semantic.endpoint.model", f"is not among the models ({', '.join(models) or 'none'})", name)]

    def others(self) -> dict[str, str]:
        """The step whose rows are known."""
        return {"against": self.against} if self.against else {}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A cluster mark comes."""
        return before | {"cluster"}

    def _compared(self, columns: Sequence[str]) -> list[str]:
        if self.by is not None:
            return list(self.by)
        return ["text"] if text_column(columns) == "text" else ["system", "turns", "input", "output"]

    def comparison(self, columns: Sequence[str]) -> Comparison:
        """Equal rows, and near ones where they are asked for, by the compared columns."""
        return Comparison(tuple(self._compared(columns)), self.near)

    def reads(self, columns: Sequence[str]) -> list[str]:
        """The compared columns, and what decides who is kept."""
        best = [self.keep.best] if isinstance(self.keep, Best) else []
        asked = ["system", "turns", "input", "output"] if self.conflicts else []
        return ["id", "split", "generator", *best, *asked, *self._compared(columns)]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row its id and its rank as a keeper, the lower the better."""
        del context
        summary = rows.select("row", "id", rank=keeper_rank(rows.columns), merit=self._merit(rows).cast(pl.Float64))
        return summary if self.conflicts is None else summary.with_columns(_questions(rows))

    def _merit(self, rows: pl.DataFrame) -> pl.Expr:
        """Give what tells the better row; of earlier rows, which are kept anyway, columns may be missing, or hold hashes."""
        if isinstance(self.keep, Best) and self.keep.best in rows.columns:
            return pl.col(self.keep.best).cast(pl.Float64, strict=False).fill_nan(None).fill_null(float("-inf"))
        if self.keep != "longest":
            return pl.lit(0)
        texts = [name for name in self._compared(rows.columns) if rows.schema[name] != pl.Binary]
        return pl.sum_horizontal(pl.lit(0), *(said(name).fill_null("").str.len_bytes().cast(pl.Int64) for name in texts))

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Choose who is kept of rows that are paired, and name to each dropped one a row that it resembles.

        Equal rows are one while the near ones are joined: the best of them stands for all. Rows of earlier data (`known` names it) are
        better than all others.
        """
        del context
        from tasks.text.joining import components, keepers

        rows = rows if "known" in rows.columns else rows.with_columns(known=pl.lit(None, pl.String))
        last = ["place"] if self.keep == "first" else ["order", "place"]
        ranked = rows.with_row_index("n").sort(pl.col("known").is_null(), "rank", -pl.col("merit"), *last)
        order = ranked["n"].to_numpy().astype(np.int64)
        equal, near = (pairs.filter(flag) for flag in ("exact", ~pl.col("exact")))
        stands = components(rows.height, *_sides(equal))
        best = np.full(rows.height, -1, np.int64)
        best[stands[order[::-1]]] = order[::-1]
        left, right = (stands[side] for side in _sides(near))
        seen = rows["known"].is_not_null().to_numpy()[best]
        apart = ~(seen[left] & seen[right])
        near, left, right = near.filter(pl.Series(apart)), left[apart], right[apart]
        to = keepers(stands[order], left, right, strict=self.strict)[stands]
        here, of = np.arange(rows.height), best[to]
        labels = components(rows.height, *(np.concatenate(both) for both in zip(_sides(equal), (left, right), strict=True)))
        told = pl.DataFrame({"a": stands, "b": to}).join(
            _similarity(left, right, near["similarity"]), on=["a", "b"], how="left", maintain_order="left"
        )
        keep, cluster = pl.Series(of == here), pl.Series(labels)
        lost, match = pl.when(~keep), rows[of]
        why = pl.when(_reached(rows, match, cluster, strict=self.strict)).then(pl.lit("known")).otherwise(pl.lit("duplicate"))
        settled = rows.select(
            "place",
            keep=keep,
            reason=lost.then(why),
            duplicate_of=lost.then(match["id"]),
            similarity=lost.then(told["similarity"].fill_null(1.0)),
            cluster=pl.when(pl.len().over(cluster) > 1).then(pl.col("order").min().over(cluster)),
            known_in=lost.then(match["known"]),
        )
        settled = settled if rows["known"].null_count() < rows.height else settled.drop("known_in")
        return settled if self.conflicts is None else _at_odds(settled, rows, order, drop=self.conflicts == "drop")


ALIKE = 8
"""The rank of rows of which neither a split nor a maker is known."""


def keeper_rank(columns: Sequence[str]) -> pl.Expr:
    """Give the rank of rows as keepers, the lower the better: test before validation before train, human before rule before model."""
    if "split" not in columns and "generator" not in columns:
        return pl.lit(ALIKE, dtype=pl.Int32)
    split = pl.col("split") if "split" in columns else pl.lit(None, dtype=pl.String)
    maker = pl.col("generator").str.head(4) if "generator" in columns else pl.lit(None, dtype=pl.String)
    made = maker.replace_strict({"huma": 0, "rule": 1}, default=2, return_dtype=pl.Int32)
    return split.replace_strict(RANKS, default=2, return_dtype=pl.Int32) * 4 + pl.when(maker.is_null()).then(0).otherwise(made)


def _reached(rows: pl.DataFrame, match: pl.DataFrame, cluster: pl.Series, *, strict: bool) -> pl.Series:
    """Tell which rows are dropped for a known one: which resemble it, or, unless `strict`, are led to it."""
    known = match["known"].is_not_null()
    return known if strict else known | rows.select(pl.col("known").is_not_null().any().over(cluster)).to_series()


def _questions(rows: pl.DataFrame) -> list[pl.Series]:
    """Give hashes of what each pair asks and of what it answers, earlier turns among the questions; an index does not tell them."""
    if rows.schema.get("input") != pl.String:
        return [pl.Series("asked", [None] * rows.height, dtype=pl.UInt64), pl.Series("answered", [None] * rows.height, dtype=pl.UInt64)]
    asked = rows.select(said(name).fill_null("") for name in ("system", "turns", "input") if name in rows.columns)
    return [exact_keys(asked).alias("asked"), exact_keys(rows.select(pl.col("output").fill_null(""))).alias("answered")]


def _at_odds(settled: pl.DataFrame, rows: pl.DataFrame, order: Ids, *, drop: bool) -> pl.DataFrame:
    """Name to each kept row that answers a question otherwise than another the best of those that do, and drop it where that is wanted."""
    place = pl.Series("merit_place", np.argsort(order))
    held = rows.select("id", "asked", "answered").with_columns(settled["keep"], place).with_row_index("n")
    kept = held.filter(pl.col("keep") & pl.col("asked").is_not_null()).sort("merit_place")
    odd = kept.filter(pl.col("answered").n_unique().over("asked") > 1)
    best = odd.with_columns(first=pl.col("id").first().over("asked"), second=pl.col("id").get(1).over("asked"))
    other = best.select(
        "n", conflicts_with=pl.when(pl.col("id") == pl.col("first")).then("second").otherwise("first"), best=pl.col("id") == pl.col("first")
    )
    told = held.select("n").join(other, on="n", how="left", maintain_order="left")
    lost = told["best"].eq(other=False).fill_null(value=False) if drop else pl.Series([False]).new_from_index(0, held.height)
    reason = pl.when(lost).then(pl.lit("conflict")).otherwise("reason")
    return settled.with_columns(pl.col("keep") & ~lost, reason.alias("reason"), told["conflicts_with"])


def _sides(pairs: pl.DataFrame) -> tuple[Ids, Ids]:
    return pairs["left"].to_numpy().astype(np.int64), pairs["right"].to_numpy().astype(np.int64)


def _similarity(left: Ids, right: Ids, similarity: pl.Series) -> pl.DataFrame:
    """Give the similarity of pairs in both directions, the highest where there are several."""
    one = pl.DataFrame({"a": left, "b": right}).with_columns(similarity=similarity)
    both = pl.concat([one, one.select(a="b", b="a", similarity="similarity")])
    return both.group_by("a", "b").agg(pl.col("similarity").max())
