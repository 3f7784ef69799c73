"""Whether texts say the same: a hash that sets aside case, white space and sentence marks at the edges of words."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.blocks import BLOCK, HIGHEST, NONE, ONE, carried, classed_as, put_places
from tasks.text.classes import INNER, PUNCTUATION, SPACE, Classes, Lower, decode, table
from tasks.text.hashing import GOLDEN, PRIME, hash_bytes, mix
from tasks.text.kernel import inlined, kernel
from tasks.text.lexicon import hash_folded
from tasks.text.scratch import after, before, largest, load
from tasks.text.shingles import WordRoom, word_room

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
def _runs(marks: Classes, size: int, starts: Offsets, ends: Offsets) -> int:
    """Write where the runs between white space start and end; their number is given."""
    count = ended = 0
    inside = NONE
    for at in range(0, size + 1, BLOCK):
        # the further bytes of a character have no class but INNER: a wide space would leave them as a run
        spaces = carried(classed_as(marks, at, SPACE), classed_as(marks, at, INNER), ~inside & ONE)
        behind = (~spaces << ONE) | inside
        starting, ending = ~spaces & ~behind, spaces & behind
        inside = ~spaces >> HIGHEST
        count = put_places(starting, at, starts, count)
        ended = put_places(ending, at, ends, ended)
    return count


@kernel
def same_in(size: int, lower: Lower, room: WordRoom) -> np.uint64:
    """Hash what the text says that stands in the room; where its words are is written over."""
    text, marks, starts, ends = room.held.text, room.held.marks, room.starts, room.ends
    total, said = GOLDEN, False
    for run in range(_runs(marks, size, starts, ends)):
        first, last = starts[run], ends[run]
        while first < last and marks[first] & PUNCTUATION and _opens(decode(text, first)[0]):
            first = after(marks, first)
        while last > first:
            at = before(marks, last)
            if not marks[at] & PUNCTUATION or not _ends(decode(text, at)[0]):
                break
            last = at
        if last > first:
            total = (total ^ hash_folded(text, first, last, lower)[0]) * PRIME
            total, said = total ^ (total >> np.uint64(29)), True
    return mix(total) if said else hash_bytes(text, 0, size)


@kernel
def _all_same(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower) -> Hashes:
    room, out = word_room(largest(offsets)), np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        load(data, offsets[i], offsets[i + 1], classes, room.held)
        out[i] = same_in(offsets[i + 1] - offsets[i], lower, room)
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
