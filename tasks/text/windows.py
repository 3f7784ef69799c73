"""Cutting texts into passages of whole paragraphs and sentences."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Offsets, buffers, ranges
from tasks.text.classes import ALPHA, END, SPACE, UPPER, Classes, decode, table
from tasks.text.kernel import kernel
from tasks.text.structure import trimmed
from tasks.text.words import next_word


@kernel
def _closes(point: int) -> bool:
    """Tell a quote or bracket that may stand between the end of a sentence and the space after it."""
    return point == 0x22 or point == 0x27 or point == 0x29 or point == 0x2019 or point == 0x201D or point == 0xBB


@kernel
def _after_blank(data: Bytes, at: int, end: int) -> int:
    """Give where the line ends that stand at `at` are over, or `at` where there is none."""
    while at < end and data[at] == 10:
        at += 1
    return at


@kernel
def _letters(before: int, bits: int) -> int:
    """Count the letters of the word so far as 0, 1 (a single capital: an initial) or 2 (anything else)."""
    if not bits & ALPHA:
        return 0
    return 2 if before or not bits & UPPER else 1


@kernel
def _sentence_end(data: Bytes, start: int, end: int, classes: Classes) -> int:
    """Find where the sentence or paragraph at `start` ends, its white space included."""
    at = start
    previous = 0
    letters = 0
    while at < end:
        point, width = decode(data, at)
        bits = classes[point]
        at += width
        if point == 10 and at < end and data[at] == 10:
            return _after_blank(data, at, end)
        if previous & END and bits & SPACE and letters != 1:
            return at
        if bits & END:
            previous = bits
        elif not _closes(point):
            previous = 0
            letters = _letters(letters, bits)
    return end


@kernel
def _words_between(data: Bytes, start: int, end: int, classes: Classes) -> int:
    count = 0
    at = start
    while at < end:
        first, at = next_word(data, at, end, classes)
        count += at > first
    return count


@kernel
def _add(found: Offsets, n: int, row: int, start: int, end: int, words: int) -> Offsets:
    if n == found.shape[1]:
        grown = np.empty((4, 2 * n), np.int64)
        grown[:, :n] = found
        found = grown
    found[0, n], found[1, n], found[2, n], found[3, n] = row, start, end, words
    return found


@kernel
def _cut(data: Bytes, offsets: Offsets, classes: Classes, low: int, high: int) -> Offsets:
    found = np.empty((4, 1024), np.int64)
    n = 0
    for i in range(len(offsets) - 1):
        base, end = offsets[i], offsets[i + 1]
        at, begin, words = base, base, 0
        while at < end:
            stop = _sentence_end(data, at, end, classes)
            more = _words_between(data, at, stop, classes)
            if words > 0 and words + more > high:
                first, last = trimmed(data, begin, at)
                found = _add(found, n, i, first - base, last - base, words)
                n += 1
                begin, words = at, 0
            at, words = stop, words + more
            parted = stop - base >= 2 and data[stop - 1] == 10 and data[stop - 2] == 10
            if (parted and words >= low and 4 * words >= 3 * high) or (at >= end and words > 0):
                first, last = trimmed(data, begin, at)
                found = _add(found, n, i, first - base, last - base, words)
                n += 1
                begin, words = at, 0
    return found[:, :n].copy()


def passages(texts: pl.Series, low: int, high: int) -> pl.DataFrame:
    """Cut each text into runs of whole sentences: `row`, `start`, `end` (bytes), `words`, `passage`.

    Sentences are added until the next one would pass `high` words, or a paragraph ends when at
    least `low` words and three quarters of `high` are there. A single sentence of more than `high`
    words is a passage by itself, and the last one of a text may have fewer than `low`: the caller
    decides what to keep. An initial (`J.`) ends no sentence.
    """
    held = buffers(texts)
    rows, starts, ends, words = _cut(held.data, held.offsets, table()[0], low, high)
    columns = {"row": rows.astype(np.uint32), "start": starts, "end": ends, "words": words}
    return pl.DataFrame(columns).with_columns(ranges(held, rows, starts, ends).alias("passage"))
