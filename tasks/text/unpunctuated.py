"""Texts without the punctuation of sentences, as one run of words parted by single spaces."""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Offsets, buffers, strings
from tasks.text.blocks import ALL, BLOCK, ONE, bytes_equal, letters
from tasks.text.classes import LIMIT, decode
from tasks.text.eights import load8, store8, trailing_zeros
from tasks.text.kernel import inlined, kernel

SPACE, DASH, MARK, SPELT, NUMBER, STRESS, LETTER = (1 << bit for bit in range(7))
"""White space; a dash; punctuation of sentences; punctuation that a writer spells; a digit or other number; `*` and `_`; a letter."""
SPELLING, STRESSING = "@#%&/\\§¶†‡", "*_"
SHARP = DASH | MARK | SPELT | NUMBER | STRESS
"""What keeps a mark beside it: in `3.14` and `a.*` marks stay."""

BLANK = 32

Kinds = npt.NDArray[np.uint8]
PLAIN = np.array([byte < 128 and chr(byte).isalpha() for byte in range(256)])
"""Bytes that are letters by themselves."""


@functools.cache
def kinds() -> Kinds:
    """Give the kind of each code point below LIMIT; 0 for symbols and the rest."""
    held = np.zeros(LIMIT, np.uint8)
    for point in range(LIMIT):
        char = chr(point)
        category = unicodedata.category(char)
        if category[0] == "P":
            spelt = SPELT if char in SPELLING else STRESS if char in STRESSING else MARK
            held[point] = DASH if category == "Pd" else spelt
        elif category[0] == "N":
            held[point] = NUMBER
        elif category[0] == "L":
            held[point] = LETTER
        elif char.isspace() and not 0x1C <= point <= 0x1F:
            held[point] = SPACE
    return held


@inlined
def _kind(data: Bytes, at: int, table: Kinds) -> tuple[int, int]:
    """Give the kind of the character at a place, and its width."""
    if data[at] < 128:
        return int(table[data[at]]), 1
    point, width = decode(data, at)
    return int(table[point]), width


@kernel
def _run(data: Bytes, at: int, end: int, kind: int, table: Kinds) -> int:
    """Give where a run of characters of one kind ends."""
    while at < end:
        found, width = _kind(data, at, table)
        if found != kind:
            break
        at += width
    return at


@kernel
def _keeps(data: Bytes, at: int, end: int, table: Kinds) -> bool:
    """Tell whether what follows keeps a mark: a number or punctuation, but no dash that parts words."""
    if at == end:
        return False
    kind, _ = _kind(data, at, table)
    if kind == DASH:
        after = _run(data, at, end, DASH, table)
        return after < end and _kind(data, after, table)[0] == NUMBER
    return kind & SHARP != 0


@kernel
def _follows(data: Bytes, at: int, end: int, table: Kinds) -> int:
    """Give the kind of what is left after a run of stress: a mark that goes, and a dash that parts words, are looked through."""
    if at < end and _kind(data, at, table)[0] == MARK:
        after = _run(data, at, end, MARK, table)
        if _keeps(data, after, end, table):
            return MARK
        at = after
    if at == end:
        return SPACE
    kind, _ = _kind(data, at, table)
    return SPACE if kind == DASH and not _keeps(data, at, end, table) else kind


@kernel
def _stays(data: Bytes, at: int, stop: int, end: int, kinds: tuple[int, int, int], table: Kinds) -> bool:
    """Tell whether a run of one kind stays: `kinds` are its own, that of what stands before it, and that of what was written last."""
    kind, before, last = kinds
    if kind == MARK:
        return before & SHARP != 0 and _keeps(data, stop, end, table)
    follows = _follows(data, stop, end, table)
    opens, closes = last == SPACE and follows & LETTER != 0, last & LETTER != 0 and follows == SPACE
    return not (opens or closes or (stop - at > 1 and last == SPACE and follows == SPACE))


@inlined
def _copied(data: Bytes, at: int, stop: int, out: Bytes, total: int) -> int:
    """Copy bytes, eight at a time where eight are there; what is written beyond them is written over."""
    while at < stop:
        if at + 8 <= len(data):
            store8(out, total, load8(data, at))
            step = min(stop - at, 8)
        else:
            out[total] = data[at]
            step = 1
        at, total = at + step, total + step
    return total


@kernel
def _calm(data: Bytes, at: int, end: int) -> int:
    """Give where plain words parted by single blanks end, behind a letter: all of that stays as it is."""
    begun = at
    while at + BLOCK <= len(data) and at < end:
        plain = letters(data, at)
        calm = plain | (bytes_equal(data, at, BLANK) & ((plain << ONE) | ONE))
        if calm == ALL:
            at += BLOCK - (data[at + BLOCK - 1] == BLANK)
            continue
        at += trailing_zeros(~calm)
        break
    at = min(at, end)
    if at > begun and data[at - 1] == BLANK:
        return at - 1
    while at < end and PLAIN[data[at]]:
        at += 1
    return at


@kernel
def _write(data: Bytes, start: int, end: int, table: Kinds, out: Bytes, total: int) -> int:
    """Write one text without its marks; where it ends is given."""
    at, before, last, begun = start, 0, SPACE, total
    while at < end:
        kind, width = _kind(data, at, table)
        stop = at + width
        if kind == LETTER:
            stop = _calm(data, stop, end)
        elif kind & (DASH | MARK | STRESS):
            stop = _run(data, at, end, kind, table)
            if kind == DASH and not _keeps(data, at, end, table):
                kind = SPACE
            elif kind != DASH and not _stays(data, at, stop, end, (kind, before, last), table):
                before, at = kind, stop
                continue
        before = kind
        if kind != SPACE:
            out[total] = BLANK
            total = _copied(data, at, stop, out, total + (last == SPACE and total > begun))
        last, at = kind, stop
    return total


@kernel
def _write_all(data: Bytes, offsets: Offsets, table: Kinds, out: Bytes, ends: Offsets) -> None:
    total = 0
    for row in range(len(offsets) - 1):
        total = _write(data, offsets[row], offsets[row + 1], table, out, total)
        ends[row + 1] = total


def unpunctuated(texts: pl.Series) -> pl.Series:
    """Take marks of sentences out of texts, dashes between words and line ends become spaces, and spaces are single.

    A mark stays where numbers or punctuation stand on both of its sides, a dash before a number; `@`, `%`, `&`
    and other signs that are spelt stay everywhere; `*` and `_` go where they stress words or part sections.

    >>> unpunctuated(pl.Series(["“It cost 3.14 – or so,” she said."])).to_list()
    ['It cost 3.14 or so she said']
    """
    held = buffers(texts)
    out, ends = np.empty(int(held.offsets[-1] - held.offsets[0]) + 9, np.uint8), np.zeros(len(held.offsets), np.int64)
    _write_all(held.data, held.offsets, kinds(), out, ends)
    return strings(out, ends).alias(texts.name)
