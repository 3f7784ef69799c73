"""What a page shows of steps that asked a model: scores, accuracy of guesses, rows by cell, and diversity before and after."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.published.bars import bars, said

FIGURES = {
    "compression_ratio": "compression ratio (lower is more diverse)",
    "repetition": "share of four-word runs that stand in more than one text",
    "distinct_1": "share of words that are distinct",
    "distinct_2": "share of two-word runs that are distinct",
}
FEW = 24
"""Cells that are shown at once; more are folded up."""


def grown(report: Mapping[str, Any]) -> Iterator[str]:
    """Give the parts of a page for one step; none for a step that asked nobody."""
    name = said(report["name"])
    if report.get("scores"):
        yield f"<h2>Scores of {name}</h2>{bars(report['scores'], _widest(report['scores']))}"
    if report.get("accuracy"):
        yield f"<h2>How well {name} guesses</h2><p class=why>Known values were hidden and asked for.</p>{_accuracy(report['accuracy'])}"
    if report.get("cells"):
        cells = dict(sorted(report["cells"].items(), key=lambda cell: (cell[1], cell[0])))
        table = bars(cells, _widest(cells))
        folded = f"<details><summary>{len(cells):,} cells, the weakest first</summary>{table}</details>" if len(cells) > FEW else table
        yield f"<h2>Rows of {name} by cell</h2>{folded}"
    if report.get("diversity"):
        yield f"<h2>Diversity before and after {name}</h2>{_diversity(report['diversity'])}"


def _widest(counts: Mapping[str, int]) -> int:
    return max([*counts.values(), 1])


def _accuracy(fields: Mapping[str, Mapping[str, int]]) -> str:
    rows = (
        f'<tr><td>{said(name)}</td><td class="n">{held["right"]:,} of {held["asked"]:,} came back</td></tr>'
        for name, held in fields.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _diversity(sides: Mapping[str, Mapping[str, float]]) -> str:
    rows = (
        f'<tr><td>{said(FIGURES.get(name, name))}</td><td class="n">{before:g}</td><td class="n">{sides["after"][name]:g}</td></tr>'
        for name, before in sides["before"].items()
    )
    return f"<table><tr><th></th><th>before</th><th>after</th></tr>{''.join(rows)}</table>"
