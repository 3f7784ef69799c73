"""Rows that are not as most are: other scripts, earlier turns, no output, values with a form of their own; what models are shown of them."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from flows.build import Options, build, prepared
from flows.rehearsing import estimates
from flows.runners import pool
from tasks.errors import ModelError, RecipeError
from tasks.growth.diversity import diversity
from tasks.growth.herd import _depths
from tasks.growth.novelty import Novelty, Sides, Sketches, count_words, words_of
from tasks.growth.splicing import spliced
from tasks.growth.strategy import licences
from tests.growth.test_strategies import children, fresh, pair, report
from tests.growth.test_strategies import recipe as divided
from tests.services.scripted import Asked, Failed, scripted
from tests.texts import prose

LETTERS = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从"
SCORE = {"reason": "It does.", "score": 5}
TALK = [{"role": "user", "content": "Two bridges?"}, {"role": "assistant", "content": "Yes, two."}]


def chinese(number: int) -> str:
    return "".join(LETTERS[(number * 37 + k * (7 + number % 5)) % len(LETTERS)] for k in range(24)) + "？"


def held(rows: list[dict[str, Any]], path: Path) -> None:
    (path / "seeds.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def recipe(url: str, step: str) -> str:
    """Give a recipe that grows without a split."""
    lines = divided(url, step).replace("from: [split, grown]", "from: [seeds, grown]").splitlines()
    return "\n".join(line for line in lines if not line.startswith("  split:"))


def completed(url: str, step: str, models: str = "") -> str:
    return f"""
name: made
models:
  w: {{model: m, url: "{url}"}}
{models}
steps:
  seeds: {{use: seeds, path: seeds.jsonl}}
  made: {{model: w, budget: {{tokens: 1000000}}, {step}}}
  dataset: {{use: write}}
"""


def test_scripts_without_blanks_have_words_too() -> None:
    text = chinese(1)
    assert words_of("Où est 東京タワー now") == ["où", "est", *"東京タワー", "now"]
    assert (count_words("one two"), count_words("東京タワー"), count_words("กรุงเทพ")) == (2, 3, 4)
    near = f"{text[:-2]}好？"
    assert Novelty([text, chinese(2)]).of(near) < 0.1
    assert Sketches([text]).nearest(near) > 0.7
    rows = [{"input": chinese(5), "split": "train"}, {"input": text, "split": "test"}]
    assert Sides(rows).strays({"input": near, "split": "train"})
    assert diversity([text, near])["repetition"] > 0.5


def test_seeds_in_chinese_grow_and_copies_are_refused(tmp_path: Path) -> None:
    held([{"input": chinese(n), "output": chinese(n + 50)} for n in range(8)], tmp_path)
    numbers = itertools.count(100)

    def answer(_: Asked) -> dict[str, str]:
        number = next(numbers)
        copy = f"好{chinese(0)[1:]}" if number % 2 else chinese(number)
        return {"input": copy, "output": chinese(number + 500)}

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 6, accept: {novelty: 0.2, mean: 0}"))
    assert len(children(dataset)) == 6
    assert report(dataset)["dropped"]["not new"] >= 3


def test_what_a_model_wrote_stays_its_whatever_a_rule_does_to_it(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": prose(n, 2)} for n in range(8)], tmp_path)
    with scripted(lambda _: pair()) as server:
        grown = recipe(server.url, "use: self-instruct, rows: 4").replace(
            "  dataset: {use: write}", "  broken: {use: noise, from: all, case: 1.0}\n  dataset: {use: write}"
        )
        rows = build(grown).train.collect().to_dicts()
    assert {row["generator"] for row in rows} == {"model:w", "rule:noise"}


def test_judges_and_writers_see_what_stands_before_a_question(tmp_path: Path) -> None:
    held([{"input": "And the second?", "output": "It is red.", "turns": TALK, "system": "Be short.", "attrs": {"x": None}}], tmp_path)

    def answer(asked: Asked) -> Any:
        if "missing" in asked.data:
            return {"x": "a"}
        if "flaw" in asked.data:
            return "It is a bridge."
        return {"reason": "so", "score": 5 if asked.data["output"] == "It is red." else 2}

    for step in ("use: judge", "use: preference", "use: fill, record: attrs, fields: [x], measure: 0"):
        with scripted(answer) as server:
            build(completed(server.url, step), out=step.split()[1].strip(","))
        assert server.calls
        for call in server.calls:
            data = call.data.get("about", call.data)
            assert (data["turns"], data["system"]) == (TALK, "Be short."), step


@pytest.mark.parametrize("use", ["restyle", "evol-instruct"])
def test_a_question_in_other_words_keeps_what_stands_before_it(tmp_path: Path, use: str) -> None:
    held([{"input": "And the second?", "output": "It is red.", "turns": TALK}], tmp_path)
    with scripted(lambda _: f"{fresh()}?") as server:
        (child,) = children(build(recipe(server.url, f"use: {use}, rows: 1")))
    assert child["turns"] == TALK
    assert server.calls[0].data["turns"] == TALK
    other = recipe("http://127.0.0.1:9", "use: self-instruct, rows: 1")
    with scripted(lambda _: pair()) as server:
        (child,) = children(build(other.replace("http://127.0.0.1:9", server.url), out="other"))
    assert not child["turns"], "a new pair stands by itself"
    assert server.calls[0].data["examples"][0]["turns"] == TALK


@pytest.mark.parametrize("step", ["use: judge", "use: preference"])
def test_nothing_is_asked_of_a_pair_without_an_output(tmp_path: Path, step: str) -> None:
    held([{"q": "Who?", "a": None}, {"q": "Where?", "a": "Here, by the door."}], tmp_path)
    (tmp_path / "p.md").write_text("Answer.")
    with scripted(lambda asked: SCORE if "output" in asked.data else "No.") as server:
        text = completed(server.url, step).replace("path: seeds.jsonl", "path: seeds.jsonl, columns: {input: q}")
        dataset = build(text)
    assert not any(call.data["input"] == "Who?" for call in server.calls)
    assert report(dataset, "made")["unanswered"]["no output"] >= 1


def test_a_prompt_with_the_line_ends_of_another_system_has_the_same_parts(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": prose(n, 2)} for n in range(4)], tmp_path)
    (tmp_path / "mine.md").write_bytes(b"Make it rarer.\r\n\r\n# answer\r\nAnswer as a sailor would.\r\n")
    with scripted(lambda _: f"{fresh()}.") as server:
        build(recipe(server.url, "use: evol-instruct, rows: 1, prompt: mine.md"))
    evolving, answering = server.calls[:2]
    assert "Answer as a sailor would." in answering.told
    assert "sailor" not in evolving.told


def test_generations_are_counted_from_the_human_row_whatever_step_they_are_of(tmp_path: Path) -> None:
    held([{"input": prose(0, 1), "output": prose(0, 2)}], tmp_path)
    for use in ("evol-instruct", "self-instruct"):
        with scripted(lambda asked: pair() if "examples" in asked.data else f"{fresh()}.") as server:
            first = f"use: {use}, rows: 80, accept: {{depth: 2}}"
            text = recipe(server.url, first)
            again = (
                f"  more: {{model: w, budget: {{tokens: 9000000}}, from: all, use: {use}, rows: 60, accept: {{depth: 3, ratio: 500}}}}\n"
            )
            again += "  both: {use: dedup, from: [all, more], by: [input]}\n"
            rows = build(text.replace("  dataset:", f"{again}  dataset:"), out=use).train.collect().to_dicts()
        depths = _depths(rows)
        assert max(depths.values()) == 3, use


def test_a_row_whose_parent_was_not_kept_is_as_deep_as_the_parent_s_name_says() -> None:
    rows = [
        {"id": "h", "generator": "human", "parents": []},
        {"id": "h/g#7/g#9", "generator": "model:w", "parents": ["h/g#7"]},
    ]
    assert _depths(rows) == {"h": 0, "h/g#7/g#9": 2}


def test_several_rows_of_one_call_do_not_pass_the_ratio(tmp_path: Path) -> None:
    held([{"input": prose(0, 1), "output": prose(0, 2)}], tmp_path)
    with scripted(lambda _: {"examples": [pair() | {"probability": 0.01} for _ in range(5)]}) as server:
        dataset = build(recipe(server.url, "use: verbalized, rows: 20, accept: {ratio: 3}"))
    assert len(children(dataset)) == 3
    assert "accept.ratio" in dataset.summary["partial"][0]


def test_a_candidate_that_strays_is_shown_to_no_later_call(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": prose(n + 100, 2)} for n in range(12)], tmp_path)
    text = divided("http://127.0.0.1:9", "use: self-instruct, rows: 70")
    without = text.replace("from: [split, grown]", "from: [split]").replace("  grown:", "  # grown:")
    (other, *_) = build(without, out="split").split("test").collect()["input"].to_list()
    words = other.split()
    copy = {"input": " ".join((*words[: len(words) * 3 // 5], *fresh().split()[: len(words) // 2])), "output": "It strays."}
    numbers = itertools.count()
    with scripted(lambda _: copy if next(numbers) % 8 == 0 else pair()) as server:
        dataset = build(text.replace("http://127.0.0.1:9", server.url))
    assert report(dataset)["dropped"]["nearer to another split"] >= 1
    shown = [row["output"] for call in server.calls for row in call.data["examples"]]
    assert any(row["output"] in shown for row in children(dataset)), "later calls are shown what earlier ones made"
    assert "It strays." not in shown


@pytest.mark.parametrize("output", ['{"a":1, "price": 12.50}', "[1] See page 3."])
def test_restyling_leaves_a_human_output_alone_beside_a_schema(tmp_path: Path, output: str) -> None:
    held([{"input": prose(0, 1), "output": output}], tmp_path)
    with scripted(lambda _: f"{fresh()}?") as server:
        step = "use: restyle, rows: 2, schema: {type: object, properties: {a: {}, price: {}}}"
        dataset = build(recipe(server.url, step))
    assert {row["output"] for row in children(dataset)} == {output}


def test_a_value_that_the_schema_names_is_no_echo(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": json.dumps({"kind": "x"})} for n in range(4)], tmp_path)
    value = "the harbour office takes in what was found on the quay and keeps it for a year and a day"
    schema = f"{{type: object, properties: {{kind: {{enum: [{value}]}}}}}}"
    with scripted(lambda _: {"input": f"{fresh()}?", "output": {"kind": value}}) as server:
        dataset = build(recipe(server.url, f"use: self-instruct, rows: 2, schema: {schema}"))
    assert len(children(dataset)) == 2


@pytest.mark.parametrize(
    ("text", "values", "made"),
    [
        (r'{"a": 12.50, "b": null, "c": "\u00e9", "d": ""}', {"b": "x"}, r'{"a": 12.50, "b": "x", "c": "\u00e9", "d": ""}'),
        ('{\n  "a": 1e3,\n  "b": null\n}\n', {"b": ["p"], "e": 3}, '{\n  "a": 1e3,\n  "b": [\n    "p"\n  ],\n  "e": 3\n}\n'),
        ('{"a":1.0,"b":null}', {"b": 2}, '{"a":1.0,"b":2}'),
        (' { "a" : null , "z" : {"a": null} }', {"a": "y"}, ' { "a" : "y" , "z" : {"a": null} }'),
        ("{}", {"a": 1, "b": "ü"}, '{"a": 1, "b": "ü"}'),
        ('{"a": null, "a": null}', {"a": 1}, '{"a": null, "a": 1}'),
    ],
)
def test_values_are_written_into_a_record_and_nothing_else_of_it_changes(text: str, values: dict[str, Any], made: str) -> None:
    assert spliced(text, values) == made
    assert json.loads(made) == json.loads(text) | values


def test_filling_changes_no_byte_of_what_is_known(tmp_path: Path) -> None:
    record = '{"price": 12.50, "name": "Caf\\u00e9", "note": "", "colour": null}'
    held([{"input": "q", "output": record}], tmp_path)
    with scripted(lambda _: {"colour": "red", "note": None}) as server:
        (row,) = build(completed(server.url, "use: fill, record: output, measure: 0")).train.collect().to_dicts()
    assert row["output"] == record.replace("null", '"red"')


def test_licences_that_were_joined_are_not_joined_within_one_another() -> None:
    rows = [{"licence": "MIT AND (CC BY 4.0)"}, {"licence": "MIT"}, {"licence": "A OR B"}, {"licence": None}]
    assert licences(rows) == "(A OR B) AND (CC BY 4.0) AND MIT"
    assert licences([{"licence": licences(rows)}, {"licence": "MIT"}]) == "((A OR B) AND (CC BY 4.0) AND MIT) AND MIT"


def test_one_more_seed_of_an_evolution_asks_anew_for_no_other(tmp_path: Path) -> None:
    rows = [{"input": prose(n, 1), "output": prose(n, 2)} for n in range(40)]
    held(rows, tmp_path)
    with scripted(lambda asked: f"{prose(hash(json.dumps(asked.data)) % 10**6, 1)}") as server:
        build(recipe(server.url, "use: evol-instruct, rows: 40"))
        paid = len(server.calls)
        held([*rows, {"input": prose(99, 1), "output": prose(99, 2)}], tmp_path)
        build(recipe(server.url, "use: evol-instruct, rows: 41"))
        assert len(server.calls) - paid <= 4


def test_room_to_think_is_asked_for_again_only_where_an_answer_was_cut_off(tmp_path: Path) -> None:
    held([{"input": f"question {n}", "output": prose(n, 2)} for n in range(6)], tmp_path)

    def answer(asked: Asked) -> Any:
        room = asked.body.get("max_tokens") or asked.body.get("max_completion_tokens")
        return ("length", "{") if asked.data["input"] == "question 3" and room < 3000 else SCORE

    with scripted(answer) as server:
        text = completed(server.url, "use: judge, max_tokens: 200")
        first = build(text)
        assert report(first, "made")["unanswered"] == {"cut by length": 1}
        paid = len(server.calls)
        second = build(text.replace("{model: m,", "{model: m, thinking: 4000,"))
        assert len(server.calls) == paid + 1
    assert report(second, "made")["unanswered"] == {}


def test_what_was_cut_off_gets_no_more_room_than_the_context_has(tmp_path: Path) -> None:
    held([{"input": "question", "output": "answer"}], tmp_path)
    with scripted(lambda _: ("length", "{")) as server:
        text = completed(server.url, "use: judge, max_tokens: 500").replace("{model: m,", "{model: m, context: 900,")
        build(text)
        first, second = (call.body.get("max_tokens") or call.body["max_completion_tokens"] for call in server.calls)
    assert first == 500 < second < 900 - 50
    with scripted(lambda _: ("length", "{")) as server:
        text = completed(server.url, "use: judge, max_tokens: 500").replace("{model: m,", "{model: m, context: 1300, thinking: 200,")
        build(text, out="thinking")
        first, second = (call.body.get("max_tokens") or call.body["max_completion_tokens"] for call in server.calls)
    assert first == 700 < second < 1300 - 50


def test_a_hidden_value_is_not_shown_by_another_way(tmp_path: Path) -> None:
    held([{"input": f"q {n}", "output": "a", "system": f"Be {n}."} for n in range(3)], tmp_path)
    with scripted(lambda _: {"system": "Be good."}) as server:
        build(completed(server.url, "use: fill, fields: [system], measure: 3"))
    assert len(server.calls) == 3
    assert not any("Be " in json.dumps(call.data) for call in server.calls)


def test_nobody_waits_for_a_turn_at_an_endpoint_that_is_left_alone() -> None:
    import asyncio

    from tasks.clients.llm import Endpoint
    from tasks.clients.model import Model, Request
    from tasks.clients.rate import Rate

    endpoint = Endpoint("w", Model(model="alone", url="http://127.0.0.1:9", requests_per_minute=0.001), _closed="connection")
    for _ in range(3):
        assert asyncio.run(endpoint.ask(Request(({"role": "user", "content": "q"},), {}))).failure == "connection"
    rate, left = Rate(), iter([False, True])
    rate.refuse(rate.take(0.0), 1e12, 0.1)  # type: ignore[arg-type]  # the first turn is free
    assert asyncio.run(rate.turn(0, lambda: next(left))) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@127.0.0.1:8000/v1",
        "https://x.example/v1?api_key=secret",
        "https://x.example/v1#secret",
        "https://u:p/secret@x.example/v1",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    held([{"input": "q", "output": "a"}], tmp_path)
    with pytest.raises(RecipeError, match="must hold no name, password or query") as told:
        prepared(completed(url, "use: judge"), Options())
    assert "secret" not in str(told.value)


def test_a_plan_prices_each_model_by_itself(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": prose(n, 2)} for n in range(12)], tmp_path)
    critic = '  critic: {model: c, url: "URL", price: {input: 2, output: 8}, requests_per_minute: 6}'

    def answer(asked: Asked) -> Any:
        return fresh() if "flaw" in asked.data else SCORE | {"score": 5 if asked.data["output"] in outputs else 1}

    outputs = {prose(n, 2) for n in range(12)}
    with scripted(answer) as server:
        text = completed(server.url, "use: preference, judge: critic", critic.replace("URL", server.url))
        plan, site, _ = prepared(text, Options())
        with pool("direct", 1) as execute:
            estimate = estimates(plan, site, execute)["made"]
        spent = build(text.replace(", requests_per_minute: 6", "")).summary["cost"]["usd"]
    assert estimate.usd.low <= spent <= estimate.usd.high <= 3 * estimate.usd.low
    assert estimate.seconds.high >= 240, "24 verdicts at six a minute"


def test_rows_of_growing_carry_their_scores_into_the_provenance_and_a_sheet(tmp_path: Path) -> None:
    from flows.review import rows_of

    held([{"input": prose(n, 1), "output": prose(n + 100, 2)} for n in range(8)], tmp_path)
    numbers = itertools.count()
    with scripted(lambda asked: {"reason": "so", "score": 4 + next(numbers) % 2} if "output" in asked.data else pair()) as server:
        text = recipe(server.url, "use: self-instruct, rows: 6, accept: {judge: {model: critic, min: 4}}")
        build(text.replace("{use: write}", "{use: write, layout: prompt-completion}"))
    rows = rows_of("data/made", None)
    assert {row["score"] for row in rows if row["generator"] == "model:w"} == {4.0, 5.0}
    assert {row["score"] for row in rows if row["generator"] == "human"} == {None}


PARAMETERS = {
    "self-instruct": {"temperature": 0.7, "top_p": 0.5, "presence_penalty": 2},
    "evol-instruct": {"temperature": 1.0, "top_p": 0.95},
    "restyle": {"temperature": 0.6, "top_p": 0.95},
    "persona, personas: [a sailor]": {"temperature": 0.7},
    "verbalized": {"temperature": 1.0},
    "adversarial": {"temperature": 1.0},
    "attributes, attributes: {a: [b]}": {"temperature": 1.0},
}


@pytest.mark.parametrize("use", list(PARAMETERS))
def test_each_strategy_asks_as_its_paper_did(tmp_path: Path, use: str) -> None:
    held([{"input": prose(n, 1), "output": "x" * 3000} for n in range(9)], tmp_path)

    def answer(asked: Asked) -> Any:
        if use in ("restyle", "evol-instruct"):
            return f"{fresh()}?"
        return {"examples": [pair() | {"probability": 0.01}]} if use == "verbalized" else pair()

    with scripted(answer) as server:
        build(recipe(server.url, f"use: {use}, rows: 1"))
    asked = server.calls[0]
    sent = {name: asked.body.get(name) for name in ("temperature", "top_p", "presence_penalty") if name in asked.body}
    assert sent == PARAMETERS[use]
    if use == "self-instruct":
        assert len(asked.data["examples"]) == 8
    if use == "restyle":
        assert len(asked.data["output"]) == 1000


def test_a_told_pace_in_tokens_is_kept_by_what_calls_take_not_by_what_they_might() -> None:
    from tasks.clients.llm import Endpoint
    from tasks.clients.model import Answer, Model, Request

    endpoint = Endpoint("w", Model(model="m", url="http://127.0.0.1:9"))
    request = Request(({"role": "user", "content": "word " * 100},), {"max_tokens": 1000})
    assert endpoint.typical(request) < sum(endpoint.worst(request)) / 3 > 500
    for number in range(6):
        endpoint.learn(request.messages, Answer("x", "stop", 110, 30 + number))
    assert 130 <= endpoint.typical(request) <= 150
    assert sum(endpoint.worst(request)) > 1100, "a budget reckons with the worst"
    endpoint.learn(request.messages, Answer("x", "stop", 9000, 9000, told=False))
    assert 130 <= endpoint.typical(request) <= 150


def test_a_key_refused_once_costs_a_row_and_one_that_is_withdrawn_ends_the_build(tmp_path: Path) -> None:
    held([{"input": f"question {n}", "output": prose(n, 2)} for n in range(30)], tmp_path)

    def answer(asked: Asked) -> Any:
        number = int(asked.data["input"].split()[1])
        return Failed(401) if number == odd or (withdrawn and number > 12) else SCORE

    step = "use: judge, concurrency: 2"
    withdrawn, odd = False, 7
    with scripted(answer) as server:
        dataset = build(completed(server.url, step))
    assert report(dataset, "made")["unanswered"] == {"refused": 1}
    withdrawn = True
    with scripted(answer) as server:
        with pytest.raises(ModelError, match="answered 401"):
            build(completed(server.url, step), out="other")
        assert len(server.calls) < 26
        withdrawn, odd = False, -1
        paid = len(server.calls)
        whole = build(completed(server.url, step), out="other")
        assert len(server.calls) - paid <= 30 - 12, "what was answered before is not paid again"
    assert whole.train.collect().height == 30


def test_an_endpoint_that_died_is_left_alone_and_one_that_answers_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clients.llm.ATTEMPTS", 2)
    held([{"input": f"question {n}", "output": prose(n, 2)} for n in range(60)], tmp_path)
    numbers = itertools.count()
    with scripted(lambda _: SCORE if next(numbers) < 10 else 500) as server:
        dataset = build(completed(server.url, "use: judge, concurrency: 4"))
        asked = len(server.calls)
    assert asked < 10 + 2 * (8 + 4 + 1), "eight calls in a row that were given up are enough, and those under way"
    assert dataset.summary["partial"] == ["steps.made: 50 rows without an answer (server error 50); run again, and only they are asked for"]
    with scripted(lambda _: 400) as server:
        dataset = build(completed(server.url, "use: judge"), out="none")
    assert dataset.summary["partial"] == ["steps.made: not one row was answered (refused 60)"]


def test_what_repeats_the_instructions_is_a_failure_that_is_counted(tmp_path: Path) -> None:
    held([{"text": prose(n, 3)} for n in range(4)], tmp_path)
    text = completed("URL", "use: backtranslate").replace("use: seeds", "use: files")
    with scripted(lambda asked: asked.told if "number 1" in asked.data["text"] or len(server.calls) == 2 else f"{fresh()}?") as server:
        dataset = build(text.replace("URL", server.url))
    made = report(dataset, "made")
    assert made["failures"]["canary"] == made["dropped"]["canary"] >= 1


def test_a_dataset_that_must_lack_a_split_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    held([{"input": prose(n, 1), "output": prose(n, 2)} for n in range(8)], tmp_path)
    text = divided("http://127.0.0.1:9", "use: self-instruct, rows: 2").replace(
        "  all: {use: dedup, from: [split, grown], by: [input]}\n", ""
    )
    with pytest.raises(RecipeError, match="no row of validation and test, which `split` asks for"):
        prepared(text, Options())
    prepared(text.replace("rows: 2", "rows: 2, grow: [train, validation, test]"), Options())


def test_a_line_of_results_that_is_none_is_no_answer() -> None:
    from tasks.clients.batches import complaint_of, result_of

    for line in ({"response": "text"}, {"response": None}, {"response": {"status_code": 200, "body": "x"}}, {}):
        assert result_of(line, None) is None
        assert complaint_of(line)
