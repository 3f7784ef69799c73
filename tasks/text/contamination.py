"""Word n-grams of one set of texts found in another: how test items in training rows are found."""

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.hashing import GOLDEN, PRIME, mix
from tasks.text.kernel import inlined, kernel
from tasks.text.scratch import largest
from tasks.text.shingles import WordRoom, word_room, words_in

FEW = 5
"""An item of fewer words than this is found only where it is all that a row says."""
FIELDS = ("row", "start", "end", "words", "item")


class Known(NamedTuple):
    """Hashes to be found: a table of them with the items they are of, and a bit for each of many times as many places."""

    bits: Hashes
    keys: Hashes
    items: Offsets
    lengths: Offsets
    """How many words there are in the runs that are looked for."""


@inlined
def _run_hash(total: np.uint64, length: int) -> np.uint64:
    """Finish the hash of a run of so many words, never to 0."""
    return max(mix(total ^ (np.uint64(length) * GOLDEN)), np.uint64(1))


@kernel
def _power(length: int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(length):
        power *= PRIME
    return power


@kernel
def _item_runs(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, ngram: int) -> tuple[Hashes, Offsets, Offsets]:
    room, power = word_room(largest(offsets)), _power(ngram)
    most = offsets[-1] - offsets[0] + len(offsets)
    hashes, items, lengths, n = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64), 0
    for i in range(len(offsets) - 1):
        count, words, total = words_in(data, offsets[i], offsets[i + 1], classes, lower, room), room.words, np.uint64(0)
        length = min(count, ngram)
        for word in range(count):
            total = total * PRIME + words[word]
            if word >= length:
                total -= words[word - length] * power
            if word >= length - 1:
                hashes[n], items[n], lengths[n] = _run_hash(total, length), i, length
                n += 1
    return hashes[:n].copy(), items[:n].copy(), lengths[:n].copy()


@inlined
def _slot(keys: Hashes, value: np.uint64) -> int:
    """Give the slot of a hash in the table, or the empty one where it would be."""
    mask = len(keys) - 1
    at = np.int64(value & np.uint64(mask))
    while keys[at] != 0 and keys[at] != value:
        at = (at + 1) & mask
    return int(at)


@kernel
def _filled(hashes: Hashes, items: Offsets, size: int) -> tuple[Hashes, Hashes, Offsets]:
    bits, keys, of = np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.int64)
    mask = np.uint64(64 * size - 1)
    for k in range(len(hashes)):
        value = hashes[k]
        at = _slot(keys, value)
        if keys[at] == 0:
            keys[at], of[at] = value, items[k]
            place = (value >> np.uint64(20)) & mask
            bits[place >> np.uint64(6)] |= np.uint64(1) << (place & np.uint64(63))
    return bits, keys, of


@inlined
def _item_of(value: np.uint64, bits: Hashes, keys: Hashes, items: Offsets) -> int:
    """Give the item that a hash is of, -1 where it is of none."""
    place = (value >> np.uint64(20)) & np.uint64(64 * len(bits) - 1)
    if not (bits[place >> np.uint64(6)] >> (place & np.uint64(63))) & np.uint64(1):
        return -1
    at = _slot(keys, value)
    return items[at] if keys[at] == value else -1


@kernel
def _mark(count: int, length: int, known: Known, room: WordRoom, marks: Offsets) -> bool:
    """Mark the words that runs of so many words which are known begin at by their item and the run's length."""
    words, power, total, found = room.words, _power(length), np.uint64(0), False
    bits, keys, items = known.bits, known.keys, known.items
    for word in range(count):
        total = total * PRIME + words[word]
        if word >= length:
            total -= words[word - length] * power
        if word >= length - 1:
            item = _item_of(_run_hash(total, length), bits, keys, items)
            if item >= 0:
                first = word - length + 1
                marks[first] = max(marks[first], np.int64(length) << 32 | item)
                found = True
    return found


@kernel
def _spans(row: int, count: int, room: WordRoom, marks: Offsets, found: Offsets, n: int) -> tuple[Offsets, int]:
    """Write the spans of marked runs; those that overlap are one, and of the first one's item."""
    word = 0
    while word < count:
        if marks[word] == 0:
            word += 1
            continue
        first, item, stop = word, marks[word] & 0xFFFFFFFF, word + (marks[word] >> 32)
        while word < stop:
            if marks[word]:
                stop = max(stop, word + (marks[word] >> 32))
                marks[word] = 0
            word += 1
        if n == found.shape[1]:
            grown = np.empty((5, 2 * n), np.int64)
            grown[:, :n] = found
            found = grown
        found[0, n], found[1, n], found[2, n] = row, room.starts[first], room.ends[stop - 1]
        found[3, n], found[4, n] = stop - first, item
        n += 1
    return found, n


@kernel
def _find(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, known: Known) -> Offsets:
    size, n = largest(offsets), 0
    room, marks, found = word_room(size), np.zeros(size + 1, np.int64), np.empty((5, 64), np.int64)
    for i in range(len(offsets) - 1):
        count, hit = words_in(data, offsets[i], offsets[i + 1], classes, lower, room), False
        for length in known.lengths:
            if count == length or (count > length >= FEW):
                hit |= _mark(count, length, known, room, marks)
        if hit:
            found, n = _spans(i, count, room, marks, found, n)
    return found[:, :n].copy()


def item_runs(texts: pl.Series, ngram: int) -> pl.DataFrame:
    """Give the runs of words by which items are found: `hash`, `item` (its place in `texts`) and `length`.

    They are all `ngram` words that follow each other, or, of an item with fewer words, all of them.
    """
    held = buffers(texts)
    hashes, items, lengths = _item_runs(held.data, held.offsets, *table(), ngram)
    return pl.DataFrame({"hash": hashes, "item": items.astype(np.uint32), "length": lengths.astype(np.uint8)})


def known_runs(runs: pl.DataFrame) -> Known:
    """Make the table by which runs are found; of items that share one the first in `runs` counts."""
    size = 16
    while size < 2 * runs.height:
        size *= 2
    bits, keys, items = _filled(runs["hash"].to_numpy(), runs["item"].cast(pl.Int64).to_numpy(), size)
    return Known(bits, keys, items, runs["length"].unique().sort().cast(pl.Int64).to_numpy())


def find_runs(texts: pl.Series, known: Known) -> pl.DataFrame:
    """Find runs of words that items have too: FIELDS, the spans in bytes, the number of their words.

    Words are compared in small letters, and nothing but words. Runs that overlap are one span. An item of fewer than FEW
    words is found only where a text has no other words.
    """
    held = buffers(texts)
    found = _find(held.data, held.offsets, *table(), known)
    types = (pl.UInt32, pl.Int64, pl.Int64, pl.UInt32, pl.UInt32)
    return pl.DataFrame(
        {name: pl.Series(column, dtype=pl.Int64).cast(dtype) for name, column, dtype in zip(FIELDS, found, types, strict=True)}
    )
