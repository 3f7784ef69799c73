"""Taking spans out of texts."""

import numpy as np
import polars as pl

from tasks.text.arrow import buffers, strings
from tasks.text.copying import copy_outside


def cut(texts: pl.Series, cuts: pl.Series) -> pl.Series:
    """Take the byte spans `cuts` (lists of {start, end}, sorted) out of `texts`, row by row.

    >>> import polars as pl
    >>> cut(pl.Series(["keep drop keep"]), pl.Series([[{"start": 4, "end": 9}]])).to_list()
    ['keep keep']
    """
    held = buffers(texts)
    spans = cuts.fill_null([]).explode(empty_as_null=False, keep_nulls=False)
    firsts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(cuts.list.len().fill_null(0).to_numpy(), out=firsts[1:])
    starts, ends = (spans.struct.field(name).cast(pl.Int64).to_numpy() for name in ("start", "end"))
    data, offsets = copy_outside(held.data, held.offsets, firsts, starts, ends)
    return strings(data, offsets)
