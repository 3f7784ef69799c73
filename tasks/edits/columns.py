"""`columns`: fields lifted out of `attrs`, columns copied and dropped."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import polars as pl

from tasks.errors import Fault
from tasks.frames import DOCUMENTS, PAIRS, TEXT_COLUMNS, Halves, dropped
from tasks.names import ColumnName, own_names
from tasks.step import Context, Family, Names, RowStep

ATTRS = "attrs."


class Columns(RowStep):
    """Set columns from other columns or from fields of `attrs`, and drop columns of your own.

    `columns: {abstract: attrs.abstract}` lifts a field; a field that is absent is null, and one that
    is not a string is its JSON. Columns are set before any is dropped.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      named: {use: columns, columns: {group: unit, mine: attrs.mine}}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"

    use: Literal["columns"] = "columns"
    columns: dict[ColumnName, str] = {}
    """What to set: our name to a column or to `attrs.FIELD`."""
    drop: Names = ()
    """Columns of your own to leave out; those of the design stay."""

    def faults(self) -> Sequence[Fault]:
        """Columns of the design must keep their types, and stay."""
        known = {**DOCUMENTS, **PAIRS}
        typed = [name for name in self.columns if name in known and known[name] != pl.String()]
        bad = [Fault(f"columns.{name}", "is not a column of text and cannot be set", name) for name in typed]
        odd = [
            Fault(f"columns.{name}", "names a field with both kinds of quotes, which cannot be lifted", source)
            for name, source in self.columns.items()
            if source.startswith(ATTRS) and "'" in source and '"' in source
        ]
        return (
            bad
            + odd
            + own_names(self.columns, ("id",))
            + [Fault("drop", "belongs to every row and cannot be dropped", name) for name in self.drop if name in known]
        )

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns copied from, and those dropped."""
        return {"columns": tuple(v for v in self.columns.values() if not v.startswith(ATTRS)), "drop": self.drop}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """Those set come, those dropped go."""
        return (before | set(self.columns)) - set(self.drop)

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Set and drop; a row whose text, input or output becomes null is dropped."""
        del context
        values = [self._value(source).alias(name) for name, source in self.columns.items()]
        made = frame.with_columns(values).drop(self.drop, strict=False)
        said = [name for name in TEXT_COLUMNS if name in self.columns]
        empty = pl.any_horizontal(pl.col(said).is_null()) if said else pl.lit(value=False)
        return Halves(made.filter(~empty), dropped(made.filter(empty), "no text"))

    def _value(self, source: str) -> pl.Expr:
        if not source.startswith(ATTRS):
            return pl.col(source)
        field = source.removeprefix(ATTRS)
        quote = '"' if "'" in field else "'"
        return pl.col("attrs").str.json_path_match(f"$[{quote}{field}{quote}]")
