"""Lines of texts with what the C4 rules ask of each."""

import polars as pl

from tasks.text.structure import structure

POLICY = (
    "javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip
"""Phrases whose lines C4 takes out; tensorflow_datasets, c4_utils."""

END_MARK = r'(?:[.?!"]|[”’。！？])\s*$'
ELLIPSIS = r"(?:\.\.\.|…)\s*$"


def lines(texts: pl.Series) -> pl.Series:
    """Give each text's lines as a list of {start, end, words, longest, sentences, ended, policy, blank}.

    `start` and `end` are bytes and take in the line's end; `ended`: the line ends in a terminal mark
    and not in an ellipsis; `policy`: it holds one of POLICY, in any case.
    """
    split = pl.DataFrame({"text": texts.fill_null("")}).with_row_index("row")
    flat = split.select("row", line=pl.col("text").str.split("\n")).explode("line", empty_as_null=True)
    measured = structure(flat["line"]).select(
        words=pl.col("words").cast(pl.Int64), longest=pl.col("longest_word").cast(pl.Int64), sentences=pl.col("sentences").cast(pl.Int64)
    )
    flat = flat.hstack(measured).with_columns(size=pl.col("line").str.len_bytes().cast(pl.Int64) + 1)
    end = pl.col("size").cum_sum().over("row")
    table = flat.with_columns(
        start=end - pl.col("size"),
        end=end,
        ended=pl.col("line").str.contains(END_MARK) & ~pl.col("line").str.contains(ELLIPSIS),
        policy=pl.col("line").str.to_lowercase().str.contains_any(list(POLICY)),
        blank=pl.col("line").str.strip_chars() == "",
    ).select("row", pl.struct("start", "end", "words", "longest", "sentences", "ended", "policy", "blank").alias("lines"))
    return table.group_by("row", maintain_order=True).agg("lines")["lines"]
