"""Texts without punctuation, against the same rules as regular expressions."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.unpunctuated import unpunctuated
from tests.texts import EXAMPLES

DASH = r"\p{Pd}"
MARK = r"[\p{P}--[\p{Pd}@#%&*_/\\§¶†‡]]"
SIGNS = "ab Zé1 2.,;:!?'\"()[]-–—@%&/*_\n\t“”’…«»\u4e00٣"

PIECES = st.one_of(
    st.text(st.sampled_from(SIGNS), max_size=30), st.sampled_from(["x" * 63, "plain words " * 12, "ab  cd " * 9, "a b " * 16])
)
"""Signs beside long plain stretches, which the kernel takes as one."""


def slowly(text: str) -> str:
    """The oracle: rule after rule over the whole text."""
    held = pl.lit(text).str.replace_all(rf"{DASH}+([^\p{{N}}\p{{Pd}}]|$)", " $1")
    held = held.str.replace_all(rf"(^|[^\p{{N}}\p{{P}}]){MARK}+", "$1").str.replace_all(rf"{MARK}+([^\p{{N}}\p{{P}}]|$)", "$1")
    held = held.str.replace_all(r"(^|\s)[_*]+(\p{L})", "$1$2").str.replace_all(r"(\p{L})[_*]+(\s|$)", "$1$2")
    held = held.str.replace_all(r"\s", "  ").str.replace_all(r"(^|\s)[_*]{2,}(\s|$)", " ").str.replace_all(r"\s+", " ").str.strip_chars()
    return str(pl.select(held).item())


@settings(max_examples=EXAMPLES)
@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=4))
def test_what_is_left_is_what_the_rules_leave(texts: list[str]) -> None:
    assert unpunctuated(pl.Series(texts, dtype=pl.String)).to_list() == [slowly(text) for text in texts]


@settings(max_examples=EXAMPLES // 4)
@given(st.text(max_size=60))
def test_no_letter_is_lost(text: str) -> None:
    (left,) = unpunctuated(pl.Series([text]))
    assert [char for char in left if char.isalpha()] == [char for char in text if char.isalpha()]
    assert "  " not in left
    assert left == left.strip(" \n\t\r")
