"""Comparing rows: keys by which alike ones meet, pairs of those that met, and their exact similarity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl

from tasks.dedup.near import Near
from tasks.text.arrow import Hashes, Offsets, packed, unpacked


@dataclass(frozen=True)
class Comparison:
    """What of the rows is compared, and how.

    Rows are near-duplicates where each of the columns is alike; a band takes its hashes from all of them.
    `exact`: rows of which each column says the same are pairs too.
    """

    columns: tuple[str, ...]
    near: Near | None
    exact: bool = True

    @property
    def keys_a_row(self) -> int:
        """About how many keys a row has."""
        return self.exact + (self.near.bands()[0] if self.near else 0)

    @property
    def similarity(self) -> float:
        """How alike the rows of a pair are at least."""
        return self.near.similarity if self.near else 1.0

    def keys(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give `key`, `row` and `order` for every key of every row; a row without any text has none.

        The highest bit of a key tells that its rows are equal. Rows may be those of an index, which hold sets instead of texts.
        """
        told = rows.filter(~pl.all_horizontal(nothing(name, rows.schema[name]) for name in self.columns))
        held, indexed = told.select("row", "order"), rows.schema[self.columns[0]] == pl.Binary
        texts = told.select(pl.col(name) if indexed else said(name).fill_null("") for name in self.columns)
        same = [told[f"{SAME}{name}"].to_numpy() for name in self.columns] if indexed else None
        found = []
        if self.near:
            keys, firsts, alone = _of_sets(texts, self.near) if indexed else _of_texts(texts, self.near)
            same = same or alone
            found.append(_repeated(held, keys, firsts))
        if self.exact:
            found.append(held.with_columns(key=_exact(same) if same else exact_keys(texts)))
        return pl.concat(frame.select("key", "row", "order") for frame in found)

    def sets(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give `row` and, for each compared column, the set of its shingles as sorted hashes end to end."""
        return rows.select("row").with_columns(
            rows[name] if rows.schema[name] == pl.Binary else shingled(rows, name) for name in self.columns
        )

    def alike(self, pairs: pl.DataFrame, sets: pl.DataFrame) -> pl.DataFrame:
        """Keep the pairs that are alike enough in the column which is least alike, with their `similarity`.

        `sets` have the shingles of both rows, in order of `place`.
        """
        from tasks.text.shingles import jaccard

        held = sets["place"].to_numpy()
        left, right = (np.searchsorted(held, pairs[side].to_numpy()) for side in ("left", "right"))
        similarity = reduce(np.minimum, [jaccard(_unpacked(sets[name]), left, right) for name in self.columns])
        return pairs.with_columns(pl.Series("similarity", similarity)).filter(pl.col("similarity") >= self.similarity)


SAME = "same."
"""Begins the names of an index' columns that tell what texts say."""


def nothing(name: str, dtype: pl.DataType) -> pl.Expr:
    """Tell where a column holds nothing."""
    return (pl.col(name).list.len() == 0).fill_null(value=True) if dtype.is_nested() else pl.col(name).is_null()


def said(name: str) -> pl.Expr:
    """Give a column as text; earlier turns as what each says, in order."""
    if name != "turns":
        return pl.col(name).cast(pl.String)
    spoken = pl.concat_str(pl.element().struct.field("role"), pl.lit(": "), pl.element().struct.field("content"))
    return pl.col(name).list.eval(spoken).list.join("\n").alias(name)


def exact_keys(texts: pl.DataFrame) -> pl.Series:
    """Give the key that is equal for rows whose columns say the same, each by itself."""
    from tasks.text.sameness import same_hash

    return _exact([same_hash(text).to_numpy() for text in texts])


def _exact(hashes: Sequence[Hashes]) -> pl.Series:
    from tasks.text.buckets import EXACT
    from tasks.text.hashing import GOLDEN

    total = np.zeros(len(hashes[0]), np.uint64)
    for same in hashes:
        total = (total ^ same) * GOLDEN
        total ^= total >> np.uint64(32)
    return pl.Series("key", total | EXACT, dtype=pl.UInt64)


def _of_texts(texts: pl.DataFrame, near: Near) -> tuple[Hashes, Offsets, list[Hashes] | None]:
    """Give the band keys of rows, where those of each begin, and of a single column what `same_hash` gives."""
    from tasks.text.signatures import band_keys, column_keys

    if texts.width > 1:
        return *column_keys(list(texts), *near.bands()), None
    keys, firsts, same = band_keys(texts.to_series(), *near.bands())
    return keys, firsts, [same]


def _of_sets(sets: pl.DataFrame, near: Near) -> tuple[Hashes, Offsets, None]:
    from tasks.text.signatures import keys_of_sets

    return *keys_of_sets([_unpacked(column) for column in sets], *near.bands()), None


def _repeated(rows: pl.DataFrame, keys: Hashes, firsts: Offsets) -> pl.DataFrame:
    """Give each row as often as it has keys, with its `key`."""
    from tasks.text.buckets import EXACT

    of = np.repeat(np.arange(rows.height), np.diff(firsts))
    return rows[of].with_columns(key=pl.Series(keys & ~EXACT, dtype=pl.UInt64))


def shingled(rows: pl.DataFrame, name: str) -> pl.Series:
    """Give the sets of shingles of a column's texts, as sorted hashes end to end."""
    from tasks.text.shingles import shingle_sets

    hashes, firsts = shingle_sets(rows.select(said(name).fill_null("")).to_series())
    return packed(name, hashes.astype("<u8").view(np.uint32).reshape(-1, 2), firsts)


def _unpacked(sets: pl.Series) -> tuple[Hashes, Offsets]:
    halves, firsts = unpacked(sets, 2)
    return np.array(halves.reshape(-1), copy=True).view(np.uint64), np.ascontiguousarray(firsts)


@dataclass(frozen=True)
class Met:
    """Pairs of rows that share a key: `left` and `right` places and whether they are `exact`; and what was not compared with all."""

    pairs: pl.DataFrame
    large: int = 0
    """Buckets in which each row was compared with a few only."""
    rows: int = 0
    """Their rows."""


PIECE_PAIRS = 2_000_000
"""Pairs that are held at once while they are found."""


def met(keys: pl.DataFrame) -> Iterator[Met]:
    """Find the pairs among rows with keys: `key`, `place`, `order`. They come in pieces, in each of which a pair comes once.

    Of equal rows the left one is the first by `order`, and stands for the others; of other pairs the one of the lower place.
    """
    from tasks.text.buckets import EXACT, bucket_pairs, piece_ends, shared

    again = keys[shared(keys["key"].to_numpy())].sort("key", "order", "place")
    start = 0
    for end in piece_ends(again["key"].to_numpy(), PIECE_PAIRS):
        held, place = again["key"][start:end].to_numpy(), again["place"][start:end].to_numpy()
        left, right, large, rows = bucket_pairs(held)
        exact, one, two = (held[left] & EXACT) != 0, place[left], place[right]
        found = {"left": np.where(exact, one, np.minimum(one, two)), "right": np.where(exact, two, np.maximum(one, two)), "exact": exact}
        yield Met(pl.DataFrame(found).filter(pl.col("left") != pl.col("right")).unique().sort(pl.all()), large, rows)
        start = end


PARTS = 1 << 32
"""A place is the number of a part by this, and its row: one number, in order of both."""


def places(part: int, rows: pl.Series) -> pl.Series:
    """Give rows of a part as places."""
    return (rows.cast(pl.UInt64) + part * PARTS).alias("place")


def of_places(place: pl.Expr) -> dict[str, pl.Expr]:
    """Give the `part` and the `row` of places again."""
    return {"part": place // PARTS, "row": (place % PARTS).cast(pl.UInt32)}


def by_standing(pairs: pl.DataFrame) -> pl.DataFrame:
    """Give the pairs of rows that are not equal, each row in the place of the one that stands for it, none twice."""
    equal = pairs.filter("exact").select(place="right", stands="left")
    near = pairs.filter(~pl.col("exact")).select("left", "right")
    for side in ("left", "right"):
        near = (
            near.join(equal, left_on=side, right_on="place", how="left")
            .with_columns(pl.coalesce("stands", side).alias(side))
            .drop("stands")
        )
    low, high = pl.min_horizontal("left", "right").alias("left"), pl.max_horizontal("left", "right").alias("right")
    return near.select(low, high).filter(pl.col("left") != pl.col("right")).unique().sort("left", "right")
