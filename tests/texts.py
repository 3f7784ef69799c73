"""Small texts that tests are made of; ours, and plain enough to count by hand."""

import os
import random
from pathlib import Path

import polars as pl

from tasks.text.arrow import unpacked

EXAMPLES = int(os.environ.get("DARTBOARD_EXAMPLES", "300"))
"""Examples of each property of a kernel; `.ci/run` asks for more."""

WORDS = [
    "river",
    "stone",
    "window",
    "garden",
    "letter",
    "morning",
    "winter",
    "paper",
    "copper",
    "bread",
    "market",
    "candle",
    "shadow",
    "harbour",
    "engine",
    "summer",
    "teacher",
    "valley",
    "bridge",
    "forest",
    "kitchen",
    "silver",
    "thunder",
    "pocket",
    "mirror",
    "orchard",
    "lantern",
    "meadow",
    "tunnel",
    "whistle",
]


FORMS = (
    "The {a} that we have seen near the {b} belongs to the {c} and to the {d} of number {n}.",
    "Nobody asked, in {n} years, to whom the {a} was sold or with what {b} it came.",
    "Put a {a} beside every {b}, and then wait until the {c} begins to look like {n} others.",
    "When it rained, {n} of them carried the {a} home with great care; the {b} stayed out.",
    "Is there a {a} so old that {n} people have not told the {b} about it?",
    "She counted {n} steps from {a} to {b} before the {c} was heard again, far below.",
)


def prose(seed: int, sentences: int = 8) -> str:
    """Make readable sentences that pass the quality rules; the same for the same seed."""
    draw = random.Random(seed)
    made = []
    for _ in range(sentences):
        a, b, c, d = (draw.choice(WORDS) for _ in range(4))
        made.append(draw.choice(FORMS).format(a=a, b=b, c=c, d=d, n=draw.randrange(2, 1000)))
    return " ".join(made)


def write_notes(folder: Path, count: int, sentences: int = 8) -> None:
    """Write `count` text files of different prose."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"note{number:03}.txt").write_text(prose(number, sentences), encoding="utf-8")


NOTES = """
name: notes
steps:
  notes: {use: files, path: "notes/*.txt", licence: CC0-1.0}
  passages: {use: passages, words: {min: 20, max: 60}}
  prose: {use: filter, rules: {gopher-quality: {min_words: 20}}}
  unique: {use: dedup, near: {similarity: 0.9}}
  split: {use: split, validation: 0.2, test: 0.2}
  pairs: {use: scramble}
  dataset: {use: write, layout: prompt-completion}
"""
"""A recipe with every kind of stage but a gate and a model."""


def records_of(column: pl.Series, fields: tuple[str, ...]) -> list[list[dict[str, int]]]:
    """Give packed records as dictionaries, row by row."""
    records, firsts = unpacked(column, len(fields))
    told = [dict(zip(fields, record, strict=True)) for record in records.tolist()]
    return [told[first:last] for first, last in zip(firsts[:-1], firsts[1:], strict=True)]
