"""Tokens nearly as spaCy's blank English pipeline cuts them, for the `datatrove` profile of the filters.

A run without white space loses what is cut off before and after it, sign by sign, then contractions,
then is cut at what parts it inside. Sources: spaCy's documented tokenizer algorithm and the rules of
its English language data; no more of its exceptions than the commonest abbreviations.
"""

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Hashes, Offsets
from tasks.text.classes import ALPHA, DIGIT, INNER, LOWER, PREFIX, QUOTE, SPACE, SUFFIX, UPPER, WORD, Classes
from tasks.text.hashing import hash_bytes
from tasks.text.kernel import inlined, kernel
from tasks.text.scratch import after, before

DOT, APOSTROPHE, PLUS, SLASH, COLON, DASH, AT = 46, 39, 43, 47, 58, 45, 64
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


def _table(signs: str) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(256), [ord(sign) for sign in signs])


_ENDS_HOST, _IN_HOST, _IN_SCHEME, _BEFORE_STOP, _IN_ROWS = map(_table, ("/?#:", "-_", "+-.", "%-+", ".-"))
_ENDINGS = np.array([int.from_bytes(ending, "little") for ending in (b"m", b"d", b"ll", b"re", b"ve")], np.int64)
_LEFT, _RIGHT = np.zeros(256, np.int64), np.zeros(256, np.int64)
"""Of what kind the neighbours of a sign are where it parts a run."""
for _signs, _left, _right in (
    (".", LOWER | QUOTE, UPPER | QUOTE), (",", ALPHA, ALPHA), (":<>=/", ALPHA | DIGIT, ALPHA), ("+-*^", DIGIT, DIGIT),
):  # fmt: skip
    _LEFT[[ord(sign) for sign in _signs]], _RIGHT[[ord(sign) for sign in _signs]] = _left, _right


WHOLE, UNIT, STEM, VERB, SHORT = (1 << bit for bit in range(5))
"""What a listed word is: left whole, a unit, what `'ll` and its like or `n't` stands behind, a contraction without an apostrophe."""


class Lexicon(NamedTuple):
    """A table of the hashes of listed words, what each is, and where contractions are cut: once or twice."""

    hashes: Hashes
    kinds: Offsets
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


@functools.cache
def lexicon() -> Lexicon:
    """Give what tokens are looked up in."""
    held = Lexicon(np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int64), np.zeros((SLOTS, 2), np.int64))
    listed = [(word, WHOLE) for word in _ABBREVIATIONS.split()] + [(word, UNIT) for word in _UNITS.split()]
    for words, kind in ((_STEMS, STEM), (f"{_VERBS} not", STEM | VERB)):
        listed += [(form, kind) for word in words.split() for form in {word, word.capitalize()}]
    short = _contractions()
    for word, kind in [*listed, *((word, SHORT) for word in short)]:
        value = np.uint64(hash_bytes(np.frombuffer(word.encode() + bytes(8), np.uint8), 0, len(word)))
        slot = slot_of(held.hashes, value)
        held.hashes[slot] = value
        held.kinds[slot] |= kind
        held.cuts[slot] = short.get(word, (0, 0))
    return held


@inlined
def slot_of(hashes: Hashes, value: np.uint64) -> int:
    """Give the slot of a hash, or the empty one where it belongs."""
    slot = np.int64(value & np.uint64(SLOTS - 1))
    while hashes[slot] != 0 and hashes[slot] != value:
        slot = (slot + 1) & (SLOTS - 1)
    return int(slot)


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
    count, at, hashes, starts, ends = 0, span[0], words.hashes, out.starts, out.ends
    while at < span[1]:
        while at < span[1] and marks[at] & (SPACE | INNER):
            at += 1
        start, letters = at, True
        while not marks[at] & SPACE:
            letters &= (marks[at] & (ALPHA | INNER)) != 0
            at += 1
        if at > start and letters and _is_plain(text, start, at, hashes):
            starts[count], ends[count] = start, at
            count += 1
        elif at > start:
            count = _letters(text, start, at, words, out, count) if letters else _run(text, marks, (start, at), words, out, count)
    return count


@inlined
def _is_plain(text: Bytes, start: int, end: int, hashes: Hashes) -> bool:
    """Tell a word that is surely not listed."""
    return end - start > MAX_SHORT or hashes[hash_bytes(text, start, end) & np.uint64(SLOTS - 1)] == 0


@kernel
def _letters(text: Bytes, start: int, end: int, words: Lexicon, out: Spans, count: int) -> int:
    """Write a run of letters; a contraction is two tokens or three."""
    slot, first = slot_of(words.hashes, hash_bytes(text, start, end)), start
    if words.kinds[slot] & SHORT:
        for k in range(2):
            cut = first + words.cuts[slot, k]
            if cut > first:
                count = _put(out, count, start, cut)
                start = cut
    return _put(out, count, start, end)


@kernel
def _run(text: Bytes, marks: Classes, run: tuple[int, int], words: Lexicon, out: Spans, count: int) -> int:
    """Write the tokens of a run without white space."""
    start, end = run
    stop = _prefix(text, marks, start, end)
    while start < end and stop > start:
        count = _put(out, count, start, stop)
        start = stop
        stop = _prefix(text, marks, start, end)
    end, held = _cut_off(text, marks, start, end, words, out)
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
def _cut_off(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon, out: Spans) -> tuple[int, int]:
    """Lay what is cut off after a run, the last first, on the stack; the end of what is left and the height are given."""
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
    return end, held


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
    if (dotted and _is_address(text, marks, start, end)) or is_a(text, start, end, words, WHOLE):
        return _put(out, count, start, end)
    return _parted(text, marks, start, end, out, count)


@kernel
def _is_address(text: Bytes, marks: Classes, start: int, end: int) -> bool:
    """Tell the address of a page or of mail: it may have a scheme and a name before `@`, and ends its host in small letters."""
    host = _after_scheme(text, marks, start, end)
    stop = host
    while stop < end and not (_ENDS_HOST[text[stop]] and stop > host):
        stop += 1
        host = stop if text[stop - 1] == AT else host
    label = _label_start(text, host, stop)
    good = stop - label >= 2 and label - host >= 2 and text[label - 1] == DOT
    for at in range(host, stop):
        dot = text[at] == DOT and text[at + 1] != DOT
        good &= (marks[at] & (WORD | INNER)) != 0 or dot or _IN_HOST[text[at]]
    return good


@kernel
def _label_start(text: Bytes, host: int, stop: int) -> int:
    """Give where the small letters at the end of a host begin."""
    while stop > host and 97 <= text[stop - 1] <= 122:
        stop -= 1
    return stop


@kernel
def _after_scheme(text: Bytes, marks: Classes, start: int, end: int) -> int:
    """Give the place after `://`, or the start where no scheme is."""
    for at in range(start + 2, end - 2):
        if text[at] == COLON and text[at + 1] == SLASH and text[at + 2] == SLASH:
            return at + 3
        if not marks[at] & (WORD | INNER) and not _IN_SCHEME[text[at]]:
            break
    return start


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
        return _full_stop(text, marks, start, end, words) if last > start else end
    if marks[last] & SUFFIX:
        return last
    if last == start:
        return end
    quote = before(marks, last)
    if (text[last] | 0x20) == 115 and _is_apostrophe(text, quote):
        return quote
    return _amount(text, marks, start, end, words)


@kernel
def _amount(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon) -> int:
    """Give the start of a per cent sign, a currency or a unit behind a digit; where there is none, the end."""
    last = before(marks, end)
    if (text[last] == 37 or (marks[last] & (PREFIX | SUFFIX)) == PREFIX) and marks[before(marks, last)] & DIGIT:
        return last
    if marks[last] & ALPHA and marks[start] & DIGIT:
        return _unit(text, marks, start, end, words)
    return end


@kernel
def _unit(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon) -> int:
    """Give the start of a unit behind a digit; where there is none, the end."""
    at = end
    while at > start and end - at <= 4 and marks[before(marks, at)] & ALPHA:
        at = before(marks, at)
    return at if at > start and marks[before(marks, at)] & DIGIT and is_a(text, at, end, words, UNIT) else end


@kernel
def _full_stop(text: Bytes, marks: Classes, start: int, end: int, words: Lexicon) -> int:
    """Give the start of the full stops at the end of a run, where they are cut off."""
    cut = end - 1
    while cut > start and text[cut - 1] == DOT:
        cut -= 1
    if end - cut > 1:
        return cut
    letter = end - start == 2 and 97 <= text[start] <= 122
    if letter or is_a(text, start, end, words, WHOLE):
        return end
    left = before(marks, cut)
    if marks[left] & (LOWER | DIGIT | QUOTE | SUFFIX) or _BEFORE_STOP[text[left]]:
        return cut
    capitals = left > start and marks[left] & marks[before(marks, left)] & UPPER != 0
    return cut if capitals else end


@kernel
def is_a(text: Bytes, start: int, end: int, words: Lexicon, kind: int) -> bool:
    """Tell whether a word is listed as of a kind."""
    return bool(words.kinds[slot_of(words.hashes, hash_bytes(text, start, end))] & kind)


@kernel
def _contraction(text: Bytes, start: int, end: int, words: Lexicon) -> int:
    """Give where `n't`, `'ll`, `'re`, `'ve`, `'m` or `'d` begins at the end of a run; 0 where none does."""
    quote, rest = 0, 0
    for at in range(start + 1, end):
        if _is_apostrophe(text, at):
            quote, rest = at, at + (1 if text[at] == APOSTROPHE else 3)
    if quote == 0 or not 0 < end - rest <= 2:
        return 0
    ending = _two_letters(text, rest, end)
    if ending == 116 and (text[quote - 1] | 0x20) == 110 and quote - start >= 2:
        return quote - 1 if is_a(text, start, quote - 1, words, VERB) else 0
    return quote if _is_ending(ending) and is_a(text, start, quote, words, STEM) else 0


@kernel
def _is_ending(ending: int) -> bool:
    found = False
    for wanted in _ENDINGS:
        found |= ending == wanted
    return found


@kernel
def _two_letters(text: Bytes, at: int, end: int) -> int:
    """Give one letter or two, small, as a number."""
    return int((text[at] | 0x20) + (256 * (text[at + 1] | 0x20) if end - at == 2 else 0))


@kernel
def _is_apostrophe(text: Bytes, at: int) -> bool:
    return bool(text[at] == APOSTROPHE or (text[at] == 0xE2 and text[at + 1] == 0x80 and text[at + 2] == 0x99))


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
    stop, byte = _sign_end(text, marks, at, end), text[at]
    if stop >= end:
        return at
    left, right = marks[before(marks, at)], marks[stop]
    if (stop - at > 1 and byte == DOT) or _is_ellipsis(text, at):
        return stop
    if left & (ALPHA | DIGIT) and right & ALPHA and _is_hyphen(text, at):
        return stop
    return stop if stop - at == 1 and left & _LEFT[byte] and _fits(byte, right, text[stop]) else at


@kernel
def _fits(byte: int, right: int, following: int) -> bool:
    """Tell whether what follows a sign lets it part a run; digits may have a minus."""
    return bool(right & _RIGHT[byte] != 0 or (following == DASH and _RIGHT[byte] == DIGIT))


@kernel
def _sign_end(text: Bytes, marks: Classes, at: int, end: int) -> int:
    """Give the end of a sign, of all full stops or hyphens in a row."""
    stop = after(marks, at)
    while stop < end and text[stop] == text[at] and _IN_ROWS[text[at]]:
        stop += 1
    return stop


@kernel
def _is_ellipsis(text: Bytes, at: int) -> bool:
    return bool(text[at] == 0xE2 and text[at + 1] == 0x80 and text[at + 2] == 0xA6)


@kernel
def _is_hyphen(text: Bytes, at: int) -> bool:
    """Tell a hyphen, a tilde and the two dashes."""
    if text[at] == 45 or text[at] == 126:
        return True
    return bool(text[at] == 0xE2 and text[at + 1] == 0x80 and (text[at + 2] == 0x93 or text[at + 2] == 0x94))
