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
    """The columns to treat: `text`, or `system`, `input`, `output` and `rejected` of pairs, unless named."""

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The treated columns, where they are named."""
        return {"fields": self.fields or ()}

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Treat every text; `sections` and `span` of changed texts lose their offsets, which no longer hold."""
        from tasks.text.pii import replaced

        del context
        fields = self.fields or [name for name in ("text", "system", "input", "output", "rejected") if name in frame.columns]
        marks: dict[str, str] = {kind: self.mark.replace("{kind}", kind.upper()) for kind in self.kinds}
        treated = frame
        for name in fields:
            made, _ = replaced(frame[name], marks)
            treated = treated.with_columns(pl.when(frame[name].is_not_null()).then(made).alias(name))
        return Halves(unplaced(frame, treated, fields), NO_DROPS)
