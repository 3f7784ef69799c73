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
from tasks.text.hashing import hash_bytes
from tasks.text.kernel import inlined, kernel
from tasks.text.scratch import after, before

DOT, APOSTROPHE, PLUS, SLASH, COLON, HASH = 46, 39, 43, 47, 58, 35
MAX_SHORT = 11
"""Bytes of the longest contraction that is looked up."""
STACK = 256
"""Places for what is cut off at the end of one run."""
_ABBREVIATIONS = (
    "Adm. Ak. Ala. Apr. Ariz. Ark. Aug. Bros. Calif. Co. Colo. Conn. Corp. D.C. Dec. Del. Dr. E.G. E.g. Feb. Fla. Ga. Gen. Gov. I.E. I.e. "
    "Ia. Id. Ill. Inc. Ind. Jan. Jr. Jul. Jun. Kan. Kans. Ky. La. Ltd. Mar. Mass. Md. Messrs. Mich. Minn. Miss. Mo. Mont. Mr. Mrs. Ms. Mt. "
    "N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. Ph.D. Prof. Rep. Rev. S.C. Sen. Sep. Sept. St. Tenn. Va. "
    "Wash. Wis. a.m. co. e.g. i.e. p.m. v.s. vs. and/or"
)
_UNITS = "km m dm cm mm ha nm yd in ft kg g mg t lb oz kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K am pm"
"""What is cut off behind a digit."""
_STEMS = "i you he she it we they that there these this those what when where who why how"
_VERBS = "ai are ca could dare did does do had has have is may might must need ought sha should was were wo would"
_WHOLE = "is ire here ill its hell shell shed were well whore"
"""Words that are no contractions though they look like one."""
SLOTS = 2048


class Lexicon(NamedTuple):
    """Sorted hashes of abbreviations, of units, and of what `'ll` and its like, and `n't`, stand behind.

    Then a table of contractions without an apostrophe, and where each is cut.
    """

    known: Hashes
    units: Hashes
    stems: Hashes
    verbs: Hashes
    short: Hashes
    cuts: Offsets


def _contractions() -> dict[str, tuple[int, int]]:
    """Give contractions that are written without an apostrophe, and where they are cut: once or twice."""
    found = {stem + end: (len(stem), 0) for stem in _STEMS.split() for end in ("d", "ll", "re", "s", "ve", "m")}
    found |= {stem + end + "ve": (len(stem), len(stem + end)) for stem in _STEMS.split() for end in ("d", "ll")}
    found |= {f"{verb}nt": (len(verb), 0) for verb in _VERBS.split()}
    found |= {f"{verb}ntve": (len(verb), len(verb) + 2) for verb in _VERBS.split()}
    found |= {"cannot": (3, 0), "gonna": (3, 0), "gotta": (3, 0), "yall": (1, 0), "ima": (1, 2)}
    for word in (*_WHOLE.split(), *(f"{stem}m" for stem in _STEMS.split()[1:])):
        found.pop(word, None)
    return found | {word.capitalize(): cut for word, cut in found.items()}


def _hashed(words: str) -> Hashes:
    return np.unique(np.array([_hash_of(word) for word in words.split()], np.uint64))


def _hash_of(word: str) -> int:
    return int(hash_bytes(np.frombuffer(word.encode() + bytes(8), np.uint8), 0, len(word)))


@functools.cache
def lexicon() -> Lexicon:
    """Give what tokens are looked up in."""
    short, cuts = np.zeros(SLOTS, np.uint64), np.zeros((SLOTS, 2), np.int64)
    for word, cut in _contractions().items():
        value = _hash_of(word)
        slot = value & (SLOTS - 1)
        while short[slot]:
            slot = (slot + 1) & (SLOTS - 1)
        short[slot], cuts[slot] = value, cut
    stems, verbs = (f"{words} {words.title()}" for words in (_STEMS, f"{_VERBS} not"))
    return Lexicon(_hashed(_ABBREVIATIONS), _hashed(_UNITS), _hashed(f"{stems} {verbs}"), _hashed(verbs), short, cuts)


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
def peer_tokens(text: Bytes, marks: Classes, span: tuple[int, int], words: Lexicon, out: Spans) -> int:
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
            count = _letters(text, start, at, words, out, count)
        elif at > start:
            count = _run(text, marks, (start, at), words, out, count)
    return count


@kernel
def _letters(text: Bytes, start: int, end: int, words: Lexicon, out: Spans, count: int) -> int:
    """Write a run of letters; a contraction is two tokens or three."""
    if end - start > MAX_SHORT:
        return _put(out, count, start, end)
    value = hash_bytes(text, start, end)
    slot = np.int64(value & np.uint64(SLOTS - 1))
    while words.short[slot] != 0 and words.short[slot] != value:
        slot = (slot + 1) & (SLOTS - 1)
    if words.short[slot] != 0:
        for k in range(2):
            cut = words.cuts[slot, k]
            if cut > 0:
                count = _put(out, count, start, start + cut) if k == 0 else _put(out, count, out.ends[count - 1], start + cut)
        return _put(out, count, out.ends[count - 1], end)
    return _put(out, count, start, end)


@kernel
def _run(text: Bytes, marks: Classes, run: tuple[int, int], words: Lexicon, out: Spans, count: int) -> int:
    """Write the tokens of a run without white space."""
    start, end = run
    while start < end:
        stop = _prefix(text, marks, start, end)
        if stop == start:
            break
        count = _put(out, count, start, stop)
        start = stop
    held = 0
    while start < end and held < STACK - 4:
        cut = _suffix(text, marks, start, end, words)
        if cut == end:
            break
        out.stack[held], out.stack[held + 1] = cut, end
        end, held = cut, held + 2
    cut = _contraction(text, start, end, words) if start < end else 0
    if cut > start:
        out.stack[held], out.stack[held + 1] = cut, end
        end, held = cut, held + 2
    if start < end:
        count = _core(text, marks, start, end, words, out, count)
    while held > 0:
        held -= 2
        count = _put(out, count, out.stack[held], out.stack[held + 1])
        last = out.starts[count - 1]
        if text[last - 1] == COLON and out.ends[count - 2] == last and out.starts[count - 2] == last - 1 and _is_mouth(text[last]):
            out.ends[count - 2] = out.ends[count - 1]
            count -= 1
    return count


@kernel
def _is_mouth(byte: int) -> bool:
    """Tell what makes a face of the colon before it."""
    return byte == 41 or byte == 40 or byte == 42 or byte == 91 or byte == 93


@kernel
def _core(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon, out: Spans, count: int) -> int:
    """Write what is left of a run: letters, an address as a whole, or its parts."""
    letters, dotted = True, False
    for at in range(start, end):
        letters &= (marks[at] & (ALPHA | INNER)) != 0
        dotted |= text[at] == DOT
    if letters:
        return _letters(text, start, end, words, out, count)
    if (dotted and _is_address(text, marks, start, end)) or is_known(words.known, hash_bytes(text, start, end)):
        return _put(out, count, start, end)
    return _parted(text, marks, start, end, out, count)


@kernel
def _is_address(text: Bytes, marks: Classes, start: int, end: int) -> bool:
    """Tell the address of a page or of mail: it may have a scheme and a name before `@`, and ends its host in small letters."""
    host = start
    for at in range(start + 2, end - 2):
        if text[at] == COLON and text[at + 1] == SLASH and text[at + 2] == SLASH:
            host = at + 3
            break
        if not marks[at] & (WORD | INNER) and text[at] != PLUS and text[at] != 45 and text[at] != DOT:
            break
    stop = host
    while stop < end and text[stop] != SLASH and text[stop] != 63 and text[stop] != HASH and (text[stop] != COLON or stop == host):
        if text[stop] == 64:
            host = stop + 1
        stop += 1
    label = stop
    while label > host and 97 <= text[label - 1] <= 122:
        label -= 1
    good = stop - label >= 2 and label - host >= 2 and text[label - 1] == DOT
    for at in range(host, stop):
        dot = text[at] == DOT and text[at + 1] != DOT
        good &= (marks[at] & (WORD | INNER)) != 0 or dot or text[at] == 45 or text[at] == 95
    return good


@kernel
def _prefix(text: Bytes, marks: Classes, at: int, end: int) -> int:
    """Give the end of what is cut off before a run; where nothing is, its start."""
    if text[at] == APOSTROPHE and text[at + 1] == APOSTROPHE:
        return at + 2
    if marks[at] & PREFIX or (text[at] == PLUS and not marks[at + 1] & DIGIT):
        return after(marks, at)
    stop = at
    while stop < end and text[stop] == DOT:
        stop += 1
    return stop if stop - at > 1 else at


@kernel
def _suffix(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon) -> int:
    """Give the start of what is cut off after a run; where nothing is, its end."""
    last = before(marks, end)
    if text[last] == APOSTROPHE and last > start and text[last - 1] == APOSTROPHE:
        return last - 1
    if text[last] == DOT:
        return _full_stop(text, marks, start, end, words.known) if last > start else end
    if marks[last] & SUFFIX:
        return last
    if last == start:
        return end
    quote = before(marks, last)
    possessive = text[quote] == APOSTROPHE or (text[quote] == 0xE2 and text[quote + 1] == 0x80 and text[quote + 2] == 0x99)
    if (text[last] | 0x20) == 115 and possessive:
        return quote
    return _amount(text, marks, start, end, words.units)


@kernel
def _amount(text: Bytes, marks: Classes, start: int, end: int, units: Hashes) -> int:
    """Give the start of a per cent sign, a currency or a unit behind a digit; where there is none, the end."""
    last = before(marks, end)
    if (text[last] == 37 or (marks[last] & (PREFIX | SUFFIX)) == PREFIX) and marks[before(marks, last)] & DIGIT:
        return last
    if marks[last] & ALPHA and marks[start] & DIGIT:
        return _unit(text, marks, start, end, units)
    return end


@kernel
def _unit(text: Bytes, marks: Classes, start: int, end: int, units: Hashes) -> int:
    """Give the start of a unit behind a digit; where there is none, the end."""
    at = end
    while at > start and end - at <= 4 and marks[before(marks, at)] & ALPHA:
        at = before(marks, at)
    return at if at > start and marks[before(marks, at)] & DIGIT and is_known(units, hash_bytes(text, at, end)) else end


@kernel
def _full_stop(text: Bytes, marks: Classes, start: int, end: int, known: Hashes) -> int:
    """Give the start of the full stops at the end of a run, where they are cut off."""
    cut = end - 1
    while cut > start and text[cut - 1] == DOT:
        cut -= 1
    if end - cut > 1:
        return cut
    if is_known(known, hash_bytes(text, start, end)) or (end - start == 2 and 97 <= text[start] <= 122):
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
def _contraction(text: Bytes, start: int, end: int, words: Lexicon) -> int:
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
        return quote - 1 if is_known(words.verbs, hash_bytes(text, start, quote - 1)) else 0
    one = end - rest == 1 and (first == 109 or first == 100)
    two = end - rest == 2 and ((first == 108 and second == 108) or ((first == 114 or first == 118) and second == 101))
    return quote if (one or two) and is_known(words.stems, hash_bytes(text, start, quote)) else 0


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
