"""What a certificate compares texts by: exact sets of shingles, made and looked up by code that a splitter does not use.

The measure is the same: word 5-grams of texts of at least 20 words, character 5-grams of those with fewer than 40.
"""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import SPACE, Classes, Lower, decode, table
from tasks.text.kernel import kernel
from tasks.text.words import word_hashes

BY_WORDS, BY_CHARACTERS = 0, 1
LEAST_WORDS, MOST_WORDS = 20, 40
FACTOR = np.uint64(0xD6E8FEB86659FD93)


@kernel
def _stirred(value: np.uint64) -> np.uint64:
    """Spread the bits of a value (xor, shift and multiply twice, by one factor)."""
    value = (value ^ (value >> np.uint64(32))) * FACTOR
    value = (value ^ (value >> np.uint64(32))) * FACTOR
    return value ^ (value >> np.uint64(32))


@kernel
def _characters(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, out: Hashes) -> int:
    """Write the small letters of a text, each run of white space as one space, none at its ends."""
    count, at, spaces = 0, start, False
    while at < end:
        point, width = decode(data, at)
        at += width
        if classes[point] & SPACE:
            spaces = count > 0
            continue
        if spaces:
            out[count] = np.uint64(32)
            count += 1
        out[count] = np.uint64(lower[point])
        count, spaces = count + 1, False
    return count


@kernel
def _fives(units: Hashes, count: int) -> int:
    """Put the hash of each five units that follow each other in the place of the first; of fewer there is one."""
    width = min(count, 5)
    for at in range(count - width + 1):
        total = np.uint64(width)
        for k in range(at, at + width):
            total = _stirred(total ^ units[k])
        units[at] = total
    return count - width + 1 if count else 0


@kernel
def _distinct(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, kind: int) -> tuple[Hashes, Offsets]:
    rows, most = len(offsets) - 1, 0
    for i in range(rows):
        most = max(most, offsets[i + 1] - offsets[i])
    units, out = np.empty(most + 8, np.uint64), np.empty(offsets[-1] - offsets[0] + 8, np.uint64)
    ends, n = np.zeros(rows + 1, np.int64), 0
    for i in range(rows):
        start, end = offsets[i], offsets[i + 1]
        count = word_hashes(data, start, end, classes, lower, units)
        if kind == BY_CHARACTERS and count < MOST_WORDS:
            count = _characters(data, start, end, classes, lower, units)
        elif kind == BY_CHARACTERS or count < LEAST_WORDS:
            count = 0
        held = np.sort(units[: _fives(units, count)])
        for k in range(len(held)):
            if k == 0 or held[k] != held[k - 1]:
                out[n] = held[k]
                n += 1
        ends[i + 1] = n
    return out[:n].copy(), ends


@kernel
def _fill(marks: Bytes, hashes: Hashes, shift: int) -> None:
    for k in range(len(hashes)):
        marks[hashes[k] >> np.uint64(shift)] = 1


@kernel
def _shares(marks: Bytes, hashes: Hashes, ends: Offsets, shift: int) -> Counts:
    out = np.zeros(len(ends) - 1, np.float64)
    for i in range(len(out)):
        met = 0
        for k in range(ends[i], ends[i + 1]):
            met += marks[hashes[k] >> np.uint64(shift)]
        out[i] = met / max(ends[i + 1] - ends[i], 1)
    return out


@kernel
def _overlaps(one: Hashes, one_ends: Offsets, two: Hashes, two_ends: Offsets, left: Offsets, right: Offsets) -> Counts:
    out = np.zeros(len(left), np.float64)
    for pair in range(len(left)):
        a, b = one[one_ends[left[pair]] : one_ends[left[pair] + 1]], two[two_ends[right[pair]] : two_ends[right[pair] + 1]]
        both = at = 0
        for value in a:
            while at < len(b) and b[at] < value:
                at += 1
            both += at < len(b) and b[at] == value
        out[pair] = both / max(len(a) + len(b) - both, 1)
    return out


Sets = tuple[Hashes, Offsets]


def distinct(texts: pl.Series, kind: int) -> Sets:
    """Give the sorted distinct shingles of each text, end to end, and where each begins; none where a text is not compared by `kind`."""
    held = buffers(texts.str.normalize("NFC"))
    return _distinct(held.data, held.offsets, *table(), kind)


def pruned(sets: Sets, common: Hashes) -> Sets:
    """Give sets without the common members; a set that has no others stays as it is."""
    if not len(common):
        return sets
    hashes, ends = sets
    kept = ~np.isin(hashes, common)
    left = np.add.reduceat(np.append(kept, 0), ends[:-1]) * (np.diff(ends) > 0)
    whole = np.repeat(left == 0, np.diff(ends))
    kept |= whole
    sizes = np.where(left == 0, np.diff(ends), left)
    return hashes[kept], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def marked(hashes: Hashes, shift: int) -> Bytes:
    """Give a table of marks, one for each value that hashes can have in their upper bits."""
    marks = np.zeros(1 << (64 - shift), np.uint8)
    _fill(marks, hashes, shift)
    return marks


def shares(marks: Bytes, sets: Sets, shift: int) -> Counts:
    """Give the share of each set whose members are marked: never less than the share that is in what was marked."""
    return _shares(marks, *sets, shift)


def overlaps(one: Sets, two: Sets, left: Offsets, right: Offsets) -> Counts:
    """Give the Jaccard similarity of pairs of sets, by their places in `one` and `two`; 0 where one is empty."""
    return _overlaps(*one, *two, np.array(left, np.int64), np.array(right, np.int64))
