"""64-bit hashes of texts, the same on every machine and in every version."""

import numpy as np
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.eights import load8
from tasks.text.kernel import inlined, kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
PRIME = np.uint64(0xC4CEB9FE1A85EC53)
OTHER = np.uint64(0xFF51AFD7ED558CCD)


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Spread the bits of `value`: the finaliser of MurmurHash3 (Appleby, public domain)."""
    value ^= value >> np.uint64(33)
    value *= OTHER
    value ^= value >> np.uint64(33)
    value *= PRIME
    return value ^ (value >> np.uint64(33))


@kernel
def hash_range(data: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    """Hash the bytes from `start` to `end`, eight at a time."""
    total = seed ^ (np.uint64(end - start) * GOLDEN)
    at = start
    while at + 8 <= end:
        word = np.uint64(0)
        for k in range(8):
            word |= np.uint64(data[at + k]) << np.uint64(8 * k)
        total = (total ^ mix(word)) * GOLDEN
        at += 8
    word = np.uint64(0)
    for k in range(end - at):
        word |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return mix(total ^ mix(word ^ GOLDEN))


@inlined
def _stirred(total: np.uint64, eight: np.uint64) -> np.uint64:
    """Take eight bytes into a hash; they are spread before they meet it, or the last of one eight would undo those of the next."""
    eight *= GOLDEN
    eight ^= eight >> np.uint64(32)
    total = (total ^ eight) * PRIME
    return total ^ (total >> np.uint64(29))


@kernel
def hash_bytes(text: Bytes, start: int, end: int) -> np.uint64:
    """Hash the bytes of a token or line, never to 0; eight bytes beyond it must be there.

    Not for what is stored: it may change between versions.
    """
    total = np.uint64(end - start) * GOLDEN
    at = start
    while at + 8 <= end:
        total = _stirred(total, load8(text, at))
        at += 8
    if at < end:
        total = _stirred(total, load8(text, at) & ((np.uint64(1) << np.uint64(8 * (end - at))) - np.uint64(1)))
    return max(mix(total), np.uint64(1))


@kernel
def _hash_rows(data: Bytes, offsets: Offsets, seed: np.uint64) -> Hashes:
    out = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(offsets) - 1):
        out[i] = hash_range(data, offsets[i], offsets[i + 1], seed)
    return out


def hash_texts(texts: pl.Series, seed: int = 0) -> pl.Series:
    """Hash each text to 64 bits; null hashes as the empty text."""
    held = buffers(texts)
    return pl.Series(texts.name, _hash_rows(held.data, held.offsets, np.uint64(seed)), dtype=pl.UInt64)


def chances(texts: pl.Series, seed: int) -> pl.Series:
    """Give each text a number in [0, 1) that depends only on it and `seed`: how rows draw lots."""
    return ((hash_texts(texts, seed) // 2**11).cast(pl.Float64) / 2**53).alias("chance")
