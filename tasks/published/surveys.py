"""What a report shows of a filter: for each rule a histogram of its scores with the bound in it, and rows near the bound."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STYLE = """
details { margin: .4rem 0; border-bottom: 1px solid #d9dee5; padding-bottom: .4rem; }
summary { cursor: pointer; }
svg { display: block; margin: .6rem 0; }
.kept { fill: #2f6f9f; } .lost { fill: #c0573f; } .bound { stroke: #1d2530; stroke-dasharray: 3 2; }
"""
WIDTH, HEIGHT = 480, 90


def surveyed(name: str, survey: Mapping[str, Any]) -> Iterator[str]:
    """Give the part of a page that shows a filter: rules that drop rows first, each unfolded by a click."""
    failed, only = survey["failed"], survey["only"]
    yield f"<h2>Rules of {_said(name)}</h2><p class=why>Rows that fail a rule, and those that fail no other.</p>"
    for rule, told in sorted(survey["rules"].items(), key=lambda item: -failed.get(item[0], 0)):
        counts = f"{failed.get(rule, 0):,} fail, {only.get(rule, 0):,} of them no other"
        bounds = " and ".join(
            f"{word} {value:g}" for word, value in zip(("at least", "at most"), told["bounds"], strict=True) if value is not None
        )
        rows = "".join(_row(row) for row in told["near"])
        table = f"<table><tr><th></th><th>score</th><th>row</th><th></th></tr>{rows}</table>" if rows else ""
        head = f"<summary>{_said(rule)} <span class=why>{_said(bounds)}: {counts}</span></summary>"
        yield f"<details>{head}{histogram(told)}{table}</details>"


def histogram(told: Mapping[str, Any]) -> str:
    """Draw bins of kept and dropped rows as an SVG, the bounds as dashed lines; the tallest bin fills the height."""
    bins: Sequence[Sequence[int]] = told["bins"]
    low, high = told["low"], told["high"]
    tallest, step = max([sum(pair) for pair in bins] + [1]), WIDTH / len(bins)
    bars = []
    for place, (kept, lost) in enumerate(bins):
        tall, dropped = HEIGHT * (kept + lost) / tallest, HEIGHT * lost / tallest
        title = f"<title>{kept:,} kept, {lost:,} dropped</title>"
        for kind, top, height in (("kept", HEIGHT - tall, tall - dropped), ("lost", HEIGHT - dropped, dropped)):
            box = f'x="{place * step:.1f}" y="{top:.1f}" width="{step - 1:.1f}" height="{height:.1f}"'
            bars.append(f'<rect class="{kind}" {box}>{title}</rect>')
    inside = [bound for bound in told["bounds"] if bound is not None and low < high and low <= bound <= high]
    places = [f"{WIDTH * (bound - low) / (high - low):.1f}" for bound in inside]
    lines = [f'<line class="bound" x1="{at}" x2="{at}" y1="0" y2="{HEIGHT}"/>' for at in places]
    ends = f'<text x="0" y="{HEIGHT + 14}" font-size="11">{low:.4g}</text>'
    ends += f'<text x="{WIDTH}" y="{HEIGHT + 14}" font-size="11" text-anchor="end">{high:.4g}</text>'
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" width="{WIDTH}" height="{HEIGHT + 18}" role="img">'
    return f"{head}{''.join((*bars, *lines))}{ends}</svg>"


def _row(row: Mapping[str, Any]) -> str:
    text = " ".join(str(row.get("excerpt") or "").split())
    kept = "kept" if row["ok"] else "dropped"
    return f'<tr><td>{kept}</td><td class="n">{row["score"]:.4g}</td><td>{_said(row["id"])}</td><td class="why">{_said(text)}</td></tr>'


def _said(value: object) -> str:
    return html.escape(str(value))
