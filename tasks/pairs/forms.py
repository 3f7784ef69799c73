"""`forms`: records as forms of many layouts are the inputs, the records themselves the outputs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Literal

import polars as pl

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.pairs import slips
from tasks.pairs.layouts import LAYOUTS
from tasks.pairs.pairing import Pairing
from tasks.step import Context, Share
from tasks.store.keys import draw

Layout = Literal["lines", "numbered", "boxed", "columns", "table", "html", "email"]
Record = dict[str, Any]
Path = tuple[str, ...]
"""The names that lead to a field."""
Made = tuple[str, str, None] | tuple[None, None, str]
BLANK = 0.3
"""Chance of a field without a value to stand in a form with nothing behind it."""
OCR_RATE = 0.03
"""Chance of a place in a scanned form to be misread."""

CALLED: dict[str, tuple[str, ...]] = {
    "name": ("Full name", "Name (please print)", "Applicant"), "first_name": ("Given name", "Forename"),
    "last_name": ("Surname", "Family name"), "email": ("E-mail", "Mail address", "E-mail address"),
    "phone": ("Tel.", "Telephone", "Mobile"), "street": ("Address line 1", "Street and number"),
    "address": ("Postal address", "Where you live"), "city": ("Town", "Place"), "zip": ("Postcode", "ZIP code"),
    "country": ("Nation", "Country of residence"), "date": ("On", "Day", "Date (DD/MM)"), "birthday": ("Date of birth", "DOB", "Born on"),
    "company": ("Employer", "Firm", "Organisation"), "amount": ("Sum", "Total due"), "total": ("Grand total", "Sum"),
    "price": ("Cost", "Unit price"), "quantity": ("Qty", "No. of items"), "id": ("Ref.", "Reference no.", "Number"),
    "title": ("Subject", "Heading"), "description": ("Details", "What happened"), "status": ("State",), "age": ("Years of age",),
    "gender": ("Sex",), "notes": ("Remarks", "Comments"), "reason": ("Why", "Cause"),
}  # fmt: skip
"""Other names of fields that forms often have."""


class Forms(Pairing):
    """Lay records out as forms: label lines, boxes, columns, tables, HTML, e-mails, some misread by a scanner; the record is the output.

    Each text is a JSON object, such as `files` reads by `columns: {text: "*"}` from JSON, JSON lines, CSV and Parquet. Fields are left
    out, called otherwise and put in another order by the rates given; the output is the record as JSON, with `null` for what the form
    does not show. Nested objects become fields of their own, lists of texts and numbers one value. A text that is no object is
    dropped as `no record`, one with a list of records as `not flat`. All is drawn by the row's id.

    ```yaml
    steps:
      records: {use: files, path: "records/*.json", columns: {text: "*"}}
      pairs: {use: forms, missing: 0.1, renamed: 0.3, reordered: 0.5, ocr: 0.1}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("documents",)
    draws: ClassVar[bool] = True

    use: Literal["forms"] = "forms"
    layouts: tuple[Layout, ...] = ("lines", "numbered", "boxed", "columns", "table", "html", "email")
    """The layouts to draw from, each as likely as another."""
    missing: Share = 0.1
    """Chance of a field to be left out of a form or blank in it; one field always stays."""
    renamed: Share = 0.3
    """Chance of a label to be another name, an abbreviation or another way of writing it."""
    reordered: Share = 0.5
    """The share of forms whose fields stand in another order than the record's."""
    ocr: Share = 0.1
    """The share of forms that a scanner misread in places."""
    labels: dict[str, tuple[str, ...]] = {}
    """Names of your own for fields: `{street: [Road, "Address line 1"]}`."""

    def faults(self) -> Sequence[Fault]:
        """There is a layout to draw."""
        return () if self.layouts else [Fault("layouts", "names none", remedy=f"Name some of {', '.join(LAYOUTS)}.")]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Make a pair of every record."""
        made = [self._pair(text, Random(draw(context.seed, context.step, name))) for name, text in frame.select("id", "text").iter_rows()]
        form, record, why = (pl.Series(values, dtype=pl.String) for values in (zip(*made, strict=True) if made else ([], [], [])))
        good = why.is_null()
        kept = self.pairs(
            frame.filter(good), [pl.lit(form.filter(good)).alias("input"), pl.lit(record.filter(good)).alias("output")], context.step
        )
        return Halves(kept, dropped(frame.with_columns(reason=why).filter(~good), pl.col("reason")))

    def _pair(self, text: str | None, lot: Random) -> Made:
        """Give the form and the record, or why there is none."""
        try:
            record = json.loads(text or "", parse_constant=_refused)
            fields = dict(_flat(record, ()))
            if not any(map(said, fields.values())):
                return None, None, "no record"
            form, shown = self.laid_out(fields, lot)
            made = form, json.dumps(_only(record, shown, ()), ensure_ascii=False, allow_nan=False), None
            "".join(made[:2]).encode()  # half of a surrogate pair is no text
        except NotFlat:
            return None, None, "not flat"
        except (ValueError, RecursionError):
            return None, None, "no record"
        return made

    def laid_out(self, fields: Mapping[Path, Any], lot: Random) -> tuple[str, set[Path]]:
        """Give a form of fields by path, and which of them it shows."""
        told = [path for path, value in fields.items() if said(value)]
        shown = {path for path in told if lot.random() >= self.missing} or {lot.choice(told)}
        asked = [path for path in fields if path in shown or lot.random() < BLANK]
        if lot.random() < self.reordered:
            lot.shuffle(asked)
        held = [(self._label(path, lot), said(fields[path]) if path in shown else "") for path in asked]
        form = LAYOUTS[lot.choice(self.layouts)](held, lot)
        return (slips.ocr(form, OCR_RATE, lot) if lot.random() < self.ocr else form), shown

    def _label(self, path: Path, lot: Random) -> str:
        name, dotted = path[-1], ".".join(path)
        plain = " ".join(path).replace("_", " ").strip() or "Value"
        if lot.random() >= self.renamed:
            return plain[:1].upper() + plain[1:]
        ways = [plain.upper(), plain.lower(), dotted, plain.title(), f"{plain.capitalize()}*", f"{plain[:4].capitalize()}."]
        return lot.choice([*self.labels.get(dotted, self.labels.get(name, ())), *CALLED.get(name.lower(), ()), *ways])


class NotFlat(ValueError):
    """A record that holds a list of records."""


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _flat(record: Any, before: Path) -> Iterator[tuple[Path, Any]]:
    """Yield a record's fields by path."""
    if not isinstance(record, dict):
        raise ValueError("no object")  # noqa: TRY004  text that is no record, not a wrong call
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, (*before, name))
        elif isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
            raise NotFlat
        else:
            yield (*before, name), value


def said(value: Any) -> str:
    """Give a value as a form shows it; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(filter(None, map(said, value))) if isinstance(value, list) else str(value)


def _only(record: Record, shown: set[Path], before: Path) -> Record:
    """Give a record with null for the fields that are not shown."""
    return {
        name: _only(value, shown, (*before, name)) if isinstance(value, dict) else value if (*before, name) in shown else None
        for name, value in record.items()
    }
