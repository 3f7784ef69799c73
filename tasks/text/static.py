"""Vectors of texts by a static embedding model: the mean of its tokens' vectors."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import polars as pl

from tasks.errors import usage
from tasks.text.lexical import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 1024


@functools.lru_cache(maxsize=2)
def _loaded(tokenizer: str, table: str, stamps: tuple[int, ...]) -> "tuple[Tokenizer, np.ndarray[tuple[int, int], np.dtype[np.float32]]]":
    del stamps
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        remedy = "Install it: pip install 'dartboard[embeddings]'."
        raise usage("reads a model, which needs the extra `embeddings`", remedy, value=table) from error
    try:
        (weights,) = [tensor for tensor in load_file(table).values() if tensor.ndim == 2]
        plain = Path(tokenizer).read_text(encoding="utf-8")
        if "model" not in orjson.loads(plain):
            raise ValueError("its tokenizer.json has no `model`")
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise usage(f"is no static model: {error}", "Give a folder with tokenizer.json and model.safetensors.", value=table) from error
    split = Tokenizer.from_str(plain)
    split.no_padding()
    split.no_truncation()
    return split, weights.astype(np.float32)


def static_vectors(texts: pl.Series, tokenizer: str, table: str) -> Vectors:
    """Give the vector of each text, the mean of its tokens' rows in the model's table; all zero where it has no known token."""
    split, weights = _loaded(tokenizer, table, tuple(Path(path).stat().st_mtime_ns for path in (tokenizer, table)))
    width = -(-weights.shape[1] // 4) * 4
    out = np.zeros((len(texts), width), np.int8)
    for start in range(0, len(texts), BATCH):
        encoded = split.encode_batch(texts[start : start + BATCH].to_list(), add_special_tokens=False)
        for row, tokens in enumerate(encoded, start):
            ids = [token for token in tokens.ids if token < len(weights)]
            mean = weights[ids].sum(axis=0) if ids else np.zeros(1, np.float32)
            most = float(np.abs(mean).max())
            if most > 0:
                out[row, : len(mean)] = np.rint(mean / most * 127).astype(np.int8)
    return out
