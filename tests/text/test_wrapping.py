"""Paragraphs that were broken at a width: the kernels against a slow reading of the same rules."""

import re
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.text.wrapping import joined, lines_of, paragraphs_of, unwrap, width_of

SIGNS = st.text(alphabet="ab é€😀 \t\x0c|\n", max_size=200)
WRAPPED = st.lists(st.lists(st.sampled_from(["word", "a", "longer", "é", "Word", "   "]), max_size=12).map(" ".join), max_size=12).map(
    "\n".join
)
WHITE = " \t\x0c"


def prose(lines: list[str], width: int) -> bool:
    """The rule as it reads: four fifths of the breaks are wraps, or rather full lines begin with small letters; few gaps, few indented lines."""
    trimmed = [line.rstrip(WHITE) for line in lines]
    breaks = len(lines) - 1
    indented = sum(line.startswith(tuple(WHITE)) for line in trimmed[1:])
    gaps = sum(bool(re.search(r"[^ \t\x0c][^\S\n]*? {3,}[^ ]|\t|\|", line.lstrip(" \x0c")) or "\t" in line) for line in trimmed)
    wraps = sum(len(line) + len(after.strip(WHITE).split(" ")[0]) > width - 4 for line, after in pairwise(trimmed))
    low = sum(line.strip(WHITE)[0] in "abcdefghijklmnopqrstuvwxyz" for line in trimmed[1:])
    ragged = low >= 0.4 * breaks and sum(map(len, trimmed[:-1])) >= 0.7 * width * breaks
    plain = (wraps >= 0.8 * breaks or ragged) and gaps * 3 < len(lines) and indented * 2 < len(lines)
    return plain or (indented == breaks and (wraps >= 0.9 * breaks or ragged) and not gaps)


def oracle(text: str, width: int) -> list[str]:
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip(WHITE):
            found[-1].append(line)
        else:
            found.append([])
    made = []
    for lines in filter(None, found):
        if len(lines) == 1 or prose(lines, width):
            made.append(" ".join(line.strip(WHITE) for line in lines))
        else:
            made.append("\n".join(line.rstrip(WHITE) for line in lines))
    return made


@settings(max_examples=600, deadline=None)
@given(SIGNS | WRAPPED, st.integers(0, 30))
@example("a |b\nc", 0)
@example("a   b\nc", 4)
@example("  a\n  b\n\n\n \nc", 10)
def test_paragraphs_are_joined_as_the_rule_reads(text: str, width: int) -> None:
    data = np.frombuffer(text.encode() or b"\n", np.uint8)
    lines = lines_of(data)
    paragraphs = paragraphs_of(lines)
    whole, starts = joined(data, lines, paragraphs, np.ones(len(paragraphs.firsts), np.bool_), width)
    wanted = oracle(text, width)
    assert whole.decode() == "\n\n".join(wanted)
    assert [whole[start:].decode().partition("\n\n")[0] for start in starts[:-1]] == [each.partition("\n\n")[0] for each in wanted]


@given(SIGNS)
def test_what_is_left_out_leaves_the_rest_as_it_was(text: str) -> None:
    data = np.frombuffer(text.encode() or b"\n", np.uint8)
    lines = lines_of(data)
    paragraphs = paragraphs_of(lines)
    kept = np.arange(len(paragraphs.firsts)) % 2 == 0
    whole, _ = joined(data, lines, paragraphs, kept, 10)
    assert whole.decode() == "\n\n".join(oracle(text, 10)[::2])


def test_the_width_is_that_of_the_long_lines() -> None:
    text = "\n".join(["x" * n for n in range(100)] + ["é" * 60 + "  "] * 50)
    assert width_of(lines_of(np.frombuffer(text.encode(), np.uint8))) == sorted([*range(41, 100), *[60] * 50])[int(0.95 * 109)]
    assert width_of(lines_of(np.frombuffer(b"short", np.uint8))) == 0


def test_uneven_prose_is_joined_and_verse_is_not() -> None:
    assert (
        unwrap("It was a day of much\nrain and of wind, which\nblew from the\nhills.", 26)
        == "It was a day of much rain and of wind, which blew from the hills."
    )
    verse = "The day was long,\nthe night was longer still,\nAnd all the hills\nWere white, and all was still."
    assert unwrap(verse, 40) == verse


def test_one_paragraph_is_unwrapped() -> None:
    assert unwrap("It was a day\nof rain and\nof wind.", 14) == "It was a day of rain and of wind."
    assert unwrap("Roses\nare red", 40) == "Roses\nare red"
    assert not unwrap("", 40)
