"""Whether texts say the same: a hash that sets aside case, white space and sentence marks at the edges of words."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.blocks import BLOCK, HIGHEST, NONE, ONE, blanks, first_bits, put_places
from tasks.text.classes import INNER, SPACE, Classes, Lower, decode, table
from tasks.text.hashing import GOLDEN, PRIME, hash_bytes, mix
from tasks.text.kernel import inlined, kernel
from tasks.text.lexicon import hash_folded
from tasks.text.scratch import Scratch, after, before, largest, load_ascii
from tasks.text.shingles import WordRoom, word_room, words_in

COMPOSED = (
    r"[\p{M}\u1100-\u11FF\u0340-\u0387\u0958-\u0FFF\u1F71-\u1FFD\u2000\u2001\u2126\u212A\u212B\u2329\u232A\u2ADC"
    r"\uF900-\uFAFF\uFB1D-\uFB4E\u{1D15E}-\u{1D1C0}\u{2F800}-\u{2FA1D}]"
)
"""Characters that Unicode's composed form (NFC) may change, and a few more; texts without them are in it."""


@inlined
def _quotes(point: int) -> bool:
    """Tell a quotation mark."""
    return bool(point == 0x22 or point == 0x27 or 0x2018 <= point <= 0x201F or point == 0xAB or point == 0xBB)


@inlined
def _opens(point: int) -> bool:
    """Tell what is set aside before a word: a quotation mark, and Spanish's marks that open a sentence."""
    return _quotes(point) or point == 0xBF or point == 0xA1


@inlined
def _ends(point: int) -> bool:
    """Tell what is set aside after a word: a quotation mark or the mark of a sentence's end or pause."""
    return (
        _quotes(point)
        or point == 0x2E
        or point == 0x2C
        or point == 0x3B
        or point == 0x3A
        or point == 0x21
        or point == 0x3F
        or point == 0x2026
    )


@kernel
def _trimmed(start: int, end: int, held: Scratch) -> tuple[int, int]:
    """Give a range without what is set aside at its ends."""
    text, marks = held.text, held.marks
    while start < end and _opens(decode(text, start)[0]):
        start = after(marks, start)
    while end > start:
        at = before(marks, end)
        if not _ends(decode(text, at)[0]):
            break
        end = at
    return start, end


@inlined
def _told(total: np.uint64, word: np.uint64) -> np.uint64:
    """Take what stands between white space into the hash of a text."""
    total = (total ^ word) * PRIME
    return total ^ (total >> np.uint64(29))


@inlined
def _run_end(at: int, size: int, marks: Classes) -> int:
    while at < size and not marks[at] & SPACE:
        at += 1
    return at


@inlined
def _space_behind(end: int, held: Scratch) -> int:
    """Give where white space follows a word that ends there, at once or behind one sentence mark; 0 where it does not."""
    end += not held.marks[end] & SPACE and _ends(int(held.text[end]))
    return end if held.marks[end] & SPACE else 0


@kernel
def same_in(size: int, words: int, lower: Lower, room: WordRoom) -> np.uint64:
    """Hash what the text says that stands in the room with so many words: the runs between white space, each trimmed.

    Most are a word with at most a sentence mark behind it, whose hash is there.
    """
    text, marks, starts, ends = room.held.text, room.held.marks, room.starts, room.ends
    total, said, at, word = GOLDEN, False, 0, 0
    while at < size:
        if word < words and starts[word] == at:
            stop = _space_behind(ends[word], room.held)
            if stop:
                total, said, at, word = _told(total, room.words[word]), True, stop + 1, word + 1
                continue
        if marks[at] & (SPACE | INNER):  # the further bytes of wide white space have no class but INNER
            at += 1
            continue
        stop = _run_end(at, size, marks)
        first, last = _trimmed(at, stop, room.held)
        if last > first:
            total, said = _told(total, hash_folded(text, first, last, lower, True)[0]), True
        at = stop
        while word < words and starts[word] < at:
            word += 1
    return mix(total) if said else hash_bytes(text, 0, size)


@kernel
def _runs_of_ascii(text: Bytes, size: int, starts: Offsets, ends: Offsets) -> int:
    """Write where the runs between white space start and end; their number is given."""
    count = ended = 0
    inside = NONE
    for at in range(0, size + 1, BLOCK):
        said = ~blanks(text, at) & first_bits(size - at)
        behind = (said << ONE) | inside
        count = put_places(said & ~behind, at, starts, count)
        ended = put_places(~said & behind, at, ends, ended)
        inside = said >> HIGHEST
    return count


@kernel
def _same_ascii(size: int, lower: Lower, room: WordRoom) -> np.uint64:
    """Give what `same_in` gives of the ASCII text that stands in the room, of which nothing is classed."""
    text, starts, ends = room.held.text, room.starts, room.ends
    total, told = GOLDEN, False
    for run in range(_runs_of_ascii(text, size, starts, ends)):
        first, last = starts[run], ends[run]
        while first < last and _opens(int(text[first])):
            first += 1
        while last > first and _ends(int(text[last - 1])):
            last -= 1
        if last > first:
            total, told = _told(total, hash_folded(text, first, last, lower, True)[0]), True
    return mix(total) if told else hash_bytes(text, 0, size)


@kernel
def _all_same(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> Hashes:
    room, out = word_room(largest(offsets)), np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        start, end = offsets[i], offsets[i + 1]
        if load_ascii(data, start, end, room.held):
            out[i] = _same_ascii(end - start, lower, room)
        else:
            out[i] = same_in(end - start, words_in(data, start, end, classes, lower, room), lower, room)
    return out


def composed(texts: pl.Series) -> pl.Series:
    """Give texts in Unicode's composed form; few need to be looked at, fewer changed."""
    wide = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(value=False).arg_true()
    changing = wide.filter(texts.gather(wide).str.contains(COMPOSED))
    return texts.scatter(changing, texts.gather(changing).str.normalize("NFC")) if len(changing) else texts


def same_hash(texts: pl.Series) -> pl.Series:
    """Hash each text so that those which say the same have one hash; null is as the empty text.

    Set aside are Unicode's composed and decomposed forms, case (by single characters), runs of white
    space, quotation marks around words, sentence marks behind them; signs inside and between words
    count (2-3 is not 2*3). A text of which nothing is left stands for itself.
    """
    held = buffers(composed(texts))
    return pl.Series(texts.name, _all_same(held.data, held.offsets, *table()), dtype=pl.UInt64)
