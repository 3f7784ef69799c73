"""Runs of words that items and texts share, against plain Python."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.contamination import FEW, find_runs, item_runs, known_runs
from tests.oracles import words
from tests.texts import EXAMPLES

LINES = st.lists(st.lists(st.sampled_from(["ab,c", "D.", "é", "don't"]), max_size=14).map(" ".join), max_size=5)


def spans(text: str, items: list[str], ngram: int) -> list[tuple[int, int]]:
    """Give the runs of words that items have too, joined where they overlap, as numbers of words."""
    held, met = [word.lower() for word in words(text)], set()
    for item in items:
        theirs = [word.lower() for word in words(item)]
        length = min(len(theirs), ngram)
        for start in range(len(theirs) - length + 1 if length else 0):
            for at in range(len(held) - length + 1):
                if held[at : at + length] == theirs[start : start + length] and (length >= FEW or length == len(held)):
                    met.add((at, at + length))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(met):
        if joined and first < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


@settings(max_examples=EXAMPLES)
@given(LINES, LINES, st.integers(5, 8))
def test_what_is_found_is_what_items_and_texts_share(items: list[str], texts: list[str], ngram: int) -> None:
    known = known_runs(item_runs(pl.Series(items, dtype=pl.String), ngram))
    found = find_runs(pl.Series(texts, dtype=pl.String), known)
    for row, text in enumerate(texts):
        here = found.filter(pl.col("row") == row)
        expected = spans(text, items, ngram)
        assert here["words"].to_list() == [last - first for first, last in expected]
        for start, end, count in here.select("start", "end", "words").iter_rows():
            assert len(words(text.encode()[start:end].decode())) == count


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("Before it: who, in 1902, wrote The Letter to the mayor? And after.", True),
        ("who in 1902 wrote the letter to a mayor", False),
        ("Paris", True),
        ("Paris is a city.", False),
        ("", False),
    ],
)  # fmt: skip
def test_items_are_found_whatever_their_case_and_signs(text: str, hit: bool) -> None:  # noqa: FBT001  a table
    known = known_runs(item_runs(pl.Series(["Who in 1902 wrote the letter to the mayor?", "Paris."]), 13))
    assert (find_runs(pl.Series([text]), known).height == 1) == hit
