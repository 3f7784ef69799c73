"""Checking rows against a suite; the only module that calls Great Expectations."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from expectations.suites import Expectation
from tasks.errors import Fault, RecipeError


@dataclass(frozen=True)
class Found:
    """What one expectation found."""

    type: str
    severity: str
    success: bool
    unexpected: int
    about: str = ""
    """The column, in brackets."""
    problem: str = ""
    """Why it could not be judged: an absent column, a pattern that is none."""

    def __str__(self) -> str:
        return f"{self.type}{self.about}: {self.problem or f'{self.unexpected} unexpected'}"


@dataclass(frozen=True)
class Report:
    """What a suite found, in its order."""

    engine: str
    rows: int
    found: tuple[Found, ...]

    @property
    def passed(self) -> bool:
        """Whether every critical expectation held."""
        return all(found.success or found.severity != "critical" for found in self.found)


def check(suite: Sequence[Expectation], frames: Iterable[pl.DataFrame]) -> Report:
    """Check all rows at once; only the columns that the suite names are held in memory.

    RecipeError where Great Expectations knows no such expectation or argument.
    """
    named = {str(value) for expected in suite for name, value in expected.kwargs.items() if name.startswith("column")}
    held = [frame.select([column for column in frame.columns if column in named] or [frame.columns[0]]) for frame in frames]
    rows = pl.concat(held, how="diagonal_relaxed") if held else pl.DataFrame()
    results = _run(suite, rows)
    found = tuple(_found(expected, result) for expected, result in zip(suite, results, strict=True))
    return Report("pandas", rows.height, found)


def _run(suite: Sequence[Expectation], rows: pl.DataFrame) -> list[Any]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        batch = context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")
        frame = batch.get_batch(batch_parameters={"dataframe": rows.to_pandas()})
        return [frame.validate(_expectation(gx, place, expected), result_format="BASIC") for place, expected in enumerate(suite)]


def _expectation(gx: Any, place: int, expected: Expectation) -> Any:
    name = "".join(part.capitalize() for part in expected.type.split("_"))
    kind = getattr(gx.expectations, name, None)
    if kind is None:
        fault = Fault(f"expectations[{place}].type", "is no expectation of Great Expectations", expected.type)
        raise RecipeError([replace(fault, file=expected.file, line=expected.line)])
    try:
        return kind(**expected.kwargs)
    except (ValueError, TypeError) as error:
        rule = f"does not fit {expected.type}: {' '.join(str(error).split())[:200]}"
        raise RecipeError([Fault(f"expectations[{place}].kwargs", rule, file=expected.file, line=expected.line)]) from error


def _found(expected: Expectation, result: Any) -> Found:
    detail = result.result or {}
    unexpected = int(detail.get("unexpected_count") or (0 if result.success else 1))
    column = expected.kwargs.get("column")
    about = f" ({column})" if column else ""
    return Found(expected.type, expected.severity, bool(result.success), unexpected, about, _problem(result.exception_info or {}))


def _problem(info: Mapping[str, Any]) -> str:
    """Give the message of an error inside an expectation; Great Expectations keeps one, or one a metric."""
    held = [info, *(inner for inner in info.values() if isinstance(inner, Mapping))]
    told = [str(inner.get("exception_message")) for inner in held if inner.get("raised_exception")]
    return " ".join(told[0].split())[:200] if told else ""
