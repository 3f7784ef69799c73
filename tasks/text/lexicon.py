"""Words that features look for, in one table of hashes: stop words, old words, and the classes of style."""

import functools
from typing import NamedTuple

import numpy as np

from tasks.text.arrow import Bytes, Hashes, Offsets
from tasks.text.classes import Lower, decode, table
from tasks.text.eights import folded, load8
from tasks.text.hashing import GOLDEN, OTHER, PRIME, mix
from tasks.text.kernel import inlined
from tasks.text.scratch import load, scratch_for
from tasks.text.wordlists import (
    ABBREVIATIONS,
    ADJECTIVES,
    ARCHAIC_WORDS,
    BE_WORDS,
    CONTRACTIONS,
    DATED_WORDS,
    FIRST_WORDS,
    FUNCTION_WORDS,
    JARGON_WORDS,
    PARTICIPLES,
    PRESENT_WORDS,
    STOP_WORDS,
)

ARCHAIC, DATED, PRESENT, FUNCTION, FIRST, CONTRACTION, BE, PARTICIPLE, PLAIN, ABBREVIATION, JARGON = (1 << bit for bit in range(8, 19))
"""What a word is, as bits above those of the stop words; PLAIN ends like a participle and is none."""
PLACE = 32
"""From this bit on stands a function word's place in FUNCTION_WORDS."""
SLOTS = 2048
MASK, HALF = np.uint64(SLOTS - 1), np.uint64(32)
ASCII = np.uint64(0x8080808080808080)

_KINDS = (
    (ARCHAIC_WORDS, ARCHAIC),
    (DATED_WORDS, DATED),
    (PRESENT_WORDS, PRESENT),
    (FIRST_WORDS, FIRST),
    (CONTRACTIONS, CONTRACTION),
    (BE_WORDS, BE),
    (PARTICIPLES, PARTICIPLE),
    (ADJECTIVES, PLAIN),
    (ABBREVIATIONS, ABBREVIATION),
    (JARGON_WORDS, JARGON),
)


class Lexicon(NamedTuple):
    """What words are looked up in: a table of hashes, what each is, and small letters."""

    hashes: Hashes
    kinds: Offsets
    stops: Hashes
    """The hashes of stop words, each in a place of its own by its lowest six bits."""
    lower: Lower


@inlined
def _mask(count: int) -> np.uint64:
    """Give a mask of so many bytes, 0 to 8."""
    half = np.uint64(4 * count)
    return ((np.uint64(1) << half) << half) - np.uint64(1)


@inlined
def _as_small(eight: np.uint64, small: bool) -> np.uint64:  # noqa: FBT001  kernels know no keywords alone
    return eight if small else folded(eight)


@inlined
def hash_folded(text: Bytes, start: int, end: int, lower: Lower, small: bool = False) -> tuple[np.uint64, bool]:  # noqa: FBT001, FBT002  as above
    """Hash a word in small letters, sixteen bytes at a time; tell whether it is not ASCII: then by its characters.

    `small`: its ASCII letters are small already.
    """
    size = end - start
    one = load8(text, start) & _mask(min(size, 8))
    two = load8(text, start + 8) & _mask(min(max(size - 8, 0), 8))
    wide, total = one | two, mix(np.uint64(size) * OTHER ^ _as_small(one, small)) ^ _as_small(two, small)
    for at in range(start + 16, end, 8):
        eight = load8(text, at) & _mask(min(end - at, 8))
        wide, total = wide | eight, mix(total) ^ _as_small(eight, small)
    if wide & ASCII:
        total, at = GOLDEN, start
        while at < end:
            point, width = decode(text, at)
            total = (total ^ np.uint64(lower[point])) * PRIME
            at += width
    return max(mix(total), np.uint64(1)), wide & ASCII != 0


def hash_of(word: str) -> int:
    """Hash one word as the kernels do."""
    encoded = np.frombuffer(word.encode(), np.uint8)
    room = scratch_for(len(encoded))
    classes, lower = table()
    load(encoded, 0, len(encoded), classes, room)
    return int(hash_folded(room.text, 0, len(encoded), lower)[0])


def kinds_of() -> dict[str, int]:
    """Give what each listed word is; those with an apostrophe also as they are set in type."""
    found: dict[str, int] = {word: 1 << place for place, word in enumerate(STOP_WORDS)}
    for place, word in enumerate(FUNCTION_WORDS):
        found[word] = found.get(word, 0) | FUNCTION | place << PLACE
    for words, kind in _KINDS:
        for word in words.split():
            found[word] = found.get(word, 0) | kind
    return found | {word.replace("'", "’"): kind for word, kind in found.items() if "'" in word}


@inlined
def stop_of(value: np.uint64, stops: Hashes) -> np.uint64:
    """Give a hash's place among stop words as one bit; 0 where it is none."""
    slot = value & np.uint64(63)
    return np.uint64(stops[np.int64(slot)] == value) << slot


@inlined
def kind_of(value: np.uint64, hashes: Hashes, kinds: Offsets) -> int:
    """Look a hash up, in two places and without a branch: half of all words are listed, so that one would be guessed wrong."""
    one, two = np.int64(value & MASK), np.int64((value >> HALF) & MASK)
    return int((hashes[one] == value) * kinds[one] | (hashes[two] == value) * kinds[two])


@functools.cache
def lexicon() -> Lexicon:
    """Give the table of all listed words, each in one of the two places that its hash names (Pagh and Rodler 2001)."""
    hashes, kinds = np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int64)
    for word, kind in kinds_of().items():
        _put(hashes, kinds, hash_of(word), kind)
    return Lexicon(hashes, kinds, _stops(), table()[1])


def _stops() -> Hashes:
    """Give the few stop words a table of their own, in which each has a place for itself."""
    found = np.zeros(64, np.uint64)
    for word in STOP_WORDS:
        value = hash_of(word)
        slot = value & 63
        assert not found[slot], f"{word}: its place is taken"
        found[slot] = value
    return found


def _put(hashes: Hashes, kinds: Offsets, value: int, kind: int) -> None:
    """Put a word into the table; one that stands where it belongs moves to its other place."""
    slot = value & (SLOTS - 1)
    for _ in range(SLOTS):
        moved = int(hashes[slot]), int(kinds[slot])
        hashes[slot], kinds[slot] = value, kind
        if not moved[0]:
            return
        value, kind = moved
        slot = (value >> 32) & (SLOTS - 1) if slot == value & (SLOTS - 1) else value & (SLOTS - 1)
    raise AssertionError("the table of listed words is too small")
