"""How diverse texts are (Shaib et al. 2024, arXiv 2403.00553): what compression finds, long runs that return, distinct runs of words."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from tasks.growth.novelty import words_of

LONG = 4
"""Words of a long run."""


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """Give three figures: `compression_ratio` (lower is more diverse), `repetition` and `distinct_1`, `distinct_2`.

    The ratio is of bytes before and after deflate. `repetition` is the share of runs of four words that stand in more than one text,
    and `distinct_n` that of runs of n words that are different ones.
    """
    data = "\n".join(texts).encode()
    split = [words_of(text) for text in texts]
    return {
        "compression_ratio": round(len(data) / max(len(zlib.compress(data, 9)), 1), 3),
        "repetition": round(_repetition(split), 4),
        "distinct_1": round(_distinct(split, 1), 4),
        "distinct_2": round(_distinct(split, 2), 4),
    }


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _repetition(texts: Sequence[Sequence[str]]) -> float:
    found = Counter(run for words in texts for run in set(_runs(words, LONG)))
    return sum(count for count in found.values() if count > 1) / max(found.total(), 1)


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float:
    found = Counter(run for words in texts for run in _runs(words, length))
    return len(found) / max(found.total(), 1)
