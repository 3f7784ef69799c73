"""Templates of users in a box: strict, bounded, and out of reach of Python and files."""

from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT_CHARS = 1_000_000
MAX_RANGE = 10_000


class NotTemplate(ValueError):
    """A text that cannot be read as a template; says why."""


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
    """Name the columns that a template reads; NotTemplate where it is none."""
    try:
        tree: nodes.Template = Sandbox().parse(source)
    except TemplateError as error:
        raise NotTemplate(str(error)) from error
    return tuple(sorted(meta.find_undeclared_variables(tree) - {"range"}))


def render(source: str, rows: Sequence[dict[str, Any]], *, needed: bool) -> list[tuple[str | None, str | None]]:
    """Render a template for every row: its text, or why there is none."""
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
