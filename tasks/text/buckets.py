"""Buckets: rows that share a key, and the pairs of them that are compared."""

import numpy as np

from tasks.text.arrow import Hashes, Offsets
from tasks.text.hashing import GOLDEN
from tasks.text.kernel import kernel

LARGE = 200
"""In a bucket of more rows than this, each is compared with the first FIRSTS and its two neighbours only."""
FIRSTS = 8
EXACT = np.uint64(1 << 63)
"""The bit of keys whose rows are equal: each is paired with the first one only."""


@kernel
def shared(keys: Hashes) -> Offsets:
    """Give the places of keys that come again, and of a few more: what is left to be sorted."""
    size = 1024
    while size < 8 * len(keys):
        size *= 2
    bits = 0
    while (1 << bits) < size:
        bits += 1
    met, shift = np.zeros(size, np.uint8), np.uint64(64 - bits)
    for k in range(len(keys)):
        slot = (keys[k] * GOLDEN) >> shift
        met[slot] = met[slot] << 1 | 1
    out, n = np.empty(len(keys), np.int64), 0
    for k in range(len(keys)):
        out[n] = k
        n += met[(keys[k] * GOLDEN) >> shift] > 1
    return out[:n].copy()


@kernel
def _in_bucket(key: np.uint64, size: int) -> int:
    """Give the number of pairs of a bucket."""
    if key & EXACT:
        return size - 1
    if size > LARGE:
        return FIRSTS * (FIRSTS - 1) // 2 + (size - FIRSTS) * FIRSTS + size - FIRSTS - 1
    return size * (size - 1) // 2


@kernel
def _count(keys: Hashes) -> tuple[int, int, int]:
    pairs = large = rows = start = 0
    for at in range(1, len(keys) + 1):
        if at < len(keys) and keys[at] == keys[start]:
            continue
        size = at - start
        if size > LARGE and not keys[start] & EXACT:
            large, rows = large + 1, rows + size
        pairs += _in_bucket(keys[start], size)
        start = at
    return pairs, large, rows


@kernel
def piece_ends(keys: Hashes, most: int) -> Offsets:
    """Give where sorted keys are cut between buckets, so that the pairs of a piece are `most` or little more; the last is their number."""
    out, n, pairs, start = np.empty(len(keys) + 1, np.int64), 0, 0, 0
    for at in range(1, len(keys) + 1):
        if at < len(keys) and keys[at] == keys[start]:
            continue
        pairs += _in_bucket(keys[start], at - start)
        start = at
        if pairs >= most or at == len(keys):
            out[n], n, pairs = at, n + 1, 0
    return out[:n].copy()


@kernel
def _pairs(keys: Hashes, left: Offsets, right: Offsets) -> None:
    n = start = 0
    for at in range(1, len(keys) + 1):
        if at < len(keys) and keys[at] == keys[start]:
            continue
        size = at - start
        most = 1 if keys[start] & EXACT else size if size <= LARGE else FIRSTS
        for b in range(start + 1, at):
            every = min(b - start, most)
            for a in range(start, start + every):
                left[n], right[n] = a, b
                n += 1
            if most == FIRSTS and b - start > FIRSTS:
                left[n], right[n] = b - 1, b
                n += 1
        start = at


def bucket_pairs(keys: Hashes) -> tuple[Offsets, Offsets, int, int]:
    """Give the places of the pairs to compare among equal neighbours of sorted keys, and the number of large buckets and of their rows.

    Rows of a bucket are in an order that says nothing of where they came from, so its first ones are the same for any
    order of the rows.
    """
    count, large, rows = _count(keys)
    left, right = np.empty(count, np.int64), np.empty(count, np.int64)
    _pairs(keys, left, right)
    return left, right, large, rows
