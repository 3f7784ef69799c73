"""Near-duplicates among numbered rows: candidates from shared band keys, verified on the texts read again."""

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from tasks.dedup.components import Ids
from tasks.settings import Settings
from tasks.step import Reread

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


def together(names: Sequence[str]) -> pl.Expr:
    """Give the expression of the compared columns as one text: what candidates are sought by."""
    return pl.concat_str([said(name).fill_null("") for name in names], separator="\n").alias("text")


def said(name: str) -> pl.Expr:
    """Give a column as text; earlier turns as what each says, in order."""
    if name != "turns":
        return pl.col(name).cast(pl.String)
    spoken = pl.concat_str(pl.element().struct.field("role"), pl.lit(": "), pl.element().struct.field("content"))
    return pl.col(name).list.eval(spoken).list.join("\n").alias(name)


Compared = Callable[[Sequence[str]], Sequence[str]]
"""Names the columns to compare, given those of the rows."""


def near_pairs(rows: pl.DataFrame, compared: Compared, near: Near, reread: Reread) -> tuple[Ids, Ids]:
    """Give the pairs of rows, by their `n`, which are at least so similar in each of the compared columns.

    `rows` have `part`, `row`, `n` (ascending) and `bands` of the columns together.
    """
    from tasks.text.signatures import jaccard, shingle_sets

    left, right = _candidates(rows)
    if not len(left):
        return left, right
    touched = np.unique(np.concatenate([left, right]))
    place = rows.select("part", "row", "n").filter(pl.col("n").is_in(pl.Series(touched).implode()))
    groups = place.group_by("part", maintain_order=True)
    again = [reread(int(str(part)), group["row"].to_list()) for (part,), group in groups]
    names = compared(again[0].columns)
    texts = pl.concat([frame.select(said(name) for name in names) for frame in again])
    a, b = np.searchsorted(touched, left), np.searchsorted(touched, right)
    good = np.logical_and.reduce([jaccard(shingle_sets(texts[name].fill_null("")), a, b) >= near.similarity for name in names])
    return left[good], right[good]


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
