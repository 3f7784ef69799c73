"""Groups of features, each one function from a column of texts to a table with a row a text."""

from collections.abc import Callable, Iterable

import polars as pl


def _structure(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.structure import structure

    return structure(texts)


def _repetition(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.repetition import repetition

    return repetition(texts)


def _lines(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.lines import lines

    return pl.DataFrame(
        {
            "lines_of": lines(texts),
            "lorem_ipsum": texts.fill_null("").str.to_lowercase().str.contains("lorem ipsum", literal=True),
            "curly": texts.fill_null("").str.contains("{", literal=True),
        }
    )


GROUPS: dict[str, Callable[[pl.Series], pl.DataFrame]] = {
    "structure": _structure,
    "repetition": _repetition,
    "lines": _lines,
}


def measure(texts: pl.Series, groups: Iterable[str]) -> pl.DataFrame:
    """Measure the named groups of features, side by side; the groups of one table do not overlap."""
    tables = [GROUPS[group](texts) for group in sorted(set(groups))]
    return pl.DataFrame([column for table in tables for column in table])
