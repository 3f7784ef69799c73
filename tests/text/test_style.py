"""Features of style against slow oracles, and scores against what is known of texts."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.filters.measuring import EXEMPLARS, Beside, measured
from tasks.filters.style import flesch, grade, modern, spread
from tasks.text.lexicon import hash_of, kinds_of, lexicon
from tasks.text.structure import structure
from tasks.text.style import FACTOR, LONGEST, SHORTEST
from tasks.text.wordlists import CONTRACTIONS, FUNCTION_WORDS, MARKS
from tests.oracles import words
from tests.texts import EXAMPLES

SMALL = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "Upon", "thou", "don't", "don’t", "nation", "I", "été", "was", "taken", "."]),
    max_size=60,
).map(" ".join)


def styled(*texts: str) -> pl.DataFrame:
    return structure(pl.Series(texts, dtype=pl.String), style=True)


def factors(held: list[str]) -> float:
    whole, seen, length = 0, set(), 0
    for word in held:
        length += 1
        seen.add(word)
        if (length >= SHORTEST and len(seen) < FACTOR * length) or length == LONGEST:
            whole, seen, length = whole + 1, set(), 0
    return whole + ((1 - len(seen) / length) / (1 - FACTOR) if length else 0) or 1


@settings(max_examples=EXAMPLES)
@given(st.lists(SMALL, max_size=4))
def test_counts_of_words_are_those_of_the_oracle(texts: list[str]) -> None:
    for text, row in zip(texts, styled(*texts).iter_rows(named=True), strict=True):
        held = [word.lower() for word in words(text)]
        assert row["distinct_words"] == len(set(held))
        assert row["grammar"] == [held.count(word) for word in FUNCTION_WORDS]
        assert row["function_words"] == sum(word in FUNCTION_WORDS for word in held)
        assert row["contractions"] == sum(word.replace("’", "'") in CONTRACTIONS.split() for word in held)
        assert row["archaic"] == sum(word in ("upon", "thou") for word in held)
        assert row["first_person"] == held.count("i")
        assert row["mtld"] == pytest.approx((len(held) / factors(held) + len(held) / factors(held[::-1])) / 2 if held else 0, rel=1e-5)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.text(st.sampled_from('ab ,;:—–-?!(["“”‘’…é\n'), max_size=200), max_size=4))
def test_signs_are_counted_by_their_kin(texts: list[str]) -> None:
    kin = {",": ",", ";": ";", ":": ":", "?": "?", "!": "!", "(": "([", '"': '"“”', "'": "'‘’", "…": "…"}
    for text, row in zip(texts, styled(*texts).iter_rows(named=True), strict=True):
        counted = dict(zip(MARKS, row["punctuation"], strict=True))
        assert {mark: counted[mark] for mark in kin} == {mark: sum(text.count(sign) for sign in signs) for mark, signs in kin.items()}
        runs = re.findall("-+", text)
        assert counted["-"] == sum(len(run) == 1 for run in runs)
        assert counted["—"] == sum(text.count(sign) for sign in "—–") + sum(len(run) > 1 for run in runs)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3), ("Mr. Smith met Dr. Jones at 3.14 p.m. sharp.", 1), ("J. R. R. Tolkien wrote it. It was long.", 2),
        ("He said “Go.” Then he left.", 2), ("It was... well, odd. Yes.", 2), ("A heading\n\nA text without an end", 2), ("", 0), ("Hm…", 1),
        ("We saw e.g. cats. They slept.", 2), ("Wait! she cried. Nobody came.", 2), ("no end", 1), ("v1.2.3 came out. Good.", 2),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_ends_them(text: str, count: int) -> None:
    assert styled(text)["sentences"].item() == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("cat", 1),
        ("table", 2),
        ("made", 1),
        ("banana", 3),
        ("rhythm", 1),
        ("readability", 5),
        ("the cat sat", 3),
        ("people", 2),
        ("area", 2),
    ],
)
def test_syllables_are_groups_of_vowels(text: str, count: int) -> None:
    assert styled(text)["syllables"].item() == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The house was built by him.", 1),
        ("It was quickly taken away.", 1),
        ("He was tired. She wanted it.", 0),
        ("They have been told and were seen.", 2),
        ("He is a man who painted.", 0),
    ],
)
def test_passives_are_forms_of_be_with_a_participle(text: str, count: int) -> None:
    assert styled(text)["passives"].item() == count


def test_dialogue_is_what_stands_between_double_quotes() -> None:
    assert styled('"abc" de', "“abc” de", "«abc» de", '"abc\n\nde', "'abc'")["quoted_chars"].to_list() == [3, 3, 3, 0, 0]


def quoted(text: str) -> int:
    """The oracle of dialogue."""
    total, inside = 0, -1
    for at, char in enumerate(text):
        if char in '"”»' and inside >= 0:
            total, inside = total + inside, -1
        elif char in '"“«':
            inside = 0
        elif text[at : at + 2] == "\n\n":
            inside = -1
        elif inside >= 0:
            inside += 1
    return total


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(st.text(st.sampled_from('ab "“”«»é—\n'), max_size=90), st.just("word " * 13)), max_size=5).map("".join))
def test_dialogue_is_that_of_the_oracle(text: str) -> None:
    assert styled(text)["quoted_chars"].item() == quoted(text)


def test_readability_is_that_of_the_formulas() -> None:
    row = styled("The cat sat on the mat. It was glad.")
    scores = row.select(flesch=flesch(), grade=grade(), spread=spread()).row(0, named=True)
    assert scores["flesch"] == pytest.approx(206.835 - 1.015 * 9 / 2 - 84.6 * 9 / 9)
    assert scores["grade"] == pytest.approx(0.39 * 9 / 2 + 11.8 * 9 / 9 - 15.59)
    assert scores["spread"] == pytest.approx(1.5)


def test_no_listed_word_shares_a_hash() -> None:
    known = kinds_of()
    assert len({hash_of(word) for word in known}) == len(known)
    assert (lexicon().hashes != 0).sum() == len(known)


def test_a_text_of_nothing_has_a_score() -> None:
    assert styled("", "…").select(modern()).to_series().to_list() == [0, 0]


def test_like_is_nearer_to_its_own_kind() -> None:
    plain = "I went home. I don't know why. It was late and I was tired, so I slept. "
    legal = "The party of the first part, hereinafter referred to as the lessee, shall upon notice thereof remit to the lessor such sums as are due; "
    texts = pl.DataFrame({"text": [plain * 3, legal * 3, ""]})
    near = measured(texts, "text", ["style", "like"], Beside({EXEMPLARS: f"{plain}\n\nI don't think so. I was at work and it was fine."}))[
        "like"
    ]
    assert near[0] < 0.3 < near[1] < near[2] == 1


def test_an_apostrophe_is_an_apostrophe_however_it_is_set() -> None:
    table = styled("We don't know. It's John's mother's hat.", "We don’t know. It’s John’s mother’s hat.")
    assert table["syllables"].to_list() == [8, 8]


def test_one_endless_sentence_has_its_length() -> None:
    row = styled("word " * 70_000 + ". Next we go on here.").select(spread=spread()).item()
    assert row == pytest.approx(34_997.5, rel=1e-3)
