"""Features of words, signs, lines and paragraphs, for the quality, repetition and style rules."""

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text import grams
from tasks.text import style as styles
from tasks.text.arrow import Bytes, Counts, Hashes, Offsets, buffers
from tasks.text.blocks import BLOCK, HIGHEST, NONE, ONE, bytes_equal, carried, characters, classed_as, find, ones, put_places
from tasks.text.classes import ALONE, ALPHA, DIGIT, END, INNER, UPPER, WORD, Classes, table
from tasks.text.eights import trailing_zeros
from tasks.text.grams import PAPER, Places, Table, known, places_for, repeated, table_for, table_size
from tasks.text.hashing import hash_bytes
from tasks.text.kernel import inlined, kernel
from tasks.text.lexicon import Lexicon, hash_folded, kind_of, lexicon, stop_of
from tasks.text.peertokens import Spans
from tasks.text.scratch import PAD, Scratch, before, largest, load, scratch_for
from tasks.text.style import dialogue, style, variety

NAMES = (
    "chars", "words", "word_chars", "alphabetic", "stop_words", "hashes", "ellipses", "newlines", "capitals", "digits", "longest_word",
    "lines", "bullet_lines", "ellipsis_lines", "ended_lines", "short_lines", "line_chars", "duplicate_lines", "duplicate_line_chars",
    "paragraphs", "duplicate_paragraphs", "duplicate_paragraph_chars", *grams.NAMES,
)  # fmt: skip
(CHARS, WORDS, WORD_CHARS, ALPHABETIC, STOPS, HASHES, ELLIPSES, NEWLINES, CAPITALS,
 DIGITS, LONGEST, LINES, BULLETS, ELLIPSIS_LINES, ENDED, SHORT,
 LINE_CHARS, DUPLICATE, DUPLICATE_CHARS, PARAGRAPHS, DUPLICATE_PARAGRAPHS, DUPLICATE_PARAGRAPH_CHARS, GRAMS) = range(23)  # fmt: skip

WORDS_ALONE, AND_LINES, AND_GRAMS = range(3)
"""How deep a text is looked into."""
OF_DEPTH = (("chars", "words", "word_chars", "alphabetic", "stop_words", "longest_word"), NAMES[:GRAMS], NAMES)

SHORT_LINE = 30
"""FineWeb's short lines have at most this many characters (Penedo et al. 2024)."""
NEWLINE, DOT, HASH = 10, 46, 35
TWO = np.uint64(2)


class Room(NamedTuple):
    """Room for one text: its words' hashes, characters and kinds, and tables."""

    held: Scratch
    spans: Spans
    hashes: Hashes
    chars: Offsets
    kinds: Offsets
    table: Table
    places: Places


@kernel
def _room_for(size: int) -> Room:
    size += PAD
    spans = Spans(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(0, np.int64))
    chars, kinds = np.empty(size, np.int64), np.empty(size, np.int64)
    return Room(scratch_for(size), spans, np.empty(size, np.uint64), chars, kinds, table_for(size), places_for(size))


@inlined
def _follows(marks: Classes, at: int) -> np.uint64:
    """Mark the places before characters that an apostrophe or hyphen joins to a word."""
    return classed_as(marks, at, WORD) & ~classed_as(marks, at, ALONE)


@inlined
def _joiners(text: Bytes, marks: Classes, at: int, before: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Mark apostrophes and hyphens between parts of a word: those of one byte, and the first bytes of those of three.

    `before` marks the places behind what they may join.
    """
    short = bytes_equal(text, at, 0x27) | bytes_equal(text, at, 0x2D)
    if short:
        short &= before & _follows(marks, at + 1)
    long = bytes_equal(text, at, 0xE2)
    if long:
        long &= before & bytes_equal(text, at + 1, 0x80) & (bytes_equal(text, at + 2, 0x99) | bytes_equal(text, at + 2, 0x90))
        long &= _follows(marks, at + 3)
    return short, long


@kernel
def word_spans(text: Bytes, marks: Classes, size: int, starts: Offsets, ends: Offsets) -> int:
    """Write where words start and end, in bytes; their number is given."""
    count = ended = 0
    inside = alone_before = spilt = NONE
    for at in range(0, size + 1, BLOCK):
        inner, own = classed_as(marks, at, INNER), classed_as(marks, at, ALONE)
        word = carried(classed_as(marks, at, WORD), inner, inside)
        alone = carried(own, inner, alone_before)
        behind_alone = (alone << ONE) | alone_before
        short, long = _joiners(text, marks, at, ((word << ONE) | inside) & ~behind_alone)
        word |= short | long | (long << ONE) | (long << TWO) | spilt
        behind = (word << ONE) | inside
        starting = word & ~inner & (~behind | own | behind_alone)
        ending = behind & (~word | starting)
        inside, alone_before, spilt = word >> HIGHEST, alone >> HIGHEST, (long >> HIGHEST) | (long >> (HIGHEST - ONE))
        count = put_places(starting, at, starts, count)
        ended = put_places(ending, at, ends, ended)
    return count


@kernel
def _has_letter(marks: Classes, start: int, end: int) -> bool:
    found = False
    for at in range(start, end):
        found |= (marks[at] & ALPHA) != 0
    return found


@kernel
def _words(size: int, words: Lexicon, room: Room, out: Counts) -> int:
    """Count words and write their hashes and lengths; their number is given."""
    text, marks, met = room.held.text, room.held.marks, NONE
    hashes, lengths, stops, lower = room.hashes, room.chars, words.stops, words.lower
    all_chars = longest = alphabetic = 0
    starts, ends = room.spans.starts, room.spans.ends
    count = word_spans(text, marks, size, starts, ends)
    for word in range(count):
        first, at = starts[word], ends[word]
        value, wide = hash_folded(text, first, at, lower)
        chars = characters(marks, first, at) if wide else at - first
        letters = marks[first] & ALPHA != 0 or _has_letter(marks, first, at)
        hashes[word], lengths[word] = value, chars
        all_chars += chars
        longest = max(longest, chars)
        alphabetic += letters
        met |= stop_of(value, stops)
    out[WORDS], out[WORD_CHARS], out[LONGEST], out[ALPHABETIC] = count, all_chars, longest, alphabetic
    out[STOPS] = ones(met)
    return count


@kernel
def _kinds(count: int, words: Lexicon, room: Room) -> None:
    """Write what each word is."""
    hashes, kinds, listed, listed_as = room.hashes, room.kinds, words.hashes, words.kinds
    for word in range(count):
        kinds[word] = kind_of(hashes[word], listed, listed_as)


@kernel
def _signs(size: int, held: Scratch, out: Counts) -> None:
    """Count newlines, capitals, digits, `#` and ellipses."""
    text, marks, dots_before = held.text, held.marks, NONE
    newlines = capitals = digits = hashes = ellipses = 0
    for at in range(0, size, BLOCK):
        capitals += ones(classed_as(marks, at, UPPER))
        digits += ones(classed_as(marks, at, DIGIT))
        newlines += ones(bytes_equal(text, at, NEWLINE))
        hashes += ones(bytes_equal(text, at, HASH))
        dots, three = bytes_equal(text, at, DOT), bytes_equal(text, at, 0xE2)
        if dots & ((dots << ONE) | (dots_before >> TWO)):
            ellipses += ones(_thirds(dots, dots_before))
        if three:
            ellipses += ones(three & bytes_equal(text, at + 1, 0x80) & bytes_equal(text, at + 2, 0xA6))
        dots_before = dots >> (HIGHEST - TWO)
    out[NEWLINES], out[CAPITALS], out[DIGITS], out[HASHES], out[ELLIPSES] = newlines, capitals, digits, hashes, ellipses


@inlined
def _thirds(dots: np.uint64, before: np.uint64) -> np.uint64:
    """Mark the third full stop of each run of them; `before` are the three places before."""
    one, two = (dots << ONE) | (before >> TWO), (dots << TWO) | (before >> ONE)
    return dots & one & two & ~((one << TWO) | before)


@kernel
def trimmed(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Give a range without the ASCII white space at its ends."""
    while start < end and (data[start] == 32 or 9 <= data[start] <= 13):
        start += 1
    while end > start and (data[end - 1] == 32 or 9 <= data[end - 1] <= 13):
        end -= 1
    return start, end


@kernel
def ends_sentence(text: Bytes, marks: Classes, start: int, end: int) -> bool:
    """Tell whether a text's last character, closing quotes and brackets apart, ends a sentence."""
    at = end
    while at > start:
        at = before(marks, at)
        if marks[at] & END:
            return True
        if not _closes(text, at):
            return False
    return False


@kernel
def _closes(text: Bytes, at: int) -> bool:
    """Tell a quote or bracket that may stand behind the end of a sentence."""
    byte = text[at]
    if byte == 0xE2:
        return bool(text[at + 1] == 0x80 and (text[at + 2] == 0x99 or text[at + 2] == 0x9D))
    return bool(byte == 0x22 or byte == 0x27 or byte == 0x29 or byte == 0x5D or (byte == 0xC2 and text[at + 1] == 0xBB))


@kernel
def ends_in_ellipsis(text: Bytes, start: int, end: int) -> bool:
    """Tell whether the last three bytes are three full stops or the sign for them."""
    if end - start < 3:
        return False
    a, b, c = text[end - 3], text[end - 2], text[end - 1]
    return bool((a == DOT and b == DOT and c == DOT) or (a == 0xE2 and b == 0x80 and c == 0xA6))


@kernel
def _starts_with_bullet(text: Bytes, start: int, end: int) -> bool:
    if text[start] == 0x2D or text[start] == 0x2A:
        return bool(start + 1 < end and text[start + 1] == 32)
    if text[start] != 0xE2:
        return False
    second, third = text[start + 1], text[start + 2]
    if second == 0x80:
        return bool(third == 0xA2 or third == 0xA3)
    return bool((second == 0x96 and third == 0xAA) or (second == 0x97 and (third == 0x8F or third == 0xA6)))


@kernel
def _lines(size: int, room: Room, out: Counts) -> None:
    """Count the lines that are not blank, without the white space around them."""
    text, marks, mask = room.held.text, room.held.marks, table_size(int(out[NEWLINES]) + 1) - 1
    room.table.epoch[0] += 1
    at = 0
    while at < size:
        stop = find(text, at, size, NEWLINE)
        first, last = trimmed(text, at, stop)
        at = stop + 1
        if first == last:
            continue
        chars = characters(marks, first, last)
        again = known(room.table, mask, hash_bytes(text, first, last))
        out[LINES] += 1
        out[LINE_CHARS] += chars
        out[SHORT] += chars <= SHORT_LINE
        out[BULLETS] += _starts_with_bullet(text, first, last)
        out[ELLIPSIS_LINES] += ends_in_ellipsis(text, first, last)
        out[ENDED] += ends_sentence(text, marks, first, last)
        out[DUPLICATE] += again
        out[DUPLICATE_CHARS] += chars if again else 0


@inlined
def _gap(text: Bytes, at: int, size: int) -> int:
    """Give the place of the first empty line from `at` on, `size` where there is none."""
    while at < size:
        found = bytes_equal(text, at, NEWLINE) & bytes_equal(text, at + 1, NEWLINE)
        if found:
            return min(at + trailing_zeros(found), size)
        at += BLOCK
    return size


@kernel
def _paragraphs(size: int, room: Room, out: Counts) -> None:
    """Count the paragraphs, parted by empty lines, without the white space around them."""
    text, mask = room.held.text, table_size(int(out[NEWLINES]) // 2 + 1) - 1
    room.table.epoch[0] += 1
    at = 0
    while at < size:
        stop = _gap(text, at, size)
        first, last = trimmed(text, at, stop)
        at = stop + 2
        if first == last:
            continue
        out[PARAGRAPHS] += 1
        if known(room.table, mask, hash_bytes(text, first, last)):
            out[DUPLICATE_PARAGRAPHS] += 1
            out[DUPLICATE_PARAGRAPH_CHARS] += characters(room.held.marks, first, last)


@kernel
def _text(data: Bytes, span: tuple[int, int], classes: Classes, words: Lexicon, depth: int, room: Room, out: Counts) -> int:
    """Measure one text as deep as is asked; the number of its words is given."""
    size = span[1] - span[0]
    out[CHARS] = load(data, span[0], span[1], classes, room.held)
    count = _words(size, words, room, out)
    if depth > WORDS_ALONE:
        _signs(size, room.held, out)
        _lines(size, room, out)
        _paragraphs(size, room, out)
    if depth == AND_GRAMS:
        repeated(room.hashes, room.chars, count, PAPER, room.table, room.places, out[GRAMS:])
    return count


@kernel
def _measure(data: Bytes, offsets: Offsets, classes: Classes, words: Lexicon, depth: int, out: Counts) -> None:
    room = _room_for(largest(offsets))
    for i in range(len(out)):
        _text(data, (offsets[i], offsets[i + 1]), classes, words, depth, room, out[i])


@kernel
def _measure_styled(data: Bytes, offsets: Offsets, classes: Classes, words: Lexicon, depth: int, out: Counts, styled: Counts) -> None:
    """Measure style too: a kernel of its own, so that only who asks for it waits for its compilation."""
    room = _room_for(largest(offsets))
    for i in range(len(out)):
        size = offsets[i + 1] - offsets[i]
        count = _text(data, (offsets[i], offsets[i + 1]), classes, words, depth, room, out[i])
        _kinds(count, words, room)
        style(count, size, room.held, room.spans, room.kinds, room.chars, styled[i])
        variety(room.hashes, count, room.table, styled[i])
        dialogue(size, room.held, styled[i])


def structure(texts: pl.Series, *, lines: bool = True, repetition: bool = False, style: bool = False) -> pl.DataFrame:
    """Count words, lines and paragraphs of each text: the columns of NAMES, one row a text.

    Lines and paragraphs (parted by an empty line) are trimmed, and empty ones are not counted;
    duplicates are all but the first of equal ones; the unit of every `chars` is the code point.
    With `repetition` come the columns of repeated word n-grams (Rae et al. 2021, section A.1.1); with
    `style` those of `tasks.text.style`, and its profiles as arrays: counts of FUNCTION_WORDS and of MARKS.
    Without `lines` there are only `chars` and what is counted of words.
    """
    held = buffers(texts)
    rows = len(held.offsets) - 1
    depth = AND_GRAMS if repetition else AND_LINES if lines else WORDS_ALONE
    out, styled = np.zeros((rows, len(NAMES)), np.float64), np.zeros((rows, styles.WIDTH if style else 0), np.float64)
    given = held.data, held.offsets, table()[0], lexicon(), depth
    if style:
        _measure_styled(*given, out, styled)
    else:
        _measure(*given, out)
    counted = pl.DataFrame(out.astype(np.uint32), schema=list(NAMES)).select(OF_DEPTH[depth])
    return counted.hstack(_style_columns(styled)) if style else counted


def _style_columns(styled: Counts) -> pl.DataFrame:
    counted = pl.DataFrame(np.minimum(styled[:, : styles.PROFILE], np.iinfo(np.uint32).max).astype(np.uint32), schema=list(styles.NAMES))
    return counted.with_columns(
        pl.Series("sentence_squares", styled[:, styles.SQUARES]),
        pl.Series("mtld", styled[:, styles.MTLD].astype(np.float32)),
        _profile("grammar", styled[:, styles.PROFILE : styles.PUNCTUATED]),
        _profile("punctuation", styled[:, styles.PUNCTUATED :]),
    )


def _profile(name: str, counts: Counts) -> pl.Series:
    return pl.Series(name, counts.astype(np.uint32), dtype=pl.Array(pl.UInt32, counts.shape[1]))
