"""How new a text is beside those that are there: ROUGE-L, exactly and fast, and MinHash for whole pairs."""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Indel

SHINGLE, HASHES = 3, 64
UNLIKE = 0.75
"""From this novelty on a text resembles none: which of two is nearer is chance."""
MANY = 1000
"""Texts from which on a kernel compares them, some five times as fast."""
LETTERS = 0x10F000
"""Different words for which there are code points."""
ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, kana and Han: scripts without blanks between words."""
ALONE_LETTER = re.compile(f"[{ALONE}]")
UNSPACED = re.compile(f"[{ALONE}]|[^\\s{ALONE}]+")
Held = TypeVar("Held", npt.NDArray[np.int32], npt.NDArray[np.int64])


class Novelty:
    """A pool of texts, compared by ROUGE-L F (Lin 2004): twice the longest common subsequence of words, by the words of both."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        self._small: list[str] = []
        self._codes = np.zeros(1024, np.int32)
        self._starts = np.zeros(1024, np.int64)
        self._count = 0
        for text in texts:
            self.add(text)

    def of(self, text: str) -> float:
        """Give 1 - the highest ROUGE-L F of `text` against the pool; 1 for an empty pool."""
        if not self._count:
            return 1.0
        words = self._numbered(text)
        return 1.0 - (self._nearest_of_few(words) if self._few else self._nearest_of_many(words))

    def add(self, text: str) -> None:
        """Put a text into the pool."""
        words = self._numbered(text)
        end = int(self._starts[self._count]) + len(words)
        self._codes = _roomy(self._codes, end)
        self._codes[end - len(words) : end] = words
        self._starts = _roomy(self._starts, self._count + 2)
        self._count += 1
        self._starts[self._count] = end
        if self._few:
            self._small.append(_lettered(words))

    @property
    def _few(self) -> bool:
        return self._count < MANY and len(self._numbers) < LETTERS

    def _nearest_of_few(self, words: list[int]) -> float:
        """Words become code points, so that ROUGE-L F is a normalised indel similarity."""
        return float(process.extractOne(_lettered(words), self._small, scorer=Indel.normalized_similarity)[1])

    def _nearest_of_many(self, words: list[int]) -> float:
        """Compare by the kernel, which is compiled when there are many texts for the first time."""
        from tasks.text.lcs import WORD, nearest_f

        blocks = max(-(-len(words) // WORD), 1)
        places = np.zeros(len(self._numbers) * blocks, np.uint64)
        for place, word in enumerate(words):
            places[word * blocks + place // WORD] |= np.uint64(1 << (place % WORD))
        return float(nearest_f(self._codes, self._starts, self._count, places, len(words)))

    def _numbered(self, text: str) -> list[int]:
        return [self._numbers.setdefault(word, len(self._numbers)) for word in words_of(text)]


def words_of(text: str) -> list[str]:
    """Give the words of a text, in lower case; of scripts that put no blanks between words each letter."""
    lower = text.lower()
    return lower.split() if lower.isascii() else UNSPACED.findall(lower)


def count_words(text: str) -> int:
    """Count the words of a text; of scripts without blanks two letters are about one."""
    words = words_of(text)
    return len(words) - sum(ALONE_LETTER.match(word) is not None for word in words) // 2


def _lettered(words: Iterable[int]) -> str:
    return "".join(chr(word + 1 if word + 1 < 0xD800 else word + 0x801) for word in words)


def _roomy(held: Held, count: int) -> Held:
    """Give an array with room for so many values."""
    return held if count <= len(held) else np.concatenate([held, np.zeros(max(len(held), count - len(held)), held.dtype)])


class Sides:
    """Tells children that are nearer to a seed of another split than to any of their own."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        texts: dict[Any, list[str]] = defaultdict(list)
        for row in rows:
            texts[row.get("split")].append(str(row["input"]))
        self._pools = {split: Novelty(held) for split, held in texts.items()}

    def strays(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a child is nearer to another split, and near it at all."""
        own = min(self._pools[row.get("split")].of(row["input"]), UNLIKE)
        return any(pool.of(row["input"]) < own for split, pool in self._pools.items() if split != row.get("split"))


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
        words = words_of(text)
        runs = {" ".join(words[start : start + SHINGLE]) for start in range(max(len(words) - SHINGLE + 1, 1))}
        hashes = np.fromiter((zlib.crc32(run.encode()) for run in runs), np.uint64, len(runs))
        mixed = (hashes[:, None] * self._factors + self._terms) >> np.uint64(16)
        return np.asarray(mixed.astype(np.uint32).min(axis=0))
