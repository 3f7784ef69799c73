"""Shingles and MinHash signatures, for finding near-duplicates.

A text of at least MIN_WORDS words is the set of its word 5-grams; a shorter one is the set of its
character 5-grams, in lower case with runs of white space as one space, so that short texts are
compared too, signs and all, and never collapse by chance. The two kinds never meet: their hashes
are seeded apart.
"""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import SPACE, Classes, Lower, decode, table
from tasks.text.grams import gram
from tasks.text.hashing import GOLDEN, mix
from tasks.text.kernel import kernel
from tasks.text.words import word_hashes

SHINGLE = 5
MIN_WORDS = 20
"""Texts with fewer words than this are compared by characters."""


@kernel
def _character_shingles(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, out: Hashes) -> int:
    held = np.empty(end - start + 1, np.uint64)
    n = 0
    at = start
    spaced = True
    while at < end:
        point, width = decode(data, at)
        at += width
        if not classes[point] & SPACE:
            held[n] = np.uint64(lower[point])
            n += 1
            spaced = False
        elif not spaced:
            held[n] = np.uint64(32)
            n += 1
            spaced = True
    n -= spaced and n > 0
    count = max(min(n, 1), n - SHINGLE + 1)
    for i in range(count):
        total = GOLDEN
        for k in range(min(SHINGLE, n)):
            total = (total ^ held[i + k]) * GOLDEN
        out[i] = mix(total ^ np.uint64(0x5348_4F52_5421))
    return count


@kernel
def shingles_of(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, out: Hashes) -> int:
    """Write the shingle hashes of a text to `out` (as long as the text has bytes); give their number."""
    count = word_hashes(data, start, end, classes, lower, out)
    if count < MIN_WORDS:
        return _character_shingles(data, start, end, classes, lower, out)
    for i in range(count - SHINGLE + 1):
        out[i] = gram(out, i, SHINGLE)
    return count - SHINGLE + 1


@kernel
def _signatures(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, seeds: Hashes) -> Hashes:
    rows = len(offsets) - 1
    out = np.full((rows, len(seeds)), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64)
    for i in range(rows):
        shingles = np.empty(offsets[i + 1] - offsets[i] + 8, np.uint64)
        count = shingles_of(data, offsets[i], offsets[i + 1], classes, lower, shingles)
        for s in range(count):
            for k in range(len(seeds)):
                value = (shingles[s] ^ seeds[k]) * GOLDEN
                value ^= value >> np.uint64(32)
                out[i, k] = min(out[i, k], value * np.uint64(0xC4CEB9FE1A85EC53))
    return out


@kernel
def _bands(signatures: Hashes, bands: int, rows: int) -> Hashes:
    out = np.empty((len(signatures), bands), np.uint64)
    for i in range(len(signatures)):
        for band in range(bands):
            total = np.uint64(band + 1) * GOLDEN
            for k in range(rows):
                total = mix(total ^ signatures[i, band * rows + k])
            out[i, band] = total
    return out


@kernel
def _shingle_sets(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> tuple[Hashes, Offsets]:
    out = np.empty(offsets[-1] - offsets[0] + 8, np.uint64)
    ends = np.zeros(len(offsets), np.int64)
    held = np.empty(offsets[-1] - offsets[0] + 8, np.uint64)
    n = 0
    for i in range(len(offsets) - 1):
        count = shingles_of(data, offsets[i], offsets[i + 1], classes, lower, held)
        unique = np.unique(held[:count])
        out[n : n + len(unique)] = unique
        n += len(unique)
        ends[i + 1] = n
    return out[:n].copy(), ends


@kernel
def _jaccard(hashes: Hashes, ends: Offsets, left: Offsets, right: Offsets) -> Counts:
    out = np.empty(len(left), np.float64)
    for pair in range(len(left)):
        i, stop_i = ends[left[pair]], ends[left[pair] + 1]
        j, stop_j = ends[right[pair]], ends[right[pair] + 1]
        total = stop_i - i + stop_j - j
        both = 0
        while i < stop_i and j < stop_j:
            a, b = hashes[i], hashes[j]
            both += a == b
            i += a <= b
            j += b <= a
        out[pair] = both / (total - both) if total > both else 1.0
    return out


def band_keys(texts: pl.Series, bands: int, rows: int) -> pl.Series:
    """Give each text its `bands` keys: two texts are candidates when they share one.

    Texts of Jaccard similarity J share one with probability 1 - (1 - J^rows)^bands
    (Broder 1997; Leskovec, Rajaraman and Ullman, chapter 3).
    """
    held = buffers(texts)
    seeds = np.array([mix(np.uint64(k + 1)) for k in range(bands * rows)], np.uint64)
    keys = _bands(_signatures(held.data, held.offsets, *table(), seeds), bands, rows)
    return pl.Series("bands", keys, dtype=pl.Array(pl.UInt64, bands)).cast(pl.List(pl.UInt64))


def shingle_sets(texts: pl.Series) -> tuple[Hashes, Offsets]:
    """Give the sorted distinct shingle hashes of each text, end to end, and where each begins."""
    held = buffers(texts)
    return _shingle_sets(held.data, held.offsets, *table())


def jaccard(sets: tuple[Hashes, Offsets], left: Offsets, right: Offsets) -> Counts:
    """Give the exact similarity of pairs of shingle sets, by their places in `sets`; two empty sets are equal."""
    return _jaccard(*sets, left, right)
