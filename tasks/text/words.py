"""Words: runs of letters, digits and marks; an apostrophe or hyphen between two letters joins them.

Characters of scripts written without spaces (Han, Kana) are words by themselves.
"""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.classes import ALONE, ALPHA, WORD, Classes, Lower, decode, table
from tasks.text.hashing import GOLDEN, PRIME, mix
from tasks.text.kernel import kernel


@kernel
def joins(data: Bytes, at: int, end: int, classes: Classes) -> int:
    """Give the width of an apostrophe or hyphen at `at` that a word character follows, else 0."""
    width = 0
    if data[at] == 0x27 or data[at] == 0x2D:
        width = 1
    elif data[at] == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and (data[at + 2] == 0x99 or data[at + 2] == 0x90):
        width = 3
    if width == 0 or at + width >= end:
        return 0
    point, _ = decode(data, at + width)
    return width if classes[point] & WORD and not classes[point] & ALONE else 0


@kernel
def next_word(data: Bytes, at: int, end: int, classes: Classes) -> tuple[int, int]:
    """Find the first word from `at` on: its start and end in bytes, both `end` where there is none."""
    while at < end:
        point, width = decode(data, at)
        if classes[point] & WORD:
            break
        at += width
    start = at
    while at < end:
        point, width = decode(data, at)
        bits = classes[point]
        if not bits & WORD:
            width = joins(data, at, end, classes) if at > start else 0
            if width == 0:
                break
        elif bits & ALONE:
            return (start, at) if at > start else (start, at + width)
        at += width
    return start, at


@kernel
def hash_word(data: Bytes, start: int, end: int, classes: Classes, lower: Lower) -> tuple[np.uint64, int, bool]:
    """Give a word's hash in lower case, its characters, and whether one of them is a letter."""
    total = GOLDEN
    chars = 0
    alphabetic = False
    at = start
    while at < end:
        point, width = decode(data, at)
        total = (total ^ np.uint64(lower[point])) * PRIME
        alphabetic = alphabetic or (classes[point] & ALPHA) != 0
        chars += 1
        at += width
    return mix(total), chars, alphabetic


@kernel
def _count(data: Bytes, offsets: Offsets, classes: Classes) -> Offsets:
    out = np.zeros(len(offsets) - 1, np.int64)
    for i in range(len(out)):
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            start, at = next_word(data, at, end, classes)
            if at > start:
                out[i] += 1
    return out


@kernel
def word_hashes(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, out: Hashes) -> int:
    """Write the hashes of the lower-cased words of a text to `out`; give their number."""
    count = 0
    at = start
    while at < end:
        first, at = next_word(data, at, end, classes)
        if at > first:
            out[count], _, _ = hash_word(data, first, at, classes, lower)
            count += 1
    return count


def count_words(texts: pl.Series) -> pl.Series:
    """Count the words of each text.

    >>> count_words(pl.Series(["It's a well-known fact.", "", "東京 2026"])).to_list()
    [4, 0, 3]
    """
    held = buffers(texts)
    return pl.Series("words", _count(held.data, held.offsets, table()[0]), dtype=pl.Int64)
