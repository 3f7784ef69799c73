"""Shingles: what two texts are compared by.

A text of at least SHORT words is the set of its word 5-grams; one of fewer than LONG words is also the
set of its character 5-grams, in lower case with runs of white space as one space. Two texts are
compared by words where both have word shingles, and by characters otherwise: short texts are compared
too, signs and all, and never collapse by chance, and a text of 19 words meets its like of 20.
The highest bit of a hash tells the two kinds apart.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import INNER, SPACE, Classes, Lower, decode, table
from tasks.text.hashing import GOLDEN, OTHER, PRIME, mix
from tasks.text.kernel import kernel
from tasks.text.lexicon import hash_folded
from tasks.text.scratch import PAD, Scratch, largest, load_words, scratch_for
from tasks.text.structure import word_spans

SHINGLE = 5
SHORT, LONG = 20, 40
"""Texts of fewer words than SHORT have character shingles only, of LONG and more words only word shingles."""
CHARACTERS = np.uint64(1 << 63)
"""The bit that marks a hash of characters."""


class WordRoom(NamedTuple):
    """Room for the words of one text, and for its shingles."""

    held: Scratch
    starts: Offsets
    ends: Offsets
    words: Hashes
    points: Hashes


@kernel
def word_room(size: int) -> WordRoom:
    """Make room for texts of at most so many bytes; what is not used takes no memory."""
    size += PAD
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    return WordRoom(scratch_for(size), starts, ends, np.empty(size, np.uint64), np.empty(size, np.uint64))


@kernel
def words_in(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, room: WordRoom) -> int:
    """Write where the words of a text are, in bytes from its start, and their hashes in small letters; their number is given."""
    load_words(data, start, end, classes, room.held)
    text, starts, ends, words = room.held.text, room.starts, room.ends, room.words
    count = word_spans(text, room.held.marks, end - start, starts, ends)
    for word in range(count):
        words[word], _ = hash_folded(text, starts[word], ends[word], lower, True)
    return count


@kernel
def _points(size: int, lower: Lower, room: WordRoom) -> int:
    """Write the characters in small letters, runs of white space as one space, none at the ends; their number is given."""
    text, marks, points = room.held.text, room.held.marks, room.points
    count, spaced = 0, True
    for at in range(size):
        if marks[at] & INNER:
            continue
        space = marks[at] & SPACE != 0
        if not (space and spaced):
            points[count] = np.uint64(32 if space else lower[decode(text, at)[0]])
            count += 1
        spaced = space
    return count - (spaced and count > 0)


@kernel
def _of_characters(size: int, lower: Lower, room: WordRoom, out: Hashes, at: int) -> int:
    """Write the hashes of character 5-grams from `at` on; of fewer characters there is one."""
    count, points = _points(size, lower, room), room.points
    length = min(SHINGLE, count)
    shingles = count - length + 1 if count else 0
    for i in range(shingles):
        total = GOLDEN
        for k in range(length):
            total = (total ^ points[i + k]) * GOLDEN
        out[at + i] = mix(total) | CHARACTERS
    return shingles


@kernel
def shingles_of(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, room: WordRoom, out: Hashes) -> tuple[int, int, int]:
    """Write the hashes of a text's word shingles and behind them those of its character shingles; both numbers are given, and its words'.

    `out` has room for twice the text's bytes, and 16 more.
    """
    count, hashes = words_in(data, start, end, classes, lower, room), room.words
    words = 0
    if count >= SHORT:
        words = count - SHINGLE + 1
        for i in range(words):
            two = (hashes[i] * GOLDEN + hashes[i + 1]) * OTHER + hashes[i + 2]
            out[i] = mix((two * GOLDEN + hashes[i + 3]) * PRIME + hashes[i + 4]) & ~CHARACTERS
    return words, _of_characters(end - start, lower, room, out, words) if count < LONG else 0, count


@kernel
def _sort(found: Hashes, room: Hashes, counts: Offsets) -> int:
    """Sort hashes of one kind and leave out equal ones; their number is given.

    They are spread over as many buckets as there are hashes, by their upper bits, so each bucket holds few.
    """
    count = len(found)
    bits = 1
    while (1 << bits) < count and bits < 20:
        bits += 1
    shift = np.uint64(63 - bits)
    counts[: (1 << bits) + 1] = 0
    for k in range(count):
        counts[((found[k] & ~CHARACTERS) >> shift) + np.uint64(1)] += 1
    for bucket in range(1 << bits):
        counts[bucket + 1] += counts[bucket]
    for k in range(count):
        bucket = (found[k] & ~CHARACTERS) >> shift
        room[counts[bucket]] = found[k]
        counts[bucket] += 1
    kept = 0
    for k in range(count):
        value, at = room[k], kept
        while at > 0 and found[at - 1] > value:
            at -= 1
        if at > 0 and found[at - 1] == value:
            continue
        for place in range(kept, at, -1):
            found[place] = found[place - 1]
        found[at] = value
        kept += 1
    return kept


@kernel
def _sets(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> tuple[Hashes, Offsets]:
    size = largest(offsets)
    room, held = word_room(size), np.empty(2 * size + 16, np.uint64)
    spread, counts = np.empty(2 * size + 16, np.uint64), np.empty((1 << 20) + 2, np.int64)
    out, ends, n = np.empty(2 * (offsets[-1] - offsets[0]) + 16, np.uint64), np.zeros(len(offsets), np.int64), 0
    for i in range(len(offsets) - 1):
        words, characters, _ = shingles_of(data, offsets[i], offsets[i + 1], classes, lower, room, held)
        for start, end in ((0, words), (words, words + characters)):
            kept = _sort(held[start:end], spread, counts)
            out[n : n + kept] = held[start : start + kept]
            n += kept
        ends[i + 1] = n
    return out[:n].copy(), ends


@kernel
def _border(hashes: Hashes, start: int, end: int) -> int:
    """Give where the character shingles of a set begin."""
    return start + int(np.searchsorted(hashes[start:end], CHARACTERS))


@kernel
def _shared(hashes: Hashes, i: int, stop_i: int, j: int, stop_j: int) -> float:
    """Give the Jaccard similarity of two sorted ranges; 0 where one is empty."""
    total, both = stop_i - i + stop_j - j, 0
    while i < stop_i and j < stop_j:
        a, b = hashes[i], hashes[j]
        both += a == b
        i += a <= b
        j += b <= a
    return both / (total - both) if total > both else 0.0


@kernel
def _jaccard(hashes: Hashes, ends: Offsets, left: Offsets, right: Offsets) -> Counts:
    out = np.empty(len(left), np.float64)
    for pair in range(len(left)):
        i, stop_i = ends[left[pair]], ends[left[pair] + 1]
        j, stop_j = ends[right[pair]], ends[right[pair] + 1]
        border_i, border_j = _border(hashes, i, stop_i), _border(hashes, j, stop_j)
        if i == stop_i and j == stop_j:
            out[pair] = 1.0
        elif border_i > i and border_j > j:
            out[pair] = _shared(hashes, i, border_i, j, border_j)
        else:
            out[pair] = _shared(hashes, border_i, stop_i, border_j, stop_j)
    return out


def shingle_sets(texts: pl.Series) -> tuple[Hashes, Offsets]:
    """Give the sorted distinct shingle hashes of each text, end to end, and where each begins."""
    from tasks.text.sameness import composed

    held = buffers(composed(texts))
    return _sets(held.data, held.offsets, *table())


def jaccard(sets: tuple[Hashes, Offsets], left: Offsets, right: Offsets) -> Counts:
    """Give the exact similarity of pairs of shingle sets, by their places in `sets`: of words, or else of characters.

    Two empty texts are equal.
    """
    return _jaccard(*sets, left, right)
