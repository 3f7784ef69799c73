"""Each kernel against a slow oracle in plain Python, over texts of every kind."""

import re
import string
import unicodedata
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.arrow import Bytes
from tasks.text.classes import ALONE, INNER, SPACE, WORD, table
from tasks.text.cuts import cut
from tasks.text.eights import first_marked, load8, store8, unplain
from tasks.text.grams import PAPER
from tasks.text.hashing import chances, hash_texts
from tasks.text.kernel import kernel
from tasks.text.lines import CURLY, LOREM, POLICY, SCRIPT, fields_by, lines
from tasks.text.peer import peer_features
from tasks.text.sameness import same_hash
from tasks.text.scratch import PAD, load, load_words, scratch_for
from tasks.text.shingles import jaccard, shingle_sets
from tasks.text.signatures import band_keys
from tasks.text.structure import structure
from tasks.text.windows import passages
from tasks.text.words import count_words
from tests.oracles import SPACES, line_flags, repetition_of, sentences_in, structure_of, words
from tests.texts import EXAMPLES, records_of

PIECES = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("ab .!?\n'-\u2019\u4e00\u0301é\"#…*"), max_size=60),
    st.text(st.characters(min_codepoint=0x10000), max_size=8),
    st.sampled_from(
        ["a" * 63, "the and of", "x" * 130, "\n\n", "...", "....", "- b\n", "word's ", "über-", "„Zitat“ ", "The end.\n", "A B 7\n"]
    ),
)
TEXTS = st.lists(st.one_of(PIECES, st.lists(PIECES, min_size=2, max_size=12).map("".join)), max_size=6)
"""Texts of every kind; the joined ones are longer than the 64 places that kernels look at together."""


@settings(max_examples=EXAMPLES)
@given(TEXTS)
def test_words_are_counted_as_the_oracle_counts(texts: list[str]) -> None:
    assert count_words(pl.Series(texts, dtype=pl.String)).to_list() == [len(words(text)) for text in texts]


@settings(max_examples=EXAMPLES)
@given(TEXTS)
def test_structure_is_that_of_the_oracle(texts: list[str]) -> None:
    table = structure(pl.Series(texts, dtype=pl.String))
    assert table.to_dicts() == [structure_of(text) for text in texts]


def test_runs_of_full_stops_are_counted_wherever_they_lie() -> None:
    texts = ["a" * before + "." * dots + "b" * 70 for before in range(140) for dots in range(7)]
    assert structure(pl.Series(texts))["ellipses"].to_list() == [structure_of(text)["ellipses"] for text in texts]


def test_lines_that_differ_in_a_few_places_are_different() -> None:
    signs = string.ascii_letters + string.digits
    for form in (
        "row-000{a}abc{b}xyz{b} and so on",
        "{a}       {b}       {a}{b}",
        "id={a}{b};id={b}{a};",
        "0000000{a}0000000{b}0000000{a}",
    ):
        rows = sorted({form.format(a=a, b=b) for a in signs for b in signs})
        found = structure(pl.Series(["\n".join(rows)]))
        assert found["duplicate_lines"].item() == 0, form
        assert peer_features(pl.Series(["\n".join(rows)]))["duplicate_lines"].item() == 0, form


def test_long_words_that_differ_in_a_few_places_are_different() -> None:
    for form in ("interna{a}ization{b}", "202601{a}{b}123456{a}{b}", "{a}{b}aaaaaaaaaaaaaaaa{b}{a}", "aaaaaaa{a}aaaaaaa{b}aaaaaaa{a}"):
        held = sorted({form.format(a=a, b=b) for a in string.ascii_lowercase for b in string.ascii_lowercase})
        assert structure(pl.Series([" ".join(held)]), style=True)["distinct_words"].item() == len(held), form


WORDS = st.one_of(*(st.lists(st.sampled_from(words), max_size=40) for words in (["a", "bb", "ccc", "dd", "e"], ["a", "bb"], ["ccc"])))


@settings(max_examples=EXAMPLES)
@given(st.lists(WORDS.map(" ".join), max_size=4))
def test_repeated_n_grams_are_those_of_the_oracle(texts: list[str]) -> None:
    table = structure(pl.Series(texts, dtype=pl.String), repetition=True)
    assert table.to_dicts() == [structure_of(text) | repetition_of(text) for text in texts]


@given(TEXTS, st.integers(1, 6), st.integers(6, 20))
def test_passages_lose_no_word_and_none_is_too_long(texts: list[str], low: int, high: int) -> None:
    table = passages(pl.Series(texts, dtype=pl.String), low, high)
    for place, text in enumerate(texts):
        found = table.filter(pl.col("row") == place)
        assert [word for passage in found["passage"] for word in words(passage)] == words(text)
        assert found["words"].to_list() == [len(words(passage)) for passage in found["passage"]]
        encoded = text.encode()
        assert [encoded[start:end].decode() for start, end in found.select("start", "end").iter_rows()] == found["passage"].to_list()


@given(TEXTS)
def test_lines_cover_the_text_and_cutting_none_changes_nothing(texts: list[str]) -> None:
    held = pl.Series(texts, dtype=pl.String)
    for text, found in zip(texts, records_of(lines(held)["lines_of"], fields_by(PAPER)), strict=True):
        assert [line["start"] for line in found] == [0, *(line["end"] for line in found[:-1])]
        assert found[-1]["end"] == len(text.encode()) + 1
    assert cut(held, pl.Series([[]] * len(texts), dtype=pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64})))).to_list() == texts


PHRASED = st.sampled_from([
    "JavaScript", "lorem ipsum", "terms of use", "Privacy Policy", "COOKIE POLICY", "uses cookies", "use of cookies", "use cookies",
    "terms\tof use", "legacy", "cookie", "{", "a" * 61, "of use", '"', ". ", " ", "é", "word ", "\u3000", "?!", "\n",
])  # fmt: skip


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(PHRASED, PIECES.filter(lambda text: "[" not in text)), max_size=20).map("".join))
def test_lines_tell_what_the_oracle_tells(text: str) -> None:
    (found,) = records_of(lines(pl.Series([text]))["lines_of"], fields_by(PAPER))
    for line, row in zip(text.split("\n"), found, strict=True):
        runs = SPACES.split(line)
        assert row["words"] == len([run for run in runs if run])
        assert row["longest"] == max(map(len, runs))
        assert row["sentences"] == sentences_in(line)
        assert row["flags"] & (SCRIPT | LOREM | CURLY | POLICY) == line_flags(line)


def test_cutting_every_second_line_leaves_the_others() -> None:
    texts = pl.Series(["one\ntwo\nthree", "é\nü"])
    measured = records_of(lines(texts)["lines_of"], fields_by(PAPER))
    spans = [[{"start": line["start"], "end": line["end"]} for line in found[::2]] for found in measured]
    assert cut(texts, pl.Series(spans)).to_list() == ["two\n", "ü"]


@given(TEXTS, st.integers(0, 2**40))
def test_hashes_depend_on_the_text_and_the_seed_alone(texts: list[str], seed: int) -> None:
    column = pl.Series(texts, dtype=pl.String)
    alone = [hash_texts(pl.Series([text]), seed)[0] for text in texts]
    assert hash_texts(column, seed).to_list() == alone
    assert len(set(alone)) == len(set(texts))
    assert all(0 <= chance < 1 for chance in chances(column, seed))


def test_hashes_are_the_same_in_every_version() -> None:
    assert hash_texts(pl.Series(["", "a", "a longer text of words"]), 7).to_list() == FIXED


FIXED = [7088537228805664277, 7312528951326977933, 11476351699428279139]


def test_chances_are_spread_evenly() -> None:
    found = np.histogram(chances(pl.Series([f"row {n}" for n in range(20_000)]), 3).to_numpy(), 10, (0, 1))[0]
    assert found.min() > 1800
    assert found.max() < 2200


def shingles(text: str) -> set[tuple[str, ...]]:
    held = [word.lower() for word in words(text)]
    return {tuple(held[at : at + 5]) for at in range(len(held) - 4)}


@settings(max_examples=100)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=30, max_size=60), st.lists(st.sampled_from("abcdefgh"), min_size=30, max_size=60))
def test_the_similarity_of_long_texts_is_exact(left: list[str], right: list[str]) -> None:
    one, two = " ".join(left), " ".join(right)
    expected = len(shingles(one) & shingles(two)) / len(shingles(one) | shingles(two))
    found = jaccard(shingle_sets(pl.Series([one, two])), np.array([0]), np.array([1]))
    assert found[0] == pytest.approx(expected)


def test_short_texts_are_compared_by_characters_and_never_collapse() -> None:
    texts = pl.Series(["yes", "no", "ok.", "a", "", "Thank you!", "thank you", "THANK  you!"])
    sets = shingle_sets(texts)
    left, right = np.triu_indices(len(texts), 1)
    same = {(int(a), int(b)) for a, b, j in zip(left, right, jaccard(sets, left, right), strict=True) if j == 1}
    assert same == {(5, 7)}


def test_equal_texts_share_every_band_and_different_ones_none() -> None:
    texts = pl.Series([" ".join(f"w{n}" for n in range(60)), " ".join(f"w{n}" for n in range(60)), " ".join(f"v{n}" for n in range(60))])
    keys, firsts, _ = band_keys(texts, 10, 4)
    one, two, other = (keys[a:b].tolist() for a, b in zip(firsts, firsts[1:], strict=False))
    assert one == two
    assert len(one) == 10
    assert not set(one) & set(other)


@pytest.mark.parametrize(("left", "right"), [(19, 20), (20, 19), (39, 41), (24, 20)])
def test_texts_on_both_sides_of_a_bound_are_still_compared(left: int, right: int) -> None:
    texts = pl.Series([" ".join(f"word{n}" for n in range(count)) for count in (left, right)])
    keys, firsts, _ = band_keys(texts, 40, 2)
    assert set(keys[: firsts[1]].tolist()) & set(keys[firsts[1] :].tolist())
    assert jaccard(shingle_sets(texts), np.array([0]), np.array([1]))[0] > 0.75


def test_bands_find_as_many_pairs_as_is_computed() -> None:
    draw = np.random.default_rng(5)
    texts, similar = [], []
    for n in range(1500):
        held = [f"w{n}x{k}" for k in range(84)]
        texts.append(" ".join(held))
        for place in draw.choice(80, 3, replace=False) + 2:
            held[place] = f"other{n}"
        texts.append(" ".join(held))
    left, right = np.arange(0, 3000, 2), np.arange(1, 3000, 2)
    similar = jaccard(shingle_sets(pl.Series(texts)), left, right)
    keys, firsts, _ = band_keys(pl.Series(texts), 6, 4)
    found = [
        bool(set(keys[firsts[a] : firsts[a + 1]].tolist()) & set(keys[firsts[b] : firsts[b + 1]].tolist()))
        for a, b in zip(left, right, strict=True)
    ]
    expected = 1 - (1 - similar**4) ** 6
    assert abs(np.mean(found) - expected.mean()) < 4 * np.sqrt((expected * (1 - expected)).sum()) / len(left)


def plainly(text: str) -> str:
    """Say by regular expressions what an exact hash leaves of a text."""
    bare = unicodedata.normalize("NFC", text)
    quotes = "\"'«»" + "".join(map(chr, range(0x2018, 0x2020)))
    kept = [re.sub(rf"[.,;:!?…{quotes}]+$", "", re.sub(rf"^[{quotes}¿¡]+", "", run)) for run in re.split(r"\s+", bare)]
    said = " ".join(run for run in kept if run)
    return said.lower() if said else bare


@settings(max_examples=EXAMPLES)
@given(st.lists(st.text(st.sampled_from("aAéÉe\u0301 .,\"'¿—-\u3000\n\u2019“”…x1²"), max_size=90), min_size=2, max_size=4))
def test_texts_share_an_exact_hash_where_they_say_the_same(texts: list[str]) -> None:
    hashes = same_hash(pl.Series(texts)).to_list()
    for one, a in zip(texts, hashes, strict=True):
        for two, b in zip(texts, hashes, strict=True):
            assert (a == b) == (plainly(one) == plainly(two)), (one, two)


DRESSED = st.tuples(
    st.sampled_from(["", '"', "“", "«¿", "¡"]),
    st.sampled_from([str.lower, str.upper, str.capitalize]),
    st.sampled_from(["", ".", ",", "…", '?"', "’;", "!!!"]),
    st.sampled_from([" ", "\n", "\u3000", "\r\n  ", "\t\x1c"]),
)


@settings(max_examples=EXAMPLES)
@given(
    st.lists(
        st.tuples(st.sampled_from(["word", "it's", "2-3", "3*2", "über", "字母", "$5", "x=y", "a@b.org", "--", "née"]), DRESSED, DRESSED),
        min_size=1,
    )
)
def test_texts_that_differ_in_their_dress_share_an_exact_hash(told: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]]) -> None:
    one, two = (
        "".join(f"{dress[0]}{dress[1](word)}{dress[2]}{dress[3]}" for word, *dresses in told for dress in [dresses[at]]) for at in (0, 1)
    )
    plain, dressed, other = same_hash(pl.Series([one, two, one + "more"])).to_list()
    assert plain == dressed != other


@settings(max_examples=EXAMPLES)
@given(st.lists(st.text(st.characters(max_codepoint=127), max_size=150) | st.text(st.sampled_from("aB .,\"'!?\n\t\x1c-$2é\u3000"), max_size=150), min_size=1, max_size=5))  # fmt: skip
def test_the_exact_hash_is_the_same_with_bands_and_without(texts: list[str]) -> None:
    assert same_hash(pl.Series(texts)).to_list() == band_keys(pl.Series(texts), 4, 2)[2].tolist()


def test_of_the_classes_of_ascii_those_that_words_ask_for_are_found_without_a_table() -> None:
    classes, asked = table()[0], WORD | SPACE | ALONE | INNER
    text = np.concatenate([np.arange(128, dtype=np.uint8), np.frombuffer(("a" * 70 + "é字 B" * 20 + "Z").encode(), np.uint8)])
    whole, part = scratch_for(len(text)), scratch_for(len(text))
    load(text, 0, len(text), classes, whole)
    load_words(text, 0, len(text), classes, part)
    assert ((whole.marks & asked) == (part.marks & asked))[: len(text) + PAD].all()
    assert bytes(part.text[: len(text)]) == bytes(text).lower()


def test_of_eight_bytes_the_first_that_is_not_plain_is_marked() -> None:
    for byte in range(256):
        for place in range(8):
            eight = bytearray(b"a letter"[:place] + b'abc"\x1f\\d\xff'[place:])
            eight[place] = byte
            data = np.frombuffer(bytes(eight) + b"!", np.uint8)
            wanted = next((at for at, one in enumerate(eight) if not 32 <= one < 128 or chr(one) in '"\\'), 8)
            assert wanted == _marked(data), (byte, place)
            assert _moved(data) == bytes(eight)


@kernel
def _first_marked(data: Bytes) -> int:
    return first_marked(unplain(load8(data, 0)))


def _marked(data: Bytes) -> int:
    return int(_first_marked(data))


@kernel
def _copied(data: Bytes, out: Bytes) -> None:
    store8(out, 1, load8(data, 0))


def _moved(data: Bytes) -> bytes:
    out = np.zeros(10, np.uint8)
    _copied(data, out)
    assert out[0] == out[9] == 0
    return out[1:9].tobytes()
