"""`dedup`: of rows that say the same, one is kept."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from tasks.dedup.components import components
from tasks.dedup.near import Near, near_pairs, said, together
from tasks.frames import text_column
from tasks.step import BarrierStep, Context, Names, Reread

QUOTES = "\"'“”‘’«»„"
MARKS = f".,;:!?…{QUOTES}"


class Dedup(BarrierStep):
    """Keep one of the rows whose texts are the same, or nearly the same.

    Exact: equal when case, white space and sentence marks at the edges of words are set aside. `near`:
    candidates from MinHash bands, each verified by the exact Jaccard similarity of their shingles, in
    each of the columns compared. Which is kept:
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
    """The columns compared: `text`, or `system`, `turns`, `input` and `output` of pairs, unless named; null is like nothing."""
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
        return ["text"] if text_column(columns) == "text" else ["system", "turns", "input", "output"]

    def reads(self, columns: Sequence[str]) -> list[str]:
        """The compared columns, and what decides who is kept."""
        return ["id", "split", "generator", *self._compared(columns)]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row its exact hash, its band keys, and its rank as a keeper."""
        del context
        from tasks.text.signatures import band_keys

        names = self._compared(rows.columns)
        text = rows.select(together(names)).to_series()
        split = pl.col("split") if "split" in rows.columns else pl.lit(None, dtype=pl.String)
        maker = pl.col("generator").str.head(4) if "generator" in rows.columns else pl.lit(None, dtype=pl.String)
        rank = split.replace_strict({"test": 0, "validation": 1}, default=2, return_dtype=pl.Int32) * 4
        made = maker.replace_strict({"huma": 0, "rule": 1}, default=2, return_dtype=pl.Int32)
        base = rows.select(
            "row",
            "id",
            exact=pl.when(pl.all_horizontal(pl.col(names).is_null())).then(exact_hash(["id"])).otherwise(exact_hash(names)),
            rank=rank + pl.when(maker.is_null()).then(0).otherwise(made),
            length=text.str.len_bytes(),
        )
        return base.with_columns(band_keys(text, *self.near.bands()).alias("bands")) if self.near else base

    def settle(self, summaries: pl.DataFrame, context: Context, reread: Reread) -> pl.DataFrame:
        """Join equal rows, choose each component's keeper, and name it to the others."""
        del context
        rows = summaries.with_row_index("n")
        first = rows.select(pl.col("n").min().over("exact"))["n"].to_numpy().astype(np.int64)
        here = np.arange(rows.height, dtype=np.int64)
        left, right = here[first != here], first[first != here]
        if self.near and rows.height:
            more = near_pairs(rows, self._compared, self.near, reread)
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


def exact_hash(names: Sequence[str]) -> pl.Expr:
    """Give the expression that is equal for rows whose columns say the same, each by itself.

    Set aside are Unicode's composed and decomposed forms, case, runs of white space, sentence marks
    at the ends of words and quotes around them; signs inside and between words count (2-3 is not 2*3).
    A text of which nothing is left stands for itself.
    """
    plain = [_plain(said(name).fill_null("")) for name in names]
    told = [part for text in plain for part in (text.str.len_bytes().cast(pl.String), text)]
    return pl.concat_str(told, separator=":").map_batches(_hashed, return_dtype=pl.UInt64).alias("exact")


def _plain(text: pl.Expr) -> pl.Expr:
    bare = text.str.normalize("NFC").str.to_lowercase()
    bare = bare.str.replace_all(rf"[{MARKS}]+(\s|$)", " ").str.replace_all(rf"(^|\s)[{QUOTES}¿¡]+", " ")
    bare = bare.str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(bare == "").then(text).otherwise(bare)


def _hashed(texts: pl.Series) -> pl.Series:
    from tasks.text.hashing import hash_texts

    return hash_texts(texts)
