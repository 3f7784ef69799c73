"""What people are told when growing goes wrong, and mistakes that must not cost them."""

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from flows.asked import asked_lines
from flows.build import build
from flows.review import main as review
from tasks.errors import GateError, ModelError, RecipeError
from tasks.growth.novelty import Sides
from tasks.growth.structure import rewritten, written
from tests.growth.test_strategies import children, fresh, pair, recipe, report, seeds  # noqa: F401  a fixture
from tests.services.scripted import Asked, Failed, scripted
from tests.texts import prose

GROWN = "use: self-instruct, rows: 10"


def told(error: pytest.ExceptionInfo[RecipeError]) -> str:
    return str(error.value)


@pytest.mark.usefixtures("seeds")
def test_a_pilot_takes_all_seeds_and_is_the_beginning_of_the_whole() -> None:
    with scripted(lambda _: pair()) as server:
        text = recipe(server.url, "use: self-instruct, rows: 40")
        build(text, limit=5, ledger="kept")
        paid = len(server.calls)
        dataset = build(text, ledger="kept")
    assert paid < 20
    assert report(dataset)["cost"]["cached"] == paid
    assert len(children(dataset)) == 40


@pytest.mark.usefixtures("seeds")
def test_rows_cannot_be_grown_before_they_are_split() -> None:
    text = recipe("http://127.0.0.1:9/v1", GROWN)
    lines = text.split("\n")
    split = next(line for line in lines if line.startswith("  split:"))
    lines.remove(split)
    late = "\n".join(lines).replace("from: [split, grown]", "from: [seeds, grown]").replace("  dataset:", f"{split}\n  dataset:")
    with pytest.raises(RecipeError) as error:
        build(late)
    assert "steps.split: must come before `grown`" in told(error)


@pytest.mark.usefixtures("seeds")
def test_a_step_that_cannot_be_read_is_the_only_fault() -> None:
    with pytest.raises(RecipeError) as error:
        build(recipe("http://127.0.0.1:9/v1", "use: self-instruct, rowz: 3, rows: 3"))
    assert "steps.grown.rowz" in told(error)
    assert "divided" not in told(error)


@pytest.mark.usefixtures("seeds")
def test_a_key_that_stands_in_a_recipe_is_not_repeated() -> None:
    with pytest.raises(RecipeError) as error:
        build(recipe("http://127.0.0.1:9/v1", GROWN).replace("model: m,", "model: m, key: sk-abc-secret,"))
    assert "models.w.key: must be the name of an environment variable" in told(error)
    assert "secret" not in told(error)
    with pytest.raises(RecipeError, match=r"models\.w\.url: .*must begin with http:// or https://"):
        build(recipe("127.0.0.1:9/v1", GROWN))


@pytest.mark.usefixtures("seeds")
def test_a_judge_that_is_no_model_is_named_where_it_stands() -> None:
    with pytest.raises(RecipeError) as error:
        build(recipe("http://127.0.0.1:9/v1", f"{GROWN}, accept: {{judge: {{model: nobody, min: 3}}}}"))
    assert "steps.grown.accept.judge.model: got nobody: is not among the models (w, critic)" in told(error)


@pytest.mark.usefixtures("seeds")
def test_answers_that_are_all_of_no_use_end_growing_soon_with_advice() -> None:
    with scripted(lambda _: ("length", "never ending")) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 200, max_tokens: 16", "test: 2"))
    assert dataset.summary["partial"] == ["steps.grown: 32 answers in a row were of no use (cut by length)"]
    assert len(server.calls) == 64, "one round, each call once more"


def test_advice_is_given_where_rows_are_lost_in_one_way() -> None:
    base: dict[str, Any] = {
        "name": "j", "failures": {}, "unanswered": {"cut by length": 20}, "dropped": {}, "quarantined": 0,
        "cost": {"requests": 40, "cached": 0, "input_tokens": 1, "output_tokens": 1, "usd": 0},
    }  # fmt: skip
    assert any("raise `max_tokens`" in line for line in asked_lines([base]))
    assert not any("raise `max_tokens`" in line for line in asked_lines([base | {"unanswered": {"cut by length": 2}}]))
    assert any("of an earlier build" in line for line in asked_lines([base | {"cached": True}]))


@pytest.mark.usefixtures("seeds")
def test_an_address_that_answers_something_else_is_told_at_once() -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        calls = 0

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            Page.calls += 1
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ModelError, match="answers, but no chat completion is among its answers"):
            build(recipe(f"http://127.0.0.1:{page.server_port}", GROWN))
    finally:
        page.shutdown()
        page.server_close()
    assert Page.calls <= 3 * 8


@pytest.mark.usefixtures("seeds")
def test_what_an_endpoint_says_of_a_refusal_is_shown_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    with scripted(lambda _: Failed(401, "Incorrect API key provided: sk-very-secret. Find yours there.")) as server:
        text = recipe(server.url, GROWN).replace("model: m,", "model: m, key: SOME_KEY,")
        with pytest.raises(ModelError, match=r"answered 401: Incorrect API key provided: …\. Find yours there\. Check"):
            build(text)


@pytest.mark.usefixtures("seeds")
def test_a_budget_that_is_reached_tells_its_figures() -> None:
    with scripted(lambda _: pair()) as server:
        dataset = build(recipe(server.url, "use: self-instruct, rows: 400").replace("tokens: 1000000", "tokens: 20000"))
    (partial,) = dataset.summary["partial"]
    assert "steps.grown: budget reached: " in partial
    assert " of 20,000 tokens are spent; the next call may take " in partial


@pytest.mark.usefixtures("seeds")
def test_an_empty_prompt_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text(" \n")
    for step in ("use: self-instruct, rows: 3, prompt: empty.md", "use: answer, prompt: empty.md"):
        with pytest.raises(RecipeError, match=r"steps\.grown\.prompt.* is empty"):
            build(recipe("http://127.0.0.1:9/v1", step))


@pytest.mark.usefixtures("seeds")
@pytest.mark.parametrize("polite", [False, True])
def test_an_apology_eliminates_unless_seeds_apologise_too(tmp_path: Path, *, polite: bool) -> None:
    rows = [json.loads(line) for line in (tmp_path / "seeds.jsonl").read_text().splitlines()]
    if polite:
        rows = [row | {"output": f"We are sorry. {row['output']}"} for row in rows]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def answer(asked: Asked) -> str:
        return f"We are sorry to hear of it. {fresh()}" if "example" in asked.data else fresh()

    with scripted(answer) as server:
        dataset = build(recipe(server.url, "use: evol-instruct, rows: 4"))
    assert len(children(dataset)) == (4 if polite else 0)


def test_a_child_that_resembles_nothing_is_no_stray() -> None:
    def row(text: str, split: str) -> dict[str, Any]:
        return {"input": text, "split": split}

    sides = Sides([row("the cat sat on the mat all day", "train"), row("a dog ran over the green field", "test")])
    assert not sides.strays(row("over nine hundred ships were built near harbours", "train"))
    assert sides.strays(row("a dog ran over the brown field", "train"))


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "b": "ü"}', '{"a":1,"b":"ü"}', '{\n  "a": 1,\n  "b": "ü"\n}', '{\n    "a": 1\n}', '{\n\t"a": 1\n}', '{"a": "\\u00fc"}'],
)
def test_json_is_written_as_it_was(text: str) -> None:
    assert written(json.loads(text), text) == text
    other = written({"z": "ü", "y": [1, 2]}, text)
    assert ("\n" in other) == ("\n" in text)
    assert json.loads(rewritten('{\n  "z": 1\n}', text)) == {"z": 1}
    assert rewritten('{"z": 1}', "plain words") == '{"z": 1}'


@pytest.mark.usefixtures("seeds")
def test_records_that_are_filled_or_grown_are_written_as_the_seeds_are(tmp_path: Path) -> None:
    rows = [{"input": prose(n, 1), "output": json.dumps({"name": f"n{n}", "size": None if n % 2 else "S"})} for n in range(8)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    schema = "{type: object, properties: {name: {type: string}, size: {type: string}}, required: [name, size]}"

    def answer(asked: Asked) -> Any:
        return {"size": "M"} if "missing" in asked.data else {"input": fresh(), "output": {"name": fresh(), "size": "L"}}

    with scripted(answer) as server:
        grown = build(recipe(server.url, f"use: self-instruct, rows: 4, schema: {schema}", "test: 1"))
        filled = build(
            recipe(server.url, "use: fill, record: output, measure: 0", "test: 1").replace("[split, grown]", "[grown]"), work="w"
        )
    outputs = [text for dataset in (grown, filled) for text in dataset.train.collect()["output"]]
    assert len(outputs) >= 14
    assert all(text == json.dumps(json.loads(text)) for text in outputs)


def test_reviewers_who_mend_a_row_in_two_ways_disagree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faq.jsonl").write_text(json.dumps({"input": "How?", "output": "So."}))
    build("name: faq\nsteps:\n  faq: {use: seeds, path: faq.jsonl}\n  dataset: {use: write}\n")
    for name, better in (("ada", "First."), ("bob", "Second.")):
        assert review(["export", "data/faq", "--to", f"{name}.jsonl"]) == 0
        (row,) = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row | {"better_answer": better, "reviewer": name}))
    assert review(["import", "data/faq", "ada.jsonl", "bob.jsonl"]) == 0
    said = capsys.readouterr()
    assert "people disagree" in said.err
    assert "0 kept, 0 edited, 0 dropped" in said.out


@pytest.mark.usefixtures("seeds")
def test_a_plan_tells_what_is_left_of_a_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from flows.build import main

    with scripted(lambda _: pair()) as server:
        text = recipe(server.url, "use: self-instruct, rows: 400").replace("tokens: 1000000", "tokens: 20000")
        (tmp_path / "r.yaml").write_text(text)
        assert main(["r.yaml", "--plan"]) == 0
        assert "; but 20,000 tokens are left of its budget" in capsys.readouterr().out
        assert main(["r.yaml", "--runner", "direct"]) == 4
        asked = len(server.calls)
        capsys.readouterr()
        assert main(["r.yaml", "--plan"]) == 0
        out = capsys.readouterr().out
        assert "tokens are left of its budget, which will not do" in out
        assert "20,000 tokens are left" not in out
        assert len(server.calls) == asked


@pytest.mark.usefixtures("seeds")
def test_a_dataset_without_its_seeds_is_warned_of() -> None:
    from flows.reader import read_recipe, warnings

    text = recipe("http://127.0.0.1:9/v1", GROWN)
    assert not warnings(read_recipe(text))
    everywhere = recipe("http://127.0.0.1:9/v1", f"{GROWN}, grow: [train, validation, test]")
    (warned,) = warnings(read_recipe(everywhere.replace("from: [split, grown]", "from: grown")))
    assert "only what `grown` grows is written" in warned
    assert "`from: [split, grown]`" in warned


@pytest.mark.usefixtures("seeds")
@pytest.mark.parametrize("status", [302, 307])
def test_no_redirect_is_followed(status: int) -> None:
    with scripted(lambda _: pair()) as other:
        with (
            scripted(lambda _: Failed(status, "", {"Location": f"{other.url}/chat/completions"})) as server,
            pytest.raises(ModelError, match=r"redirects to http://.*Name the address that answers itself"),
        ):
            build(recipe(server.url, GROWN))
        assert not other.calls


@pytest.mark.usefixtures("seeds")
def test_a_split_that_no_row_reaches_says_so() -> None:
    text = recipe("http://127.0.0.1:9/v1", GROWN).replace(
        "path: seeds.jsonl", "path: seeds.jsonl, columns: {input: qestion, output: output}"
    )
    with pytest.raises(GateError, match="split: no row reaches it"):
        build(text)
