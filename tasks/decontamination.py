"""`decontaminate`: rows that hold items of another step, such as a test set, are dropped, cut or marked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.dedup.comparison import said
from tasks.frames import CUTS, text_column
from tasks.step import Family, Step

if TYPE_CHECKING:
    from tasks.text.contamination import Known

HIT = {"row": pl.UInt32(), "column": pl.String(), "start": pl.Int64(), "end": pl.Int64(), "words": pl.UInt32(), "item": pl.UInt32()}


class Decontaminate(Step):
    """Find rows that hold what rows of another step hold, such as the items of a test, and drop, cut or mark them.

    An item is found by any `ngram` words of it that follow each other, whatever the case and the signs between them; one of
    fewer words as a whole, and one of fewer than five only where a text is nothing else. Of pairs every text is looked
    into; of items that are pairs, outputs count from `ngram` words on, since answers such as `yes` are nobody's. Common
    choices of `ngram`: 13 (Brown et al. 2020, GPT-3), 12 (datatrove), 10 (cosmopedia).

    ```yaml
    steps:
      exams: {use: files, path: "exams/*.jsonl"}
      notes: {use: files, path: "notes/*.txt"}
      unseen: {use: decontaminate, from: notes, against: exams}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "barrier"

    use: Literal["decontaminate"] = "decontaminate"
    against: str
    """The step whose rows must not be met: a test set that `files` reads, for instance."""
    ngram: Annotated[int, Field(ge=5, le=50)] = 13
    """How many words in a row give an item away."""
    mode: Literal["drop", "cut", "mark"] = "drop"
    """Drop the row; cut the words out of `text` or `output` (elsewhere the row is dropped); or only name the item in `contaminated`."""

    def others(self) -> dict[str, str]:
        """The step of the items."""
        return {"against": self.against}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A mark comes where it is asked for."""
        return before | {"contaminated"} if self.mode == "mark" else before

    def reads(self, columns: Sequence[str]) -> list[str]:
        """The texts that are looked into, and the id."""
        return ["id", *_texts(columns)]

    def items(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the runs of words by which the items in `rows` are found: `hash`, `item` (the number of its row) and `length`."""
        from tasks.text.contamination import item_runs

        runs = []
        for name in _texts(rows.columns):
            found = item_runs(rows.select(said(name)).to_series(), self.ngram)
            runs.append(found if name in ("text", "input") else found.filter(pl.col("length") == self.ngram))
        return pl.concat(runs)

    def hits(self, rows: pl.DataFrame, known: "Known") -> pl.DataFrame:
        """Give every span of `rows` that items have too: the columns of HIT, `row` counted from 0, in order."""
        from tasks.text.contamination import find_runs

        found = [
            find_runs(rows.select(said(name)).to_series(), known).with_columns(column=pl.lit(name)).select(list(HIT))
            for name in _texts(rows.columns)
        ]
        return pl.concat(found).sort("row", "start", maintain_order=True)

    def judged(self, rows: pl.DataFrame, hits: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
        """Give `keep`, `reason` and what the mode adds for each of `rows`; `ids` are those of the items."""
        here = first_hits(rows, hits)
        clean = here["item"].is_null()
        added = pl.DataFrame()
        if self.mode == "mark":
            added = pl.DataFrame({"contaminated": ids.gather(here["item"])})
            clean = pl.Series([True]).new_from_index(0, rows.height)
        if self.mode == "cut":
            cuts, clean = _cut(rows, hits)
            added = pl.DataFrame({"cuts": cuts})
        told = pl.DataFrame({"keep": clean}).with_columns(reason=pl.when(~pl.col("keep")).then(pl.lit("contaminated")))
        return told.hstack(added)


def first_hits(rows: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Give the first hit of each of `rows`, nulls where there is none."""
    first = hits.group_by("row", maintain_order=True).first()
    return rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")).join(first, on="row", how="left", maintain_order="left")


def _cut(rows: pl.DataFrame, hits: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Give the spans to cut out of each row's text, and whether a word is left and nothing else was hit."""
    from tasks.text.cuts import cut
    from tasks.text.words import count_words

    name = text_column(rows.columns)
    inside = pl.col("column") == name
    spans = hits.filter(inside).group_by("row", maintain_order=True).agg(pl.struct("start", "end").alias("cuts"))
    cuts = first_hits(rows, spans)["cuts"].cast(CUTS)
    numbers = pl.Series(range(rows.height), dtype=pl.UInt32)
    left = count_words(cut(rows[name], cuts)) > 0
    return cuts, (left | cuts.is_null()) & ~numbers.is_in(hits.filter(~inside)["row"].implode())


def _texts(columns: Sequence[str]) -> list[str]:
    return ["text"] if text_column(columns) == "text" else [name for name in ("input", "output", "system", "turns") if name in columns]
