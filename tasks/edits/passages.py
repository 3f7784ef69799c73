"""`passages`: documents cut into passages of whole sentences."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.settings import Settings
from tasks.step import Context, Family, RowStep


class Words(Settings):
    """How many words a passage may have."""

    min: Annotated[int, Field(ge=1)] = 50
    max: Annotated[int, Field(ge=1)] = 200


class Passages(RowStep):
    """Cut documents into passages of whole sentences, ended at paragraphs where that fits.

    A passage has `min` to `max` words; shorter rests are left out, and a single sentence longer than
    `max` too. A document of which nothing is left is dropped as `no passage of that length`. Ids get `/STEP#n`.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      passages: {use: passages, words: {min: 20, max: 60}}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"
    takes: ClassVar[tuple[Kind, ...]] = ("documents",)

    use: Literal["passages"] = "passages"
    words: Words = Words()

    def faults(self) -> Sequence[Fault]:
        """The bounds must leave room."""
        if self.words.min <= self.words.max:
            return ()
        rule = f"must not be above max ({self.words.max})"
        return [Fault("words.min", rule, str(self.words.min), "Lower it, or raise max.")]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Cut every text; a row becomes as many rows as it has passages."""
        from tasks.text.windows import passages

        found = passages(frame["text"], self.words.min, self.words.max).rename(lambda name: f"_{name}")
        found = found.filter(pl.col("_words").is_between(self.words.min, self.words.max))
        rows = frame.with_row_index("_place")
        start = pl.col("span").struct.field("start")
        kept = (
            found.with_columns(_n=pl.int_range(pl.len()).over("_row") + 1)
            .join(rows, left_on="_row", right_on="_place", maintain_order="left")
            .with_columns(
                text="_passage",
                parents=pl.concat_list("id"),
                id=pl.format("{}/{}#{}", "id", pl.lit(context.step), "_n"),
                span=pl.struct(pl.col("span").struct.field("file"), start=start + pl.col("_start"), end=start + pl.col("_end")),
                sections=pl.lit(None, dtype=frame.schema["sections"]),
            )
            .select(frame.columns)
        )
        empty = rows.filter(~pl.col("_place").is_in(found["_row"].implode()))
        return Halves(kept, dropped(empty, "no passage of that length"))
