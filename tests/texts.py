"""Small texts that tests are made of; ours, and plain enough to count by hand."""

import random
from pathlib import Path

WORDS = (
    "river stone window garden letter morning winter paper copper bread market candle shadow harbour engine summer "
    "teacher valley bridge forest kitchen silver thunder pocket mirror orchard lantern meadow tunnel whistle"
).split()


def prose(seed: int, sentences: int = 8) -> str:
    """Make readable sentences that pass the quality rules; the same for the same seed."""
    draw = random.Random(seed)
    made = []
    for _ in range(sentences):
        a, b, c, d = (draw.choice(WORDS) for _ in range(4))
        made.append(f"The {a} that we have seen near the {b} belongs to the {c} and to the {d} of number {draw.randrange(1000)}.")
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
