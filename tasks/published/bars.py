"""Counts as bars of a page: names, numbers, and how long they are beside the widest."""

import html
from collections.abc import Mapping


def bars(counts: Mapping[str, int], widest: int) -> str:
    """Give a table of counts with their bars."""
    rows = (f'<tr><td>{said(name)}</td><td class="n">{count:,}</td><td>{bar(count, widest)}</td></tr>' for name, count in counts.items())
    return f"<table>{''.join(rows)}</table>"


def bar(count: int, widest: int) -> str:
    """Give one bar."""
    return f'<div class="bar"><span style="width:{100 * count // widest}%"></span></div>'


def said(value: object) -> str:
    """Write a value so that nothing in it is markup."""
    return html.escape(str(value))
