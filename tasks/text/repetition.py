"""Repeated word n-grams inside each text, for the repetition rules."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.hashing import GOLDEN, mix
from tasks.text.kernel import kernel
from tasks.text.structure import known, table_size
from tasks.text.words import hash_word, next_word

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
NAMES = (*(f"top_{n}" for n in TOP), *(f"duplicate_{n}" for n in DUPLICATE))


@kernel
def gram(words: Hashes, at: int, n: int) -> np.uint64:
    """Hash the n words from `at` on."""
    total = words[at]
    for k in range(1, n):
        total = (total * GOLDEN) ^ words[at + k]
    return mix(total)


@kernel
def _top(words: Hashes, lengths: Offsets, count: int, n: int) -> int:
    size = table_size(count)
    keys = np.zeros(size, np.uint64)
    counts = np.zeros(size, np.int64)
    best = 0
    for at in range(count - n + 1):
        value = max(gram(words, at, n), np.uint64(1))
        slot = np.int64(value & np.uint64(size - 1))
        while keys[slot] != 0 and keys[slot] != value:
            slot = (slot + 1) & (size - 1)
        keys[slot] = value
        counts[slot] += 1
        if counts[slot] > 1:
            best = max(best, counts[slot] * lengths[at : at + n].sum())
    return best


@kernel
def _duplicate(words: Hashes, lengths: Offsets, count: int, n: int) -> int:
    size = table_size(count)
    seen = np.zeros(size, np.uint64)
    covered = 0
    total = 0
    for at in range(count - n + 1):
        if known(seen, size - 1, gram(words, at, n)):
            for k in range(max(at, covered), at + n):
                total += lengths[k]
            covered = at + n
    return total


@kernel
def _measure(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> Counts:
    out = np.zeros((len(offsets) - 1, 9), np.float64)
    for i in range(len(out)):
        end = offsets[i + 1]
        at = offsets[i]
        words = np.empty((end - at) // 2 + 2, np.uint64)
        lengths = np.empty(len(words), np.int64)
        count = 0
        while at < end:
            first, at = next_word(data, at, end, classes)
            if at > first:
                words[count], lengths[count], _ = hash_word(data, first, at, classes, lower)
                count += 1
        for k in range(3):
            out[i, k] = _top(words, lengths, count, k + 2)
        for k in range(6):
            out[i, 3 + k] = _duplicate(words, lengths, count, k + 5)
    return out


def repetition(texts: pl.Series) -> pl.DataFrame:
    """Count the characters in repeated word n-grams of each text: the columns of NAMES, one row a text.

    `top_n`: characters in all occurrences of the n-gram that covers most of them and occurs at
    least twice. `duplicate_n`: characters of the words in n-grams that occurred before, overlaps
    counted once. Rae et al. 2021, section A.1.1.
    """
    held = buffers(texts)
    return pl.DataFrame(_measure(held.data, held.offsets, *table()), schema=list(NAMES))
