"""The board of a selection as a picture: sectors by the first axis, rings by the others, a path for each cell, and its table."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import cos, pi, sin
from typing import Any

STYLE = """
.board path { stroke: #fff; stroke-width: 1.5; } .board .none { fill: #f3f5f8; stroke: #c9d1db; stroke-dasharray: 3 2; }
.board text { font-size: 11px; fill: #1d2530; } td.short { color: #c0573f; }
"""
SIZE, HOLE, EDGE = 620, 50, 210
LABEL = 24
Totals = Mapping[tuple[str, ...], Sequence[int]]


def boarded(name: str, board: Mapping[str, Any]) -> Iterator[str]:
    """Give the part of a page that shows a selection: the picture, and a table of its cells."""
    yield f"<h2>The board of {_said(name)}</h2><p class=why>Darker cells gave more rows; dashed ones are empty.{_rings_told(board)}</p>"
    yield picture(board)
    heads = "".join(f"<th>{_said(head)}</th>" for head in ("split", *board["axes"], "there", "wanted", "taken", "short"))
    yield f"<details><summary>{len(board['cells']):,} cells</summary><table><tr>{heads}</tr>"
    for cell in board["cells"]:
        labels = "".join(f"<td>{_said(label)}</td>" for label in (cell["split"], *cell["cell"]))
        counts = "".join(f'<td class="n">{cell[count]:,}</td>' for count in ("there", "wanted", "taken"))
        short = f'<td class="n short">{cell["short"]:,}</td>' if cell["short"] else "<td></td>"
        yield f"<tr>{labels}{counts}{short}</tr>"
    yield "</table></details>"


def picture(board: Mapping[str, Any]) -> str:
    """Draw the cells of all splits together as an SVG; a cell that no row falls into is drawn as an empty one."""
    totals = _totals(board["cells"])
    sectors = sorted({cell[0] for cell in totals}, key=_natural)
    rings = _rings(totals, len(board["axes"]))
    most = max([taken for _, taken in totals.values()] + [1])
    parts = []
    for turn, sector in enumerate(sectors):
        for ring, rest in enumerate(rings):
            parts.append(_cell((turn, len(sectors)), (ring, len(rings)), (sector, *rest), totals.get((sector, *rest)), most))
        parts.append(_label(turn, len(sectors), sector))
    names = _said(", ".join(board["axes"]))
    head = f'<svg class="board" role="img" aria-label="Rows by {names}" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}">'
    return f"{head}{''.join(parts)}</svg>"


def _rings(cells: Iterable[tuple[str, ...]], axes: int) -> list[tuple[str, ...]]:
    """Give the rings from the inside: every combination of values of the axes but the first."""
    held = list(cells)
    return list(product(*(sorted({cell[place] for cell in held}, key=_natural) for place in range(1, axes))))


def _rings_told(board: Mapping[str, Any]) -> str:
    if len(board["axes"]) == 1:
        return ""
    rings = _rings((tuple(cell["cell"]) for cell in board["cells"]), len(board["axes"]))
    return f" Rings from the inside, {_said(' and '.join(board['axes'][1:]))}: {_said(', '.join(' · '.join(ring) for ring in rings))}."


def _totals(cells: Sequence[Mapping[str, Any]]) -> Totals:
    totals: dict[tuple[str, ...], list[int]] = {}
    for cell in cells:
        held = totals.setdefault(tuple(cell["cell"]), [0, 0])
        held[0], held[1] = held[0] + cell["there"], held[1] + cell["taken"]
    return totals


def _natural(label: str) -> tuple[float, str]:
    """Order labels that hold a number by it."""
    digits = "".join(sign if sign.isdigit() else " " for sign in label).split()
    return (float(digits[0]) if digits else float("inf"), label)


def _cell(sector: tuple[int, int], ring: tuple[int, int], names: Sequence[str], counts: Sequence[int] | None, most: int) -> str:
    start, end = (2 * pi * (sector[0] + more) / sector[1] for more in (0, 1))
    inner, outer = (HOLE + (EDGE - HOLE) * (ring[0] + more) / ring[1] for more in (0, 1))
    if sector[1] == 1:
        end -= 1e-4
    there, taken = counts or (0, 0)
    told = f"<title>{_said(' · '.join(names))}: {taken:,} of {there:,}</title>"
    shade = f'fill="#2f6f9f" fill-opacity="{0.15 + 0.85 * taken / most:.2f}"' if taken else 'class="none"'
    corners = [_at(outer, start), _at(outer, end), _at(inner, end), _at(inner, start)]
    wide = int(end - start > pi)
    path = f"M{corners[0]}A{outer:.1f} {outer:.1f} 0 {wide} 1 {corners[1]}L{corners[2]}A{inner:.1f} {inner:.1f} 0 {wide} 0 {corners[3]}Z"
    return f'<path d="{path}" {shade}>{told}</path>'


def _label(turn: int, count: int, name: str) -> str:
    angle = 2 * pi * (turn + 0.5) / count
    x, y = _at(EDGE + 10, angle).split()
    anchor = "middle" if abs(sin(angle)) < 0.2 else "start" if sin(angle) > 0 else "end"
    short = name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" dy="{0.35 - 0.5 * cos(angle):.2f}em">{_said(short)}</text>'


def _at(radius: float, angle: float) -> str:
    return f"{SIZE / 2 + radius * sin(angle):.1f} {SIZE / 2 - radius * cos(angle):.1f}"


def _said(value: object) -> str:
    return html.escape(str(value))
