"""`template`: input and output rendered from a row's columns."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import polars as pl

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.pairs.pairing import Pairing
from tasks.step import Context, InputFile

SIDES = ("system", "input", "output")


class Template(Pairing):
    """Render `input`, `output` and, where there is one, `system` (Jinja2, sandboxed) from a row's columns.

    A row whose template fails, prints a null value or renders nothing is dropped with that reason;
    `{{ title or "untitled" }}` gives another value. The text of a row is a value, never a template:
    `{{7*7}}` in it stays as it is.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      pairs: {use: template, input: "Shout this:\\n{{ text }}", output: "{{ text | upper }}"}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("documents", "pairs")
    reads_lists: ClassVar[bool] = True

    use: Literal["template"] = "template"
    input: str | None = None
    """Template of the input."""
    input_file: InputFile | None = None
    """File with the template of the input."""
    output: str | None = None
    """Template of the output."""
    output_file: InputFile | None = None
    """File with the template of the output."""

    def faults(self) -> Sequence[Fault]:
        """Each side has one template, and it can be read."""
        found = []
        for side in ("input", "output"):
            inline, file = getattr(self, side), getattr(self, f"{side}_file")
            if (inline is None) == (file is None):
                found.append(Fault(side, f"exactly one of {side} and {side}_file must be given"))
        return [*found, *(fault for side in SIDES for fault in _syntax(side, getattr(self, side)))]

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """Templates in files can be read too."""
        return [fault for field, source in files.items() for fault in _syntax(field, source)]

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns that inline templates name."""
        return {side: _names(getattr(self, side)) for side in SIDES}

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Render both sides of every row."""
        from tasks.pairs.sandbox import names_in, render

        sides = {side: source for side in SIDES if (source := self._source(side, context)) is not None}
        names = sorted({name for source in sides.values() for name in names_in(source)} & set(frame.columns))
        rows = frame.select(names).to_dicts() if names else [{}] * frame.height
        made = {side: render(source, rows, needed=side != "system") for side, source in sides.items()}
        texts = [pl.Series(side, [text for text, _ in results], dtype=pl.String) for side, results in made.items()]
        faults = [next((why for _, why in row if why), None) for row in zip(*made.values(), strict=True)]
        reason = pl.Series("reason", faults, dtype=pl.String)
        good = frame.filter(reason.is_null())
        lost = frame.with_columns(reason).filter(reason.is_not_null())
        kept = self.pairs(good, [pl.lit(text.filter(reason.is_null())) for text in texts], context.step)
        return Halves(kept, dropped(lost, pl.col("reason")))

    def _source(self, side: str, context: Context) -> str | None:
        inline: str | None = getattr(self, side)
        return inline if inline is not None else context.files.get(f"{side}_file")


def _names(source: str | None) -> tuple[str, ...]:
    """Name the columns that a template reads; none of what is no template."""
    if not source:
        return ()
    from tasks.pairs.sandbox import NotTemplate, names_in

    try:
        return names_in(source)
    except NotTemplate:
        return ()


def _syntax(side: str, source: str | None) -> list[Fault]:
    if not source:
        return []
    from tasks.pairs.sandbox import NotTemplate, names_in

    try:
        names_in(source)
    except NotTemplate as error:
        return [Fault(side, f"is no template: {str(error).rstrip('.')}", source, "See https://jinja.palletsprojects.com for the syntax.")]
    return []
