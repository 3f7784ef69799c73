"""Word n-grams that come again within a text: one growing hash for each place where one may still begin.

Where the words from a place on, n - 1 of them, occur once, no n-gram that begins there comes again;
so the places to look at shrink fast. Most fall away by a byte that other n-grams rarely share, before
they are counted in a table. Tables are marked with an epoch instead of being emptied.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Counts, Hashes, Offsets
from tasks.text.hashing import GOLDEN, mix
from tasks.text.kernel import inlined, kernel

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
PAPER, PEER = 0, 1
"""Rae et al. 2021, or datatrove 0.10.1."""
NAMES = (*(f"top_{n}" for n in TOP), *(f"duplicate_{n}" for n in DUPLICATE))


Small = npt.NDArray[np.int32]


class Table(NamedTuple):
    """An open-addressed table of hashes; a slot holds something where its epoch is the present one."""

    keys: Hashes
    epochs: npt.NDArray[np.uint32]
    counts: Small
    firsts: Small
    epoch: npt.NDArray[np.uint32]
    """The present epoch, in one place."""


class Places(NamedTuple):
    """Where n-grams may begin, with their hashes and their slots."""

    grams: Hashes
    at: Small
    slots: Offsets
    met: Bytes
    """Whether an n-gram with the same lowest bits was met: 1 once, more again."""


@kernel
def table_size(entries: int) -> int:
    """Give the power of two that keeps a table of `entries` half empty."""
    size = 16
    while size < 2 * entries + 2:
        size *= 2
    return size


@kernel
def table_for(entries: int) -> Table:
    """Make a table for at most so many entries; what is not used takes no memory."""
    size = table_size(entries)
    return Table(
        np.empty(size, np.uint64), np.zeros(size, np.uint32), np.empty(size, np.int32), np.empty(size, np.int32), np.zeros(1, np.uint32)
    )


@kernel
def places_for(entries: int) -> Places:
    """Make room for at most so many places."""
    met = np.empty(table_size(4 * entries), np.uint8)
    return Places(np.empty(entries, np.uint64), np.empty(entries, np.int32), np.empty(entries, np.int64), met)


@kernel
def slot_of(table: Table, mask: int, value: np.uint64) -> int:
    """Give the slot that holds a hash, or the empty one where it belongs."""
    at = np.int64(value & np.uint64(mask))
    while table.epochs[at] == table.epoch[0] and table.keys[at] != value:
        at = (at + 1) & mask
    return int(at)


@kernel
def known(table: Table, mask: int, value: np.uint64) -> bool:
    """Add a hash to the table; tell whether it was there."""
    at = slot_of(table, mask, value)
    if table.epochs[at] == table.epoch[0]:
        return True
    table.epochs[at] = table.epoch[0]
    table.keys[at] = value
    return False


@kernel
def repeated(words: Hashes, chars: Offsets, count: int, rule: int, table: Table, places: Places, out: Counts) -> None:
    """Write the characters of NAMES for the words of a text.

    `top_n`: in all occurrences of the n-gram that covers most of them and comes again. `duplicate_n`: in
    words of n-grams that occurred before, each once. By the rule PEER, of top n-grams the commonest counts,
    the first of those and even if it occurs once, with the spaces between its words; and after a
    duplicate one n words are passed over.
    """
    left = _pairs(words, count, places)
    for n in range(2, 11):
        if n > 2:
            left = _grown(words, count, n, left, places)
        if n <= 4:
            left = _sifted(left, places)
        _counted(table, table_size(left) - 1, places, left)
        if n <= 4:
            out[n - 2] = _top(chars, count, n, rule, table, places, left)
        left = _survivors(table, places, left)
        if n >= 5:
            out[n - 2] = _covered(chars, n, rule, table, places, left)


@inlined
def _longer(gram: np.uint64, word: np.uint64) -> np.uint64:
    """Hash an n-gram with one word more."""
    return mix((gram * GOLDEN) ^ word)


@kernel
def _pairs(words: Hashes, count: int, places: Places) -> int:
    """Write the hashes of all pairs of words; their number is given."""
    grams, at = places.grams, places.at
    for place in range(count - 1):
        grams[place], at[place] = _longer(words[place], words[place + 1]), place
    return max(count - 1, 0)


@kernel
def _sifted(left: int, places: Places) -> int:
    """Keep the places of n-grams that may come again, and a few more; without a branch that depends on one of them."""
    size = table_size(4 * left)
    grams, at, met, mask, kept = places.grams, places.at, places.met, np.uint64(size - 1), 0
    met[:size] = 0
    for k in range(left):
        slot = np.int64(grams[k] & mask)
        met[slot] = met[slot] << 1 | 1
    for k in range(left):
        gram, place = grams[k], at[k]
        grams[kept], at[kept] = gram, place
        kept += met[np.int64(gram & mask)] > 1
    return kept


@kernel
def gram(words: Hashes, at: int, n: int) -> np.uint64:
    """Hash the n words from `at` on."""
    total = words[at]
    for k in range(1, n):
        total = (total * GOLDEN) ^ words[at + k]
    return mix(total)


@kernel
def _grown(words: Hashes, count: int, n: int, left: int, places: Places) -> int:
    """Add a word to the n-gram of each place; how many places are left is given."""
    kept = 0
    for k in range(left):
        at = places.at[k]
        if at + n <= count:
            places.grams[kept] = _longer(places.grams[k], words[at + n - 1])
            places.at[kept] = at
            kept += 1
    return kept


@kernel
def _counted(table: Table, mask: int, places: Places, left: int) -> None:
    """Count equal n-grams, and note the slot of each place."""
    table.epoch[0] += 1
    for k in range(left):
        slot = slot_of(table, mask, places.grams[k])
        if table.epochs[slot] != table.epoch[0]:
            table.epochs[slot] = table.epoch[0]
            table.keys[slot] = places.grams[k]
            table.counts[slot] = 0
            table.firsts[slot] = places.at[k]
        table.counts[slot] += 1
        places.slots[k] = slot


@kernel
def _top(chars: Offsets, count: int, n: int, rule: int, table: Table, places: Places, left: int) -> int:
    """Give the characters in all occurrences of the n-gram that covers most of them; as PEER, of the commonest and first."""
    best, most = 0, 1
    for k in range(left):
        slot = places.slots[k]
        times = table.counts[slot]
        if times > 1 and (rule != PEER or times > most):
            length = _length(chars, table.firsts[slot], n) + (n - 1 if rule == PEER else 0)
            best, most = max(best, times * length) if rule != PEER else times * length, times
    if most == 1 and rule == PEER and count >= n:
        return _length(chars, 0, n) + n - 1
    return best


@kernel
def _length(chars: Offsets, first: int, n: int) -> int:
    total = 0
    for k in range(first, first + n):
        total += chars[k]
    return total


@kernel
def _survivors(table: Table, places: Places, left: int) -> int:
    """Keep the places of n-grams that come again; how many there are is given."""
    kept = 0
    for k in range(left):
        if table.counts[places.slots[k]] > 1:
            places.at[kept], places.grams[kept], places.slots[kept] = places.at[k], places.grams[k], places.slots[k]
            kept += 1
    return kept


@kernel
def _covered(chars: Offsets, n: int, rule: int, table: Table, places: Places, left: int) -> int:
    """Give the characters of words in n-grams that occurred before."""
    total, covered = 0, 0
    for k in range(left):
        at, slot = places.at[k], places.slots[k]
        if rule == PEER and at < covered:
            continue
        if table.counts[slot] > 0:
            table.counts[slot] = -1
            continue
        for word in range(max(at, covered), at + n):
            total += chars[word]
        covered = at + n
    return total
