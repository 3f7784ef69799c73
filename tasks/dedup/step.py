"""`dedup`: of rows that say the same, one is kept."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field

from tasks.dedup.components import Ids, components
from tasks.frames import text_column
from tasks.step import BarrierStep, Context, Names, Reread, Settings

MAX_BUCKET = 200
"""In a bucket of more rows than this, each is compared with the first eight and its two neighbours only."""
FIRSTS = 8


class Near(Settings):
    """How alike near-duplicates are, and how surely they are found."""

    similarity: Annotated[float, Field(ge=0.3, le=1)] = 0.8
    """Jaccard similarity of the shingle sets from which on two rows are the same."""
    recall: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.99
    """The share of pairs at exactly that similarity which are found."""

    def bands(self, budget: int = 256) -> tuple[int, int]:
        """Choose bands and rows: the most rows, so the fewest false candidates, that reach the recall.

        P(found) = 1 - (1 - J^rows)^bands, with at most `budget` hashes a text.
        """
        for rows in range(16, 1, -1):
            bands = int(np.ceil(np.log1p(-self.recall) / np.log1p(-(self.similarity**rows)))) if self.similarity < 1 else 1
            if bands * rows <= budget:
                return max(bands, 1), rows
        return budget, 1


class Dedup(BarrierStep):
    """Keep one of the rows whose texts are the same, or nearly the same.

    Exact: equal after Unicode, case, punctuation and spaces are set aside. `near`: candidates from
    MinHash bands, each verified by the exact Jaccard similarity of their shingles. Which is kept:
    test before validation before train, human before rule before model, then `keep`. Dropped rows
    name the one that they resemble in `duplicate_of`, and `cluster` joins them.

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
    by: Names | None = None
    """The columns compared: `text`, or `input` and `output` of pairs, unless named."""
    keep: Literal["longest", "first"] = "longest"
    """Which of equals is kept, after split and generator are weighed."""

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns compared, where they are named."""
        return {"by": self.by or ()}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A cluster mark comes."""
        return before | {"cluster"}

    def _compared(self, columns: Sequence[str]) -> list[str]:
        if self.by is not None:
            return list(self.by)
        return ["text"] if text_column(columns) == "text" else ["input", "output"]

    def reads(self, columns: Sequence[str]) -> list[str]:
        """The compared columns, and what decides who is kept."""
        return ["id", "split", "generator", *self._compared(columns)]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row its exact hash, its band keys, and its rank as a keeper."""
        del context
        from tasks.text.hashing import hash_texts
        from tasks.text.signatures import band_keys

        text = rows.select(self.compared_text(rows.columns)).to_series()
        split = pl.col("split") if "split" in rows.columns else pl.lit(None, dtype=pl.String)
        maker = pl.col("generator").str.head(4) if "generator" in rows.columns else pl.lit(None, dtype=pl.String)
        rank = split.replace_strict({"test": 0, "validation": 1}, default=2, return_dtype=pl.Int32) * 4
        made = maker.replace_strict({"huma": 0, "rule": 1}, default=2, return_dtype=pl.Int32)
        base = rows.select(
            "row",
            "id",
            exact=hash_texts(_normal(text)),
            rank=rank + pl.when(maker.is_null()).then(0).otherwise(made),
            length=text.str.len_bytes(),
        )
        return base.with_columns(band_keys(text, *self.near.bands()).alias("bands")) if self.near else base

    def compared_text(self, columns: Sequence[str]) -> pl.Expr:
        """Give the expression of what is compared."""
        return pl.concat_str([pl.col(name).fill_null("") for name in self._compared(columns)], separator="\n").alias("text")

    def settle(self, summaries: pl.DataFrame, context: Context, reread: Reread) -> pl.DataFrame:
        """Join equal rows, choose each component's keeper, and name it to the others."""
        del context
        rows = summaries.with_row_index("n")
        first = rows.select(pl.col("n").min().over("exact"))["n"].to_numpy().astype(np.int64)
        here = np.arange(rows.height, dtype=np.int64)
        left, right = here[first != here], first[first != here]
        if self.near and rows.height:
            more = _verified(rows, _candidates(rows), self, reread)
            left, right = np.concatenate([left, more[0]]), np.concatenate([right, more[1]])
        labels = components(rows.height, left, right)
        order = [pl.col("rank")] + ([-pl.col("length").cast(pl.Int64)] if self.keep == "longest" else []) + [pl.col("n")]
        marked = rows.with_columns(label=pl.Series(labels)).with_columns(
            keeper=pl.col("n").sort_by(order).first().over("label"), size=pl.len().over("label")
        )
        clustered = marked.join(marked.select(n="n", keeper_id="id"), left_on="keeper", right_on="n", maintain_order="left")
        keep = pl.col("keeper") == pl.col("n")
        return clustered.select(
            "part",
            "row",
            keep=keep,
            reason=pl.when(~keep).then(pl.lit("duplicate")),
            duplicate_of=pl.when(~keep).then("keeper_id"),
            cluster=pl.when(pl.col("size") > 1).then(pl.col("label").cast(pl.UInt64)),
        )


def _normal(text: pl.Series) -> pl.Series:
    plain = text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\p{P}\s]+", " ").str.strip_chars()
    return plain.zip_with(plain != "", text)


def _candidates(rows: pl.DataFrame) -> tuple[Ids, Ids]:
    flat = rows.select("n", "bands").explode("bands", empty_as_null=False).sort("bands", "n")
    bucket = flat.with_columns(size=pl.len().over("bands"), place=pl.int_range(pl.len()).over("bands")).filter(pl.col("size") > 1)
    small = bucket.filter(pl.col("size") <= MAX_BUCKET)
    pairs = small.join(small, on="bands", suffix="_b").filter(pl.col("n") < pl.col("n_b")).select("n", "n_b")
    large = bucket.filter(pl.col("size") > MAX_BUCKET)
    heads = large.filter(pl.col("place") < FIRSTS)
    to_heads = large.join(heads, on="bands", suffix="_b").filter(pl.col("n") != pl.col("n_b")).select("n", "n_b")
    nexts = large.with_columns(n_b=pl.col("n").shift(-1).over("bands")).drop_nulls("n_b").select("n", "n_b")
    both = pl.concat([pairs, to_heads, nexts]).unique(maintain_order=True).sort("n", "n_b")
    return both["n"].to_numpy().astype(np.int64), both["n_b"].to_numpy().astype(np.int64)


def _verified(rows: pl.DataFrame, pairs: tuple[Ids, Ids], step: Dedup, reread: Reread) -> tuple[Ids, Ids]:
    """Keep the candidate pairs whose exact similarity is high enough, reading only their texts again."""
    from tasks.text.signatures import jaccard, shingle_sets

    assert step.near is not None
    left, right = pairs
    if not len(left):
        return left, right
    touched = np.unique(np.concatenate(pairs))
    place = rows.select("part", "row", "n").filter(pl.col("n").is_in(pl.Series(touched).implode()))
    texts: list[pl.Series] = []
    for (part,), group in place.group_by("part", maintain_order=True):
        again = reread(int(str(part)), group["row"].to_list())
        texts.append(again.select(step.compared_text(again.columns)).to_series())
    similar = jaccard(shingle_sets(pl.concat(texts)), np.searchsorted(touched, left), np.searchsorted(touched, right))
    good = similar >= step.near.similarity
    return left[good], right[good]
