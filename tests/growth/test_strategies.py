"""What makes each growing strategy itself, and the guards around all of them, on a server whose answers the tests write."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.build import build
from flows.dataset import Dataset
from tasks.errors import RecipeError
from tasks.growth.diversity import diversity
from tasks.growth.novelty import Sketches
from tests.services.scripted import Asked, scripted
from tests.texts import prose

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("ba", "ken", "lo", "mir", "nu")]


def fresh(about: object = "") -> str:
    """Give a text of words that no other has in this order."""
    draw = random.Random(f"{about}{next(NUMBERS)}")
    return " ".join(draw.choice(WORDS) for _ in range(12))


NUMBERS = itertools.count()


def pair(about: object = "") -> dict[str, str]:
    return {"input": f"{fresh(about)}?", "output": f"{fresh(about)}."}


def recipe(url: str, step: str, split: str = "validation: 2, test: 2") -> str:
    return f"""
name: made
models:
  w: {{model: m, url: "{url}"}}
  critic: {{model: c, url: "{url}"}}
steps:
  seeds: {{use: seeds, path: seeds.jsonl}}
  split: {{use: split, {split}}}
  grown: {{model: w, budget: {{tokens: 1000000}}, {step}}}
  all: {{use: dedup, from: [split, grown], by: [input]}}
  dataset: {{use: write}}
"""


@pytest.fixture
def seeds(tmp_path: Path) -> list[dict[str, str]]:
    rows = [{"input": prose(n, 1), "output": prose(n + 100, 2)} for n in range(12)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return rows


def report(dataset: Dataset, name: str = "grown") -> dict[str, Any]:
    return dict(next(step for step in dataset.summary["steps"] if step["name"] == name))


def children(dataset: Dataset) -> list[dict[str, Any]]:
    rows = pl.concat(dataset.split(name).collect().with_columns(split=pl.lit(name)) for name in dataset.published.splits)
    return rows.filter(pl.col("generator") == "model:w").to_dicts()


def test_evolution_goes_on_from_the_last_of_a_line_and_the_eliminator_gives_the_parent_back(seeds: list[dict[str, str]]) -> None:
    evolved: dict[str, str] = {}

    def answer(asked: Asked) -> str:
        if "example" in asked.data:
            return f"{fresh()}."
        parent = asked.data["input"]
        if parent == seeds[0]["input"] or len(evolved) == 3:
            evolved.setdefault(fresh(), parent)
            return str(parent)
        text = f"{fresh()}?"
        evolved[text] = parent
        return text

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "use: evol-instruct, rows: 60"))
    rows = {row["id"]: row for row in children(dataset)}
    assert len(rows) == 60
    told = report(dataset)
    assert told["dropped"]["eliminated: nothing gained"] >= 2
    asked = Counter(call.data["input"] for call in server.calls if "example" not in call.data)
    assert asked[seeds[0]["input"]] != 1, "the parent of what was eliminated is evolved again"
    depths = Counter(name.count("/grown#") for name in rows)
    assert set(depths) >= {1, 2, 3}, "children are evolved further"
    assert max(depths) <= 5
    for row in rows.values():
        assert row["input"] in evolved
        (parent,) = row["parents"]
        assert parent in rows or "/grown#" not in parent
    assert all(len(call.told) > 200 for call in server.calls)
    ways = {call.told.split("\n\n")[1][:30] for call in server.calls if "example" not in call.data}
    assert len(ways) == 5


@pytest.mark.parametrize("said", ["I am sorry, I cannot do that.", "...!?"])
def test_an_answer_that_is_none_eliminates_what_was_evolved(seeds: list[dict[str, str]], said: str) -> None:
    with scripted(lambda asked: said if "example" in asked.data else f"{fresh()}?") as server:
        dataset = build(recipe(server.url, "use: evol-instruct, rows: 5"))
    assert not children(dataset)
    assert "128 calls without a new row" in dataset.summary["partial"][0]
    assert next(iter(report(dataset)["dropped"])).startswith("eliminated")


def test_attributes_are_spread_evenly_and_what_is_refused_is_made_up_for(seeds: list[dict[str, str]]) -> None:
    def answer(asked: Asked) -> Any:
        if asked.data["new"]["tone"] == "curt" and random.Random(fresh()).random() < 0.5:
            return {"input": seeds[0]["input"], "output": "Again."}
        return pair()

    step = "use: attributes, rows: 36, attributes: {tone: [curt, chatty], length: [short, long], subject: [sea, tools, food]}"
    with scripted(answer) as server:
        dataset = build(recipe(server.url, step))
    cells = report(dataset)["cells"]
    assert len(cells) == 12
    assert set(cells.values()) == {3}
    curt = sum(call.data["new"]["tone"] == "curt" for call in server.calls)
    assert curt > len(server.calls) - curt, "the weakest cells were asked for again"
    assert all(len(call.data["examples"]) == 3 for call in server.calls)


def test_a_page_shows_cells_with_every_name_escaped(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: attributes, attributes: {tone: [plain, '<b>loud</b>']}, rows: 6"))
    page = (Path(dataset.url) / "report.html").read_text()
    assert "Rows of grown by cell" in page
    assert "&lt;b&gt;loud&lt;/b&gt;" in page
    assert "<b>loud" not in page


def test_each_persona_is_asked_for_as_many(seeds: list[dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text("a retired sailor\n\na nurse on night shift\na retired sailor\n")
    with scripted(lambda asked: pair(asked.data["new"]["persona"])) as server:
        dataset = build(recipe(server.url, "use: persona, rows: 10, file: people.txt"))
    assert report(dataset)["cells"] == {"a nurse on night shift": 5, "a retired sailor": 5}
    with pytest.raises(RecipeError, match="either as `personas` or as `file`"):
        build(recipe("http://127.0.0.1:9/v1", "use: persona, rows: 10"))


def test_restyling_changes_the_input_and_no_byte_of_the_output(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: f"{fresh()}?") as server:
        dataset = build(recipe(server.url, "use: restyle, rows: 30, styles: [a letter, a command], audiences: [a child, an expert]"))
    outputs = {row["input"]: row["output"] for row in seeds}
    rows = children(dataset)
    assert len(rows) == 30
    assert {row["output"] for row in rows} <= set(outputs.values())
    assert all(row["imputed"] == ["input"] for row in rows)
    assert {row["input"] for row in rows}.isdisjoint(outputs)
    assert {(call.data["style"], call.data["writer"]) for call in server.calls} == set(
        itertools.product(["a letter", "a command"], ["a child", "an expert"])
    )


def test_verbalized_keeps_the_tail_and_not_what_is_likely(seeds: list[dict[str, str]]) -> None:
    likely: set[str] = set()

    def answer(_: Asked) -> Any:
        examples: list[dict[str, Any]] = [{**pair(), "probability": p} for p in (0.5, 0.09, "0.02", "4%", 0.1)]
        likely.update(examples[place]["input"] for place in (0, 4))
        return {"examples": examples}

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "use: verbalized, rows: 20"))
    rows = children(dataset)
    assert len(rows) == 20
    assert likely.isdisjoint(row["input"] for row in rows)
    assert report(dataset)["dropped"]["likely"] == 2 * len(server.calls)
    assert len({row["id"] for row in rows}) == 20
    assert len(server.calls) <= 8, "a call gives several rows"


def test_adversarial_spreads_over_the_kinds_of_traps(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: adversarial, rows: 20"))
    cells = report(dataset)["cells"]
    assert len(cells) == 10
    assert set(cells.values()) == {2}


def test_children_stay_in_their_split_and_strays_are_dropped(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 20"))
        shown = {example["input"] for call in server.calls for example in call.data["examples"]}
        train = {row["input"] for row in dataset.train.collect().to_dicts()}
        assert shown <= train, "no seed of another split is ever shown"
        both = build(recipe(server.url, "use: self-instruct, rows: 40, grow: [train, validation]"))
    assert {row["split"] for row in children(dataset)} == {"train"}
    splits = Counter(row["split"] for row in children(both))
    assert set(splits) == {"train", "validation"}
    humans = {
        row["id"]: name for name in both.published.splits for row in both.split(name).collect().to_dicts() if row["generator"] == "human"
    }
    for row in children(both):
        assert {humans.get(parent, row["split"]) for parent in row["parents"]} == {row["split"]}
    held = [row["input"] for row in dataset.split("test").collect().to_dicts() if row["generator"] == "human"]

    def straying(_: Asked) -> Any:
        near = random.Random(fresh()).choice(held).split()
        return {"input": " ".join([*near[: len(near) // 2], fresh()]), "output": fresh()}

    with scripted(straying) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 20", "validation: 2, test: 2"), work="elsewhere")
    assert report(dataset)["dropped"]["nearer to another split"] > 0
    assert not any(row["input"].split()[:3] == text.split()[:3] for row in children(dataset) for text in held)


def test_what_is_made_of_one_split_is_shown_to_no_other(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 150, grow: [train, validation]", "validation: 4, test: 2"))
        shown = [{example["input"] for example in call.data["examples"]} for call in server.calls]
    splits = {row["input"]: name for name in dataset.published.splits for row in dataset.split(name).collect().to_dicts()}
    assert all(len({splits[text] for text in examples if text in splits}) == 1 for examples in shown)
    made = {row["id"]: row for row in children(dataset)}
    later = [row for row in made.values() if any(parent in made for parent in row["parents"])]
    assert later, "what was made is shown to later calls, and named among the parents"
    for row in later:
        assert {made[parent]["split"] for parent in row["parents"] if parent in made} == {row["split"]}


def test_generations_within_a_step_are_counted(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 130, accept: {depth: 2}"))
    made = {row["id"]: row for row in children(dataset)}
    assert any(parent in made for row in made.values() for parent in row["parents"])
    grandparents = {up for row in made.values() for parent in row["parents"] if parent in made for up in made[parent]["parents"]}
    assert not grandparents & set(made)


@pytest.mark.parametrize("step", ["use: self-instruct, rows: 70", "use: verbalized, rows: 70", "use: evol-instruct, rows: 70"])
def test_another_threshold_in_growing_pays_nothing_again(seeds: list[dict[str, str]], step: str, tmp_path: Path) -> None:
    """Rounds are cut differently where fewer candidates are accepted; what a lot has seen of earlier ones must not depend on it."""

    def said(asked: Asked) -> Any:
        draw = random.Random(json.dumps(asked.body, sort_keys=True))
        source, output = (" ".join(draw.choice(WORDS) for _ in range(12)) for _ in range(2))
        one = {"input": seeds[0]["input"] if draw.random() < 0.5 else source, "output": output}
        return (
            {"examples": [{**one, "probability": 0.05}]}
            if "probabilit" in asked.told
            else one
            if "examples" in asked.data
            else one["input"]
        )

    with scripted(said) as server:
        build(recipe(server.url, f"{step}, accept: {{novelty: 0.3, mean: 0}}"))
        first = [json.dumps(call.body, sort_keys=True) for call in server.calls]
        build(recipe(server.url, f"{step}, accept: {{novelty: 0.0, mean: 0}}"), work="elsewhere", ledger=str(tmp_path / "new"))
        second = [json.dumps(call.body, sort_keys=True) for call in server.calls[len(first) :]]
    assert len(second) > 60
    assert set(second) <= set(first)


def test_a_judge_inside_the_loop_lets_only_good_rows_count(seeds: list[dict[str, str]]) -> None:
    def answer(asked: Asked) -> Any:
        if asked.body["model"] == "c":
            return {"reason": "…", "score": 3 + len(asked.data["input"]) % 3}
        return pair()

    step = "use: self-instruct, rows: 20, accept: {judge: {model: critic, rubric: spirit, min: 4}}"
    with scripted(answer) as server:
        dataset = build(recipe(server.url, step))
        rows, paid = children(dataset), len(server.calls)
        assert len(rows) == 20
        assert all(len(row["input"]) % 3 for row in rows)
        assert report(dataset)["dropped"]["judged below 4"] > 0
        assert all("clings to the letter" in call.told for call in server.calls if call.body["model"] == "c")
        build(recipe(server.url, step.replace("min: 4", "min: 3")))
        assert len(server.calls) == paid, "another threshold asks nothing"


def test_caps_on_the_ratio_and_on_generations_end_growing(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 100, accept: {ratio: 2}"))
        assert len(children(dataset)) == 24
        assert "2 rows of models for each human one" in dataset.summary["partial"][0]
        assert len(server.calls) == 24
    deep = (
        "  more: {use: evol-instruct, from: [split, grown], model: w, rows: 40, budget: {tokens: 100000}, accept: {depth: DEPTH}}\n  all:"
    )

    def evolved(asked: Asked) -> Any:
        return pair() if "examples" in asked.data else f"{fresh()}?"

    for depth, most in ((1, 1), (3, 3)):
        with scripted(evolved) as server:
            text = recipe(server.url, "use: self-instruct, rows: 5").replace("  all:", deep.replace("DEPTH", str(depth)))
            dataset = build(text.replace("[split, grown], by", "[split, grown, more], by"), work=f"work{depth}")
        grown = [row["id"] for row in children(dataset) if "/more#" in row["id"]]
        assert len(grown) == 40
        assert max(name.count("/grown#") + name.count("/more#") for name in grown) == most


def test_an_output_with_a_schema_is_checked_and_a_bad_field_is_emptied_and_named(seeds: list[dict[str, str]]) -> None:
    def answer(asked: Asked) -> Any:
        told = len(asked.body["messages"]) > 2
        record = {"colour": "red", "size": "large" if told else 7}
        return {"input": f"{fresh()}?", "output": record if len(asked.data.get("examples", ())) % 2 == 0 else {**record, "size": None}}

    schema = "{type: object, properties: {colour: {type: string}, size: {type: integer}}, required: [colour, size]}"
    with scripted(answer) as server:
        dataset = build(recipe(server.url, f"use: self-instruct, rows: 10, schema: {schema}"))
    assert all(call.body["response_format"]["json_schema"]["schema"]["properties"]["output"]["required"] for call in server.calls)
    for row in children(dataset):
        record = json.loads(row["output"])
        assert record["colour"] == "red"
        assert isinstance(record["size"], int) == (row["emptied"] is None)
        assert row["emptied"] in (None, "size")


def test_diversity_is_told_before_and_after(seeds: list[dict[str, str]]) -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 10"))
    told = report(dataset)["diversity"]
    page, card = ((Path(dataset.url) / name).read_text() for name in ("report.html", "README.md"))
    assert "Diversity before and after grown" in page
    assert all(f"{told[side]['compression_ratio']:g}" in text for side in told for text in (page, card))
    assert set(told["before"]) == set(told["after"]) == {"compression_ratio", "repetition", "distinct_1", "distinct_2"}
    one, many = diversity(["the cat sat on the mat"] * 50), diversity([fresh() for _ in range(50)])
    assert one["compression_ratio"] > many["compression_ratio"]
    assert one["repetition"] == 1
    assert many["repetition"] == 0
    assert one["distinct_1"] == round(5 / 300, 4)


def test_sketches_estimate_jaccard() -> None:
    words = [f"w{n}" for n in range(200)]
    pool = Sketches([" ".join(words)])
    assert pool.nearest(" ".join(words)) == 1
    assert pool.nearest(" ".join(words[:100])) == pytest.approx(0.5, abs=0.2)
    assert pool.nearest("something else altogether") == 0
    assert Sketches([]).nearest("x") == 0
    for number in range(3000):
        pool.add(f"{number} and more of it")
    assert pool.nearest("2999 and more of it") == 1


def test_a_step_of_a_model_names_all_that_is_wrong_with_its_models(seeds: list[dict[str, str]]) -> None:
    text = recipe("http://127.0.0.1:9/v1", "use: self-instruct, rows: 5, accept: {judge: {model: nobody}}")
    with pytest.raises(RecipeError, match=r"nobody.*is not among the models"):
        build(text)
    with pytest.raises(RecipeError, match="does not exist"):
        build(text.replace("nobody}", "critic, rubric: absent.md}"))
