"""A second look at written splits: shared groups, equal rows and near-duplicates, exactly, from the written rows alone.

Documents are sought by a rule that misses none: of two sets of similarity t, ordered by how rare their members are, the
first n - ceil(t n) + 1 members of each have one in common (prefix filtering; Chaudhuri, Ganti and Kaushik 2006). Pairs are sought
by input and output together, at SLACK of the similarity, so a pair can be missed that is alike in each but less so as a whole. What
nearly all held-out texts have (COMMON) is set aside.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.abreast import abreast
from tasks.text.arrow import Counts, Hashes
from tasks.text.certifying import BY_CHARACTERS, BY_WORDS, Sets, distinct, marked, overlaps, pruned, shares

SLACK = 0.9
"""Candidates are sought by input and output together, at this part of the similarity; then each is looked at by itself."""
PAIRS = {"place": pl.UInt64(), "other": pl.UInt64(), "similarity": pl.Float64()}
KINDS = (BY_WORDS, BY_CHARACTERS)
COMMON, MANY = 0.95, 20
"""Shingles that this share of at least so many held-out texts have are set aside."""
SLICE = 1000
"""Rows whose candidates are joined at once."""


@dataclass(frozen=True)
class Held:
    """Rows that are held out, to be looked for in the others: `place`, `split`, `input`, `output`."""

    rows: pl.DataFrame
    similarity: float

    def near(self, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Give the pairs of PAIRS that are alike though they lie in different splits; frames are of rows as these."""
        held = _once(self.rows)
        indexes = [Index.of(held, kind, self.similarity * SLACK) for kind in KINDS]
        common = {name: [_common(distinct(held[name].fill_null(""), kind)) for kind in KINDS] for name in ("input", "output")}

        def near_in(frame: pl.DataFrame) -> pl.DataFrame:
            rows = _once(frame)
            pairs = pl.concat(index.candidates(rows) for index in indexes).unique()
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
        [pruned(distinct(texts, kind), same) for kind, same in zip(KINDS, common, strict=True)] for texts in (ones, twos)
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
class Index:
    """The shingles of held-out rows: marks for a quick look, and the rare ones of each row for a sure one."""

    kind: int
    similarity: float
    shift: int
    marks: "np.ndarray[tuple[int], np.dtype[np.uint8]]"
    sets: Sets
    counts: pl.DataFrame
    rare: pl.DataFrame
    common: Hashes

    @classmethod
    def of(cls, rows: pl.DataFrame, kind: int, similarity: float) -> "Index":
        """Index the held-out rows."""
        hashes, ends = distinct(_together(rows), kind)
        shift = 64 - max(16, min(30, len(hashes).bit_length() + 3))
        common = _common((hashes, ends))
        hashes, ends = pruned((hashes, ends), common)
        counts = pl.DataFrame({"hash": hashes}).group_by("hash").agg(pl.len().alias("count"))
        rare = _rare(_members((hashes, ends), np.arange(rows.height)), counts, similarity)
        rare = rare.with_columns(held_split=rows["split"][rare["row"]])
        return cls(kind, similarity, shift, marked(hashes, shift), (hashes, ends), counts, rare.rename({"row": "held"}), common)

    def candidates(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give `row` and `held`, by their numbers, of the pairs that share a rare shingle and are alike as a whole."""
        sets = pruned(distinct(_together(frame), self.kind), self.common)
        close = np.flatnonzero(shares(self.marks, sets, self.shift) >= self.similarity)
        found = [self._met(frame, sets, close[at : at + SLICE]) for at in range(0, len(close), SLICE)]
        return pl.concat([pl.DataFrame(schema={"row": pl.UInt32, "held": pl.UInt32}), *found])

    def _met(self, frame: pl.DataFrame, sets: Sets, close: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pl.DataFrame:
        rare = _rare(_members(sets, close), self.counts, self.similarity)
        met = rare.with_columns(split=frame["split"][rare["row"]]).join(self.rare, on="hash")
        met = met.filter(pl.col("split") != pl.col("held_split")).select("row", "held").unique()
        sizes, others = np.diff(sets[1])[met["row"].to_numpy()], np.diff(self.sets[1])[met["held"].to_numpy()]
        met = met.filter(pl.Series(np.minimum(sizes, others) >= self.similarity * np.maximum(sizes, others) - 1e-9))
        alike = overlaps(sets, self.sets, met["row"].to_numpy(), met["held"].to_numpy()) >= self.similarity - 1e-9
        return met.filter(pl.Series(alike)).cast(pl.UInt32)


def _together(rows: pl.DataFrame) -> pl.Series:
    return rows.select(pl.concat_str(pl.col("input", "output").fill_null(""), separator="\n")).to_series()


def _members(sets: Sets, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pl.DataFrame:
    """Give the members of some sets: `row` and `hash`."""
    hashes, ends = sets
    sizes = np.diff(ends)[rows]
    at = np.repeat(ends[:-1][rows] - np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(rows) else [], sizes) + np.arange(sizes.sum())
    return pl.DataFrame({"row": np.repeat(rows, sizes), "hash": hashes[at.astype(np.int64)]})


def _rare(members: pl.DataFrame, counts: pl.DataFrame, similarity: float) -> pl.DataFrame:
    """Keep so many of the rarest members of each set that two alike sets have one of them in common."""
    known = members.join(counts, on="hash", how="left").with_columns(pl.col("count").fill_null(0)).sort("row", "count", "hash")
    size, place = pl.len().over("row"), pl.int_range(pl.len()).over("row")
    return known.filter(place < size - (size * similarity - 1e-9).ceil() + 1).filter(pl.col("count") > 0).select("row", "hash")


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
