"""`template`: input and output rendered from a row's columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import polars as pl
from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.pairs.pairing import Pairing
from tasks.step import Context, InputFile

SIDES = ("system", "input", "output")
MAX_OUTPUT_CHARS = 1_000_000
MAX_RANGE = 10_000


class Sandbox(ImmutableSandboxedEnvironment):
    """Strict and sandboxed: unknown names are errors, no attribute of Python is reachable, no file is."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_said)
        self.globals = {"range": _short_range}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply small numbers only: texts and lists are not repeated, powers are not raised."""
        small = all(isinstance(side, int | float) and abs(side) < 1e9 for side in (left, right))
        if operator != "*" or not small:
            raise TemplateError(f"{operator} works on small numbers only")
        return super().call_binop(context, operator, left, right)


def _said(value: Any) -> Any:
    """Refuse to print nothing as the word None."""
    if value is None:
        raise TemplateError("a value is null")
    return value


def _short_range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_RANGE:
        raise TemplateError(f"range of more than {MAX_RANGE} steps")
    return made


def names_in(source: str) -> tuple[str, ...]:
    """Name the columns that a template reads; TemplateError where it is no template."""
    from jinja2 import meta

    tree: nodes.Template = Sandbox().parse(source)
    return tuple(sorted(meta.find_undeclared_variables(tree) - {"range"}))


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
        sides = {side: source for side in SIDES if (source := self._source(side, context)) is not None}
        names = sorted({name for source in sides.values() for name in names_in(source)} & set(frame.columns))
        rows = frame.select(names).to_dicts() if names else [{}] * frame.height
        made = {side: _render(source, rows, needed=side != "system") for side, source in sides.items()}
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
    try:
        return names_in(source) if source else ()
    except TemplateError:
        return ()


def _syntax(side: str, source: str | None) -> list[Fault]:
    try:
        names_in(source or "")
    except TemplateError as error:
        return [
            Fault(side, f"is no template: {str(error).rstrip('.')}", source or "", "See https://jinja.palletsprojects.com for the syntax.")
        ]
    return []


def _render(source: str, rows: Sequence[dict[str, Any]], *, needed: bool) -> list[tuple[str | None, str | None]]:
    template = Sandbox().from_string(source)
    return [_render_row(template, row, needed=needed) for row in rows]


def _render_row(template: Any, row: dict[str, Any], *, needed: bool) -> tuple[str | None, str | None]:
    try:
        text = _joined(template.generate(row))
    except (TemplateError, TypeError, ValueError, ArithmeticError, OverflowError) as error:
        return None, f"template failed: {_brief(error)}"
    return (text, None) if text.strip() or not needed else (None, "template rendered nothing")


def _brief(error: Exception) -> str:
    """Say what failed without any of the row's own words, so that equal failures are counted together."""
    return f"{type(error).__name__}: {error}"[:80] if isinstance(error, TemplateError) else type(error).__name__


def _joined(pieces: Iterator[str]) -> str:
    held: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_OUTPUT_CHARS:
            raise TemplateError(f"rendered more than {MAX_OUTPUT_CHARS} characters")
        held.append(piece)
    return "".join(held)
