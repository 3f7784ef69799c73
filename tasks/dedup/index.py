"""An index: earlier rows by their hashes alone, enough to find what is equal or alike, too little to read it."""

import polars as pl

from tasks.dedup.comparison import SAME, nothing, said, shingled

INDEXED = ("text", "system", "turns", "input", "output")
"""The columns that an index keeps the hashes of."""


def indexed(rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows as an index keeps them.

    `id`, and of each column of INDEXED that is there: under its name the set of its shingles, null for nothing; under `same.` and its
    name a hash of what it says.
    """
    from tasks.text.sameness import same_hash

    columns = []
    for name in INDEXED:
        if name in rows.columns:
            told = rows.select(said(name).fill_null("")).to_series()
            sets = rows.select(pl.when(~nothing(name, rows.schema[name])).then(shingled(rows, name)).alias(name))
            columns += [sets.to_series(), same_hash(told).alias(f"{SAME}{name}")]
    return rows.select("id").with_columns(columns)
