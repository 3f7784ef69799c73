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


class Hosted(Settings):
    """An embedding model behind an endpoint."""

    model: str
    """Its name in the recipe's `models`."""
    tokens: Annotated[int, Field(gt=0)]
    """Cap on the tokens that the step may ask for over all its runs; rows beyond it are not compared, and the build is partial."""


class Semantic(Settings):
    """How near in meaning rows are that are the same."""

    similarity: Annotated[float, Field(ge=0.5, le=1)] = 0.75
    """Cosine of two vectors from which on two texts mean the same, in each of the columns compared."""
    recall: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """The share of pairs at exactly that similarity which are found."""
    model: str | None = None
    """A folder with a static embedding model, `tokenizer.json` and `model.safetensors` (extra `embeddings`). Without one, vectors are
    lexical: they know words and their beginnings, not meanings, and need no weights."""
    endpoint: Hosted | None = None
    """An OpenAI-compatible endpoint that is asked for the vectors instead, once for each text; private rows are not shown to it."""

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

    def vectors(
        self, rows: pl.DataFrame, columns: Sequence[str], paths: Mapping[str, str], hosted: pl.DataFrame | None = None
    ) -> pl.Series:
        """Give the vectors of each row's columns, end to end; null where no column holds anything, or only hashes of it are known.

        `hosted` has the `hash` and the `vector` of each text that an endpoint was asked for; rows with others are null too.
        """
        from tasks.text.lexical import lexical_vectors

        if any(rows.schema[name] == pl.Binary for name in columns):
            return pl.Series("vector", [None] * rows.height, dtype=pl.Binary)
        texts = [rows.select(said(name).fill_null("")).to_series() for name in columns]
        told = ~rows.select(pl.all_horizontal(nothing(name, rows.schema[name]) for name in columns)).to_series()
        if hosted is not None:
            found = [_given(text, hosted) for text in texts]
            told &= pl.select(pl.all_horizontal(column.is_not_null() for column in found)).to_series()
            held = [_matrix(column.filter(told)) for column in found]
        elif self.model is None:
            held = [lexical_vectors(text.filter(told)) for text in texts]
        else:
            from tasks.text.static import static_vectors

            held = [static_vectors(text.filter(told), paths[TOKENIZER], paths[TABLE]) for text in texts]
        # a vector of nothing, of signs or of words that a model does not know, says nothing: its row resembles no other
        known = [part.any(axis=1) | (text.filter(told) == "").to_numpy() for part, text in zip(held, texts, strict=True)]
        speaking = np.logical_and.reduce(known) & np.logical_or.reduce([part.any(axis=1) for part in held])
        joined = np.ascontiguousarray(np.concatenate(held, axis=1)[speaking])
        column = packed("vector", joined.view(np.uint32), np.arange(len(joined) + 1))
        empty = pl.Series("vector", [None], dtype=pl.Binary).new_from_index(0, rows.height)
        return empty.scatter(told.arg_true().filter(pl.Series(speaking)), column) if len(column) else empty

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


def whole_numbers(vectors: "Sequence[Sequence[float]]") -> list[bytes]:
    """Give vectors as bytes, each scaled so that its largest part is 127: only directions matter."""
    found = []
    for vector in vectors:
        held = np.zeros(-(-len(vector) // 4) * 4, np.float64)
        held[: len(vector)] = vector
        most = np.abs(held).max()
        found.append(np.rint(held / (most or 1.0) * 127).astype(np.int8).tobytes())
    return found


def _given(texts: pl.Series, hosted: pl.DataFrame) -> pl.Series:
    """Give the vector of each text that was asked for; of an empty one nought, of others null."""
    from tasks.text.hashing import hash_texts

    found = pl.DataFrame({"hash": hash_texts(texts)}).join(hosted, on="hash", how="left", maintain_order="left")["vector"]
    width = len(hosted["vector"][0]) if hosted.height else 4
    return pl.select(pl.when(texts == "").then(pl.lit(bytes(width), pl.Binary)).otherwise(found)).to_series()


def _side(cosine: float) -> float:
    """Give the chance that a plane has two vectors of this cosine on one side."""
    return float(1 - np.arccos(cosine) / np.pi)


def _met(cosine: float, bands: int, bits: int) -> float:
    return float(1 - (1 - _side(cosine) ** bits) ** bands)
