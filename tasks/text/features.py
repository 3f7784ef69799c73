"""Groups of features, each one function from a column of texts to a table with a row a text."""

from collections.abc import Callable, Iterable

import polars as pl

PEER = "peer_"
"""Before the names of features that are counted as datatrove counts them."""


def _lines(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.lines import lines

    return lines(texts)


def _peer(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.peer import peer_features

    return peer_features(texts).select(pl.all().name.prefix(PEER))


def _peer_lines(texts: pl.Series) -> pl.DataFrame:
    from tasks.text import grams
    from tasks.text.lines import lines

    return lines(texts, grams.PEER).select(pl.all().name.prefix(PEER))


def _pii(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.pii import counts

    return counts(texts)


GROUPS: dict[str, Callable[[pl.Series], pl.DataFrame]] = {
    "lines": _lines,
    "peer": _peer,
    "peer_lines": _peer_lines,
    "pii": _pii,
}
"""Groups beside those of WITHIN."""
WITHIN = ("structure", "repetition", "style")
"""Groups that one pass measures; `repetition` holds `structure`, `style` its words."""


def measure(texts: pl.Series, groups: Iterable[str]) -> pl.DataFrame:
    """Measure the named groups of features, side by side; the groups of one table do not overlap."""
    from tasks.text.structure import structure

    named = set(groups)
    lines, repetition, style = ({"structure", "repetition"} & named, "repetition" in named, "style" in named)
    tables = [structure(texts, lines=bool(lines), repetition=repetition, style=style)] if named & set(WITHIN) else []
    tables += [GROUPS[group](texts) for group in sorted(named - set(WITHIN))]
    return pl.DataFrame([column for table in tables for column in table])
