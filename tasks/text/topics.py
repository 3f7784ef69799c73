"""Topics by words alone: texts as small vectors, and centres among them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.kernel import kernel
from tasks.text.lexicon import Lexicon, kind_of, lexicon
from tasks.text.scratch import largest
from tasks.text.shingles import word_room, words_in

SIZE = 64
"""Numbers that a text is."""
LEAST_BYTES = 4
"""Shorter words say little of a topic; neither do function words."""
ROUNDS = 12
SAMPLE = 20_000
Vectors = npt.NDArray[np.float32]


@kernel
def _vectors(data: Bytes, offsets: Offsets, classes: Classes, lower: Lower, words: Lexicon) -> npt.NDArray[np.int32]:
    out, room = np.zeros((len(offsets) - 1, SIZE), np.int32), word_room(largest(offsets))
    listed, kinds = words.hashes, words.kinds
    for i in range(len(out)):
        hashes, starts, ends = room.words, room.starts, room.ends
        for word in range(words_in(data, offsets[i], offsets[i + 1], classes, lower, room)):
            value = hashes[word]
            if ends[word] - starts[word] < LEAST_BYTES or kind_of(value, listed, kinds):
                continue
            for k in range(SIZE):
                out[i, k] += np.int32(2 * np.int64((value >> np.uint64(k)) & np.uint64(1)) - 1)
    return out


def topic_vectors(texts: pl.Series) -> pl.Series:
    """Give each text SIZE whole numbers from -100 to 100: its words as random signs, added up and made of one length.

    Texts with many words in common point the same way (Achlioptas 2003, projections by signs).
    """
    held = buffers(texts)
    sums = _vectors(held.data, held.offsets, *table(), lexicon()).astype(np.float64)
    length = np.maximum(np.sqrt((sums**2).sum(axis=1, keepdims=True)), 1)
    return pl.Series("topic", np.rint(100 * sums / length).astype(np.int8), dtype=pl.Array(pl.Int8, SIZE))


def topics(vectors: pl.Series, count: int, chances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Give each vector the number of one of `count` topics: centres by spherical k-means among those of the lowest chances.

    All sums are of whole numbers, so the order of rows and of threads changes nothing.
    """
    held: Vectors = np.ascontiguousarray(vectors.to_numpy(), dtype=np.float32).reshape(-1, SIZE)
    if not len(held):
        return np.zeros(0, np.int64)
    some = held[np.argsort(chances, kind="stable")[:SAMPLE]]
    centres = _first_centres(some, min(count, len(some)))
    for _ in range(ROUNDS):
        nearest = np.argmax(some @ centres.T, axis=1)
        sums = np.zeros((len(centres), SIZE), np.int64)
        np.add.at(sums, nearest, some.astype(np.int64))
        length = np.maximum(np.sqrt((sums.astype(np.float64) ** 2).sum(axis=1, keepdims=True)), 1)
        moved = np.where(np.bincount(nearest, minlength=len(centres))[:, None] > 0, np.rint(100 * sums / length), centres).astype(
            np.float32
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    found: npt.NDArray[np.int64] = np.argmax(held @ centres.T, axis=1)
    return found


def _first_centres(some: Vectors, count: int) -> Vectors:
    """Choose vectors that are far from each other: each next one is the least like those before."""
    chosen = [0]
    closest = np.full(len(some), -np.inf, np.float32)
    while len(chosen) < count:
        closest = np.maximum(closest, some @ some[chosen[-1]])
        chosen.append(int(np.argmin(closest)))
    return some[chosen]
