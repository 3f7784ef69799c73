"""Answers and records that are valid but strange: halves of emojis, numbers of any size, schemas with definitions."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from flows.dataset import Dataset
from tasks.clients.completions import answer_of
from tasks.growth.reading import json_in
from tasks.growth.structure import paired, written
from tests.growth.test_completing import recipe, report, seeds
from tests.services.scripted import Asked, scripted
from tests.texts import prose

HALF = "\ud83d"


def rows_of(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["input"]: row for row in dataset.train.collect().to_dicts()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "cut \\ud83d"}', {"a": "cut \ufffd"}),
        ('{"a": "whole \\ud83d\\ude00"}', {"a": "whole 😀"}),
        ('{"a\\ud83d": [{"b": "\\ude00"}]}', {"a\ufffd": [{"b": "\ufffd"}]}),
        ('{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1}', {"a": None, "b": None, "c": None, "d": 1}),
        ('{"a": "cut \\ud83d", }', {"a": "cut \ufffd"}),
        ('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
    ],
)
def test_what_is_read_of_an_answer_can_be_written_again(text: str, value: Any) -> None:
    found = json_in(text)
    assert found == value
    assert json.loads(written(found).encode()) == value


def test_an_answer_with_half_an_emoji_is_an_answer() -> None:
    message = {"role": "assistant", "content": f"Half {HALF} and whole {HALF}\ude00"}
    body = json.dumps({"choices": [{"finish_reason": "stop", "message": message}]}).encode()
    assert answer_of(body, (1, 1)).text == "Half \ufffd and whole 😀"


def test_odd_values_are_kept_through_a_whole_build(tmp_path: Path) -> None:
    rows = [{"input": prose(number, 1), "output": prose(number, 2)} for number in range(4)]
    seeds(tmp_path, rows)

    def odd(_: Asked) -> str:
        number = len(server.calls)
        return f'{{"input": "{prose(100 + number, 1)} \\ud83d", "output": {{"large": {10**30 + number}, "none": NaN, "text": "\\ud83d"}}}}'

    schema = "{type: object, properties: {large: {type: integer}, none: {type: [number, 'null']}, text: {type: string}}}"
    step = f"  grown: {{use: self-instruct, model: w, rows: 3, schema: {schema}, budget: {{tokens: 100000}}}}"
    with scripted(odd) as server:
        dataset = build(recipe(server.url, step), ledger="kept")
        asked = len(server.calls)
        again = build(recipe(server.url, step), work="elsewhere", ledger="kept")
        assert len(server.calls) == asked
    for held in (dataset, again):
        made = [json.loads(row["output"]) for row in held.train.collect().to_dicts()]
        assert len(made) == 3
        assert all(value["large"] > 10**30 and value["none"] is None and value["text"] == "\ufffd" for value in made)


def test_records_that_json_cannot_hold_go_on_as_they_were(tmp_path: Path) -> None:
    odd = ['{"a": NaN, "b": null}', '{"a": "\\ud83d", "b": null}', '{"a": 1e999, "b": null}', "[1]", "{"]
    large = '{"a": 123456789012345678901234567890, "b": null}'
    rows = [{"input": f"Record {number}.", "output": text} for number, text in enumerate([*odd, large])]
    seeds(tmp_path, rows)
    with scripted(lambda _: {"b": 7}) as server:
        dataset = build(recipe(server.url, "  filled: {use: fill, model: w, record: output, measure: 0, budget: {tokens: 100000}}"))
    held = rows_of(dataset)
    assert [held[row["input"]]["output"] for row in rows[:5]] == odd
    assert report(dataset, "filled")["unanswered"] == {"no JSON object in output": 5}
    assert json.loads(held[rows[5]["input"]]["output"]) == {"a": 123456789012345678901234567890, "b": 7}


DEFINED = {
    "type": "object",
    "properties": {"size": {"$ref": "#/$defs/size"}, "older": {"$ref": "#/definitions/size"}},
    "$defs": {"size": {"enum": ["S", "M"]}},
    "definitions": {"size": {"enum": ["S", "M"]}},
}


def test_definitions_of_a_schema_are_found_wherever_its_parts_stand(tmp_path: Path) -> None:
    rows = [{"input": f"Lamp {number}.", "output": json.dumps({"size": None, "older": None})} for number in range(2)]
    seeds(tmp_path, rows)
    said = iter([{"size": "M", "older": "S"}, {"size": "XXL", "older": "M"}, {"size": "XXL", "older": "M"}])
    step = f"filled: {{use: fill, model: w, record: output, measure: 0, concurrency: 1, schema: {json.dumps(DEFINED)}, budget: {{tokens: 100000}}}}"
    with scripted(lambda _: next(said)) as server:
        dataset = build(recipe(server.url, f"  {step}"))
    held = [json.loads(row["output"]) for row in dataset.train.collect().to_dicts()]
    assert held == [{"size": "M", "older": "S"}, {"size": None, "older": "M"}]
    from jsonschema import Draft202012Validator

    form = Draft202012Validator(paired(DEFINED))
    assert form.is_valid({"input": "x", "output": {"size": "M", "older": "S"}})
    assert not form.is_valid({"input": "x", "output": {"size": "XXL"}})


def test_who_wrote_an_output_is_told_of_the_output_alone(tmp_path: Path) -> None:
    rows = [{"input": f"Lamp {number}.", "output": "Human words.", "notes": json.dumps({"output": None})} for number in range(2)]
    seeds(tmp_path, rows)
    steps = """
  kept: {use: columns, columns: {notes: attrs.notes}}
  filled: {use: fill, model: w, record: notes, measure: 0, budget: {tokens: 100000}}
"""
    with scripted(lambda _: {"output": "made up"}) as server:
        dataset = build(recipe(server.url, steps))
    for row in dataset.train.collect().to_dicts():
        assert (row["output"], row["generator"], row["imputed"]) == ("Human words.", "human", ["output"])
        assert json.loads(row["notes"]) == {"output": "made up"}


def test_what_was_imputed_before_stays_named(tmp_path: Path) -> None:
    seeds(tmp_path, [{"input": "A lamp.", "output": "", "subject": None}])
    (tmp_path / "prompt.md").write_text("You know lamps.")
    steps = """
  notes: {use: columns, columns: {subject: attrs.subject}}
  filled: {use: fill, model: w, fields: [subject], measure: 0, budget: {tokens: 100000}}
  answered: {use: answer, model: w, prompt: prompt.md, budget: {tokens: 100000}}
"""
    with scripted(lambda asked: {"subject": "lamps"} if "missing" in asked.data else "It shines.") as server:
        dataset = build(recipe(server.url, steps))
    (row,) = dataset.train.collect().to_dicts()
    assert row["imputed"] == ["subject", "output"]
