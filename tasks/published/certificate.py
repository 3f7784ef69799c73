"""A second look at written splits: shared groups, equal rows and near-duplicates, exactly, from the written rows alone.

Documents are sought by a rule that misses none, prefix filtering (Chaudhuri, Ganti and Kaushik 2006). Pairs are sought
by input and output together, at SLACK of the similarity, so a pair can be missed that is alike in each but less so as a whole. What
nearly all held-out texts have (COMMON) is set aside.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.abreast import abreast
from tasks.text.arrow import Counts, Hashes, Offsets
from tasks.text.certifying import Index, Sets, distinct, indexed, overlaps, pruned, searched

SLACK = 0.9
"""Candidates are sought by input and output together, at this part of the similarity; then each is looked at by itself."""
PAIRS = {"place": pl.UInt64(), "other": pl.UInt64(), "similarity": pl.Float64()}
COMMON, MANY = 0.95, 20
"""Shingles that this share of at least so many held-out texts have are set aside."""


@dataclass(frozen=True)
class Held:
    """Rows that are held out, to be looked for in the others: `place`, `split`, `input`, `output`."""

    rows: pl.DataFrame
    similarity: float

    def near(self, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Give the pairs of PAIRS that are alike though they lie in different splits; frames are of rows as these."""
        held = _once(self.rows)
        together, groups = distinct(_together(held)), _groups(held)
        searches = [Search.of(sets, groups, self.similarity * SLACK) for sets in together]
        common = {name: [_common(sets) for sets in distinct(held[name].fill_null(""))] for name in ("input", "output")}

        def near_in(frame: pl.DataFrame) -> pl.DataFrame:
            rows = _once(frame)
            sets = distinct(_together(rows))
            found = [search.candidates(own, _groups(rows)) for search, own in zip(searches, sets, strict=True)]
            pairs = pl.concat(found).unique()
            similarity = np.minimum(*(_similarity(rows[name], held[name], pairs, common[name]) for name in ("input", "output")))
            told = pl.DataFrame({"place": rows["place"][pairs["row"]], "other": held["place"][pairs["held"]], "similarity": similarity})
            return told.filter(pl.col("similarity") >= self.similarity)

        return pl.concat([pl.DataFrame(schema=PAIRS), *abreast(near_in, frames)]).sort("place", "other")


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each text of each split once: equal rows have the same neighbours."""
    return rows.unique(["split", "input", "output"], keep="first", maintain_order=True)


def _similarity(one: pl.Series, two: pl.Series, pairs: pl.DataFrame, common: Sequence[Hashes]) -> Counts:
    """Give how alike the texts of pairs are: by words where both are compared by them, else by characters; two empty ones are equal."""
    ones, left = _used(one, pairs["row"])
    twos, right = _used(two, pairs["held"])
    (words, characters), (other_words, other_characters) = (
        [pruned(sets, same) for sets, same in zip(distinct(texts), common, strict=True)] for texts in (ones, twos)
    )
    both = (np.diff(words[1])[left] > 0) & (np.diff(other_words[1])[right] > 0)
    found = np.where(both, overlaps(words, other_words, left, right), overlaps(characters, other_characters, left, right))
    return np.where((ones.str.len_bytes() == 0).to_numpy()[left] & (twos.str.len_bytes() == 0).to_numpy()[right], 1.0, found)


def _common(sets: Sets) -> Hashes:
    """Give the shingles that nearly every text has: an instruction that a template puts into each says nothing of any."""
    told = int((np.diff(sets[1]) > 0).sum())
    hashes, counts = np.unique(sets[0], return_counts=True)
    return hashes[counts >= COMMON * told] if told >= MANY else hashes[:0]


def _used(texts: pl.Series, rows: pl.Series) -> tuple[pl.Series, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Give the texts of rows, each once, and where each row's is among them."""
    once = rows.unique().sort()
    return texts.gather(once).fill_null(""), np.searchsorted(once.to_numpy(), rows.to_numpy())


@dataclass(frozen=True)
class Search:
    """The shingles of held-out rows, of words or of characters, and what nearly all of them have."""

    similarity: float
    index: Index
    common: Hashes

    @classmethod
    def of(cls, sets: Sets, groups: Offsets, similarity: float) -> "Search":
        """Index the held-out rows."""
        common = _common(sets)
        return cls(similarity, indexed(pruned(sets, common), groups, similarity), common)

    def candidates(self, sets: Sets, groups: Offsets) -> pl.DataFrame:
        """Give `row` and `held`, by their numbers, of the pairs that are alike as a whole and of different groups."""
        row, held = searched(self.index, pruned(sets, self.common), groups, self.similarity)
        return pl.DataFrame({"row": row, "held": held}).cast(pl.UInt32)


def _groups(rows: pl.DataFrame) -> Offsets:
    """Give the splits as numbers."""
    return np.array(rows["split"].hash(3).to_numpy(), np.uint64).view(np.int64)


def _together(rows: pl.DataFrame) -> pl.Series:
    return rows.select(pl.concat_str(pl.col("input", "output").fill_null(""), separator="\n")).to_series()


def shared(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows (`place`, `split`, `value`) of values that stand in more than one split; null is no value."""
    told = rows.drop_nulls("value")
    again = told.group_by("value").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    return told.join(again, on="value", how="semi")


def compared(frame: pl.DataFrame) -> pl.DataFrame:
    """Give `input` and `output` of written rows, whatever their layout; a document is an output.

    Of messages the last but one is the input: what a system says, and what was said before, may be the same in many rows.
    """
    columns = frame.schema
    if "text" in columns:
        return frame.select(input=pl.lit(None, pl.String), output="text")
    if "output" in columns:
        return frame.select("input", "output")
    if "messages" in columns:
        said = pl.col("messages").list.eval(pl.element().struct.field("content"))
        return frame.select(input=said.list.get(-2, null_on_oob=True), output=said.list.last())
    return frame.select(input=_last(frame, "prompt"), output=_last(frame, "completion"))


def _last(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Give a column of texts, or the last of a list of messages, as text."""
    return pl.col(name) if frame.schema[name] == pl.String else pl.col(name).list.last().struct.field("content")


def plain_hash(rows: pl.DataFrame) -> pl.Series:
    """Give a hash of what rows say, whatever their white space: null where they say nothing."""
    bare = [pl.col(name).fill_null("").str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars() for name in ("input", "output")]
    told = rows.select(pl.concat_str(bare, separator="\x1f").alias("told"))
    return told.select(pl.when(pl.col("told") != "\x1f").then(pl.col("told").hash(11))).to_series()


def held_out(frames: Iterable[pl.DataFrame], block: tuple[int, int], block_bytes: int) -> Iterator[pl.DataFrame]:
    """Give the rows of one block, of so many, of what is not train: those that begin in its bytes of text; the last one has no end."""
    size = 0
    for frame in frames:
        rows = frame.filter(pl.col("split") != "train")
        length = pl.sum_horizontal(pl.col("input", "output").str.len_bytes().fill_null(0))
        begins = rows.select((length.cum_sum() - length + size).alias("begins"))["begins"]
        yield rows.filter((begins // block_bytes).clip(upper_bound=block[1] - 1) == block[0])
        size += int(rows.select(length.sum()).item() or 0)
