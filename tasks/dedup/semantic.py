"""How rows that mean the same are found: vectors of their texts, planes that part them, and the cosine of those that meet."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from tasks.dedup.comparison import nothing, said
from tasks.settings import Settings
from tasks.text.arrow import packed, unpacked

MOST_PLANES = 4096
TOKENIZER, TABLE = "semantic.tokenizer", "semantic.model"


class Semantic(Settings):
    """How near in meaning rows are that are the same."""

    similarity: Annotated[float, Field(ge=0.5, le=1)] = 0.75
    """Cosine of two vectors from which on two texts mean the same, in each of the columns compared."""
    recall: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """The share of pairs at exactly that similarity which are found."""
    model: str | None = None
    """A folder with a static embedding model, `tokenizer.json` and `model.safetensors` (extra `embeddings`). Without one, vectors are
    lexical: they know words and their beginnings, not meanings, and need no weights."""

    def files(self) -> dict[str, str]:
        """Name the model's files by field."""
        if self.model is None:
            return {}
        folder = self.model.rstrip("/")
        return {TOKENIZER: f"{folder}/tokenizer.json", TABLE: f"{folder}/model.safetensors"}

    def bands(self) -> tuple[int, int]:
        """Choose bands and planes a band: of those that reach the recall, with at most MOST_PLANES planes, the ones of least work.

        Work is a plane, a band's key as 20 of them, and a false candidate as 10, of 1 pair of cosine .3 and 10,000 of .1 a row.
        """
        shapes = [(self._needed(bits), bits) for bits in range(4, 33)]
        fitting = [(bands, bits) for bands, bits in shapes if bands * bits <= MOST_PLANES] or [(MOST_PLANES // 4, 4)]
        return min(fitting, key=lambda shape: (shape[0] * (shape[1] + 20) + 10 * (_met(0.3, *shape) + 10_000 * _met(0.1, *shape)), shape))

    def _needed(self, bits: int) -> int:
        return max(1, int(np.ceil(np.log1p(-self.recall) / np.log1p(-min(_side(self.similarity) ** bits, 1 - 1e-12)))))

    def told(self) -> str:
        """Say what will be found, for the plan."""
        bands, bits = self.bands()
        found = _met(self.similarity, bands, bits)
        return f"{bands} bands x {bits} planes; expected to find {found:.3g} of pairs at cosine {self.similarity:.2f}"

    def vectors(self, rows: pl.DataFrame, columns: Sequence[str], paths: Mapping[str, str]) -> pl.Series:
        """Give the vectors of each row's columns, end to end; null where no column holds anything, or only hashes of it are known."""
        from tasks.text.lexical import lexical_vectors

        if any(rows.schema[name] == pl.Binary for name in columns):
            return pl.Series("vector", [None] * rows.height, dtype=pl.Binary)
        texts = [rows.select(said(name).fill_null("")).to_series() for name in columns]
        if self.model is None:
            held = [lexical_vectors(text) for text in texts]
        else:
            from tasks.text.static import static_vectors

            held = [static_vectors(text, paths[TOKENIZER], paths[TABLE]) for text in texts]
        joined = np.ascontiguousarray(np.concatenate(held, axis=1))
        column = packed("vector", joined.view(np.uint32), np.arange(rows.height + 1))
        silent = pl.all_horizontal(nothing(name, rows.schema[name]) for name in columns)
        return rows.select(pl.when(~silent).then(column).alias("vector")).to_series()

    def keys(self, vectors: pl.DataFrame) -> pl.DataFrame:
        """Give `key`, `row` and `order` for every key of rows with a `vector`."""
        from tasks.text.buckets import EXACT
        from tasks.text.lexical import plane_keys

        bands, bits = self.bands()
        held = vectors.drop_nulls("vector")
        keys = plane_keys(_matrix(held["vector"]), bands, bits)
        of = np.repeat(np.arange(held.height), bands)
        return held.select("row", "order")[of].select(pl.Series("key", keys.reshape(-1) & ~EXACT, dtype=pl.UInt64), "row", "order")

    def alike(self, pairs: pl.DataFrame, vectors: pl.DataFrame, columns: int) -> pl.DataFrame:
        """Keep the pairs (`left`, `right`) that are near enough in the column in which they are least near, with their `similarity`.

        `vectors` have `place` and `vector`, in order of `place`.
        """
        from tasks.text.lexical import cosines

        held, matrix = vectors["place"].to_numpy(), _matrix(vectors["vector"])
        left, right = (np.searchsorted(held, pairs[side].to_numpy()) for side in ("left", "right"))
        least = np.min([cosines(np.ascontiguousarray(part), left, right) for part in np.split(matrix, columns, axis=1)], axis=0)
        return pairs.with_columns(pl.Series("similarity", least)).filter(pl.col("similarity") >= self.similarity)


def _matrix(vectors: pl.Series) -> "np.ndarray[tuple[int, int], np.dtype[np.int8]]":
    numbers, firsts = unpacked(vectors, 1)
    return np.ascontiguousarray(numbers.reshape(len(firsts) - 1, -1)).view(np.int8) if len(vectors) else np.zeros((0, 4), np.int8)


def _side(cosine: float) -> float:
    """Give the chance that a plane has two vectors of this cosine on one side."""
    return float(1 - np.arccos(cosine) / np.pi)


def _met(cosine: float, bands: int, bits: int) -> float:
    return float(1 - (1 - _side(cosine) ** bits) ** bands)
