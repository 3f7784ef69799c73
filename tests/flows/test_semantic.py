"""Rows of one meaning: planted paraphrases found, without a model and with one, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.build import build, main
from tasks.dedup.semantic import Semantic
from tasks.errors import RecipeError
from tasks.text.lexical import cosines, lexical_vectors, plane_keys
from tests.growth.test_growing import endpoint, stats
from tests.paraphrases import PARAPHRASES
from tests.texts import EXAMPLES

RECIPE = """
name: rows
steps:
  rows: {use: files, path: rows.jsonl}
  unique: {use: dedup, semantic: SEMANTIC}
  out: {use: write}
"""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    held = [{"id": f"{side}{n}", "text": text} for n, pair in enumerate(PARAPHRASES) for side, text in zip("ab", pair, strict=True)]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, held)))
    return tmp_path


def told(made: Any) -> tuple[dict[str, Any], pl.DataFrame]:
    report = next(report for report in made.summary["steps"] if report["name"] == "unique")
    return report, pl.concat(pl.read_parquet(path) for path in report["parts"]["verdicts"])


def paired(verdicts: pl.DataFrame) -> set[tuple[int, int]]:
    """Give the places of dropped rows and of those that they name."""
    lost = verdicts.filter(~pl.col("keep")).select(pl.col("id", "duplicate_of").str.extract(r"#(\d+)$").cast(pl.Int64) - 1)
    return {(min(pair), max(pair)) for pair in lost.iter_rows()}


def test_paraphrases_are_found_and_nothing_else(rows: Path) -> None:
    report, verdicts = told(build(RECIPE.replace("SEMANTIC", "{similarity: 0.65, recall: 0.99}"), out="one"))
    assert paired(verdicts) == {(2 * n, 2 * n + 1) for n in range(len(PARAPHRASES))}
    assert report["meant"]["alike"] == len(PARAPHRASES)
    assert verdicts["similarity"].drop_nulls().min() >= 0.65
    report, verdicts = told(build(RECIPE.replace("SEMANTIC", "{}"), out="one"))
    assert paired(verdicts) <= {(2 * n, 2 * n + 1) for n in range(len(PARAPHRASES))}
    assert len(paired(verdicts)) >= 9
    report, _ = told(build(RECIPE.replace("semantic: SEMANTIC", "near: {}"), out="one"))
    assert report["dropped"] == {}


def test_of_very_many_near_pairs_those_that_hold_rows_together_do_as_well(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [{"text": f"Tell the customer {name} politely that the parcel to {place} is late by a day or two."} for name in ["Ann", "Bo", "Cy", "Di", "Ed", "Flo"] for place in ["Rome", "Bonn", "Oslo"]]  # fmt: skip
    (rows / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, held + [{"text": text} for text in PARAPHRASES[0]])))
    recipe = RECIPE.replace("SEMANTIC", "{similarity: 0.65, recall: 0.99}")
    whole, verdicts = told(build(recipe, out="whole"))
    monkeypatch.setattr("flows.work.semantics.MOST_PAIRS", 5)
    thin, thinned = told(build(recipe, out="thin"))
    assert whole["meant"]["alike"] > 100
    assert thin["meant"]["alike"] == thin["dropped"]["duplicate"] == 18
    assert verdicts.select("id", "keep", "reason").equals(thinned.select("id", "keep", "reason"))
    assert thinned["similarity"].drop_nulls().min() >= 0.65
    strict, _ = told(build(recipe.replace("semantic:", "strict: true, semantic:"), out="strict"))
    assert strict["meant"]["alike"] == whole["meant"]["alike"]


def test_pairs_must_mean_the_same_in_each_column(rows: Path) -> None:
    held = [
        {"input": PARAPHRASES[0][0], "output": PARAPHRASES[1][0]},
        {"input": PARAPHRASES[0][1], "output": PARAPHRASES[1][1]},
        {"input": PARAPHRASES[0][1], "output": PARAPHRASES[2][1]},
    ]
    (rows / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, held)))
    pairs = RECIPE.replace("path: rows.jsonl", "path: rows.jsonl, as: pairs")
    report, verdicts = told(build(pairs.replace("SEMANTIC", "{similarity: 0.65, recall: 0.99}"), out="one"))
    assert paired(verdicts) == {(0, 1)}
    report, verdicts = told(build(pairs.replace("SEMANTIC", "{similarity: 0.65, recall: 0.99}, by: [input]"), out="one"))
    assert report["dropped"] == {"duplicate": 2}


def test_texts_of_which_a_vector_says_nothing_resemble_none(rows: Path) -> None:
    (rows / "rows.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in ("???!", "+++ ---", "= = =")))
    report, _ = told(build(RECIPE.replace("SEMANTIC", "{}"), out="one"))
    assert report["dropped"] == {}


def test_padding_and_truncation_of_a_tokenizer_change_no_vector(rows: Path) -> None:
    from tokenizers import Tokenizer

    from tasks.text.static import static_vectors

    model(rows / "vectors")
    paths = [str(rows / "vectors/tokenizer.json"), str(rows / "vectors/model.safetensors")]
    split = Tokenizer.from_file(paths[0])
    split.enable_padding(pad_id=1)
    split.enable_truncation(3)
    split.save(paths[0])
    alone = static_vectors(pl.Series(["cherry"]), *paths)
    beside = static_vectors(pl.Series(["cherry", "apple " * 9 + "cherry " * 90]), *paths)
    assert (alone[0] == beside[0]).all()
    assert beside[1][2] > beside[1][0]


def test_the_column_that_is_least_near_decides() -> None:
    rows = pl.DataFrame({"input": ["apples and pears", "pears and apples"], "output": ["yes indeed", "never ever"]})
    vectors = rows.select(Semantic().vectors(rows, ["input", "output"], {}), place=pl.Series([0, 1], dtype=pl.UInt64))
    pairs = pl.DataFrame({"left": [0], "right": [1]}, schema={"left": pl.UInt64, "right": pl.UInt64})
    assert Semantic().alike(pairs, vectors, 2).height == 0
    assert Semantic(similarity=0.5).alike(pairs, vectors, 1).height == 1


def test_rows_of_one_meaning_in_a_published_dataset_are_known(rows: Path) -> None:
    build(RECIPE.replace("semantic: SEMANTIC", "near: {}").replace("name: rows", "name: old"), out="store")
    (rows / "rows.jsonl").write_bytes(orjson.dumps({"text": PARAPHRASES[5][1] + " "}) + b"\n" + orjson.dumps({"text": "Something else."}))
    report, _ = told(build(RECIPE.replace("SEMANTIC", "{}, index: store/old"), out="one"))
    assert report["dropped"] == {"known": 1}


def model(folder: Path) -> None:
    """Write a static model in which words of the same first letter have one direction."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", "apple", "avocado", "banana", "berry", "cherry"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.array([[0, 0, 0], [1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.95, 0.05], [0, 0, 1]], np.float32)
    save_file({"embeddings": vectors}, str(folder / "model.safetensors"))


def test_a_model_of_ones_own_tells_what_words_mean(rows: Path) -> None:
    model(rows / "vectors")
    texts = ["apple", "avocado avocado", "banana", "berry", "cherry", "unheard"]
    (rows / "rows.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in texts))
    recipe = RECIPE.replace("SEMANTIC", "{model: vectors, similarity: 0.9}")
    _, verdicts = told(build(recipe, out="one"))
    assert paired(verdicts) == {(0, 1), (2, 3)}
    (rows / "vectors/model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RecipeError, match="is no static model"):
        build(recipe, out="one")
    (rows / "vectors/model.safetensors").unlink()
    with pytest.raises(RecipeError, match="does not exist"):
        build(recipe, out="one")


HOSTED = "models: {v: {model: m, url: 'URL/v1'}}\nsteps:"


def test_an_endpoint_is_asked_once_for_each_text_and_never_for_private_ones(rows: Path) -> None:
    texts = ["apple", "avocado avocado", "banana", "berry", "cherry", "apple"]
    (rows / "rows.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in texts))
    recipe = RECIPE.replace("SEMANTIC", "{endpoint: {model: v, tokens: 1000}, similarity: 0.9}").replace("steps:", HOSTED)
    with endpoint(rate=3) as url:
        made = build(recipe.replace("URL", url), out="one")
        report, verdicts = told(made)
        assert len(paired(verdicts)) == 3
        assert {place for pair in paired(verdicts) for place in pair} == {0, 1, 2, 3, 5}
        assert report["cost"]["requests"] == 1
        assert report["cost"]["input_tokens"] == 6
        asked = stats(url)["calls"]
        more = [{"text": text} for text in [*texts, "damson"]]
        (rows / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, more)))
        report, _ = told(build(recipe.replace("URL", url), out="one"))
        assert (report["cost"]["requests"], report["cost"]["cached"], report["cost"]["input_tokens"]) == (1, 5, 1)
        assert stats(url)["calls"] - asked <= 2
        before = stats(url)["calls"]
        private = recipe.replace("path: rows.jsonl", "path: rows.jsonl, private: true")
        report, _ = told(build(private.replace("URL", url), out="two"))
        assert report["dropped"] == {"duplicate": 1}
        assert stats(url)["calls"] == before


def test_beyond_its_tokens_an_endpoint_is_not_asked_and_the_build_is_partial(rows: Path) -> None:
    recipe = RECIPE.replace("SEMANTIC", "{endpoint: {model: v, tokens: 100}}").replace("steps:", HOSTED)
    with endpoint() as url:
        made = build(recipe.replace("URL", url), out="one")
        assert made.summary["partial"] == ["steps.unique: budget reached"]
        assert 0 < told(made)[0]["cost"]["input_tokens"] <= 100
    with pytest.raises(RecipeError, match="is not among the models"):
        build(recipe.replace("URL", "http://127.0.0.1:1").replace("models: {v:", "models: {w:"), out="one")
    with pytest.raises(RecipeError, match="--offline refuses the network"):
        build(recipe.replace("URL", "http://127.0.0.1:1"), out="three", offline=True)


def test_shards_and_partitions_change_nothing(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPE.replace("SEMANTIC", "{similarity: 0.65}")
    one = build(recipe, out="one")
    monkeypatch.setattr("flows.exchanging.PARTITION_KEYS", 100)
    assert build(recipe, out="many", shard_bytes=600).version == one.version


def test_the_plan_tells_what_is_expected(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rows / "r.yaml").write_text(RECIPE.replace("SEMANTIC", "{}"))
    assert main(["r.yaml", "--plan"]) == 0
    assert "planes; expected to find 0.95" in capsys.readouterr().out


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(["apple", "Apple", "é", "apples", "don't", "x"]), max_size=9).map(" ".join))
def test_vectors_set_aside_case_and_order(text: str) -> None:
    other = " ".join(reversed(text.upper().split()))
    vectors = lexical_vectors(pl.Series([text, other]))
    assert cosines(vectors, np.array([0]), np.array([1]))[0] > 0.999


def test_as_many_near_pairs_meet_as_are_expected() -> None:
    draw = np.random.default_rng(3)
    asked = Semantic(similarity=0.75)
    bands, bits = asked.bands()
    one = draw.normal(size=(2000, 512))
    other = 0.75 * one + np.sqrt(1 - 0.75**2) * draw.normal(size=(2000, 512))
    keys = [plane_keys(np.rint(side * 25).clip(-127, 127).astype(np.int8), bands, bits) for side in (one, other)]
    assert (keys[0] == keys[1]).any(axis=1).mean() > 0.93
    assert (keys[0] == np.roll(keys[1], 1, axis=0)).any(axis=1).mean() < 0.03
