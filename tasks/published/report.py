"""The report of a dataset: one page of HTML that needs no network, no script, and shows every text escaped."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.published.bars import bar, bars, said
from tasks.published.board import STYLE as BOARD
from tasks.published.board import boarded
from tasks.published.card import configs_of
from tasks.published.grown import grown
from tasks.published.surveys import STYLE, surveyed

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d9dee5; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: #e8ecf1; width: 14rem; height: .9rem; border-radius: 2px; }
.bar span { display: block; height: 100%; background: #2f6f9f; border-radius: 2px; }
.why { color: #5a6675; font-size: .9rem; }
"""


def report(
    recipe: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    reports: Sequence[Mapping[str, Any]],
    origins: Mapping[str, Mapping[str, int]],
    surveys: Mapping[str, Mapping[str, Any]],
) -> str:
    """Write the page: what is in the dataset, what each step kept and why it dropped rows, where the rows come from.

    `surveys` are those of filters by their names: how scores are spread, and rows near the bounds.
    """
    configs = configs_of(files)
    widest = max([report["rows_out"] for report in reports] + [1])
    parts = [
        f"<h1>{said(recipe['name'])}</h1><p>{said(recipe.get('about') or '')}</p>",
        *(
            f"<h2>{said('Splits' if len(configs) == 1 else f'Splits of {name}')}</h2>{bars(splits, max([*splits.values(), 1]))}"
            for name, splits in configs.items()
        ),
        "<h2>What each step kept</h2><table><tr><th>step</th><th>kind</th><th>in</th><th>out</th><th></th></tr>",
        *(_step(report, widest) for report in reports),
        "</table>",
        *_checks(reports),
        *(part for report in reports if "board" in report for part in boarded(report["name"], report["board"])),
        *(part for report in reports for part in grown(report)),
        *(part for name, survey in surveys.items() for part in surveyed(name, survey)),
        *(f"<h2>Rows by {said(about)}</h2>" + bars(counts, max([*counts.values(), 1])) for about, counts in origins.items() if counts),
    ]
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{said(recipe["name"])}</title><style>{_STYLE}{STYLE}{BOARD}</style>'
    )
    return head + "".join(parts) + "</html>\n"


def _checks(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    told: dict[str, list[str]] = {"Checks that did not hold": [], "Worth knowing": []}
    for report in reports:
        checked = "expectations" in report
        lines = [warned if checked else f"{report['name']}: {warned}" for warned in report.get("warned", ())]
        told["Checks that did not hold" if checked else "Worth knowing"] += lines
    return [f"<h2>{head}</h2><ul>{''.join(f'<li>{said(line)}</li>' for line in lines)}</ul>" for head, lines in told.items() if lines]


def _step(report: Mapping[str, Any], widest: int) -> str:
    reasons = {**report["dropped"], **{f"skipped: {reason}": count for reason, count in report["skipped"].items()}}
    why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    told = f'<div class="why">{said(why)}</div>' if why else ""
    counts = f'<td class="n">{report["rows_in"]:,}</td><td class="n">{report["rows_out"]:,}</td>'
    return f"<tr><td>{said(report['name'])}</td><td>{said(report['use'])}</td>{counts}<td>{bar(report['rows_out'], widest)}{told}</td></tr>"
