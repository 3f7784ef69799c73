"""What makes each completing strategy itself, on a server whose answers the tests write."""

import asyncio
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.build import build
from flows.dataset import Dataset
from tasks.clients.model import Answer as Said
from tasks.clients.model import Request
from tasks.errors import RecipeError
from tasks.growth.answer import Answer
from tasks.growth.asking import Read
from tasks.growth.budget import Budget
from tasks.step import Context
from tests.services.scripted import Asked, scripted
from tests.texts import prose


def seeds(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))


def recipe(url: str, steps: str, price: str = "") -> str:
    return f"""
name: made
models:
  w: {{model: m, url: "{url}"{price}}}
  critic: {{model: c, url: "{url}"{price}}}
steps:
  seeds: {{use: seeds, path: seeds.jsonl}}
{steps}
  dataset: {{use: write}}
"""


def report(dataset: Dataset, name: str) -> dict[str, Any]:
    return dict(next(step for step in dataset.summary["steps"] if step["name"] == name))


RECORDS = [
    {"input": f"A lamp, {colour} and small, number {number}.", "output": json.dumps({"colour": colour, "size": size, "weight": None})}
    for number, (colour, size) in enumerate([("red", "S"), ("blue", "S"), ("green", None), ("red", "M"), ("white", "L")])
]


def test_fill_fills_the_null_fields_only_and_measures_itself(tmp_path: Path) -> None:
    seeds(tmp_path, RECORDS)

    def answer(asked: Asked) -> dict[str, Any]:
        made = {"weight": 3, "size": "XL", "colour": "Red "}
        return {name: made[name] for name in asked.data["missing"]}

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "  filled: {use: fill, model: w, record: output, measure: 3, budget: {tokens: 100000}}"))
    rows = {row["input"]: row for row in dataset.train.collect().to_dicts()}
    for record in RECORDS:
        row, before = rows[record["input"]], json.loads(record["output"])
        after = json.loads(row["output"])
        assert {name: after[name] for name, value in before.items() if value is not None} == {
            n: v for n, v in before.items() if v is not None
        }
        assert after["weight"] == 3
        assert row["imputed"] == [name for name, value in before.items() if value is None]
        assert row["generator"] == "model:w"
    assert all(set(call.data["missing"]) & {"weight", "size", "colour"} for call in server.calls)
    told = report(dataset, "filled")
    assert told["accuracy"]["size"] == {"asked": 3, "right": 0}
    assert told["accuracy"]["colour"]["asked"] == 3
    reds = sum("red" not in str(call.data["known"]) and call.data["missing"] == ["colour"] for call in server.calls)
    assert reds == 3, "a value that is asked for is not shown"
    assert any("known values came back" in line for line in told["warned"])


def test_fill_freezes_what_is_known_and_empties_one_bad_field(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": "A red lamp.", "output": json.dumps({"colour": "red", "size": None, "weight": None})}])

    def answer(asked: Asked) -> dict[str, Any]:
        told_once = len(asked.body["messages"]) > 2
        return {"size": "S", "weight": "heavy"} if told_once else {"size": "S", "weight": 2, "colour": "blue"}

    schema = "{type: object, properties: {size: {type: string}, weight: {type: number}}}"
    step = f"  filled: {{use: fill, model: w, record: output, measure: 0, schema: {schema}, budget: {{tokens: 100000}}}}"
    with scripted(answer) as server:
        dataset = build(recipe(server.url, step))
    (row,) = dataset.train.collect().to_dicts()
    assert json.loads(row["output"]) == {"colour": "red", "size": "S", "weight": None}
    assert row["imputed"] == ["size"]
    assert row["emptied"] == "weight"
    told = server.calls[1].body["messages"][-1]["content"]
    assert "changed a known field" in told
    assert '\n"colour"\n</DATA-' in told, "a record's own words stand in a fence"
    assert report(dataset, "filled")["failures"] == {"changed a known field": 1}


def test_a_known_field_that_is_changed_again_stays_and_costs_no_other(tmp_path: Path) -> None:
    seeds(tmp_path, RECORDS[:2])
    with scripted(lambda _: {"colour": "no such colour", "weight": 3}) as server:
        step = "  filled: {use: fill, model: w, record: output, fields: [colour, weight], measure: 0, budget: {tokens: 100000}}"
        dataset = build(recipe(server.url, step))
    for row, was in zip(dataset.train.collect().to_dicts(), RECORDS, strict=False):
        assert json.loads(row["output"]) == json.loads(was["output"]) | {"weight": 3}
        assert row["imputed"] == ["weight"]
    assert len(server.calls) == 4
    assert report(dataset, "filled")["failures"] == {"changed a known field": 2}


def test_fill_needs_to_know_what_to_fill(tmp_path: Path) -> None:
    seeds(tmp_path, RECORDS)
    with pytest.raises(RecipeError, match="tells what to fill"):
        build(recipe("http://127.0.0.1:9/v1", "  filled: {use: fill, model: w, budget: {tokens: 1000}}"))
    with pytest.raises(RecipeError, match="is no JSON Schema"):
        build(recipe("http://127.0.0.1:9/v1", "  filled: {use: fill, model: w, record: output, schema: {type: 7}, budget: {tokens: 1000}}"))


def test_backtranslation_curates_itself(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(4):
        (tmp_path / "notes" / f"{number}.txt").write_text(prose(number))

    def answer(asked: Asked) -> Any:
        if "request" in asked.data:
            return {"reason": "…", "score": 2 if asked.data["answer"] == prose(1) else "4"}
        return "Tell me of something."

    text = """
name: back
models: {w: {model: m, url: "URL"}}
steps:
  notes: {use: files, path: "notes/*.txt"}
  pairs: {use: backtranslate, model: w, curate: 4, budget: {tokens: 100000}}
  dataset: {use: write}
"""
    with scripted(answer) as server:
        dataset = build(text.replace("URL", server.url))
        assert len(server.calls) == 8
        again = build(text.replace("URL", server.url), sets=("steps.pairs.curate=2",))
        assert len(server.calls) == 8, "another threshold asks nothing"
    assert report(dataset, "pairs")["dropped"] == {"curated away": 1}
    assert sorted(dataset.train.collect()["output"]) == sorted(prose(number) for number in (0, 2, 3))
    assert again.train.collect().height == 4


def test_answer_keeps_a_short_prompt_and_every_human_output(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("You answer letters to the harbour office. " * 40)
    seeds(tmp_path, [{"input": "Where is it?", "output": "At the  pier.\n"}])
    (tmp_path / "letter.txt").write_text("When does it open?")
    step = """  kept: {use: answer, from: seeds, model: w, prompt: long.md, keep: Answer., budget: {usd: 1}}
  letters: {use: files, path: letter.txt}
  answered: {use: answer, from: letters, model: w, prompt: long.md, keep: Answer., training_usd: 3, budget: {usd: 1}}
  all: {use: dedup, from: [kept, answered]}"""
    with scripted(lambda _: "At nine.") as server:
        dataset = build(recipe(server.url, step, ", price: {input: 1, output: 2}"))
    rows = {row["input"]: row for row in dataset.train.collect().to_dicts()}
    assert rows["Where is it?"]["output"] == "At the  pier.\n"
    assert rows["Where is it?"]["generator"] == "human"
    assert rows["When does it open?"]["output"] == "At nine."
    assert rows["When does it open?"]["generator"] == "model:w"
    assert {row["system"] for row in rows.values()} == {"Answer."}
    (asked,) = server.calls
    assert "harbour office" in asked.told
    saves = report(dataset, "answered")["saves"]
    assert saves["tokens_saved_per_call"] > 300
    assert saves["pays_after_calls"] == pytest.approx(3 / (saves["tokens_saved_per_call"] / 1e6), rel=0.01)


def test_answer_sends_earlier_turns_as_turns() -> None:
    asked: list[Request] = []

    async def ask(request: Request, read: Read[Any], model: str = "") -> Any:
        del model
        asked.append(request)
        return read(Said("Nothing.", "stop"), False)

    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]
    row = {"input": "And then?", "output": None, "turns": turns, "id": "1"}
    step = Answer(model="w", prompt="long.md", budget=Budget(tokens=1))
    made = asyncio.run(step.finish(row, ask, Context("answered", files={"prompt": "You answer letters."})))
    assert made["output"] == "Nothing."
    assert made["turns"] == turns
    told = [(turn["role"], turn["content"]) for turn in asked[0].messages]
    assert [role for role, _ in told] == ["system", "user", "assistant", "user"]
    assert told[2][1] == "Good day."
    assert '"And then?"' in told[3][1]


def test_preference_keeps_what_differs_and_is_judged_worse(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": f"Good {n}."} for n in range(3)])

    def answer(asked: Asked) -> Any:
        if asked.body["model"] == "c":
            return {"reason": "…", "score": 2 if asked.data["output"] == "Bad." else 4}
        return {prose(0, 1): "Bad.", prose(1, 1): "Fine.", prose(2, 1): "Good 2."}[asked.data["input"]]

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "  pairs: {use: preference, model: w, judge: critic, budget: {tokens: 100000}}"))
    rows = {row["input"]: row for row in dataset.train.collect().to_dicts()}
    assert [rows[prose(n, 1)]["rejected"] for n in range(3)] == ["Bad.", None, None]
    assert [rows[prose(n, 1)]["output"] for n in range(3)] == [f"Good {n}." for n in range(3)]
    assert report(dataset, "pairs")["unanswered"] == {"not judged worse": 1, "the same as the output": 1}
    assert all(call.data["flaw"] for call in server.calls if call.body["model"] == "m")


def test_judge_scores_by_a_rubric_and_drops_what_is_below(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text("Five for short outputs, one for long ones.")
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, n + 1)} for n in range(5)])

    def answer(asked: Asked) -> Any:
        assert "Five for short outputs" in asked.told
        return {"reason": "so long", "score": 5 - int(asked.data["output"] != prose(0, 1)) * 3}

    step = "  good: {use: judge, model: w, rubric: rubric.md, budget: {tokens: 100000}MIN}"
    with scripted(answer) as server:
        every = build(recipe(server.url, step.replace("MIN", "")))
        best = build(recipe(server.url, step.replace("MIN", ", min: 4")))
        assert len(server.calls) == 5
    assert every.train.collect().schema["score"] == pl.Float64
    assert sorted(every.train.collect()["score"]) == [2, 2, 2, 2, 5]
    assert report(every, "good")["scores"] == {"1": 0, "2": 4, "3": 0, "4": 0, "5": 1}
    assert best.train.collect()["verdict"].to_list() == ["so long"]
    assert report(best, "good")["dropped"] == {"judged below 4": 4}


@pytest.mark.parametrize("bar", ["", "min: 4, "])
def test_a_verdict_that_cannot_be_read_costs_no_row_unless_there_is_a_bar(tmp_path: Path, bar: str) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(3)])
    with scripted(lambda asked: "no idea" if asked.data.get("input") != prose(0, 1) else {"score": "9"}) as server:
        steps = f"  good: {{use: judge, model: w, {bar}budget: {{tokens: 100000}}}}\n  all: {{use: dedup, from: [seeds, good]}}"
        dataset = build(recipe(server.url, steps))
    told = report(dataset, "good")
    lost = {"broken JSON": 2, "schema violation": 1}
    assert (told["unanswered"], told["dropped"]) == (({}, lost) if bar else (lost, {}))
    assert told["rows_out"] == (0 if bar else 3)
    assert told["quarantined"] == 3
    assert told["failures"] == {"broken JSON": 4, "schema violation": 2}
    assert len(server.calls) == 6


def test_what_repeats_its_instructions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(3):
        (tmp_path / "notes" / f"{number}.txt").write_text(prose(number))

    def answer(asked: Asked) -> str:
        if asked.data["text"] == prose(0):
            return "My orders: " + asked.told[100:250]
        mark = asked.told.split("(")[-1].split(":")[0]
        return f"Tell me of {mark}" if asked.data["text"] == prose(1) else "Tell me of it."

    text = """
name: back
models: {w: {model: m, url: "URL"}}
steps:
  notes: {use: files, path: "notes/*.txt"}
  pairs: {use: backtranslate, model: w, budget: {tokens: 100000}}
  dataset: {use: write}
"""
    with scripted(answer) as server:
        dataset = build(text.replace("URL", server.url))
    assert report(dataset, "pairs")["dropped"] == {"canary": 1, "echo": 1}


def test_an_endpoint_off_the_list_is_refused_before_anything_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(3)])
    with scripted(lambda _: {"reason": "", "score": 5}) as server:
        text = recipe(
            server.url,
            "  good: {use: judge, model: w, budget: {tokens: 100000}}\n  more: {use: judge, model: critic, budget: {tokens: 9000}}",
        )
        monkeypatch.setenv("DARTBOARD_MODEL_URLS", f"https://api.example.org/v1, {server.url}0")
        with pytest.raises(RecipeError, match="DARTBOARD_MODEL_URLS allows"):
            build(text)
        assert not server.calls
        monkeypatch.setenv("DARTBOARD_MODEL_URLS", f"https://api.example.org/v1, {server.url}/")
        build(text)
        assert len(server.calls) == 6


def test_rows_lost_to_a_server_that_fails_are_asked_for_again_and_only_they(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(4)])
    down = True

    def answer(asked: Asked) -> Any:
        if down and asked.data["input"] == prose(2, 1):
            return 503
        return 400 if asked.data["input"] == prose(3, 1) else {"reason": "", "score": 5}

    with scripted(answer) as server:
        text = recipe(server.url, "  good: {use: judge, model: w, budget: {tokens: 100000}}")
        first = build(text)
        told = report(first, "good")
        assert told["unanswered"] == {"refused": 1, "server error": 1}
        assert told["quarantined"] == 2
        assert "1 rows without an answer (server error 1)" in first.summary["partial"][0]
        down, before = False, len(server.calls)
        second = build(text)
        assert not second.summary["partial"]
        assert {call.data["input"] for call in server.calls[before:]} == {prose(2, 1), prose(3, 1)}
    assert second.train.collect()["score"].null_count() == 1


def test_an_answer_that_was_filtered_is_counted_and_stops_its_row(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(3)])
    fine = {"reason": "", "score": 5}
    with scripted(lambda asked: ("content_filter", "I") if asked.data["input"] == prose(0, 1) else fine) as server:
        dataset = build(recipe(server.url, "  good: {use: judge, model: w, budget: {tokens: 100000}}"))
        assert len(server.calls) == 3
    told = report(dataset, "good")
    assert told["failures"] == told["unanswered"] == {"filtered": 1}
    assert told["quarantined"] == 1
    assert not dataset.summary["partial"]


def test_no_rows_and_rows_without_an_output_ask_nothing_and_break_nothing(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(3)])
    steps = """  none: {use: filter, rules: {pairs: {length_ratio: 0.0001}}}
  good: {use: judge, model: w, budget: {tokens: 100000}}
  worse: {use: preference, model: w, budget: {tokens: 100000}}
  grown: {use: self-instruct, model: w, rows: 5, budget: {tokens: 100000}}
  all: {use: dedup, from: [seeds, grown]}"""
    with scripted(lambda _: "never") as server:
        dataset = build(recipe(server.url, steps))
        assert not server.calls
    assert dataset.train.collect().height == 3
    assert "no seeds in train" in dataset.summary["partial"][0]


def test_inputs_of_a_table_wait_for_their_answers(tmp_path: Path) -> None:
    rows = [{"question": f"Why {number}?", "topic": "t"} for number in range(3)] + [{"topic": "no question"}]
    seeds(tmp_path, rows)
    (tmp_path / "prompt.md").write_text("You know everything.")
    steps = "  answered: {use: answer, model: w, prompt: prompt.md, budget: {tokens: BUDGET}}"
    with scripted(lambda asked: f"Because of {asked.data['text']}") as server:
        text = recipe(server.url, steps).replace("path: seeds.jsonl", "path: seeds.jsonl, columns: {input: question}")
        dataset = build(text.replace("BUDGET", "100000"))
    held = rows_by_input(dataset)
    assert {source: row["output"] for source, row in held.items()} == {f"Why {n}?": f"Because of Why {n}?" for n in range(3)}
    assert {row["generator"] for row in held.values()} == {"model:w"}
    assert report(dataset, "seeds")["skipped"] == {"no field question": 1}


def test_half_a_pair_is_written_in_no_layout(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": "A?", "output": "B."}, {"input": "C?", "output": None}])
    plain = "name: r\nsteps:\n  seeds: {use: seeds, path: seeds.jsonl, columns: {input: input}}\n  dataset: {use: write}\n"
    assert build(plain).train.collect()["output"].to_list() == ["B.", None], "all columns as they are"
    laid = build(plain.replace("use: write", "use: write, layout: prompt-completion"))
    assert laid.train.collect().to_dicts() == [{"prompt": "A?", "completion": "B."}]
    told = report(laid, "dataset")
    assert (told["rows_in"], told["rows_out"], told["dropped"]) == (2, 1, {"no input or output": 1})
    assert [row["input"] for row in laid.preview] == ["A?"]


def rows_by_input(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["input"]: row for row in dataset.train.collect().to_dicts()}
