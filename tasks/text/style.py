"""Features of style: sentences, syllables, variety of words, and the profiles of grammar and punctuation.

Sources: Flesch 1948 and Kincaid 1975 (words, sentences, syllables), McCarthy and Jarvis 2010 (MTLD),
Mosteller and Wallace 1963 (function words), Biber 1988 (passives, contractions, persons, nominalisations).
Words are those of `structure`, which calls this module for each text.
"""

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets
from tasks.text.blocks import BLOCK, NONE, ONE, bytes_equal, classed_as, lowest, ones
from tasks.text.classes import END, INNER, LOWER, SPACE, UPPER, WORD, Classes
from tasks.text.eights import load8, trailing_zeros
from tasks.text.grams import Table, table_size
from tasks.text.kernel import inlined, kernel
from tasks.text.lexicon import (
    ABBREVIATION,
    ARCHAIC,
    BE,
    CONTRACTION,
    DATED,
    FIRST,
    FUNCTION,
    JARGON,
    PARTICIPLE,
    PLACE,
    PLAIN,
    PRESENT,
)
from tasks.text.peertokens import Spans
from tasks.text.scratch import Scratch
from tasks.text.wordlists import FUNCTION_WORDS, MARKS

Epochs = npt.NDArray[np.uint32]

NAMES = (
    "sentences", "sentence_squares", "syllables", "hard_words", "distinct_words", "mtld", "passives", "contractions", "first_person",
    "archaic", "dated", "present", "jargon", "quoted_chars", "function_words",
)  # fmt: skip
(SENTENCES, SQUARES, SYLLABLES, HARD, DISTINCT, MTLD, PASSIVES, CONTRACTIONS, FIRST_PERSON,
 OLD, DATED_WORDS, PRESENT_WORDS, JARGON_WORDS, QUOTED, FUNCTIONS, PROFILE) = range(16)  # fmt: skip
PUNCTUATED = PROFILE + len(FUNCTION_WORDS)
WIDTH = PUNCTUATED + len(MARKS)

FACTOR = 0.72
"""Type-token ratio at which a stretch of MTLD ends (McCarthy and Jarvis 2010)."""
SHORTEST = 10
"""Words that such a stretch has at least."""
LONGEST = 512
"""And at most: no prose stays various for so long."""
REACH = 3
"""Words after a form of `be` (or `get`) within which a participle makes a passive."""
NEWLINE, DOT = 10, 46
SUFFIXES = np.array([int.from_bytes(suffix, "little") for suffix in (b"tion", b"sion", b"ment", b"ness", b"itie")], np.uint64)
ITY = np.uint64(int.from_bytes(b"ity", "little"))


def _marks() -> npt.NDArray[np.int64]:
    """Give the place in MARKS of each byte, from 1; 0 for none."""
    places = np.zeros(256, np.int64)
    for place, mark in enumerate(MARKS):
        if len(mark.encode()) == 1:
            places[ord(mark)] = place + 1
    places[ord("[")] = MARKS.index("(") + 1
    return places


MARK_OF = _marks()
THREE = np.zeros(64, np.int64)
"""The place in MARKS, from 1, of U+2000 to U+203F."""
for _points, _mark in (((0x10, 0x11), "-"), ((0x12, 0x13, 0x14, 0x15), "—"), ((0x18, 0x19), "'"), ((0x1C, 0x1D), '"'), ((0x26,), "…")):
    for _point in _points:
        THREE[_point] = MARKS.index(_mark) + 1


@inlined
def _mark_at(text: Bytes, at: int) -> int:
    """Give the place in MARKS, from 1, of the sign at a place; 0 for none."""
    if text[at] == 0xE2 and text[at + 1] == 0x80:
        return int(THREE[text[at + 2] & 0x3F])
    return int(MARK_OF[text[at]])


@kernel
def punctuation(size: int, held: Scratch, out: Counts) -> None:
    """Count the signs of MARKS; `--` is a dash, and `...` one ellipsis."""
    text, marks, dash, ellipsis, stop, hyphen, dots, dot_at = held.text, held.marks, 3, 9, 10, 11, 0, -2
    for block in range(0, size, BLOCK):
        signs = ~classed_as(marks, block, WORD | SPACE | INNER)
        while signs:
            at = block + trailing_zeros(signs)
            signs &= signs - ONE
            byte, place = text[at], _mark_at(text, at)
            if place:
                out[place - 1] += 1
            if byte == 0x2D and text[at + 1] == 0x2D:
                out[hyphen] -= 1
                if at == 0 or text[at - 1] != 0x2D:
                    out[dash] += 1
                    out[hyphen] -= 1
            if byte == DOT:
                dots, dot_at = dots + 1 if at == dot_at + 1 else 1, at
                out[ellipsis] += dots == 3
                out[stop] -= 3 if dots == 3 else dots > 3


def _vowels() -> npt.NDArray[np.bool_]:
    """Tell the bytes that are vowels, or begin letters of two bytes, which mostly are."""
    held = np.zeros(256, np.bool_)
    held[[ord(letter) for letter in "aeiouyAEIOUY"]] = True
    held[0xC3:0xE0] = True
    return held


VOWEL = _vowels()


@kernel
def beats(size: int, text: Bytes, out: Offsets) -> None:
    """Write before each byte how many groups of vowels have begun."""
    groups, before = 0, False
    for at in range(size + 1):
        out[at] = groups
        now = VOWEL[text[at]]
        groups += now & (not before)
        before = now


@inlined
def _syllables(text: Bytes, end: int, groups: int) -> int:
    """Count the syllables of an English word: its groups of vowels, but for a silent `e` at its end."""
    last, other = text[end - 1] | 0x20, text[end - 2]
    silent = (groups > 1) & (last == 0x65) & ((other | 0x20) != 0x6C) & (not VOWEL[other])
    return int(max(groups - silent, 1))


@inlined
def _boundary(text: Bytes, marks: Classes, start: int, end: int, before: int, next_small: int) -> bool:
    """Tell whether a sentence ends between two words; `before` is what the first of them is, as bits, or -1 for one capital."""
    mark = other = space = False
    lines = 0
    for at in range(start, end):
        kind, byte = marks[at], text[at]
        ends = (kind & END) != 0
        mark |= ends
        other |= ends & (byte != DOT)
        space |= (kind & SPACE) != 0
        lines += byte == NEWLINE
    if lines > 1:
        return True
    if not (mark and space):
        return False
    return bool(next_small == 0 and (other or not (before < 0 or before & ABBREVIATION)))


@inlined
def _is_participle(text: Bytes, start: int, end: int, kind: int) -> bool:
    if kind & PARTICIPLE:
        return True
    ends = (text[end - 2] | 0x20) == 0x65 and ((text[end - 1] | 0x20) == 0x64 or (text[end - 1] | 0x20) == 0x6E)
    return bool(ends and end - start > 3 and not kind & PLAIN and not kind & FUNCTION)


@inlined
def _is_abstract(text: Bytes, start: int, end: int) -> bool:
    """Tell a nominalisation by its suffix (Biber 1988): -tion, -sion, -ment, -ness, -ity, and their plurals."""
    plural = (text[end - 1] | 0x20) == 0x73 and (text[end - 2] | 0x20) != 0x73
    last = end - plural
    if last - start < 7:
        return False
    tail = (load8(text, last - 4) | np.uint64(0x20202020)) & np.uint64(0xFFFFFFFF)
    found = (tail >> np.uint64(8)) == ITY
    for suffix in SUFFIXES:
        found |= tail == suffix
    return bool(found)


@kernel
def style(words: int, size: int, held: Scratch, spans: Spans, kinds: Offsets, groups: Offsets, out: Counts) -> None:
    """Write NAMES and the two profiles for one text but what `variety` and `dialogue` write; `kinds` is what each word is.

    `groups` is room for what `beats` writes.
    """
    text, marks, starts, ends = held.text, held.marks, spans.starts, spans.ends
    beats(size, text, groups)
    profile = out[PROFILE:PUNCTUATED]
    sentences = squares = syllables = hard = passives = length = jargon = functions = 0
    contractions = first = old = dated = present = 0
    since, before, ended = REACH + 1, 0, 0
    for word in range(words):
        start, end, kind = starts[word], ends[word], kinds[word]
        if length and start - ended > 1 and _boundary(text, marks, ended, start, before, marks[start] & LOWER):
            sentences, squares, length, since = sentences + 1, squares + length * length, 0, REACH + 1
        length += 1
        count = _syllables(text, end, groups[end] - groups[start])
        syllables += count
        hard += count >= 3
        since = 0 if kind & BE else since + 1
        if 0 < since <= REACH and _is_participle(text, start, end, kind):
            passives, since = passives + 1, REACH
        if kind & FUNCTION:
            profile[kind >> PLACE] += 1
            functions += 1
        contractions += kind & CONTRACTION != 0
        first += kind & FIRST != 0
        old += kind & ARCHAIC != 0
        dated += kind & DATED != 0
        present += kind & PRESENT != 0
        jargon += (kind & JARGON != 0) | _is_abstract(text, start, end)
        before = kind | -((end - start == 1) & (marks[start] & UPPER != 0))
        ended = end
    if length:
        sentences, squares = sentences + 1, squares + length * length
    out[SENTENCES], out[SQUARES], out[SYLLABLES], out[HARD], out[PASSIVES] = sentences, squares, syllables, hard, passives
    out[CONTRACTIONS], out[FIRST_PERSON], out[OLD], out[DATED_WORDS], out[PRESENT_WORDS] = contractions, first, old, dated, present
    out[JARGON_WORDS], out[FUNCTIONS] = jargon, functions
    punctuation(size, held, out[PUNCTUATED:])


@inlined
def _is_new(keys: Hashes, epochs: Epochs, epoch: int, mask: np.uint64, value: np.uint64) -> bool:
    """Add a hash to a table of the epoch; tell whether it was not there."""
    at = value & mask
    while epochs[at] == epoch and keys[at] != value:
        at = (at + np.uint64(1)) & mask
    new = epochs[at] != epoch
    epochs[at], keys[at] = epoch, value
    return bool(new)


@kernel
def variety(hashes: Hashes, words: int, table: Table, out: Counts) -> None:
    """Write how many different words there are, and MTLD: the mean length of stretches in which words stay various."""
    keys, epochs, mask, epoch, distinct = table.keys, table.epochs, np.uint64(table_size(words) - 1), table.epoch[0] + 1, 0
    for word in range(words):
        distinct += _is_new(keys, epochs, epoch, mask, hashes[word])
    out[DISTINCT] = distinct
    table.epoch[0] = epoch
    if words:
        onward, back = _factors(hashes, words, 1, table), _factors(hashes, words, -1, table)
        out[MTLD] = (words / onward + words / back) / 2


@kernel
def _factors(hashes: Hashes, words: int, step: int, table: Table) -> float:
    """Count the stretches whose type-token ratio falls to FACTOR, the last in part; 1 where no word comes twice."""
    keys, epochs, mask, epoch = table.keys, table.epochs, np.uint64(table_size(min(words, LONGEST)) - 1), table.epoch[0] + 1
    at = 0 if step > 0 else words - 1
    whole, length, kinds = 0, 0, 0
    for _ in range(words):
        length += 1
        kinds += _is_new(keys, epochs, epoch, mask, hashes[at])
        if (length >= SHORTEST and kinds < FACTOR * length) or length == LONGEST:
            whole, length, kinds = whole + 1, 0, 0
            epoch += 1
        at += step
    table.epoch[0] = epoch
    rest = (1 - kinds / length) / (1 - FACTOR) if length else 0.0
    return whole + rest if whole + rest > 0 else 1.0


@inlined
def _quote(text: Bytes, at: int) -> int:
    """Tell a double quote: 1 opens, 2 closes, 3 does either, 0 is none."""
    byte = text[at]
    if byte == 0x22:
        return 3
    if byte == 0xC2:
        return 1 if text[at + 1] == 0xAB else 2 if text[at + 1] == 0xBB else 0
    if byte == 0xE2 and text[at + 1] == 0x80:
        return 1 if text[at + 2] == 0x9C else 2 if text[at + 2] == 0x9D else 0
    return 0


@kernel
def dialogue(size: int, held: Scratch, out: Counts) -> None:
    """Count the characters between double quotes; a quote that is not closed ends with its paragraph."""
    text, marks, opened, total, inside, since = held.text, held.marks, False, 0, 0, 0
    for block in range(0, size, BLOCK):
        lead = ~classed_as(marks, block, INNER)
        gaps = bytes_equal(text, block, NEWLINE) & bytes_equal(text, block + 1, NEWLINE)
        edges = bytes_equal(text, block, 0x22) | bytes_equal(text, block, 0xC2) | bytes_equal(text, block, 0xE2) | gaps
        counted = NONE
        while edges:
            edge = lowest(edges)
            edges ^= edge
            at = block + trailing_zeros(edge)
            quote = _quote(text, at)
            gap = gaps & edge != 0
            if not (quote or gap):
                continue
            inside += ones(lead & (edge - ONE) & ~counted)
            counted = edge | (edge - ONE)
            if quote & 2 and opened:
                total += inside - since
                opened = False
            elif quote & 1:
                opened, since = True, inside
            elif gap:
                opened = False
            else:
                inside += 1
        inside += ones(lead & ~counted)
    out[QUOTED] = total
