"""`redact`: put marks in place of addresses, numbers and keys."""

from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.edits.normalise import unplaced
from tasks.frames import NO_DROPS, Halves
from tasks.step import Context, Family, Names, RowStep
from tasks.text.wordlists import PII_KINDS, PiiKind


class Redact(RowStep):
    """Put a mark in place of personal data: e-mail and IP addresses, telephone, card and bank numbers, keys and tokens.

    What is found is what looks the part and passes its checksum; names and street addresses are not
    looked for. No row is dropped; the filter's rule set `pii` drops rows instead.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      safe:  {use: redact, kinds: [email, phone, key], mark: "[{kind}]"}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"

    use: Literal["redact"] = "redact"
    kinds: Annotated[tuple[PiiKind, ...], Field(min_length=1, strict=False)] = PII_KINDS
    """What to look for: `email`, `ip`, `phone`, `card`, `iban`, `key`."""
    mark: str = "[{kind}]"
    """What to put in its place; `{kind}` is the kind in capitals."""
    fields: Names | None = None
    """The columns to treat: `text`, or `system`, `turns`, `input`, `output` and `rejected` of pairs, unless named."""

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The treated columns, where they are named."""
        return {"fields": self.fields or ()}

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Treat every text; `sections` and `span` of changed texts lose their offsets, which no longer hold."""
        from tasks.text.pii import replaced

        del context
        fields = self.fields or [name for name in ("text", "system", "turns", "input", "output", "rejected") if name in frame.columns]
        marks: dict[str, str] = {kind: self.mark.replace("{kind}", kind.upper()) for kind in self.kinds}
        treated = frame
        for name in fields:
            made = _turns(frame[name], marks) if name == "turns" else replaced(frame[name], marks)[0]
            treated = treated.with_columns(pl.when(frame[name].is_not_null()).then(made).alias(name))
        return Halves(unplaced(frame, treated, fields), NO_DROPS)


def _turns(turns: pl.Series, marks: dict[str, str]) -> pl.Series:
    """Treat the content of earlier turns."""
    from tasks.text.pii import replaced

    rows = pl.DataFrame({"turns": turns}).with_row_index("place")
    flat = rows.filter(pl.col("turns").list.len() > 0).explode("turns", empty_as_null=False, keep_nulls=False).unnest("turns")
    flat = flat.with_columns(pl.when(pl.col("content").is_not_null()).then(replaced(flat["content"], marks)[0]).alias("content"))
    held = flat.group_by("place", maintain_order=True).agg(turns=pl.struct("role", "content"))
    made = rows.select("place").join(held, on="place", how="left", maintain_order="left")["turns"]
    return made.fill_null(turns).cast(turns.dtype)
