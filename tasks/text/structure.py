"""Features of words, sentences, lines and paragraphs, for the quality and style rules."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import DIGIT, END, SPACE, UPPER, Classes, Lower, decode, table
from tasks.text.hashing import hash_range
from tasks.text.kernel import kernel
from tasks.text.words import hash_of, hash_word, next_word

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Rae et al. 2021, Table A1."""

ARCHAIC = [
    "thee",
    "thou",
    "thy",
    "thine",
    "ye",
    "hath",
    "doth",
    "dost",
    "hast",
    "art",
    "wilt",
    "shalt",
    "whilst",
    "whence",
    "thence",
    "hither",
    "thither",
    "wherefore",
    "betwixt",
    "ere",
    "oft",
    "unto",
    "upon",
    "nay",
    "methinks",
    "verily",
    "lest",
    "hereby",
    "thereof",
    "whereof",
    "wherein",
    "therein",
    "hitherto",
    "mine",
    "forsooth",
    "twas",
    "tis",
    "'tis",
    "'twas",
    "o'er",
    "e'en",
    "countenance",
    "discourse",
    "vexed",
    "ado",
    "forthwith",
    "henceforth",
]
"""Words far commoner before 1900 than after; counted by the style score."""

NAMES = (
    "chars", "words", "word_chars", "alphabetic", "stop_words", "hashes", "ellipses", "sentences", "newlines", "archaic",
    "quoted_chars", "capitals", "digits", "longest_word", "lines", "bullet_lines", "ellipsis_lines", "ended_lines",
    "short_lines", "line_chars", "duplicate_lines", "duplicate_line_chars", "paragraphs", "duplicate_paragraphs",
    "duplicate_paragraph_chars",
)  # fmt: skip
(CHARS, WORDS, WORD_CHARS, ALPHABETIC, STOPS, HASHES, ELLIPSES, SENTENCES, NEWLINES, ARCHAIC_WORDS,
 QUOTED, CAPITALS, DIGITS, LONGEST, LINES, BULLETS, ELLIPSIS_LINES, ENDED, SHORT,
 LINE_CHARS, DUP_LINES, DUP_LINE_CHARS, PARAGRAPHS, DUP_PARAGRAPHS, DUP_PARAGRAPH_CHARS) = range(len(NAMES))  # fmt: skip

SHORT_LINE = 30
"""FineWeb's short lines have at most this many characters (Penedo et al. 2024)."""


@kernel
def known(table: Hashes, mask: int, value: np.uint64) -> bool:
    """Add a hash to an open-addressed table; tell whether it was there. Zero stands for an empty slot."""
    if value == 0:
        value = np.uint64(1)
    at = np.int64(value & np.uint64(mask))
    while table[at] != 0:
        if table[at] == value:
            return True
        at = (at + 1) & mask
    table[at] = value
    return False


@kernel
def table_size(entries: int) -> int:
    """Give the power of two that keeps a table of `entries` half empty."""
    size = 16
    while size < 2 * entries + 2:
        size *= 2
    return size


@kernel
def _words(data: Bytes, start: int, end: int, classes: Classes, lower: Lower, known_words: tuple[Hashes, Hashes], out: Counts) -> None:
    met = 0
    at = start
    while at < end:
        first, at = next_word(data, at, end, classes)
        if at == first:
            continue
        value, chars, alphabetic = hash_word(data, first, at, classes, lower)
        out[WORDS] += 1
        out[WORD_CHARS] += chars
        out[LONGEST] = max(out[LONGEST], chars)
        out[ALPHABETIC] += alphabetic
        out[ARCHAIC_WORDS] += _holds(known_words[1], value)
        for k in range(8):
            if known_words[0][k] == value:
                met |= 1 << k
    for k in range(8):
        out[STOPS] += (met >> k) & 1


@kernel
def _holds(sorted_hashes: Hashes, value: np.uint64) -> bool:
    place = np.searchsorted(sorted_hashes, value)
    return bool(place < len(sorted_hashes) and sorted_hashes[place] == value)


@kernel
def _is_quote(point: int) -> int:
    if point == 0x22:
        return 3
    if point == 0x201C or point == 0xAB:
        return 1
    return 2 if point == 0x201D or point == 0xBB else 0


@kernel
def _characters(data: Bytes, start: int, end: int, classes: Classes, out: Counts) -> None:
    ended = True
    dots = 0
    at = start
    while at < end:
        point, width = decode(data, at)
        bits = classes[point]
        out[CHARS] += 1
        out[NEWLINES] += point == 10
        out[HASHES] += point == 0x23
        out[CAPITALS] += (bits & UPPER) != 0
        out[DIGITS] += (bits & DIGIT) != 0
        dots = dots + 1 if point == 0x2E else 0
        out[ELLIPSES] += dots == 3 or point == 0x2026
        if bits & END:
            out[SENTENCES] += not ended
            ended = True
        elif not bits & SPACE and _is_quote(point) == 0:
            ended = False
        at += width
    out[SENTENCES] += not ended


@kernel
def _quotes(data: Bytes, start: int, end: int, out: Counts) -> None:
    """Count the characters between double quotes; a quote that is not closed ends with its paragraph."""
    opened = False
    inside = 0
    at = start
    while at < end:
        point, width = decode(data, at)
        quote = _is_quote(point)
        if quote & 2 and opened:
            out[QUOTED] += inside
            opened = False
        elif quote & 1:
            opened, inside = True, 0
        elif point == 10 and at + 1 < end and data[at + 1] == 10:
            opened = False
        else:
            inside += 1
        at += width


@kernel
def trimmed(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Give a range without the ASCII white space at its ends."""
    while start < end and (data[start] == 32 or 9 <= data[start] <= 13):
        start += 1
    while end > start and (data[end - 1] == 32 or 9 <= data[end - 1] <= 13):
        end -= 1
    return start, end


@kernel
def _chars_between(data: Bytes, start: int, end: int) -> int:
    count = 0
    for at in range(start, end):
        count += (data[at] & 0xC0) != 0x80
    return count


@kernel
def ends_sentence(data: Bytes, start: int, end: int, classes: Classes) -> bool:
    """Tell whether a text's last character, closing quotes and brackets apart, ends a sentence."""
    at = end
    while at > start:
        at -= 1
        while at > start and (data[at] & 0xC0) == 0x80:
            at -= 1
        point, _ = decode(data, at)
        if classes[point] & END:
            return True
        if not (point == 0x22 or point == 0x27 or point == 0x29 or point == 0x5D or point == 0x2019 or point == 0x201D or point == 0xBB):
            return False
    return False


@kernel
def _ends_in_ellipsis(data: Bytes, start: int, end: int) -> bool:
    if end - start < 3:
        return False
    a, b, c = data[end - 3], data[end - 2], data[end - 1]
    return bool((a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6))


@kernel
def _starts_with_bullet(data: Bytes, start: int, end: int) -> bool:
    point, width = decode(data, start)
    if point == 0x2D or point == 0x2A:
        return start + width < end and data[start + width] == 32
    return point == 0x2022 or point == 0x2023 or point == 0x25AA or point == 0x25CF or point == 0x25E6


@kernel
def _lines(data: Bytes, start: int, end: int, classes: Classes, out: Counts) -> None:
    size = table_size(int(out[NEWLINES]) + 1)
    seen = np.zeros(size, np.uint64)
    at = start
    while at < end:
        stop = at
        while stop < end and data[stop] != 10:
            stop += 1
        first, last = trimmed(data, at, stop)
        at = stop + 1
        if first == last:
            continue
        chars = _chars_between(data, first, last)
        out[LINES] += 1
        out[LINE_CHARS] += chars
        out[SHORT] += chars <= SHORT_LINE
        out[BULLETS] += _starts_with_bullet(data, first, last)
        out[ELLIPSIS_LINES] += _ends_in_ellipsis(data, first, last)
        out[ENDED] += ends_sentence(data, first, last, classes)
        if known(seen, size - 1, hash_range(data, first, last, np.uint64(1))):
            out[DUP_LINES] += 1
            out[DUP_LINE_CHARS] += chars


@kernel
def _paragraphs(data: Bytes, start: int, end: int, out: Counts) -> None:
    size = table_size(int(out[NEWLINES]) // 2 + 1)
    seen = np.zeros(size, np.uint64)
    at = start
    while at < end:
        stop = at
        while stop < end and not (data[stop] == 10 and stop + 1 < end and data[stop + 1] == 10):
            stop += 1
        first, last = trimmed(data, at, stop)
        at = stop + 2
        if first == last:
            continue
        out[PARAGRAPHS] += 1
        if known(seen, size - 1, hash_range(data, first, last, np.uint64(2))):
            out[DUP_PARAGRAPHS] += 1
            out[DUP_PARAGRAPH_CHARS] += _chars_between(data, first, last)


@kernel
def _measure(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, known_words: tuple[Hashes, Hashes]) -> Counts:
    out = np.zeros((len(offsets) - 1, 25), np.float64)
    for i in range(len(out)):
        start, end = offsets[i], offsets[i + 1]
        _words(data, start, end, classes, lower, known_words, out[i])
        _characters(data, start, end, classes, out[i])
        _quotes(data, start, end, out[i])
        _lines(data, start, end, classes, out[i])
        _paragraphs(data, start, end, out[i])
    return out


def structure(texts: pl.Series) -> pl.DataFrame:
    """Count words, sentences, lines and paragraphs of each text: the columns of NAMES, one row a text.

    Lines and paragraphs (parted by an empty line) are trimmed, and empty ones are not counted;
    duplicates are all but the first of equal ones; the unit of every `chars` is the code point.
    """
    held = buffers(texts)
    classes, lower = table()
    stops = np.array([hash_of(word) for word in STOP_WORDS], np.uint64)
    archaic = np.unique(np.array([hash_of(word) for word in ARCHAIC], np.uint64))
    table_of = _measure(held.data, held.offsets, classes, lower, (stops, archaic))
    return pl.DataFrame(table_of, schema=list(NAMES))
