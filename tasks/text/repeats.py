"""Runs of words that stand more than once in a corpus, found by few fingerprints and then exactly.

Of the hashes of all shorter runs within a window of words the least is its fingerprint, so two equal windows have the same one
(winnowing; Schleimer, Wilkerson and Aiken 2003). Fingerprints that are met again lead to the windows that may be repeated.
"""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.hashing import PRIME, mix
from tasks.text.kernel import kernel
from tasks.text.scratch import largest
from tasks.text.shingles import word_room, words_in

WINDOWS = {"row": pl.UInt32(), "key": pl.UInt64(), "start": pl.Int64(), "end": pl.Int64()}
"""A window of words: the row, counted from 0, a hash of the words, and the bytes from the first word to the end of the last."""


@kernel
def _runs(words: Hashes, count: int, length: int, out: Hashes) -> int:
    """Write the hash of each run of `length` words; their number is given."""
    power, total = np.uint64(1), np.uint64(0)
    for _ in range(length):
        power *= PRIME
    for at in range(count):
        total = total * PRIME + words[at]
        if at >= length:
            total -= words[at - length] * power
        if at >= length - 1:
            out[at - length + 1] = mix(total)
    return max(count - length + 1, 0)


@kernel
def _least(hashes: Hashes, count: int, width: int, out: Offsets) -> int:
    """Write where the least of each `width` hashes is, the last one of equals; their number is given."""
    at = -1
    for last in range(width - 1, count):
        first = last - width + 1
        if at < first:
            at = first
            for k in range(first + 1, last + 1):
                if hashes[k] <= hashes[at]:
                    at = k
        elif hashes[last] <= hashes[at]:
            at = last
        out[first] = at
    return max(count - width + 1, 0)


@kernel
def _fingerprints(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, length: int) -> tuple[Hashes, Offsets]:
    size = largest(offsets)
    room, runs, least = word_room(size), np.empty(size + 1, np.uint64), np.empty(size + 1, np.int64)
    out, ends, n = np.empty(offsets[-1] - offsets[0] + 1, np.uint64), np.zeros(len(offsets), np.int64), 0
    for i in range(len(offsets) - 1):
        count = words_in(data, offsets[i], offsets[i + 1], classes, lower, room)
        windows = _least(runs, _runs(room.words, count, length // 2, runs), length - length // 2 + 1, least)
        for k in range(windows):
            if k == 0 or least[k] != least[k - 1]:
                out[n] = runs[least[k]]
                n += 1
        ends[i + 1] = n
    return out[:n].copy(), ends


@kernel
def _windows(
    data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, length: int, again: Bytes
) -> tuple[Offsets, Hashes, Offsets, Offsets]:
    size, total = largest(offsets), offsets[-1] - offsets[0] + 1
    room, runs, least, whole = word_room(size), np.empty(size + 1, np.uint64), np.empty(size + 1, np.int64), np.empty(size + 1, np.uint64)
    rows, keys, starts, ends = np.empty(total, np.int64), np.empty(total, np.uint64), np.empty(total, np.int64), np.empty(total, np.int64)
    n, met = 0, -1
    for i in range(len(offsets) - 1):
        count = words_in(data, offsets[i], offsets[i + 1], classes, lower, room)
        windows = _least(runs, _runs(room.words, count, length // 2, runs), length - length // 2 + 1, least)
        _runs(room.words, count, length, whole)
        for k in range(windows):
            met += k == 0 or least[k] != least[k - 1]
            if again[met]:
                rows[n], keys[n], starts[n], ends[n] = i, whole[k], room.starts[k], room.ends[k + length - 1]
                n += 1
    return rows[:n].copy(), keys[:n].copy(), starts[:n].copy(), ends[:n].copy()


def fingerprints(texts: pl.Series, words: int) -> pl.Series:
    """Give the fingerprints of all windows of so many words, in order, neighbours that share one once."""
    held = buffers(texts)
    found, _ = _fingerprints(held.data, held.offsets, *table(), words)
    return pl.Series("key", found, dtype=pl.UInt64)


def windows_again(texts: pl.Series, words: int, repeated: Hashes) -> pl.DataFrame:
    """Give the windows (WINDOWS) whose fingerprints are among `repeated`, which is sorted."""
    held = buffers(texts)
    found, ends = _fingerprints(held.data, held.offsets, *table(), words)
    at = np.searchsorted(repeated, found)
    again = (np.append(repeated, np.uint64(0))[at] == found) & (at < len(repeated))
    touched = np.flatnonzero(np.diff(np.concatenate([[0], np.cumsum(again)])[ends]))
    few = buffers(texts.gather(touched))
    flags = again[np.repeat(np.isin(np.arange(len(texts)), touched), np.diff(ends))].astype(np.uint8)
    rows, *rest = _windows(few.data, few.offsets, *table(), words, flags)
    columns = [pl.Series(np.asarray(column)) for column in (touched[rows].astype(np.uint32), *rest)]
    return pl.DataFrame({name: column.cast(dtype) for (name, dtype), column in zip(WINDOWS.items(), columns, strict=True)})
