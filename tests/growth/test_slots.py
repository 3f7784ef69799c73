"""Templates that seeds have in common, filled anew."""

import json
from pathlib import Path

import pytest

from flows.build import build
from tasks.growth.slots import Slots
from tasks.step import Context
from tests.services.scripted import scripted

SEEDS = [
    "How do I get a stain of wine out of a white shirt?",
    "How do I get a stain of ink out of a leather sofa?",
    "How do I get a stain of grass out of my old jeans?",
    "My printer says it is offline.",
    "My scanner says it is busy.",
    "Something quite different, which shares nothing.",
]


def rows(*texts: str, **more: object) -> list[dict[str, object]]:
    blank = dict.fromkeys(("source", "unit", "language", "group", "system", "licence"))
    return [
        {**blank, "id": f"s/{n}", "input": text, "output": "x", "private": False, "generator": "human", **more}
        for n, text in enumerate(texts)
    ]


def test_slots_are_filled_with_what_stood_in_them() -> None:
    made, templates = Slots(rows=100).make(rows(*SEEDS), Context("asked", 1))
    texts = [row["input"] for row in made]
    assert templates == 3
    assert "How do I get a stain of ink out of a white shirt?" in texts
    assert "My printer says it is busy." in texts
    assert not set(texts) & set(SEEDS)
    assert len(set(texts)) == len(texts)
    assert all(row["output"] is None and row["generator"] == "rule:slots" for row in made)
    assert all(len(row["parents"]) >= 2 for row in made)
    again, _ = Slots(rows=3).make(rows(*reversed(SEEDS)), Context("asked", 1))
    assert len(again) == 3
    assert {row["input"] for row in again} <= set(texts)


@pytest.mark.parametrize("texts", [[], ["one"], ["a b c", "d e f"], ["", ""], ["same words here", "same words here"]])
def test_seeds_without_a_template_make_nothing(texts: list[str]) -> None:
    assert Slots(rows=5).make(rows(*texts), Context("asked")) == ([], 0)
    assert Slots(rows=5).make(rows(*SEEDS, private=True), Context("asked")) == ([], 0)


def test_children_that_are_nearer_to_another_split_are_not_made() -> None:
    train = rows("How do I get wine out of silk?", "How do I get ink out of wool?", split="train")
    (held,) = rows("How do I get wine out of wool? Thanks!", split="test")
    step = Slots(rows=10)
    alone, _ = step.make(train, Context("asked"))
    beside, _ = step.make([*train, held | {"id": "t"}], Context("asked"))
    assert {row["input"] for row in alone} == {"How do I get ink out of silk?", "How do I get wine out of wool?"}
    assert {row["input"] for row in beside} == {"How do I get ink out of silk?"}


def test_children_are_answered_and_stay_in_their_split(tmp_path: Path) -> None:
    texts = [
        f"How do I get a stain of {stain} out of {thing}?"
        for stain, thing in zip(
            ["wine", "ink", "grass", "tea", "oil", "mud"], ["silk", "wool", "felt", "linen", "cotton", "denim"], strict=True
        )
    ]
    (tmp_path / "seeds.jsonl").write_text("\n".join(json.dumps({"input": text, "output": "Cold water."}) for text in texts))
    (tmp_path / "prompt.md").write_text("You know all about stains.")
    recipe = """
name: stains
models: {w: {model: m, url: "URL"}}
steps:
  seeds: {use: seeds, path: seeds.jsonl}
  split: {use: split, test: 2, near: false}
  asked: {use: slots, rows: ROWS}
  answered: {use: answer, model: w, prompt: prompt.md, budget: {tokens: 100000}}
  all: {use: dedup, from: [split, answered], by: [input]}
  dataset: {use: write}
"""
    with scripted(lambda _: "Salt, then cold water.") as server:
        dataset = build(recipe.replace("URL", server.url).replace("ROWS", "8"))
        few = build(recipe.replace("URL", server.url).replace("ROWS", "80"))
    made = [row for row in dataset.train.collect().to_dicts() if row["generator"] == "model:w"]
    assert len(made) == 8
    assert {row["output"] for row in made} == {"Salt, then cold water."}
    held = [row["input"].split() for row in dataset.split("test").collect().to_dicts()]
    assert not any(words[7] in row["input"].split() for words in held for row in made), "nothing of the test split is used"
    assert "the seeds have 1 templates, which make 12 inputs" in few.summary["partial"][0]
