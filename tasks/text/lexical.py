"""Vectors of texts without a model: signed hashes of their words and of the beginnings of these.

Each word, and the first FRONT characters of a longer one, so that its other forms are near, adds to two of DIMS places with a sign
(feature hashing; Weinberger et al. 2009). Short words, most of them of grammar, weigh little, and the square root of each place is
taken, so that repetition does. The order of words does not count.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Offsets, buffers
from tasks.text.classes import Classes, Lower, decode, table
from tasks.text.hashing import GOLDEN, OTHER, mix
from tasks.text.kernel import kernel
from tasks.text.lexicon import hash_folded
from tasks.text.sameness import composed
from tasks.text.scratch import largest
from tasks.text.shingles import word_room, words_in

Vectors = npt.NDArray[np.int8]
"""A row a text; only directions matter."""
DIMS = 512
FRONT = 5
BRIEF, BRIEF_WEIGHT = 3, 0.25
"""Words of at most so many bytes weigh so much; others 1."""


@kernel
def _front(text: Bytes, start: int, end: int) -> int:
    """Give where the first FRONT characters of a word end."""
    at = start
    for _ in range(FRONT):
        if at < end:
            at += decode(text, at)[1]
    return at


@kernel
def _add(out: npt.NDArray[np.float64], feature: np.uint64, weight: float) -> None:
    for half in range(2):
        bits = mix(feature + np.uint64(half) * GOLDEN)
        out[bits % np.uint64(DIMS)] += weight if bits >> np.uint64(63) else -weight


@kernel
def _lexical(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, out: Vectors) -> None:
    room, total = word_room(largest(offsets)), np.zeros(DIMS, np.float64)
    for i in range(len(offsets) - 1):
        total[:] = 0
        for word in range(words_in(data, offsets[i], offsets[i + 1], classes, lower, room)):
            start, end = room.starts[word], room.ends[word]
            weight = BRIEF_WEIGHT if end - start <= BRIEF else 1.0
            _add(total, room.words[word], weight)
            front = _front(room.held.text, start, end)
            if front < end:
                _add(total, hash_folded(room.held.text, start, front, lower)[0] * OTHER, weight)
        most = 0.0
        for k in range(DIMS):
            total[k] = np.sign(total[k]) * np.sqrt(abs(total[k]))
            most = max(most, abs(total[k]))
        for k in range(DIMS):
            out[i, k] = np.int8(np.rint(total[k] / most * 127)) if most > 0 else 0


def lexical_vectors(texts: pl.Series) -> Vectors:
    """Give the vector of each text; all zero where it has no words."""
    held, out = buffers(composed(texts)), np.zeros((len(texts), DIMS), np.int8)
    _lexical(held.data, held.offsets, *table(), out)
    return out


@kernel
def _sides(vectors: Vectors, planes: Vectors, bits: int, out: npt.NDArray[np.uint64]) -> None:
    for i in range(len(vectors)):
        for plane in range(len(planes)):
            total = np.int32(0)
            for k in range(vectors.shape[1]):
                total += np.int32(vectors[i, k]) * np.int32(planes[plane, k])
            band = plane // bits
            out[i, band] = (out[i, band] << np.uint64(1)) | np.uint64(total >= 0)
        for band in range(out.shape[1]):
            out[i, band] = mix(out[i, band] + np.uint64(band + 1) * GOLDEN)


def plane_keys(vectors: Vectors, bands: int, bits: int) -> npt.NDArray[np.uint64]:
    """Give `bands` keys of each vector: on which sides of `bits` planes through the origin it lies (Charikar 2002).

    Vectors at an angle a share a key with probability (1 - a / pi)^bits. The planes are the same on every machine.
    """
    count, width = bands * bits, vectors.shape[1]
    drawn = np.random.Generator(np.random.PCG64(7)).integers(0, 2, (count, width), dtype=np.int8)
    out = np.zeros((len(vectors), bands), np.uint64)
    _sides(vectors, (2 * drawn - 1).astype(np.int8), bits, out)
    return out


@kernel
def _cosines(vectors: Vectors, left: Offsets, right: Offsets, out: npt.NDArray[np.float64]) -> None:
    for pair in range(len(left)):
        a, b = vectors[left[pair]], vectors[right[pair]]
        both = one = two = np.int32(0)
        for k in range(len(a)):
            both += np.int32(a[k]) * np.int32(b[k])
            one += np.int32(a[k]) * np.int32(a[k])
            two += np.int32(b[k]) * np.int32(b[k])
        out[pair] = both / np.sqrt(float(one) * float(two)) if one and two else (1.0 if one == two else 0.0)


def cosines(vectors: Vectors, left: Offsets, right: Offsets) -> npt.NDArray[np.float64]:
    """Give the cosine of pairs of vectors by their numbers; of two that are zero 1, of one that is 0."""
    out = np.empty(len(left), np.float64)
    _cosines(vectors, np.array(left, np.int64), np.array(right, np.int64), out)
    return out
