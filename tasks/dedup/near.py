"""How near-duplicates are found: bands of MinHash signatures, chosen from the similarity and recall that are asked for."""

from typing import Annotated

import numpy as np
from pydantic import Field

from tasks.settings import Settings

MOST_HASHES = 256


class Near(Settings):
    """How alike near-duplicates are, and how surely they are found."""

    similarity: Annotated[float, Field(ge=0.3, le=1)] = 0.8
    """Jaccard similarity of the shingle sets from which on two rows are the same."""
    recall: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.99
    """The share of pairs at exactly that similarity which are found."""

    def bands(self) -> tuple[int, int]:
        """Choose bands and rows: of those that reach the recall the ones of least work, at most MOST_HASHES hashes a text.

        P(found) = 1 - (1 - J^rows)^bands. Work is a band's key, exchanged and sorted, as that of 6 hashes, and a false
        candidate, whose texts are read again, as that of 2,000: of 1 pair of similarity .3 and 10,000 of .1 for each text:
        short texts have many.
        """
        shapes = [(self._needed(rows), rows) for rows in range(1, 17)]
        fitting = [(bands, rows) for bands, rows in shapes if bands * rows <= MOST_HASHES] or [(MOST_HASHES, 1)]
        return min(fitting, key=lambda shape: (shape[0] * (shape[1] + 6) + 2000 * _strays(*shape), shape))

    def _needed(self, rows: int) -> int:
        if self.similarity == 1:
            return 1
        return max(1, int(np.ceil(np.log1p(-self.recall) / np.log1p(-(self.similarity**rows)))))

    def found(self, similarity: float) -> float:
        """Give the share of pairs of this similarity that become candidates."""
        bands, rows = self.bands()
        return float(1 - (1 - similarity**rows) ** bands)

    def told(self) -> str:
        """Say what will be found, for the plan."""
        bands, rows = self.bands()
        told = ", ".join(f"{self.found(j):.3g} of pairs at {j:.2f}" for j in sorted({self.similarity, min(self.similarity + 0.05, 1.0)}))
        false = ", ".join(f"{self.found(j):.2g} at {j:.2f}" for j in (0.3, 0.5) if j < self.similarity)
        return f"{bands} bands x {rows} hashes; expected to find {told}; false candidates, to be verified: {false or 'none'}"


def _strays(bands: int, rows: int) -> float:
    return sum(share * (1 - (1 - similarity**rows) ** bands) for similarity, share in ((0.3, 1), (0.1, 10_000)))
