"""Tokens nearly as spaCy's blank English pipeline cuts them, for the `datatrove` profile of the filters.

A run without white space loses what is cut off before and after it, sign by sign, then contractions,
then is cut at what parts it inside. Sources: spaCy's documented tokenizer algorithm and the rules of
its English language data; no more of its exceptions than the commonest abbreviations.
"""

import functools
from typing import NamedTuple

import numpy as np

from tasks.text.arrow import Bytes, Hashes, Offsets
from tasks.text.classes import ALPHA, DIGIT, INNER, LOWER, PREFIX, QUOTE, SPACE, SUFFIX, UPPER, WORD, Classes
from tasks.text.eights import load8
from tasks.text.hashing import hash_bytes
from tasks.text.kernel import inlined, kernel
from tasks.text.scratch import after, before

DOT, APOSTROPHE, PLUS = 46, 39, 43
STACK = 256
"""Places for what is cut off at the end of one run."""
_ABBREVIATIONS = (
    "Mr. Mrs. Ms. Dr. St. Jr. Sr. Prof. Gen. Rev. Messrs. Mt. vs. v.s. etc. e.g. i.e. E.g. I.e. E.G. I.E. a.m. p.m. Inc. Ltd. Co. Corp. "
    "Gov. Sen. Rep. Adm. Bros. Ph.D. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec. D.C. Ala. Ariz. Ark. Calif. Colo. "
    "Conn. Del. Fla. Ga. Ia. Id. Ill. Ind. Kan. Kans. Ky. La. Mass. Mich. Minn. Miss. Mo. Mont. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. "
    "Nebr. Nev. Okla. Ore. Pa. S.C. Tenn. Va. Wash. Wis. No. o.o co. ma'am. Ak. Md."
)


@functools.cache
def abbreviations() -> Hashes:
    """Give the sorted hashes of the abbreviations that keep their full stop."""
    padded = [np.frombuffer(word.encode() + bytes(8), np.uint8) for word in _ABBREVIATIONS.split()]
    return np.unique(np.array([hash_bytes(word, 0, len(word) - 8) for word in padded], np.uint64))


class Spans(NamedTuple):
    """Where tokens are written, and a place for what is cut off at the end of one run."""

    starts: Offsets
    ends: Offsets
    stack: Offsets


@inlined
def _put(out: Spans, count: int, start: int, end: int) -> int:
    out.starts[count] = start
    out.ends[count] = end
    return count + 1


@kernel
def peer_tokens(text: Bytes, marks: Classes, span: tuple[int, int], known: Hashes, out: Spans) -> int:
    """Write the tokens between two places to `out`; their number is given.

    Behind the end stands something with the mark SPACE, and eight more bytes.
    """
    count, at = 0, span[0]
    while at < span[1]:
        while at < span[1] and marks[at] & (SPACE | INNER):
            at += 1
        start, letters = at, True
        while not marks[at] & SPACE:
            letters &= (marks[at] & (ALPHA | INNER)) != 0
            at += 1
        if letters and at > start:
            count = _letters(text, start, at, out, count)
        elif at > start:
            count = _run(text, marks, (start, at), known, out, count)
    return count


@kernel
def _letters(text: Bytes, start: int, end: int, out: Spans, count: int) -> int:
    """Write a run of letters; `cannot` is two tokens."""
    cut = end
    if end - start == 6 and (load8(text, start) | np.uint64(0x20)) & np.uint64(0xFFFFFFFFFFFF) == np.uint64(0x746F6E6E6163):
        cut = start + 3
    count = _put(out, count, start, cut)
    return _put(out, count, cut, end) if cut < end else count


@kernel
def _run(text: Bytes, marks: Classes, run: tuple[int, int], known: Hashes, out: Spans, count: int) -> int:
    """Write the tokens of a run without white space."""
    start, end = run
    address = _is_address(text, start, end)
    while start < end:
        stop = _prefix(text, marks, start, end)
        if stop == start:
            break
        count = _put(out, count, start, stop)
        start = stop
    held = 0
    while start < end and held < STACK - 4:
        cut = _suffix(text, marks, start, end, known)
        if cut == end or (address and not marks[cut] & SUFFIX):
            break
        out.stack[held], out.stack[held + 1] = cut, end
        end, held = cut, held + 2
    if start < end and not address:
        cut = _contraction(text, start, end)
        if cut > start:
            out.stack[held], out.stack[held + 1] = cut, end
            end, held = cut, held + 2
    if start < end:
        count = _put(out, count, start, end) if address else _parted(text, marks, start, end, out, count)
    while held > 0:
        held -= 2
        count = _put(out, count, out.stack[held], out.stack[held + 1])
    return count


@kernel
def _is_address(text: Bytes, start: int, end: int) -> bool:
    found = False
    for at in range(start + 1, end - 2):
        found |= text[at] == 58 and text[at + 1] == 47 and text[at + 2] == 47
    return found


@kernel
def _prefix(text: Bytes, marks: Classes, at: int, end: int) -> int:
    """Give the end of what is cut off before a run; where nothing is, its start."""
    if marks[at] & PREFIX or (text[at] == PLUS and not marks[at + 1] & DIGIT):
        return after(marks, at)
    stop = at
    while stop < end and text[stop] == DOT:
        stop += 1
    return stop if stop - at > 1 else at


@kernel
def _suffix(text: Bytes, marks: Classes, start: int, end: int, known: Hashes) -> int:
    """Give the start of what is cut off after a run; where nothing is, its end."""
    last = before(marks, end)
    if text[last] == DOT:
        return _full_stop(text, marks, start, end, known) if last > start else end
    if marks[last] & SUFFIX:
        return last
    if (text[last] | 0x20) == 115 and last > start:
        quote = before(marks, last)
        if text[quote] == APOSTROPHE or (text[quote] == 0xE2 and text[quote + 1] == 0x80 and text[quote + 2] == 0x99):
            return quote
    return end


@kernel
def _full_stop(text: Bytes, marks: Classes, start: int, end: int, known: Hashes) -> int:
    """Give the start of the full stops at the end of a run, where they are cut off."""
    cut = end - 1
    while cut > start and text[cut - 1] == DOT:
        cut -= 1
    if end - cut > 1:
        return cut
    if is_known(known, hash_bytes(text, start, end)):
        return end
    left = before(marks, cut)
    kind = marks[left]
    if kind & (LOWER | DIGIT | QUOTE | SUFFIX) or text[left] == 37 or text[left] == 45 or text[left] == PLUS:
        return cut
    return cut if kind & UPPER and left > start and marks[before(marks, left)] & UPPER else end


@kernel
def is_known(table: Hashes, value: np.uint64) -> bool:
    """Look a hash up among sorted ones."""
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) >> 1
        if table[middle] < value:
            low = middle + 1
        else:
            high = middle
    return bool(low < len(table) and table[low] == value)


@kernel
def _contraction(text: Bytes, start: int, end: int) -> int:
    """Give where `n't`, `'ll`, `'re`, `'ve`, `'m` or `'d` begins at the end of a run; 0 where none does."""
    quote, rest = 0, 0
    for at in range(start + 1, end):
        if text[at] == APOSTROPHE:
            quote, rest = at, at + 1
        elif text[at] == 0xE2 and text[at + 1] == 0x80 and text[at + 2] == 0x99:
            quote, rest = at, at + 3
    if quote == 0:
        return 0
    first, second = text[rest] | 0x20, text[rest + 1] | 0x20
    if end - rest == 1 and first == 116 and quote - start >= 2 and (text[quote - 1] | 0x20) == 110:
        return quote - 1
    one = end - rest == 1 and (first == 109 or first == 100)
    two = end - rest == 2 and ((first == 108 and second == 108) or ((first == 114 or first == 118) and second == 101))
    return quote if one or two else 0


@kernel
def _parted(text: Bytes, marks: Classes, start: int, end: int, out: Spans, count: int) -> int:
    """Write what is left of a run, cut at what parts it inside."""
    at = start
    while at < end:
        stop = at
        if at > start and not marks[at] & (WORD | INNER):
            stop = _infix(text, marks, at, end)
        if stop > at:
            count = _put(out, count, start, at)
            count = _put(out, count, at, stop)
            start = at = stop
        else:
            at += 1
    return _put(out, count, start, end) if start < end else count


@kernel
def _infix(text: Bytes, marks: Classes, at: int, end: int) -> int:
    """Give the end of the sign at `at` where it parts a run; where it does not, `at`."""
    left, stop = marks[before(marks, at)], after(marks, at)
    byte = text[at]
    if byte == 0xE2 and text[at + 1] == 0x80 and text[at + 2] == 0xA6:
        return stop
    if byte == DOT or byte == 45:
        while stop < end and text[stop] == byte:
            stop += 1
    if stop >= end:
        return at
    right = marks[stop]
    if byte == DOT and stop - at > 1:
        return stop
    if _is_hyphen(text, at) and left & (ALPHA | DIGIT) and right & ALPHA:
        return stop
    return stop if stop - at == 1 and _parts(byte, left, right, text[stop]) else at


@kernel
def _is_hyphen(text: Bytes, at: int) -> bool:
    """Tell a hyphen, a tilde and the two dashes."""
    if text[at] == 45 or text[at] == 126:
        return True
    return bool(text[at] == 0xE2 and text[at + 1] == 0x80 and (text[at + 2] == 0x93 or text[at + 2] == 0x94))


@kernel
def _parts(byte: int, left: int, right: int, following: int) -> bool:
    """Tell whether an ASCII sign parts what stands on its left from what stands on its right."""
    if byte == DOT:
        return (left & (LOWER | QUOTE)) != 0 and (right & (UPPER | QUOTE)) != 0
    if byte == 44:
        return (left & ALPHA) != 0 and (right & ALPHA) != 0
    if byte == 58 or byte == 60 or byte == 61 or byte == 62 or byte == 47:
        return (left & (ALPHA | DIGIT)) != 0 and (right & ALPHA) != 0
    if byte == PLUS or byte == 45 or byte == 42 or byte == 94:
        return (left & DIGIT) != 0 and ((right & DIGIT) != 0 or following == 45)
    return False
