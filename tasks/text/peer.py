"""Features as datatrove 0.10.1 counts them, for the `datatrove` profile of Gopher's and FineWeb's rules."""

import functools
from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text import grams
from tasks.text.arrow import Buffers, Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.classes import ALPHA, BREAK, INNER, SPACE, STOP, SYMBOL, Classes, table
from tasks.text.grams import PEER, Places, Table, known, places_for, repeated, table_for, table_size
from tasks.text.hashing import hash_bytes
from tasks.text.kernel import kernel
from tasks.text.peertokens import STACK, Lexicon, Spans, lexicon, peer_tokens
from tasks.text.scratch import PAD, Scratch, after, before, largest, load, scratch_for, stripped
from tasks.text.structure import ends_in_ellipsis
from tasks.text.wordlists import STOP_WORDS

NAMES = (
    "chars", "words", "counted_words", "word_chars", "alphabetic", "stop_words", "hashes", "ellipses", "newlines",
    "lines", "bullet_lines", "ellipsis_lines", "filled_lines", "ended_lines", "short_lines", "line_chars", "filled_duplicate_chars",
    "split_lines", "duplicate_lines", "duplicate_line_chars", "paragraphs", "duplicate_paragraphs", "duplicate_paragraph_chars",
    *grams.NAMES,
)  # fmt: skip
(CHARS, WORDS, COUNTED, WORD_CHARS, ALPHABETIC, STOPS, HASHES, ELLIPSES, NEWLINES,
 LINES, BULLETS, ELLIPSIS_LINES, FILLED, ENDED, SHORT, LINE_CHARS, FILLED_DUPLICATE,
 SPLIT, DUPLICATE, DUPLICATE_CHARS, PARAGRAPHS, DUPLICATE_PARAGRAPHS, DUPLICATE_PARAGRAPH_CHARS, GRAMS) = range(24)  # fmt: skip
SHORT_LINE = 30
NEWLINE, DOT = 10, 46


class Room(NamedTuple):
    """Room for one text: its bytes and their classes, its tokens, and tables."""

    text: Bytes
    marks: Classes
    out: Spans
    hashes: Hashes
    chars: Offsets
    table: Table
    places: Places


@kernel
def _room_for(size: int) -> tuple[Scratch, Room]:
    """Make room for texts of at most so many bytes; what is not used takes no memory."""
    held, size = scratch_for(size), size + PAD
    spans = Spans(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(STACK, np.int64))
    return held, Room(held.text, held.marks, spans, np.empty(size, np.uint64), np.empty(size, np.int64), table_for(size), places_for(size))


@kernel
def _words(count: int, stops: Hashes, room: Room, out: Counts) -> None:
    met = 0
    for token in range(count):
        chars, alphabetic, counted = 0, False, False
        for at in range(room.out.starts[token], room.out.ends[token]):
            kind = room.marks[at]
            if not kind & INNER:
                chars += 1
                alphabetic |= (kind & ALPHA) != 0
                counted |= (kind & SYMBOL) == 0
        value = hash_bytes(room.text, room.out.starts[token], room.out.ends[token])
        room.hashes[token], room.chars[token] = value, chars
        out[ALPHABETIC] += alphabetic
        out[COUNTED] += counted
        out[WORD_CHARS] += chars if counted else 0
        if chars <= 4:
            for k in range(len(stops)):
                met |= (stops[k] == value) << k
    out[WORDS] = count
    for k in range(len(stops)):
        out[STOPS] += (met >> k) & 1


@kernel
def _signs(text: Bytes, size: int, out: Counts) -> None:
    """Count `#`, ellipses that do not overlap, and newlines."""
    at = 0
    while at < size:
        byte = text[at]
        out[HASHES] += byte == 35
        out[NEWLINES] += byte == NEWLINE
        if byte == DOT and text[at + 1] == DOT and text[at + 2] == DOT:
            out[ELLIPSES] += 1
            at += 2
        elif byte == 0xE2 and text[at + 1] == 0x80 and text[at + 2] == 0xA6:
            out[ELLIPSES] += 1
        at += 1


@kernel
def line_end(text: Bytes, marks: Classes, at: int, size: int) -> tuple[int, int]:
    """Give the end of the line at `at`, as Python's splitlines ends lines, and the start of the next."""
    while at < size and not marks[at] & BREAK:
        at += 1
    if at == size:
        return at, at
    return at, at + 2 if text[at] == 13 and text[at + 1] == NEWLINE else after(marks, at)


@kernel
def _listed(size: int, room: Room, out: Counts) -> None:
    """Count lines, bullets and lines that end in an ellipsis."""
    at = 0
    while at < size:
        start = at
        end, at = line_end(room.text, room.marks, at, size)
        start, end = stripped(room.marks, start, end)
        bullet = room.text[start] == 45 or (room.text[start] == 0xE2 and room.text[start + 1] == 0x80 and room.text[start + 2] == 0xA2)
        out[LINES] += 1
        out[BULLETS] += bullet and start < end
        out[ELLIPSIS_LINES] += ends_in_ellipsis(room.text, start, end)


@kernel
def _lines(size: int, room: Room, out: Counts) -> None:
    """Count the lines between newlines that are not blank, and those between runs of newlines."""
    mask = table_size(int(out[NEWLINES]) + 2) - 1
    room.table.epoch[0] += 1
    empty = (room.text[0] == NEWLINE) + (size > 0 and room.text[size - 1] == NEWLINE)
    out[SPLIT] += empty
    out[DUPLICATE] += empty == 2
    at = 0
    while at < size:
        start, chars, blank = at, 0, True
        while at < size and room.text[at] != NEWLINE:
            kind = room.marks[at]
            chars += (kind & INNER) == 0
            blank &= (kind & (SPACE | INNER)) != 0
            at += 1
        if at > start:
            out[SPLIT] += 1
            out[LINE_CHARS] += chars
            again = known(room.table, mask, hash_bytes(room.text, start, at))
            out[DUPLICATE] += again
            out[DUPLICATE_CHARS] += chars if again else 0
            out[FILLED_DUPLICATE] += chars if again and not blank else 0
        if not blank:
            out[FILLED] += 1
            out[ENDED] += (room.marks[before(room.marks, at)] & STOP) != 0
            out[SHORT] += chars <= SHORT_LINE
        at += 1


@kernel
def _paragraphs(size: int, room: Room, out: Counts) -> None:
    """Count the paragraphs of the stripped text, parted by two newlines or more."""
    at, size = stripped(room.marks, 0, size)
    mask = table_size(int(out[NEWLINES]) + 2) - 1
    room.table.epoch[0] += 1
    while True:
        start, chars = at, 0
        while at < size and not (room.text[at] == NEWLINE and room.text[at + 1] == NEWLINE and at + 1 < size):
            chars += (room.marks[at] & INNER) == 0
            at += 1
        out[PARAGRAPHS] += 1
        if known(room.table, mask, hash_bytes(room.text, start, at)):
            out[DUPLICATE_PARAGRAPHS] += 1
            out[DUPLICATE_PARAGRAPH_CHARS] += chars
        if at >= size:
            break
        while at < size and room.text[at] == NEWLINE:
            at += 1


class Given(NamedTuple):
    """Tokens from elsewhere: those of text i are at `firsts[i]` to `firsts[i + 1]`, their places counted within the text."""

    firsts: Offsets
    starts: Offsets
    ends: Offsets


@kernel
def _measure(data: Bytes, offsets: Offsets, classes: Classes, words: Lexicon, stops: Hashes, given: Given, out: Counts) -> None:
    most = largest(offsets)
    held, room = _room_for(most)
    for i in range(len(out)):
        size = offsets[i + 1] - offsets[i]
        out[i, CHARS] = load(data, offsets[i], offsets[i + 1], classes, held)
        if len(given.firsts) > 0:
            count = given.firsts[i + 1] - given.firsts[i]
            room.out.starts[:count] = given.starts[given.firsts[i] : given.firsts[i + 1]]
            room.out.ends[:count] = given.ends[given.firsts[i] : given.firsts[i + 1]]
        else:
            count = peer_tokens(room.text, room.marks, (0, size), words, room.out)
        _words(count, stops, room, out[i])
        _signs(room.text, size, out[i])
        _listed(size, room, out[i])
        _lines(size, room, out[i])
        _paragraphs(size, room, out[i])
        repeated(room.hashes, room.chars, count, PEER, room.table, room.places, out[i, GRAMS:])


@functools.cache
def _stops() -> Hashes:
    padded = [np.frombuffer(word.encode() + bytes(8), np.uint8) for word in STOP_WORDS]
    return np.array([hash_bytes(word, 0, len(word) - 8) for word in padded], np.uint64)


NONE = np.zeros(0, np.int64)


def peer_features(texts: pl.Series, given: Given | None = None) -> pl.DataFrame:
    """Count what datatrove counts: the columns of NAMES, one row a text; `given`: with tokens from elsewhere."""
    held: Buffers = buffers(texts)
    out = np.zeros((len(held.offsets) - 1, len(NAMES)), np.float64)
    _measure(held.data, held.offsets, table()[0], lexicon(), _stops(), given or Given(NONE, NONE, NONE), out)
    return pl.DataFrame(out.astype(np.uint32), schema=list(NAMES))
