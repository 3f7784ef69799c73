"""How new a text is beside those that are there: ROUGE-L, exactly and fast, and MinHash for whole pairs."""

import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Indel

SHINGLE, HASHES = 3, 64


class Novelty:
    """A pool of texts; words become code points, so that ROUGE-L F is a normalised indel similarity (Lin 2004)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._codes: dict[str, str] = {}
        self._pool = [self._coded(text) for text in texts]

    def of(self, text: str) -> float:
        """Give 1 - the highest ROUGE-L F of `text` against the pool; 1 for an empty pool."""
        if not self._pool:
            return 1.0
        best = process.extractOne(self._coded(text), self._pool, scorer=Indel.normalized_similarity)
        return 1.0 - float(best[1])

    def add(self, text: str) -> None:
        """Put a text into the pool."""
        self._pool.append(self._coded(text))

    def _coded(self, text: str) -> str:
        return "".join(self._codes.setdefault(word, _letter(len(self._codes))) for word in text.lower().split())


def _letter(number: int) -> str:
    code = number + 1
    return chr(code if code < 0xD800 else code + 0x800)


class Sketches:
    """A pool of MinHash sketches of runs of three words (Broder 1997); which texts are near-duplicates is estimated from 64 hashes."""

    def __init__(self, texts: Iterable[str]) -> None:
        draw = np.random.default_rng(1)
        self._factors = draw.integers(1, 1 << 32, HASHES, dtype=np.uint64) | np.uint64(1)
        self._terms = draw.integers(0, 1 << 32, HASHES, dtype=np.uint64)
        sketches = [self._sketch(text) for text in texts]
        self._held = np.zeros((max(1024, 2 * len(sketches)), HASHES), np.uint32)
        self._count = len(sketches)
        if sketches:
            self._held[: self._count] = sketches

    def nearest(self, text: str) -> float:
        """Estimate the highest Jaccard similarity of `text` to any of the pool; 0 for an empty pool."""
        if not self._count:
            return 0.0
        equal = (self._held[: self._count] == self._sketch(text)).sum(axis=1, dtype=np.int32)
        return float(equal.max()) / HASHES

    def add(self, text: str) -> None:
        """Put a text into the pool."""
        if self._count == len(self._held):
            self._held = np.concatenate([self._held, np.zeros_like(self._held)])
        self._held[self._count] = self._sketch(text)
        self._count += 1

    def _sketch(self, text: str) -> npt.NDArray[np.uint32]:
        words = text.lower().split()
        runs = {" ".join(words[start : start + SHINGLE]) for start in range(max(len(words) - SHINGLE + 1, 1))}
        hashes = np.fromiter((zlib.crc32(run.encode()) for run in runs), np.uint64, len(runs))
        mixed = (hashes[:, None] * self._factors + self._terms) >> np.uint64(16)
        return np.asarray(mixed.astype(np.uint32).min(axis=0))
