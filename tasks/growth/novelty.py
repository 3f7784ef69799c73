"""How new a text is beside those that are there: ROUGE-L, exactly and fast."""

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import Indel


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
