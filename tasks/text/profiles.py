"""Profiles of style: how like a text's use of grammar and punctuation is to that of a handful of exemplars."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.structure import structure

Profile = npt.NDArray[np.float64]


def exemplars(content: str) -> list[str]:
    """Give the texts of a file of exemplars: what stands between blank lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", content) if part.strip()]


def profiles(styled: pl.DataFrame) -> Profile:
    """Give each text's shares of every function word, of all other words, and of every sign, as one distribution a row."""
    grammar, signs = (np.asarray(styled[name].to_numpy(), np.float64) for name in ("grammar", "punctuation"))
    others = np.maximum(styled["words"].to_numpy().astype(np.float64) - grammar.sum(axis=1), 0)
    counts: Any = np.column_stack([grammar, others, signs])
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def distance(styled: pl.DataFrame, content: str) -> pl.Series:
    """Give the Hellinger distance, 0 to 1, of each text's profile to that of all exemplars together.

    Hellinger 1909: the square root of 1 minus the sum of the square roots of p times q. A text without words is at 1.
    """
    held = structure(pl.Series(["\n\n".join(exemplars(content))]), style=True)
    aim, own = profiles(held)[0], profiles(styled)
    return pl.Series("like", np.sqrt(np.maximum(1 - np.sqrt(own) @ np.sqrt(aim), 0)).astype(np.float32))
