"""Thresholds for rows that a person marked: `python -m flows.propose DATASET MARKS.csv`.

MARKS is a CSV file or JSON lines with a row's `id` and `good` (yes or no): twenty rows are enough. For
each bound of a filter the value is sought that parts good from bad best, by the scores which the build
stored; what it would keep of all rows is told. Nothing is changed: the `--set` that does it is printed.
"""

import argparse
import csv
import io
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import orjson
import polars as pl

from flows.reader import read_recipe
from flows.rim import Exit, guarded
from flows.show import facts_of, rules_of, score_of
from tasks.errors import usage
from tasks.filters.rule import Between
from tasks.filters.sieve import Filter
from tasks.store.place import Place

YES = ("yes", "y", "true", "1", "good", "keep")
NO = ("no", "n", "false", "0", "bad", "drop")
PROBE = 0.1234567


@dataclass(frozen=True)
class Proposal:
    """A bound for a rule: how many marked rows it judges as the person did, and what it would keep of all."""

    rule: str
    setting: str
    """Its place in the recipe; empty where it has none of its own."""
    now: float
    bound: float
    right: int
    right_now: int
    marked: int
    keeps: int
    rows: int


def read_marks(path: str) -> dict[str, bool]:
    """Read which rows are good, by their ids."""
    folder, _, name = path.rpartition("/")
    try:
        text = Place.at(folder or ".").read_bytes(name).decode("utf-8-sig")
        lines = [line for line in text.split("\n") if line.strip()]
        as_json = text.lstrip().startswith(("{", "["))
        rows: list[Any] = [orjson.loads(line) for line in lines] if as_json else list(csv.DictReader(io.StringIO(text)))
    except FileNotFoundError as error:
        raise usage("does not exist", "Write it as CSV with the columns `id` and `good`.", value=path) from error
    except (UnicodeDecodeError, orjson.JSONDecodeError) as error:
        raise usage(f"cannot be read: {error}", "Write it as UTF-8, as CSV or JSON lines.", value=path) from error
    if not all(isinstance(row, dict) for row in rows):
        raise usage("holds something else than rows", "Write one JSON object a line.", value=path)
    marks: dict[str, bool] = {}
    for number, row in enumerate(rows, 1):
        said = str(row.get("good")).strip().lower()
        if not row.get("id") or said not in (*YES, *NO):
            remedy = "Give every row an `id`, and `good` as yes or no."
            raise usage("has no `id`, or a `good` that is neither yes nor no", remedy, place=path, value=f"row {number}")
        marks[str(row["id"])] = said in YES
    if len(set(marks.values())) < 2:
        raise usage("marks no row as good, or none as bad", "Mark some of both.", place=path)
    return marks


def best_bound(good: Sequence[float], bad: Sequence[float], *, at_least: bool) -> tuple[float, int]:
    """Give the bound that judges most marked scores right, and how many; it lies midway between the two scores that it parts."""
    scores = sorted({*good, *bad})
    cuts = [scores[0], *((one + two) / 2 for one, two in pairwise(scores)), scores[-1]]
    if all(score == int(score) for score in scores):
        cuts = [float(math.ceil(cut) if at_least else math.floor(cut)) for cut in cuts]
    sign = 1 if at_least else -1

    def right(cut: float) -> int:
        return sum(sign * (score - cut) >= 0 for score in good) + sum(sign * (score - cut) < 0 for score in bad)

    most = max(map(right, cuts))
    fitting = [cut for cut in cuts if right(cut) == most]
    return fitting[len(fitting) // 2], most


def setting_of(step: Filter, rule: str, side: int) -> str:
    """Find the setting that moves a rule's bound, by moving each: `fineweb.short_lines`, `style.modern.min`."""
    name, _, short = rule.partition(".")
    rules = dict(step.rules.sets())[name]
    for field, info in type(rules).model_fields.items():
        for suffix, value in (("", PROBE), (".min", Between(min=PROBE)), (".max", Between(max=PROBE))):
            if suffix and "Between" not in str(info.annotation):
                continue
            moved = rules.model_copy(update={field: value})
            bounds = _bounds(moved, step).get(short, (None, None))
            if bounds[side] == PROBE:
                return f"{name}.{info.alias or field}{suffix}"
    return ""


def _bounds(rules: Any, step: Filter) -> dict[str, tuple[float | None, float | None]]:
    try:
        return {rule.name: rule.bounds for rule in rules.rules(step.profile)}
    except (AttributeError, TypeError):
        return {}


def proposals(dataset: str, marks: Mapping[str, bool], version: str | None = None) -> list[Proposal]:
    """Give a proposal for every bound of every filter whose marked rows have scores, the most helpful first."""
    facts = facts_of(dataset, version)
    recipe = read_recipe(Place.at(dataset).read_bytes(f"{facts['version']}/recipe.yaml").decode())
    found = []
    for rule, report in rules_of(facts).items():
        if report["decisions"] != "all":
            raise usage("keeps not the scores of all rows", "Build with `decisions: all`.", place=f"steps.{report['name']}.decisions")
        if rule.partition(".")[2] in report["varied"]:
            continue
        score = score_of(report, rule)
        marked = score.rows.filter(pl.col("id").is_in(list(marks)) & pl.col("score").is_finite())
        step = recipe.steps[report["name"]]
        assert isinstance(step, Filter)
        for side, now in enumerate((score.low, score.high)):
            if now is not None and marked.height:
                setting = setting_of(step, rule.partition(".")[2], side)
                place = f"steps.{report['name']}.rules.{setting}" if setting else ""
                found.append(_proposal((rule, place, now), score.rows, marked, marks, at_least=side == 0))
    if not found:
        remedy = "Take ids that `dartboard show DATASET --dropped RULE` prints."
        raise usage("are no ids of rows whose scores the build stored", remedy, value=", ".join(list(marks)[:3]))
    return sorted(found, key=lambda each: (each.right_now - each.right, each.rule))


def _proposal(
    of: tuple[str, str, float], rows: pl.DataFrame, marked: pl.DataFrame, marks: Mapping[str, bool], *, at_least: bool
) -> Proposal:
    rule, place, now = of
    scores: dict[bool, list[float]] = {True: [], False: []}
    for name, value in marked.select("id", "score").iter_rows():
        scores[marks[name]].append(value)
    bound, right = best_bound(scores[True], scores[False], at_least=at_least)
    sign = 1 if at_least else -1
    right_now = sum((sign * (value - now) >= 0) is good for good, values in scores.items() for value in values)
    keeps = int((sign * (rows["score"] - bound) >= 0).sum())
    return Proposal(rule, place, now, float(f"{bound:.6g}"), right, right_now, marked.height, keeps, rows.height)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser("dartboard propose", description="Propose thresholds that keep the rows which you marked as good.")
    parser.add_argument("dataset", help="the dataset's folder (OUT/NAME)")
    parser.add_argument("marks", help="CSV or JSON lines with `id` and `good` (yes or no)")
    parser.add_argument("--version", help="the version to start from (default: the one that latest.json names)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    found = proposals(parsed.dataset, read_marks(parsed.marks), parsed.version)
    if parsed.json:
        print(orjson.dumps({"proposals": [asdict(each) for each in found]}).decode())
        return Exit.GOOD
    better = [each for each in found if each.right > each.right_now]
    for each in better:
        print(f"{each.rule}: {each.bound:g} instead of {each.now:g} judges {each.right} of {each.marked} as you do, not {each.right_now};")
        print(f"  it would keep {each.keeps:,} of {each.rows:,} rows", end="")
        print(f": dartboard what-if {parsed.dataset} --set {each.setting}={each.bound:g}" if each.setting else "")
    if not better:
        print(f"No other bound judges more of the {found[0].marked} marked rows as you do.")
    return Exit.GOOD


if __name__ == "__main__":
    sys.exit(main())
