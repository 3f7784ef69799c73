"""Noise: each kind gets wrong what it says and nothing else, as often as it says; what was right stays the output."""

import re
from collections.abc import Callable
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from flows.reader import read_recipe
from tasks.errors import RecipeError
from tasks.frames import conform
from tasks.pairs import slips
from tasks.pairs.noise import OF_PLACES, OF_TEXTS, Noise
from tasks.step import Context
from tests.texts import prose

CONTEXT = Context("step", 3)
TEXT = " ".join(prose(n) for n in range(200))
ODD = "Der Café-Gast (aus Zürich) sagte: “Nein!” — <b>2&3</b> naïve 字母 Ελλάδα."


def pairs_of(step: Noise, *texts: str) -> pl.DataFrame:
    frame = conform(pl.DataFrame({"id": [f"a/{n}" for n in range(len(texts))], "text": list(texts)}), "documents")
    return step.apply(frame, CONTEXT).kept


@pytest.mark.parametrize("kind", [*OF_PLACES, *OF_TEXTS])
def test_the_text_stays_the_output_and_the_input_is_drawn_by_id_and_seed(kind: str) -> None:
    step = Noise.model_validate({"use": "noise", kind: 0.5, "unchanged": 0.0})
    texts = [f"{ODD} {prose(n)}" for n in range(30)]
    made = pairs_of(step, *texts)
    assert made["output"].to_list() == texts
    assert (made["input"] != made["output"]).sum() >= (6 if kind in OF_TEXTS else 28)
    assert set(made["generator"]) == {"rule:noise"}
    frame = conform(pl.DataFrame({"id": [f"a/{n}" for n in range(30)], "text": texts}), "documents")
    assert step.apply(frame.reverse(), CONTEXT).kept.reverse()["input"].equals(made["input"])
    assert not step.apply(frame, Context("step", 4)).kept["input"].equals(made["input"])


@pytest.mark.parametrize(
    ("kind", "places"), [("case", slips.WORD), ("punctuation", slips.SIGN), ("keyboard", slips.LETTER), ("ocr", slips.READ), ("markup", slips.MARKED)]
)  # fmt: skip
def test_as_many_places_go_wrong_as_the_rate_says(kind: str, places: re.Pattern[str]) -> None:
    wrong = []
    slips.changed(TEXT, places, 0.1, Random(1), lambda found, _: wrong.append(found.start()) or found[0])
    count = len(places.findall(TEXT))
    assert abs(len(wrong) - 0.1 * count) < 5 * (0.09 * count) ** 0.5
    assert OF_PLACES[kind](TEXT, 0.0, Random(1)) == TEXT
    assert Levenshtein.distance(TEXT, OF_PLACES[kind](TEXT, 0.1, Random(1))) >= 0.5 * len(wrong)


@given(st.text(max_size=60) | st.just(ODD), st.floats(0.1, 1), st.integers(0, 99))
def test_each_kind_gets_wrong_what_it_says_and_nothing_else(text: str, rate: float, seed: int) -> None:
    def without(places: str) -> Callable[[str], str]:
        return lambda said: re.sub(places, "", said)

    blind: dict[str, Callable[[str], str]] = {
        "case": lambda said: said.casefold().upper().casefold(),
        "punctuation": without(rf"{slips.SIGN.pattern}| "),
        "keyboard": without(r"[^\W\d_]"),
    }
    for kind, same in blind.items():
        assert same(OF_PLACES[kind](text, rate, Random(seed))) == same(text), kind


def test_a_key_is_taken_for_one_that_lies_beside_it() -> None:
    assert set(slips.BESIDE["g"]) == set("ftyhvb")
    assert all(one in slips.BESIDE[two] for one, held in slips.BESIDE.items() for two in held)
    made = slips.keyboard("g" * 4000, 1.0, Random(2))
    assert set(made) == set("gftyhvb")
    assert slips.keyboard("G字" * 50, 1.0, Random(2)).replace("字", "").isupper()


def test_what_is_misheard_is_a_transcript() -> None:
    made = pairs_of(Noise(speech=0.2, unchanged=0.0), *(f"They said: “Their {n} sons, too, were here!”" for n in range(60)))
    said = " ".join(made["input"])
    assert said == said.lower()
    assert not re.search(r"[.,:!“”]", said)
    assert {"there", "they're"} & set(said.split())
    assert any(f" {filler} " in said for filler in slips.FILLERS)
    assert re.search(r"\b(\w+) \1\b", said)


def test_mojibake_is_the_text_by_another_encoding() -> None:
    made = {slips.mojibake("café", Random(n)) for n in range(40)}
    assert made == {"caf?", "caf\ufffd", "cafÃ©", "cafÃƒÂ©"}
    assert slips.mojibake("“ça”", Random(next(n for n in range(40) if slips.mojibake("é", Random(n)) == "Ã©"))) == "â€œÃ§aâ€\x9d"
    assert slips.mojibake("plain", Random(1)) == "plain"


@given(st.text(min_size=1, max_size=50), st.integers(0, 99))
def test_what_is_cut_off_is_an_end_of_the_text(text: str, seed: int) -> None:
    made = slips.truncation(text, Random(seed))
    assert text.startswith(made) or text.endswith(made)
    assert len(text) // 4 <= len(made) <= len(text)
    assert made


def test_of_pairs_the_output_stays_what_it_was() -> None:
    rows = pl.DataFrame({"id": ["a", "b"], "input": [TEXT, "???"], "output": ["yes", "no"]})
    halves = Noise(keyboard=0.1, punctuation=1.0, unchanged=0.0).apply(conform(rows, "pairs"), CONTEXT)
    assert halves.kept["output"].to_list()[0] == "yes"
    assert halves.kept["input"][0] != TEXT
    assert halves.kept.height + halves.dropped.height == 2


def test_a_share_of_the_inputs_stays_right() -> None:
    made = pairs_of(Noise(case=0.5, unchanged=0.2), *(prose(n) for n in range(300)))
    same = (made["input"] == made["output"]).sum()
    assert 35 <= same <= 90


def test_noise_that_makes_none_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"makes no noise: give one of case, punctuation, speech, keyboard, ocr, markup, mojibake"):
        read_recipe({"name": "x", "steps": {"a": {"use": "files", "path": "a"}, "b": {"use": "noise"}, "c": {"use": "write"}}})
