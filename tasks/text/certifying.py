"""What a certificate compares texts by: exact sets of shingles, made and looked up by code that a splitter does not use.

The measure is the same: word 5-grams of texts of at least 20 words, character 5-grams of those with fewer than 40.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import SPACE, Classes, Lower, decode, table
from tasks.text.kernel import kernel
from tasks.text.words import word_hashes

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
def _put(units: Hashes, count: int, out: Hashes, n: int) -> int:
    """Write the distinct shingles of some units from `n` on, sorted; where they end is given."""
    held = np.sort(units[: _fives(units, count)])
    for k in range(len(held)):
        if k == 0 or held[k] != held[k - 1]:
            out[n] = held[k]
            n += 1
    return n


@kernel
def _distinct(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> tuple[Hashes, Offsets, Hashes, Offsets]:
    rows, most = len(offsets) - 1, 0
    for i in range(rows):
        most = max(most, offsets[i + 1] - offsets[i])
    units, size = np.empty(most + 8, np.uint64), offsets[-1] - offsets[0] + 8
    words, word_ends, n = np.empty(size, np.uint64), np.zeros(rows + 1, np.int64), 0
    points, point_ends, m = np.empty(size, np.uint64), np.zeros(rows + 1, np.int64), 0
    for i in range(rows):
        start, end = offsets[i], offsets[i + 1]
        count = word_hashes(data, start, end, classes, lower, units)
        if count >= LEAST_WORDS:
            n = _put(units, count, words, n)
        if count < MOST_WORDS:
            m = _put(units, _characters(data, start, end, classes, lower, units), points, m)
        word_ends[i + 1], point_ends[i + 1] = n, m
    return words[:n].copy(), word_ends, points[:m].copy(), point_ends


Sets = tuple[Hashes, Offsets]
"""Sorted distinct shingles of texts, end to end, and where those of each begin."""


class Index(NamedTuple):
    """Sets to be looked for: their members in order, in how many sets each is, and the sets of which it is a rare one."""

    sets: Sets
    groups: Offsets
    """A number for each set; alike are only sets of different groups."""
    hashes: Hashes
    starts: Offsets
    """For each value of the upper bits of members the first that has it or more."""
    shift: int
    counts: Offsets
    firsts: Offsets
    """Where the sets of each member begin in `rows`."""
    rows: Offsets


@kernel
def _looked_up(hashes: Hashes, starts: Offsets, shift: int, held: Hashes, places: Offsets) -> int:
    """Write the place of each member of a set, -1 where it is in none; how many are in some is given."""
    known = 0
    for k in range(len(held)):
        bits, places[k] = np.int64(held[k] >> np.uint64(shift)), -1
        for at in range(starts[bits], starts[bits + 1]):
            if hashes[at] == held[k]:
                places[k] = at
        known += places[k] >= 0
    return known


@kernel
def _rarest(places: Offsets, counts: Offsets, similarity: float) -> Offsets:
    """Give so many places of a set, the rarest first, that two alike sets have one of them in common; equally rare ones by hash."""
    held = np.array([counts[place] if place >= 0 else 0 for place in places], np.int64)
    wanted = len(places) - int(np.ceil(len(places) * similarity - 1e-9)) + 1
    return places[np.argsort(held, kind="mergesort")[:wanted]]


@kernel
def _listed(sets: Sets, hashes: Hashes, starts: Offsets, shift: int, counts: Offsets, similarity: float) -> tuple[Offsets, Offsets]:
    """Give where the sets of each member begin, and the sets: those of which it is one of the rarest."""
    held, ends = sets
    room, firsts, rows = np.empty(len(held), np.int64), np.zeros(len(hashes) + 2, np.int64), np.empty(len(held), np.int64)
    for filling in range(2):
        for i in range(len(ends) - 1):
            places = room[: ends[i + 1] - ends[i]]
            _looked_up(hashes, starts, shift, held[ends[i] : ends[i + 1]], places)
            for place in _rarest(places, counts, similarity) if len(places) else places:
                if filling:
                    rows[firsts[place + 1]] = i
                    firsts[place + 1] += 1
                else:
                    firsts[place + 2] += 1
        if not filling:
            firsts = np.cumsum(firsts)
    return firsts[:-1], rows


@kernel
def _alike(one: Hashes, two: Hashes) -> float:
    both = at = 0
    for value in one:
        while at < len(two) and two[at] < value:
            at += 1
        both += at < len(two) and two[at] == value
    return both / max(len(one) + len(two) - both, 1)


@kernel
def _reach(one: Hashes, two: Hashes, similarity: float) -> bool:
    """Tell whether two sets are so alike; given up as soon as too many members of one are not in the other."""
    needed = int(np.ceil((len(one) + len(two)) * similarity / (1 + similarity) - 1e-9))
    spare, spare_two, at = len(one) - needed, len(two) - needed, 0
    for value in one:
        while at < len(two) and two[at] < value:
            at, spare_two = at + 1, spare_two - 1
        if at < len(two) and two[at] == value:
            at += 1
        else:
            spare -= 1
        if spare < 0 or spare_two < 0:
            return False
    return True


@kernel
def _searched(index: Index, sets: Sets, groups: Offsets, similarity: float) -> tuple[Offsets, Offsets]:
    hashes, ends = sets
    theirs, borders = index.sets
    met, places = np.full(len(borders), -1, np.int64), np.empty(len(hashes) + 1, np.int64)
    left, right, n = np.empty(64, np.int64), np.empty(64, np.int64), 0
    for row in range(len(ends) - 1):
        one = hashes[ends[row] : ends[row + 1]]
        known = _looked_up(index.hashes, index.starts, index.shift, one, places)
        if len(one) == 0 or known < similarity * len(one) - 1e-9:
            continue
        for place in _rarest(places[: len(one)], index.counts, similarity):
            for at in range(index.firsts[place], index.firsts[place + 1]) if place >= 0 else range(0):
                other = index.rows[at]
                if met[other] == row or index.groups[other] == groups[row]:
                    continue
                met[other] = row
                two = theirs[borders[other] : borders[other + 1]]
                if not _reach(one, two, similarity):
                    continue
                if n == len(left):
                    left, right = np.append(left, left), np.append(right, right)
                left[n], right[n] = row, other
                n += 1
    return left[:n].copy(), right[:n].copy()


@kernel
def _overlaps(one: Hashes, one_ends: Offsets, two: Hashes, two_ends: Offsets, left: Offsets, right: Offsets) -> Counts:
    out = np.zeros(len(left), np.float64)
    for pair in range(len(left)):
        a, b = one[one_ends[left[pair]] : one_ends[left[pair] + 1]], two[two_ends[right[pair]] : two_ends[right[pair] + 1]]
        out[pair] = _alike(a, b)
    return out


def distinct(texts: pl.Series) -> tuple[Sets, Sets]:
    """Give the sorted distinct shingles of each text, of words and of characters; none where a text is not compared by these."""
    wide = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(value=False).arg_true()
    held = buffers(texts.scatter(wide, texts.gather(wide).str.normalize("NFC")) if len(wide) else texts)
    words, word_ends, points, point_ends = _distinct(held.data, held.offsets, *table())
    return (words, word_ends), (points, point_ends)


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


def indexed(sets: Sets, groups: Offsets, similarity: float) -> Index:
    """Index sets, to look for those that are alike; each has a group."""
    hashes, counts = np.unique(sets[0], return_counts=True)
    shift = 64 - max(1, len(hashes).bit_length() - 2)
    starts = np.searchsorted(hashes >> np.uint64(shift), np.arange((1 << (64 - shift)) + 1, dtype=np.uint64)).astype(np.int64)
    firsts, rows = _listed(sets, hashes, starts, shift, counts, similarity)
    return Index(sets, groups, hashes, starts, shift, counts, firsts, rows)


def searched(index: Index, sets: Sets, groups: Offsets, similarity: float) -> tuple[Offsets, Offsets]:
    """Give the pairs of a set and one of the index, by their numbers, that are alike and of different groups.

    None is missed: of two sets of similarity t, ordered by how rare their members are, the first n - ceil(t n) + 1 members of each
    have one in common.
    """
    return _searched(index, sets, groups, similarity)


def overlaps(one: Sets, two: Sets, left: Offsets, right: Offsets) -> Counts:
    """Give the Jaccard similarity of pairs of sets, by their places in `one` and `two`; 0 where one is empty."""
    return _overlaps(*one, *two, np.array(left, np.int64), np.array(right, np.int64))
