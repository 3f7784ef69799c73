"""Tokens of texts by byte-pair encodings that are installed: nothing is downloaded."""

import functools
import warnings
from importlib.util import find_spec
from typing import Any

import polars as pl

from tasks.errors import usage


@functools.cache
def encoding(name: str) -> Any:
    """Load an encoding by its name, `o200k_base` or `cl100k_base`."""
    if find_spec("bpe_openai") is None:
        raise usage("counts tokens, which needs the extra `tokens`", "Install it: pip install 'dartboard[tokens]'.", value=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how it reads its own data
        import bpe_openai

        return bpe_openai.get_encoding(name)


def count_tokens(texts: pl.Series, name: str) -> pl.Series:
    """Count the tokens of each text; special tokens are read as the text that they are."""
    encode = encoding(name).encode_ordinary
    return pl.Series("tokens", [len(encode(text)) for text in texts.fill_null("")], dtype=pl.UInt32)
