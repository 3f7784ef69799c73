"""Suites: lists of expectations in YAML, built in or the user's."""

import functools
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.errors import Fault, RecipeError
from tasks.markup import read_yaml
from tasks.wiring import nearest

FOLDER = Path(__file__).parent / "suites"
SEVERITIES = ("critical", "warning", "info")


class Expectation(NamedTuple):
    """One expectation: its type by Great Expectations' name, its arguments, and how much it weighs."""

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning", "info"]
    file: str = ""
    line: int = 0


@functools.cache
def known_types() -> frozenset[str]:
    """Name the expectations of Great Expectations by the names of their files, without the seconds that its import takes."""
    spec = importlib.util.find_spec("great_expectations")
    folder = Path(spec.origin or "").parent / "expectations" / "core" if spec else Path()
    return frozenset(path.stem for path in folder.glob("expect_*.py"))


def load(name: str, text: str | None) -> list[Expectation]:
    """Read a suite: a built-in by its name, or the user's by its text; RecipeError names what is wrong, with file and line."""
    if text is None:
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    marked = read_yaml(text)
    listed = marked.value.get("expectations") if isinstance(marked.value, dict) else None
    faults = [replace(fault, file=name) for fault in marked.faults]
    if faults:
        raise RecipeError(faults)
    if not isinstance(listed, list) or not listed:
        faults.append(Fault("expectations", "a suite is a mapping with a list `expectations`", file=name))
        raise RecipeError(faults)
    faults.extend(
        replace(fault, file=name, line=marked.line(("expectations", place)))
        for place, entry in enumerate(listed)
        if (fault := _fault(place, entry))
    )
    if faults:
        raise RecipeError(faults)
    return [
        Expectation(entry["type"], entry.get("kwargs") or {}, entry.get("severity", "critical"), name, marked.line(("expectations", place)))
        for place, entry in enumerate(listed)
    ]


def _fault(place: int, entry: Any) -> Fault | None:
    rule = _wrong(entry)
    if rule:
        return Fault(f"expectations[{place}]", rule, str(entry)[:80])
    if entry["type"] in known_types():
        return None
    remedy = nearest(entry["type"], known_types())
    return Fault(f"expectations[{place}]", "is no expectation of Great Expectations", entry["type"], remedy)


def _wrong(entry: Any) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        return "an expectation is a mapping with `type`"
    more = set(entry) - {"type", "kwargs", "severity"}
    if more:
        return f"has unknown keys: {', '.join(sorted(map(str, more)))}"
    if entry.get("severity", "critical") not in SEVERITIES:
        return f"`severity` must be one of {', '.join(SEVERITIES)}"
    return "" if isinstance(entry.get("kwargs") or {}, dict) else "`kwargs` must be a mapping"
