"""`normalise`: one form for characters, quotes, dashes, spaces and line ends."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import polars as pl

from tasks.frames import NO_DROPS, Halves
from tasks.step import Context, Family, Names, RowStep

QUOTES = {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"}
DASHES = {"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "--", "―": "--", "−": "-"}


def unplaced(frame: pl.DataFrame, treated: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Take `sections` and the offsets of `span` from rows whose text was changed: they no longer hold."""
    if "sections" not in frame.columns or "text" not in fields:
        return treated
    same = (treated["text"] == frame["text"]).fill_null(value=True).rechunk()
    treated = treated.rechunk()  # Polars panics where the chunks of a struct and of its mask differ
    unknown = pl.struct(pl.col("span").struct.field("file"), start=pl.lit(None, pl.Int64), end=pl.lit(None, pl.Int64))
    return treated.with_columns(sections=pl.when(same).then("sections"), span=pl.when(same).then("span").otherwise(unknown))


class Normalise(RowStep):
    """Bring texts to one form; each switch works by itself, and no word is changed.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      tidy:  {use: normalise, unicode: NFC, quotes: true, spaces: true}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"

    use: Literal["normalise"] = "normalise"
    unicode: Literal["NFC", "NFKC", "none"] = "NFC"
    """Unicode normal form."""
    quotes: bool = False
    """Make curly and angled quotes straight."""
    dashes: bool = False
    """Make dashes hyphens; an em dash becomes two."""
    spaces: bool = True
    """Make runs of spaces and tabs one space, and trim lines."""
    line_ends: bool = True
    """Make every line end LF, and runs of blank lines one."""
    fields: Names | None = None
    """The columns to treat: `text`, or `input` and `output` of pairs, unless named."""

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The treated columns, where they are named."""
        return {"fields": self.fields or ()}

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Treat every text; no row is dropped. `sections` and `span` of changed texts lose their offsets, which no longer hold."""
        del context
        fields = self.fields or [name for name in ("text", "input", "output") if name in frame.columns]
        treated = frame.with_columns(self.treat(pl.col(name)).alias(name) for name in fields)
        return Halves(unplaced(frame, treated, fields), NO_DROPS)

    def treat(self, text: pl.Expr) -> pl.Expr:
        """Give the expression of the treated text."""
        if self.unicode != "none":
            text = text.str.normalize(self.unicode)
        if self.line_ends:
            text = text.str.replace_all(r"\r\n?|[\u{2028}\u{2029}\u{85}]", "\n")
        if self.quotes:
            text = text.str.replace_many(QUOTES)
        if self.dashes:
            text = text.str.replace_many(DASHES)
        if self.spaces:
            text = text.str.replace_all(r"[^\S\n\r]+", " ").str.replace_all(r"(?m)^ +| +$", "")
        if self.line_ends:
            text = text.str.replace_all(r"\n{3,}", "\n\n")
        return text
