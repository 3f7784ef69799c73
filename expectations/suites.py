"""Suites: lists of expectations in YAML, built in or the user's."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.errors import Fault, RecipeError
from tasks.markup import read_yaml

FOLDER = Path(__file__).parent / "suites"
SEVERITIES = ("critical", "warning", "info")


class Expectation(NamedTuple):
    """One expectation: its type by Great Expectations' name, its arguments, and how much it weighs."""

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning", "info"]


def load(name: str, text: str | None) -> list[Expectation]:
    """Read a suite: a built-in by its name, or the user's by its text; RecipeError names what is wrong."""
    if text is None:
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    marked = read_yaml(text)
    listed = marked.value.get("expectations") if isinstance(marked.value, dict) else None
    faults = list(marked.faults)
    if not isinstance(listed, list) or not listed:
        faults.append(Fault("expectations", "a suite is a mapping with a list `expectations`", file=name))
        raise RecipeError(faults)
    for place, entry in enumerate(listed):
        rule = _wrong(entry)
        if rule:
            faults.append(Fault(f"expectations[{place}]", rule, str(entry)[:80], file=name, line=marked.line(("expectations", place))))
    if faults:
        raise RecipeError(faults)
    return [Expectation(entry["type"], entry.get("kwargs") or {}, entry.get("severity", "critical")) for entry in listed]


def _wrong(entry: object) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        return "an expectation is a mapping with `type`"
    more = set(entry) - {"type", "kwargs", "severity"}
    if more:
        return f"has unknown keys: {', '.join(sorted(map(str, more)))}"
    if entry.get("severity", "critical") not in SEVERITIES:
        return f"`severity` must be one of {', '.join(SEVERITIES)}"
    return "" if isinstance(entry.get("kwargs") or {}, dict) else "`kwargs` must be a mapping"
