"""Decontamination through whole builds: dropped, cut and marked rows, and what is told of them."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from flows.build import build
from flows.reader import read_recipe
from tasks.errors import RecipeError
from tests.texts import prose

QUESTION = "Which of the three lanterns that hang over the old market bridge was lit first in winter?"
RECIPE = """
name: clean
steps:
  rows: {use: files, path: "rows.jsonl"}
  exams: {use: files, path: "exams.jsonl"}
  unseen: {use: decontaminate, from: rows, against: exams, mode: MODE}
  dataset: {use: write}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texts = [prose(1), f"{prose(2, 2)} {QUESTION.lower()} {prose(3, 2)}", QUESTION, prose(4), "No lamps."]
    write(tmp_path / "rows.jsonl", [{"id": f"r{n}", "text": text} for n, text in enumerate(texts)])
    write(tmp_path / "exams.jsonl", [{"id": "e0", "text": f"{QUESTION} (a) the first"}, {"id": "e1", "text": "no lamps"}])
    return tmp_path


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))


def made(mode: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    dataset = build(RECIPE.replace("MODE", mode), out=f"out-{mode}")
    return dataset.train.collect(), next(step for step in dataset.summary["steps"] if step["name"] == "unseen")


def test_rows_with_items_are_dropped_and_named(place: Path) -> None:
    rows, told = made("drop")
    assert sorted(rows["text"].str.slice(0, 20).to_list()) == sorted([prose(1)[:20], prose(4)[:20]])
    assert told["dropped"] == {"contaminated": 3}
    assert told["found"] == {"items": 2, "hits": 3, "rows": 3}
    verdicts = pl.concat([pl.read_parquet(path) for path in told["parts"]["verdicts"]])
    lost = verdicts.filter(~pl.col("keep")).sort("start", "end")
    assert set(lost["item"].str.slice(-2)) == {"#1", "#2"}
    assert verdicts.height == 5
    text = (place / "rows.jsonl").read_text().splitlines()[1]
    start, end = lost.sort("start").tail(1).select("start", "end").row(0)
    assert orjson.loads(text)["text"].encode()[start:end].decode() == QUESTION.lower().rstrip("?")


def test_items_are_cut_out_and_rows_of_nothing_else_dropped(place: Path) -> None:
    rows, told = made("cut")
    assert rows.height == 3
    assert not any("lanterns that hang" in text for text in rows["text"])
    assert any(text.startswith(prose(2, 2)) and text.endswith(prose(3, 2)) for text in rows["text"])
    assert told["dropped"] == {"contaminated": 2}


def test_marked_rows_stay_and_name_the_item(place: Path) -> None:
    rows, told = made("mark")
    assert told["dropped"] == {}
    assert rows["contaminated"].null_count() == 2
    assert rows.filter(pl.col("contaminated").is_not_null()).height == 3


def test_of_pairs_short_answers_are_nobodys(place: Path) -> None:
    write(
        place / "rows.jsonl",
        [{"id": "a", "input": "Is it late?", "output": "Yes."}, {"id": "b", "input": QUESTION, "output": "The first."}],
    )
    write(place / "exams.jsonl", [{"id": "e", "input": f"Say it: {QUESTION}", "output": "yes"}])
    recipe = RECIPE.replace("MODE", "drop").replace('jsonl"', 'jsonl", as: pairs')
    rows = build(recipe, out="pairs").train.collect()
    assert rows["output"].to_list() == ["Yes."]


@pytest.mark.parametrize(("against", "said"), [("exam", "Did you mean `exams`?"), ("dataset", "is a sink"), ("unseen", "in a circle")])
def test_items_of_no_such_step_are_refused(place: Path, against: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_recipe(RECIPE.replace("MODE", "drop").replace("against: exams", f"against: {against}"))
