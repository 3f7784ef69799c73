"""`passages`: documents cut into passages of whole sentences."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.step import Context, Family, RowStep, Settings


class Words(Settings):
    """How many words a passage may have."""

    min: Annotated[int, Field(ge=1)] = 50
    max: Annotated[int, Field(ge=1)] = 200


class Passages(RowStep):
    """Cut documents into passages of whole sentences, ended at paragraphs where that fits.

    A passage has `min` to `max` words; shorter rests are left out, and a single sentence longer than
    `max` too. A document of which nothing is left is dropped as `too short`. Ids get `/STEP#n`.

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

        found = passages(frame["text"], self.words.min, self.words.max)
        found = found.filter(pl.col("words").is_between(self.words.min, self.words.max))
        rows = frame.with_row_index("place")
        number = pl.int_range(pl.len()).over("row")
        kept = (
            found.with_columns(n=number + 1)
            .join(rows, left_on="row", right_on="place", maintain_order="left")
            .with_columns(
                text="passage",
                parents=pl.concat_list("id"),
                id=pl.format("{}/{}#{}", "id", pl.lit(context.step), "n"),
                span=pl.struct(
                    pl.col("span").struct.field("file"),
                    start=pl.col("span").struct.field("start").fill_null(0) + pl.col("start"),
                    end=pl.col("span").struct.field("start").fill_null(0) + pl.col("end"),
                ),
                sections=pl.lit(None, dtype=frame.schema["sections"]),
            )
            .select(frame.columns)
        )
        empty = rows.filter(~pl.col("place").is_in(found["row"].implode()))
        return Halves(kept, dropped(empty, "too short"))
