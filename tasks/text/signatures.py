"""MinHash signatures and their band keys, by which candidates for near-duplicates are found."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.hashing import GOLDEN, mix
from tasks.text.kernel import inlined, kernel
from tasks.text.sameness import composed, same_in
from tasks.text.scratch import largest
from tasks.text.shingles import CHARACTERS, shingles_of, word_room

Minima = npt.NDArray[np.uint32]
NOTHING = np.uint32(0xFFFFFFFF)


@inlined
def _upper(shingle: np.uint64) -> np.uint32:
    """Give the upper 32 of a shingle's 63 bits."""
    return np.uint32((shingle >> np.uint64(31)) & np.uint64(0xFFFFFFFF))


@kernel
def _signed(shingles: Hashes, factors: Minima, terms: Minima, out: Minima) -> None:
    """Write the least value that each hash gives to any of the shingles.

    A hash is odd factor x upper half of the shingle + term, modulo 2^32 (multiply-shift; Dietzfelbinger et al. 1997).
    Four shingles at a time, so that what was found so far is loaded once for them; the last ones may be met again.
    """
    out[:] = NOTHING
    last = len(shingles) - 1
    for i in range(0, len(shingles), 4):
        a, b = _upper(shingles[i]), _upper(shingles[min(i + 1, last)])
        c, d = _upper(shingles[min(i + 2, last)]), _upper(shingles[min(i + 3, last)])
        for k in range(len(out)):
            factor, term = factors[k], terms[k]
            one = min(np.uint32(factor * a + term), np.uint32(factor * b + term))
            two = min(np.uint32(factor * c + term), np.uint32(factor * d + term))
            out[k] = min(one, two, out[k])


@kernel
def _banded(signature: Minima, bands: int, rows: int, kind: int, out: Hashes) -> None:
    for band in range(bands):
        total = np.uint64(2 * band + kind + 1) * GOLDEN
        for k in range(rows):
            total = mix(total ^ np.uint64(signature[band * rows + k]))
        out[band] = total


@kernel
def _keys(
    data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, hashes: tuple[Minima, Minima], shape: tuple[int, int]
) -> tuple[Hashes, Offsets, Hashes]:
    bands, rows = shape
    factors, terms = hashes
    size, count = largest(offsets), len(offsets) - 1
    room, held, signature = word_room(size), np.empty(2 * size + 16, np.uint64), np.empty(bands * rows, np.uint32)
    out, ends, n = np.empty(2 * bands * count, np.uint64), np.zeros(count + 1, np.int64), 0
    same = np.empty(count, np.uint64)
    for i in range(count):
        words, characters, spoken = shingles_of(data, offsets[i], offsets[i + 1], classes, lower, room, held)
        if words:
            _signed(held[:words], factors, terms, signature)
            _banded(signature, bands, rows, 0, out[n:])
            n += bands
        if characters:
            _signed(held[words : words + characters], factors, terms, signature)
            _banded(signature, bands, rows, 1, out[n:])
            n += bands
        same[i] = same_in(offsets[i + 1] - offsets[i], spoken, lower, room)
        ends[i + 1] = n
    return out[:n].copy(), ends, same


@kernel
def _minima(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, hashes: tuple[Minima, Minima], out: Minima, has: Bytes) -> None:
    """Write the signature of each text by words and by characters, and which of them it has."""
    factors, terms = hashes
    size = largest(offsets)
    room, held = word_room(size), np.empty(2 * size + 16, np.uint64)
    for i in range(len(offsets) - 1):
        words, characters, _ = shingles_of(data, offsets[i], offsets[i + 1], classes, lower, room, held)
        has[i, 0], has[i, 1] = words > 0, characters > 0
        if words:
            _signed(held[:words], factors, terms, out[i, 0])
        if characters:
            _signed(held[words : words + characters], factors, terms, out[i, 1])


@kernel
def _told(has: Bytes, row: int) -> tuple[int, int]:
    """Give how many columns of a row are not empty, and which, as bits."""
    count = bits = 0
    for c in range(len(has)):
        full = has[c, row, 0] or has[c, row, 1]
        count, bits = count + full, bits | full << c
    return count, bits


@kernel
def _fits(has: Bytes, row: int, bits: int, kinds: int) -> bool:
    """Tell whether a row's columns have the signatures that the bits of `kinds` name; of an empty column the bit is 0."""
    fits = True
    for c in range(len(has)):
        kind = kinds >> c & 1
        fits &= has[c, row, kind] != 0 if bits >> c & 1 else kind == 0
    return fits


@kernel
def _shared_key(minima: Minima, row: int, columns: tuple[int, int], kinds: int, band: tuple[int, int]) -> np.uint64:
    """Give one key of a row: as many hashes of the band from each of its columns, the first ones one more where they do not divide."""
    count, bits = columns
    number, rows = band
    total, met = np.uint64(number + 1) * GOLDEN ^ np.uint64(bits << 8 | kinds), 0
    for c in range(len(minima)):
        if not bits >> c & 1:
            continue
        for k in range(rows // count + (met < rows % count)):
            total = mix(total ^ np.uint64(minima[c, row, kinds >> c & 1, number * rows + k]))
        met += 1
    return total


@kernel
def _joined(minima: Minima, has: Bytes, bands: int, rows: int) -> tuple[Hashes, Offsets]:
    columns, count = minima.shape[0], minima.shape[1]
    out, ends, n = np.empty(count * bands << columns, np.uint64), np.zeros(count + 1, np.int64), 0
    for i in range(count):
        told = _told(has, i)
        for kinds in range(1 << columns if told[0] else 0):
            if not _fits(has, i, told[1], kinds):
                continue
            for band in range(bands):
                out[n] = _shared_key(minima, i, told, kinds, (band, rows))
                n += 1
        ends[i + 1] = n
    return out[:n].copy(), ends


@kernel
def _set_minima(hashes: Hashes, ends: Offsets, drawn: tuple[Minima, Minima], out: Minima, has: Bytes) -> None:
    """Write what `_minima` writes, of sorted sets of shingles."""
    factors, terms = drawn
    for i in range(len(ends) - 1):
        held = hashes[ends[i] : ends[i + 1]]
        words = int(np.searchsorted(held, CHARACTERS))
        has[i, 0], has[i, 1] = words > 0, words < len(held)
        if words:
            _signed(held[:words], factors, terms, out[i, 0])
        if words < len(held):
            _signed(held[words:], factors, terms, out[i, 1])


@kernel
def _each(minima: Minima, has: Bytes, bands: int, rows: int) -> tuple[Hashes, Offsets]:
    """Give the keys that `_keys` gives, from signatures."""
    out, ends, n = np.empty(2 * bands * len(has), np.uint64), np.zeros(len(has) + 1, np.int64), 0
    for i in range(len(has)):
        for kind in range(2):
            if has[i, kind]:
                _banded(minima[i, kind], bands, rows, kind, out[n:])
                n += bands
        ends[i + 1] = n
    return out[:n].copy(), ends


def _hashes(count: int) -> tuple[Minima, Minima]:
    drawn = np.array([mix(np.uint64(k + 1)) for k in range(2 * count)], np.uint64).astype(np.uint32)
    return drawn[:count] | np.uint32(1), drawn[count:]


def column_keys(columns: Sequence[pl.Series], bands: int, rows: int) -> tuple[Hashes, Offsets]:
    """Give the keys of rows of several columns, end to end, and where those of each row begin.

    A band takes its hashes from all columns that are not empty, as many from each: rows whose columns have the similarities J, K, ...
    share it with probability J^r K^s ..., r + s + ... = `rows`: no less than the least of them to the power of `rows`, and next to nothing
    where one column is another, however much the others agree.
    """
    minima, has = _room(len(columns), len(columns[0]), bands * rows)
    for place, texts in enumerate(columns):
        held = buffers(composed(texts))
        _minima(held.data, held.offsets, *table(), _hashes(bands * rows), minima[place], has[place])
    return _joined(minima, has, bands, rows)


def keys_of_sets(columns: Sequence[tuple[Hashes, Offsets]], bands: int, rows: int) -> tuple[Hashes, Offsets]:
    """Give the keys that `band_keys` gives of one column and `column_keys` of several, from the sets of shingles of their texts."""
    minima, has = _room(len(columns), len(columns[0][1]) - 1, bands * rows)
    for place, (hashes, ends) in enumerate(columns):
        _set_minima(hashes, ends, _hashes(bands * rows), minima[place], has[place])
    return _each(minima[0], has[0], bands, rows) if len(columns) == 1 else _joined(minima, has, bands, rows)


def _room(columns: int, count: int, hashes: int) -> tuple[Minima, Bytes]:
    return np.empty((columns, count, 2, hashes), np.uint32), np.zeros((columns, count, 2), np.uint8)


def band_keys(texts: pl.Series, bands: int, rows: int) -> tuple[Hashes, Offsets, Hashes]:
    """Give the keys of each text, end to end, where those of each begin, and `same_hash` of each.

    Two texts are candidates when they share a key.

    A text has `bands` keys of its words, as many of its characters, both, or, where it is empty, none. Texts of
    Jaccard similarity J share one with probability 1 - (1 - J^rows)^bands (Broder 1997; Leskovec, Rajaraman
    and Ullman, chapter 3).
    """
    held = buffers(composed(texts))
    return _keys(held.data, held.offsets, *table(), _hashes(bands * rows), (bands, rows))
