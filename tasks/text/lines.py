"""Lines of texts with what the C4 rules ask of each, and what those rules leave of a text.

A line is what stands between newlines, or by the rule PEER what Python's splitlines gives. Citation
marks (`[1]`, `[edit]`, `[citation needed]`) are no part of it. Source: tensorflow_datasets' c4_utils.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Offsets, Records, buffers, packed
from tasks.text.blocks import BLOCK, HIGHEST, NONE, ONE, bytes_equal, bytes_like, carried, classed_as, find, first_bits, lowest, ones
from tasks.text.classes import BREAK, DIGIT, END, INNER, SPACE, Classes, decode, table
from tasks.text.eights import trailing_zeros
from tasks.text.grams import PAPER, PEER
from tasks.text.kernel import inlined, kernel
from tasks.text.scratch import Scratch, after, before, classed, largest, load, scratch_for, stripped

FIELDS = ("start", "end", "words", "longest", "sentences", "flags", "first", "last", "lead")
"""What is told of a line; the last three only by the rule PEER."""
START, STOPS_AT, WORDS, LONGEST, SENTENCES, FLAGS, FIRST, LAST, LEAD = range(9)
ENDED, SCRIPT, POLICY, LOREM, CURLY, BLANK, PARTED = (1 << bit for bit in range(7))
"""Flags: ends in a mark, names JavaScript, names a policy, holds `lorem ipsum`, holds `{`, holds nothing, has a newline behind it."""
CITED = 128
"""A bracket opens on it: for the kernel only."""
NEWLINE, DOT, OPEN, CLOSE, QUOTE, CURLED = 10, 46, 91, 93, 34, 123
_PHRASES = (
    ("javascript", SCRIPT), ("lorem ipsum", LOREM), ("terms of use", POLICY), ("privacy policy", POLICY), ("cookie policy", POLICY),
    ("uses cookies", POLICY), ("use of cookies", POLICY), ("use cookies", POLICY),
)  # fmt: skip
RARE = ("jav", "psu", "f u", "acy", "kie")
"""Letters that few texts hold: every phrase has one of them."""
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
    rare: Bytes
    """The letters of RARE, three each."""
    offsets: Offsets
    """How far behind the start of each phrase its rare letters stand."""
    marks: npt.NDArray[np.uint32]


def _words(rule: int) -> Words:
    phrases = [*_PHRASES, *((note, 0) for note in _NOTES)]
    text = "".join(phrase for phrase, _ in phrases).encode()
    bounds = np.cumsum([0, *(len(phrase) for phrase, _ in phrases)])
    flags = np.array([flag for _, flag in phrases], np.int64)
    marks = np.array([ord(mark) for mark in _MARKS[rule]], np.uint32)
    rare = np.frombuffer("".join(RARE).encode(), np.uint8)
    offsets = np.array([next(phrase.index(letters) for letters in RARE if letters in phrase) for phrase, _ in _PHRASES], np.int64)
    return Words(np.frombuffer(text + bytes(8), np.uint8), bounds, flags, len(_PHRASES), rule, rare, offsets, marks)


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
def _suspects(text: Bytes, at: int, rare: Bytes) -> np.uint64:
    """Mark the places from `at` on where rare letters stand, in any case."""
    found = NONE
    for k in range(0, len(rare), 3):
        found |= bytes_like(text, at, rare[k]) & bytes_like(text, at + 1, rare[k + 1]) & bytes_like(text, at + 2, rare[k + 2])
    return found


@kernel
def _phrases(text: Bytes, start: int, at: int, words: Words) -> int:
    """Give the flags of the phrases whose rare letters stand at a place, in a line from `start` on."""
    flags = 0
    for which in range(words.notes):
        first = at - words.offsets[which]
        if first >= start and _is_phrase(text, first, words, which) > 0:
            flags |= words.flags[which]
    return flags


@inlined
def _longest_run(filled: np.uint64, lead: np.uint64, state: tuple[np.uint64, int, int, int]) -> tuple[np.uint64, int, int, int]:
    """Go on measuring runs of filled places.

    The state: whether one is open, then how many characters lie before, lie before the last edge, and are in the longest run.
    """
    inside, place, edge_at, longest = state
    edges, still = filled ^ ((filled << ONE) | inside), inside
    while edges:
        edge = lowest(edges)
        here = place + ones(lead & (edge - ONE))
        longest = max(longest, int(np.int64(still)) * (here - edge_at))
        edges, edge_at, still = edges ^ edge, here, still ^ ONE
    return filled >> HIGHEST, place + ones(lead), edge_at, longest


@inlined
def _sentences(content: np.uint64, stops: np.uint64, unended: int) -> tuple[int, int]:
    """Count the marks that end something; tell whether anything stands behind the last of them."""
    count = 0
    while stops:
        stop = lowest(stops)
        count += unended | (content & (stop - ONE) != 0)
        content, stops, unended = content & ~(stop - ONE), stops ^ stop, 0
    return count, unended | (content != 0)


@kernel
def _scanned(text: Bytes, marks: Classes, start: int, end: int, words: Words) -> tuple[int, int, int, int]:
    """Go over a line once: runs without white space, the characters of the longest, sentences, flags."""
    count = sentences = flags = 0
    unended, space_before, runs = 0, NONE, (NONE, 0, 0, 0)
    for at in range(start, end, BLOCK):
        inside = first_bits(end - at)
        lead, stops = ~classed_as(marks, at, INNER) & inside, classed_as(marks, at, END) & inside
        spaces = carried(classed_as(marks, at, SPACE), ~lead, space_before)
        filled = ~spaces & inside
        count += ones(filled & ~((filled << ONE) | runs[0]))
        runs = _longest_run(filled, lead, runs)
        more, unended = _sentences(filled & lead & ~stops & ~bytes_equal(text, at, QUOTE), stops, unended)
        sentences += more
        space_before = spaces >> HIGHEST
        flags |= (bytes_equal(text, at, CURLED) & inside != 0) * CURLY | (bytes_equal(text, at, OPEN) & inside != 0) * CITED
        suspects = _suspects(text, at, words.rare) & inside
        while suspects:
            flags |= _phrases(text, start, at + trailing_zeros(suspects), words)
            suspects &= suspects - ONE
    _, place, edge_at, longest = runs
    return count, max(longest, int(np.int64(runs[0])) * (place - edge_at)), sentences + unended, flags


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


class Found(NamedTuple):
    """Records of lines, FIELDS each, and citation marks by their start and end in the text; both as many as `counts` says."""

    lines: Records
    notes: Records
    counts: Offsets


@kernel
def _line_end(room: Scratch, at: int, size: int, rule: int) -> tuple[int, int]:
    """Give the end of the line at `at`, and the start of the next."""
    if rule == PEER:
        while at < size and not (room.text[at] == NEWLINE or room.marks[at] & BREAK):
            at += 1
    else:
        at = find(room.text, at, size, NEWLINE)
    if at == size:
        return at, at + 1
    return at, at + 2 if rule == PEER and room.text[at] == 13 and room.text[at + 1] == NEWLINE else after(room.marks, at)


@kernel
def without_notes(room: Scratch, first: int, last: int, words: Words, spare: Bytes, notes: Records) -> tuple[int, int]:
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
def _lead(room: Scratch, at: int, end: int, notes: Records) -> int:
    """Give where a line begins once the citation marks before it, and the white space after them, are gone."""
    for note in notes:
        if at < end and note[0] == at:
            at = note[1]
            while at < end and room.marks[at] & SPACE:
                at = after(room.marks, at)
    return at


@kernel
def _line(room: Scratch, spare: Scratch, span: tuple[int, int], classes: Classes, words: Words, found: Found) -> None:
    """Write the record of a line."""
    first, last = stripped(room.marks, span[0], span[1])
    record = found.lines[found.counts[0]]
    record[WORDS], record[LONGEST], sentences, flags = _scanned(room.text, room.marks, first, last, words)
    view, start, end, lead = room, first, last, first
    if flags & CITED:
        end, count = without_notes(room, first, last, words, spare.text, found.notes[found.counts[1] :])
        lead = _lead(room, lead, last, found.notes[found.counts[1] : found.counts[1] + count])
        found.counts[1] += count
        classed(end, classes, spare)
        view, start = spare, 0
        _, _, sentences, flags = _scanned(spare.text, spare.marks, 0, end, words)
    if words.rule == PEER:
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
    most = largest(offsets)
    room, spare = scratch_for(most), scratch_for(most)
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        load(data, offsets[i], offsets[i + 1], classes, room)
        at = 0
        while at <= size:
            end, following = _line_end(room, at, size, words.rule)
            found.lines[found.counts[0], START], found.lines[found.counts[0], STOPS_AT] = at, following
            _line(room, spare, (at, end), classes, words, found)
            found.counts[0] += 1
            at = following
        firsts[0, i + 1], firsts[1, i + 1] = found.counts


def lines(texts: pl.Series, rule: int = PAPER) -> pl.DataFrame:
    """Give each text's `lines_of`, records of FIELDS, and `notes_of`, the start and end of its citation marks, as `packed` makes them.

    Places are in bytes: `start` and `end` take in the line's end, `first` and `last` are without white space,
    `lead` also without citation marks before it; `words` are runs without white space, `longest` the
    characters of the longest, `flags` the bits ENDED to PARTED.
    """
    held = buffers(texts)
    breaks, brackets = _counted(held.data, held.offsets[0], held.offsets[-1], rule)
    width = len(fields_by(rule))
    found = Found(np.empty((breaks + len(texts) + 1, width), np.uint32), np.empty((brackets + 1, 2), np.uint32), np.zeros(2, np.int64))
    firsts = np.zeros((2, len(texts) + 1), np.int64)
    words = _words(rule)
    _measure(held.data, held.offsets, table()[0], words, found, firsts)
    if rule == PEER:
        from tasks.text.peerlines import count_sentences

        count_sentences(held, words, found, firsts)
    return pl.DataFrame([packed("lines_of", found.lines, firsts[0]), packed("notes_of", found.notes, firsts[1])])


def fields_by(rule: int) -> tuple[str, ...]:
    """Name the fields of lines by a rule."""
    return FIELDS if rule == PEER else FIELDS[:FIRST]
