"""What is said of steps that asked a model: what it cost, what failed, how even and how diverse the rows are."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FEW_LOST = 5
"""Rows lost in one way, from which on something is said."""
REMEDIES = {
    "cut by length": "raise `max_tokens` of the step; for a model that thinks before it answers, set `thinking` of the model",
    "broken JSON": "the model does not write JSON; take one that follows schemas",
    "schema violation": "the model does not keep to the form; simplify it, or take one that follows schemas",
    "empty answer": "the model says nothing; for one that thinks before it answers, set `thinking` of the model",
    "rate limit": "the endpoint asks to be left alone for more than an hour; run again then, what was answered is kept",
}
WEAKEST = 3
"""Cells that are named one by one."""


def asked_lines(reports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give lines about each step that asked a model."""
    for report in reports:
        if "cost" in report and "quarantined" in report:
            earlier = " (of an earlier build; nothing was asked now)" if report.get("cached") else ""
            yield f"{report['name']}: {_cost(report['cost'])}{earlier}"
            yield from (f"  {line}" for line in _lines(report))


def warned_lines(reports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give what steps found worth saying."""
    return (f"{report['name']}: {warned}" for report in reports for warned in report.get("warned", ()))


def _cost(cost: Mapping[str, float]) -> str:
    usd = f", {cost['usd']:.2f} dollars" if cost["usd"] else ""
    tokens = f"{cost['input_tokens']:,.0f} tokens in, {cost['output_tokens']:,.0f} out{usd}"
    return f"{cost['requests']:,.0f} calls, {cost['cached']:,.0f} answers known; {tokens}"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    counts = {"failed calls": report["failures"], "rows without an answer": report["unanswered"], "scores": report.get("scores")}
    for about, found in counts.items():
        if found:
            yield f"{about}: {', '.join(f'{name} {count:,}' for name, count in found.items())}"
    yield from _remedies(report)
    if report["quarantined"]:
        yield f"quarantined with what was asked and said: {report['quarantined']:,} ({', '.join(report['parts']['quarantine'])})"
    if "cells" in report:
        yield _cells(report["cells"])
    if "diversity" in report:
        before, after = (report["diversity"][side] for side in ("before", "after"))
        yield f"diversity before and after: {', '.join(f'{name} {before[name]:g} → {after[name]:g}' for name in before)}"


def _remedies(report: Mapping[str, Any]) -> Iterator[str]:
    """Say what may help where many rows were lost in one way."""
    lost = Counter(report["unanswered"]) + Counter({name: count for name, count in report["dropped"].items() if name in REMEDIES})
    most = max(FEW_LOST, lost.total() // 2)
    yield from (f"{name}: {remedy}" for name, remedy in REMEDIES.items() if lost[name] >= most)


def _cells(cells: Mapping[str, int]) -> str:
    counts = sorted(cells.values())
    weakest = sorted(cells, key=lambda name: cells[name])[:WEAKEST]
    told = "; ".join(f"{name} {cells[name]:,}" for name in weakest)
    return f"{len(cells):,} cells with {counts[0]:,} to {counts[-1]:,} rows; the weakest: {told}"
