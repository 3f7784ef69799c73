"""`transcode`: records in one format are the input, the same data in another the output."""

import csv
from collections.abc import Sequence
from typing import ClassVar, Literal

import polars as pl

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.pairs.formats import Format, Lossy, convert
from tasks.pairs.pairing import Pairing
from tasks.step import Context


class Transcode(Pairing):
    """Turn JSON, YAML, XML or CSV into another of them; each row is proved by reading the result again.

    A row that is not of the format is dropped as `not FORMAT`, one whose data the other format
    cannot hold without loss as `no round trip`.

    ```yaml
    steps:
      records: {use: files, path: "records/*.json", columns: {text: "*"}}
      pairs: {use: transcode, read: json, write: yaml}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("documents",)

    use: Literal["transcode"] = "transcode"
    read: Format
    """The format of the texts."""
    write: Format
    """The format of the outputs."""

    def faults(self) -> Sequence[Fault]:
        """Two formats are needed."""
        if self.read != self.write:
            return ()
        return [Fault("write", "must differ from read", self.write, "Use `template` to copy a text.")]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Make a pair of every row that survives the round trip."""
        results = [self._convert(text) for text in frame["text"]]
        output = pl.Series("output", [text for text, _ in results], dtype=pl.String)
        reason = pl.Series("reason", [why for _, why in results], dtype=pl.String)
        good = output.is_not_null()
        kept = self.pairs(frame.filter(good), [pl.col("text").alias("input"), pl.lit(output.filter(good))], context.step)
        lost = frame.with_columns(reason).filter(~good)
        return Halves(kept, dropped(lost, pl.col("reason")))

    def _convert(self, text: str) -> tuple[str | None, str | None]:
        try:
            return convert(text, self.read, self.write), None
        except Lossy:
            return None, "no round trip"
        except (ValueError, SyntaxError, RecursionError, csv.Error):
            return None, f"not {self.read}"
