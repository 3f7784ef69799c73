"""`scramble`: the text without punctuation and capitals is the input, the text itself the output."""

from typing import ClassVar, Literal

import polars as pl

from tasks.frames import NO_DROPS, Halves, Kind
from tasks.pairs.pairing import Pairing
from tasks.step import Context, Share
from tasks.store.keys import draw


class Scramble(Pairing):
    """Take punctuation and capitals out of a text; the text itself is the output, byte for byte.

    `unchanged` is the share of rows whose input stays right, so that a model learns to leave good
    text alone; which ones is drawn by the row's id. Hyphens and dashes between words become spaces.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      pairs: {use: scramble, unchanged: 0.05}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("documents",)
    draws: ClassVar[bool] = True

    use: Literal["scramble"] = "scramble"
    lower: bool = True
    """Make everything lower case."""
    strip_punctuation: bool = True
    """Take punctuation out, and make line ends spaces."""
    unchanged: Share = 0.0
    """The share of rows whose input is the output."""

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Make a pair of every row."""
        from tasks.text.hashing import chances

        chance = chances(frame["id"], draw(context.seed, context.step) >> 1)
        text = pl.col("text")
        wrong = pl.when(pl.lit(chance) < self.unchanged).then(text).otherwise(self.scrambled(text))
        return Halves(self.pairs(frame, [wrong.alias("input"), text.alias("output")], context.step), NO_DROPS)

    def scrambled(self, text: pl.Expr) -> pl.Expr:
        """Give the expression of the scrambled text."""
        if self.strip_punctuation:
            text = text.str.replace_all(r"[\p{Pd}/\s]+", " ").str.replace_all(r"[\p{P}--\p{Pd}]+", "")
            text = text.str.replace_all(r" {2,}", " ").str.strip_chars()
        return text.str.to_lowercase() if self.lower else text
