"""Lines of texts with what the C4 rules ask of each, and what those rules leave of a text.

A line is what stands between newlines, or by the rule PEER what Python's splitlines gives. Citation
marks (`[1]`, `[edit]`, `[citation needed]`) are no part of it. Source: tensorflow_datasets' c4_utils.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tasks.text.arrow import Bytes, Offsets, buffers
from tasks.text.classes import BREAK, DIGIT, END, INNER, PUNCTUATION, SPACE, STOP, Classes, decode, table
from tasks.text.eights import load8
from tasks.text.grams import PAPER, PEER
from tasks.text.hashing import GOLDEN
from tasks.text.kernel import inlined, kernel
from tasks.text.peertokens import STACK, Lexicon, Spans, lexicon, peer_tokens
from tasks.text.scratch import Scratch, after, before, classed, load, scratch_for, stripped

FIELDS = ("start", "end", "words", "longest", "sentences", "flags", "first", "last", "lead")
"""What is told of a line; the last three only by the rule PEER."""
START, STOPS_AT, WORDS, LONGEST, SENTENCES, FLAGS, FIRST, LAST, LEAD = range(9)
ENDED, SCRIPT, POLICY, LOREM, CURLY, BLANK, PARTED = (1 << bit for bit in range(7))
"""Flags: ends in a mark, names JavaScript, names a policy, holds `lorem ipsum`, holds `{`, holds nothing, has a newline behind it."""
CITED = 128
"""A bracket opens on it: for the kernel only."""
SLOTS = 4096
NEWLINE, DOT, OPEN, CLOSE = 10, 46, 91, 93
_PHRASES = (
    ("javascript", SCRIPT), ("lorem ipsum", LOREM), ("terms of use", POLICY), ("privacy policy", POLICY), ("cookie policy", POLICY),
    ("uses cookies", POLICY), ("use of cookies", POLICY), ("use cookies", POLICY),
)  # fmt: skip
_MARKS = ('.?!"”’。！？', ".?!\"'")
"""What may end a line: here, and by the rule PEER."""
_NOTES = ("[edit]", "[citation needed]")


class Words(NamedTuple):
    """Phrases in small letters, end to end, and what each means."""

    text: Bytes
    bounds: Offsets
    flags: Offsets
    notes: int
    """From here on they are notes in brackets, to be left out."""
    rule: int
    lexicon: Lexicon
    begins: npt.NDArray[np.bool_]
    """Where four bytes at the beginning of a phrase fall in a small table."""
    marks: npt.NDArray[np.uint32]


def _words(rule: int) -> Words:
    phrases = [*_PHRASES, *((note, 0) for note in _NOTES)]
    text = "".join(phrase for phrase, _ in phrases).encode()
    bounds = np.cumsum([0, *(len(phrase) for phrase, _ in phrases)])
    flags = np.array([flag for _, flag in phrases], np.int64)
    marks = np.array([ord(mark) for mark in _MARKS[rule]], np.uint32)
    begins = np.zeros(SLOTS, np.bool_)
    for phrase, _ in _PHRASES:
        begins[_slot(np.uint64(int.from_bytes(phrase[:4].encode(), "little")))] = True
    return Words(np.frombuffer(text + bytes(8), np.uint8), bounds, flags, len(_PHRASES), rule, lexicon(), begins, marks)


@kernel
def _is_phrase(text: Bytes, at: int, words: Words, which: int) -> int:
    """Give the length of a phrase that stands at `at` in any case; 0 where it does not."""
    for k in range(words.bounds[which], words.bounds[which + 1]):
        byte = text[at + k - words.bounds[which]]
        byte = byte | 0x20 if 65 <= byte <= 90 else byte
        if byte != words.text[k]:
            return 0
    return int(words.bounds[which + 1] - words.bounds[which])


@kernel
def _citation(room: Scratch, at: int, words: Words) -> int:
    """Give the end of a citation mark at `at`; where there is none, `at`."""
    stop = at + 1
    while room.marks[stop] & (DIGIT | INNER):
        stop += 1
    if room.text[stop] == CLOSE:
        return stop + 1
    for which in range(words.notes, len(words.bounds) - 1):
        if (room.text[at + 1] | 0x20) == words.text[words.bounds[which] + 1] and _is_exactly(room.text, at, words, which):
            return int(at + words.bounds[which + 1] - words.bounds[which])
    return at


@kernel
def _is_exactly(text: Bytes, at: int, words: Words, which: int) -> bool:
    same = True
    for k in range(words.bounds[which], words.bounds[which + 1]):
        same &= text[at + k - words.bounds[which]] == words.text[k]
    return same


@inlined
def _slot(eight: np.uint64) -> int:
    """Give the slot of four bytes, in small letters, in the table of how phrases begin."""
    four = np.uint64((eight | np.uint64(0x20202020)) & np.uint64(0xFFFFFFFF))
    return int(np.int64(((four * GOLDEN) >> np.uint64(32)) & np.uint64(SLOTS - 1)))


@kernel
def _phrases(text: Bytes, at: int, words: Words) -> int:
    """Give the flags of the phrases that stand at a place."""
    flags = 0
    for which in range(words.notes):
        if _is_phrase(text, at, words, which) > 0:
            flags |= words.flags[which]
    return flags


@kernel
def _scanned(text: Bytes, marks: Classes, start: int, end: int, words: Words) -> tuple[int, int, int, int]:
    """Go over a line once: runs without white space, the characters of the longest, sentences, flags."""
    begins = words.begins
    count = longest = sentences = flags = chars = 0
    unended = False
    for at in range(start, end):
        kind, byte = marks[at], text[at]
        first, filled = (kind & INNER) == 0, (kind & SPACE) == 0
        count += (chars == 0) & first & filled
        chars = (chars + first) * filled
        longest = max(longest, chars)
        stop = (kind & END) != 0
        sentences += stop & unended
        unended = (unended | (first & filled & (byte != 34))) & (not stop)
        flags |= (byte == 123) * CURLY | (byte == OPEN) * CITED
        if begins[_slot(load8(text, at))]:
            flags |= _phrases(text, at, words)
    return count, longest, sentences + unended, flags


@kernel
def _ended(room: Scratch, start: int, end: int, words: Words) -> bool:
    """Tell whether a line ends in one of the marks, and not in an ellipsis."""
    if start >= end:
        return False
    text = room.text
    point, _ = decode(text, before(room.marks, end))
    dots = end - start >= 3 and text[end - 1] == DOT and text[end - 2] == DOT and text[end - 3] == DOT
    found = False
    for mark in words.marks:
        found |= mark == point
    return found and not dots


@kernel
def sentences_of(room: Scratch, out: Spans, tokens: int) -> int:
    """Count sentences as a sentencizer does: one begins after a token that is a stop, where no punctuation follows."""
    count, ended = min(tokens, 1), False
    for token in range(tokens):
        start, end = out.starts[token], out.ends[token]
        stop = after(room.marks, start) == end and (room.marks[start] & STOP) != 0
        if ended and not stop and not _is_punctuation(room, start, end):
            count, ended = count + 1, False
        elif stop:
            ended = True
    return count


@kernel
def _is_punctuation(room: Scratch, start: int, end: int) -> bool:
    """Tell whether all characters are punctuation by Unicode."""
    every = True
    for at in range(start, end):
        every &= (room.marks[at] & (PUNCTUATION | INNER)) != 0
    return every


class Found(NamedTuple):
    """Records of lines, FIELDS each, and citation marks by their start and end in the text; both as many as `counts` says."""

    lines: npt.NDArray[np.uint32]
    notes: npt.NDArray[np.uint32]
    counts: Offsets


@kernel
def _line_end(room: Scratch, at: int, size: int, rule: int) -> tuple[int, int]:
    """Give the end of the line at `at`, and the start of the next."""
    while at < size and not (room.text[at] == NEWLINE or (rule == PEER and room.marks[at] & BREAK)):
        at += 1
    if at == size:
        return at, at + 1
    return at, at + 2 if rule == PEER and room.text[at] == 13 and room.text[at + 1] == NEWLINE else after(room.marks, at)


@kernel
def _without_notes(room: Scratch, first: int, last: int, words: Words, spare: Bytes, notes: npt.NDArray[np.uint32]) -> tuple[int, int]:
    """Copy a line without its citation marks, and note where they are; the length of what is left and their number are given."""
    size, count, at = 0, 0, first
    while at < last:
        stop = _citation(room, at, words) if room.text[at] == OPEN else at
        if stop > at and stop <= last:
            notes[count, 0], notes[count, 1] = at, stop
            count, at = count + 1, stop
        else:
            spare[size] = room.text[at]
            size, at = size + 1, at + 1
    return size, count


@kernel
def _lead(room: Scratch, at: int, end: int, notes: npt.NDArray[np.uint32]) -> int:
    """Give where a line begins once the citation marks before it, and the white space after them, are gone."""
    for note in notes:
        if at < end and note[0] == at:
            at = note[1]
            while at < end and room.marks[at] & SPACE:
                at = after(room.marks, at)
    return at


@kernel
def _line(room: Scratch, spare: Scratch, span: tuple[int, int], classes: Classes, words: Words, out: Spans, found: Found) -> None:
    """Write the record of a line."""
    first, last = stripped(room.marks, span[0], span[1])
    record = found.lines[found.counts[0]]
    record[WORDS], record[LONGEST], sentences, flags = _scanned(room.text, room.marks, first, last, words)
    view, start, end, lead = room, first, last, first
    if flags & CITED:
        end, count = _without_notes(room, first, last, words, spare.text, found.notes[found.counts[1] :])
        lead = _lead(room, lead, last, found.notes[found.counts[1] : found.counts[1] + count])
        found.counts[1] += count
        classed(end, classes, spare)
        view, start = spare, 0
        _, _, sentences, flags = _scanned(spare.text, spare.marks, 0, end, words)
    if words.rule == PEER:
        sentences = sentences_of(view, out, peer_tokens(view.text, view.marks, (start, end), words.lexicon, out))
    record[FIRST], record[LAST], record[LEAD] = first, last, lead
    record[SENTENCES] = sentences
    flags = (flags & ~CITED) | (BLANK if first == last else 0)
    flags |= PARTED if room.text[span[1]] == NEWLINE or (room.text[span[1] + 1] == NEWLINE and room.text[span[1]] == 13) else 0
    record[FLAGS] = flags | (ENDED if _ended(view, start, end, words) else 0)


@kernel
def _counted(data: Bytes, start: int, end: int, rule: int) -> tuple[int, int]:
    """Count the bytes that may end a line, and the brackets that open: at least as many as there will be lines and citation marks."""
    breaks, brackets = 0, 0
    for at in range(start, end):
        byte = data[at]
        breaks += byte == NEWLINE
        brackets += byte == OPEN
    if rule == PEER:
        for at in range(start, end):
            byte = data[at]
            breaks += (11 <= byte <= 13) | (28 <= byte <= 30) | (byte == 0x85) | (byte == 0xA8) | (byte == 0xA9)
    return breaks, brackets


@kernel
def _measure(data: Bytes, offsets: Offsets, classes: Classes, words: Words, found: Found, firsts: Offsets) -> None:
    largest = 0
    for i in range(len(offsets) - 1):
        largest = max(largest, offsets[i + 1] - offsets[i])
    room, spare = scratch_for(largest), scratch_for(largest)
    out = Spans(np.empty(largest + 1, np.int64), np.empty(largest + 1, np.int64), np.empty(STACK, np.int64))
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        load(data, offsets[i], offsets[i + 1], classes, room)
        at = 0
        while at <= size:
            end, following = _line_end(room, at, size, words.rule)
            found.lines[found.counts[0], START], found.lines[found.counts[0], STOPS_AT] = at, following
            _line(room, spare, (at, end), classes, words, out, found)
            found.counts[0] += 1
            at = following
        firsts[i + 1, 0], firsts[i + 1, 1] = found.counts


def lines(texts: pl.Series, rule: int = PAPER) -> pl.DataFrame:
    """Give each text's `lines_of`, a list of FIELDS, and `notes_of`, a list of the {start, end} of its citation marks; all in bytes.

    `start` and `end` take in the line's end, `first` and `last` are without white space, `lead` also without
    citation marks before it; `words` are runs without white space, `longest` the characters of the longest,
    `flags` the bits ENDED to PARTED.
    """
    held = buffers(texts)
    breaks, brackets = _counted(held.data, held.offsets[0], held.offsets[-1], rule)
    found = Found(
        np.zeros((breaks + len(texts) + 1, len(FIELDS)), np.uint32), np.zeros((brackets + 1, 2), np.uint32), np.zeros(2, np.int64)
    )
    firsts = np.zeros((len(texts) + 1, 2), np.int64)
    _measure(held.data, held.offsets, table()[0], _words(rule), found, firsts)
    of_lines = _lists(found.lines[: found.counts[0]], fields_by(rule), firsts[:, 0])
    of_notes = _lists(found.notes[: found.counts[1]], ("start", "end"), firsts[:, 1])
    return pl.DataFrame({"lines_of": of_lines, "notes_of": of_notes})


def fields_by(rule: int) -> tuple[str, ...]:
    """Name the fields of lines by a rule."""
    return FIELDS if rule == PEER else FIELDS[:FIRST]


def _lists(records: npt.NDArray[np.uint32], fields: tuple[str, ...], firsts: Offsets) -> pl.Series:
    """Give records as a column of lists of structs."""
    struct = pa.StructArray.from_arrays([pa.array(np.ascontiguousarray(records[:, k])) for k in range(len(fields))], list(fields))
    series = pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(firsts), struct))
    assert isinstance(series, pl.Series)
    return series
