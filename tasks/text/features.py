"""Groups of features, each one function from a column of texts to a table with a row a text."""

from collections.abc import Callable, Iterable

import polars as pl

PEER = "peer_"
"""Before the names of features that are counted as datatrove counts them."""


def _structure(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.structure import structure

    return structure(texts)


def _repetition(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.structure import structure

    return structure(texts, repetition=True)


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


GROUPS: dict[str, Callable[[pl.Series], pl.DataFrame]] = {
    "structure": _structure,
    "repetition": _repetition,
    "lines": _lines,
    "peer": _peer,
    "peer_lines": _peer_lines,
}
"""The group `repetition` holds `structure`, which is then not measured twice."""


def measure(texts: pl.Series, groups: Iterable[str]) -> pl.DataFrame:
    """Measure the named groups of features, side by side; the groups of one table do not overlap."""
    named = set(groups)
    tables = [GROUPS[group](texts) for group in sorted(named - ({"structure"} if "repetition" in named else set()))]
    return pl.DataFrame([column for table in tables for column in table])
