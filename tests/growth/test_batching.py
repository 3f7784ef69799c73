"""Requests that go out as batches, on a service that completes them, fails them, lets them expire, or waits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from flows.requests import main
from tasks.clients.batches import files_of, parsed, request_line
from tasks.clients.model import Model, Request
from tests.services.batch_server import Service, batch_service, completion
from tests.services.scripted import Asked, read
from tests.texts import prose

ROOT = Path(__file__).parents[2]


def answer(asked: Asked) -> Any:
    return {"reason": "…", "score": 5} if '"score"' in asked.told else f"Tell me of {asked.data['text'][:20]}"


def written(folder: Path, service: Service, rows: int = 10, budget: int = 100000) -> Path:
    (folder / "notes").mkdir(exist_ok=True)
    for number in range(rows):
        (folder / "notes" / f"{number:03}.txt").write_text(prose(number))
    recipe = folder / "r.yaml"
    recipe.write_text(f"""
name: r
models: {{w: {{model: m, url: "{service.url}", batch: true}}}}
steps:
  notes: {{use: files, path: "notes/*.txt"}}
  pairs: {{use: backtranslate, model: w, curate: 4, budget: {{tokens: {budget}}}}}
  dataset: {{use: write}}
""")
    return recipe


def asked_of(service: Service, number: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.files[service.batches[number]["input_file_id"]].splitlines()]


def test_a_batch_is_made_of_what_is_missing_and_answers_in_any_order(tmp_path: Path) -> None:
    with batch_service(answer) as service:
        dataset = build(written(tmp_path, service))
        assert [len(asked_of(service, number)) for number in range(2)] == [10, 10], "what follows on an answer is a second batch"
        assert not service.live
        assert dataset.summary["cost"]["requests"] == 0
        assert dataset.summary["cost"]["cached"] == 20
        assert dataset.train.collect().height == 10
        build(written(tmp_path, service, rows=11))
        assert [len(asked_of(service, number)) for number in range(2, len(service.batches))] == [1, 1]
        line = asked_of(service, 0)[0]
        assert set(line) == {"custom_id", "method", "url", "body"}
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert line["body"]["model"] == "m"


@pytest.mark.parametrize(("fate", "live"), [("errors", 20), ("expired", 15)])
def test_what_a_batch_does_not_answer_is_asked_live(tmp_path: Path, fate: str, live: int) -> None:
    with batch_service(answer) as service:
        service.fate = fate
        dataset = build(written(tmp_path, service))
        assert dataset.train.collect().height == 10
        assert not dataset.summary["partial"]
        assert len(service.live) + 20 - live >= 10
        keys = [line["custom_id"] for number in range(len(service.batches)) for line in asked_of(service, number)]
        assert len(keys) == len(set(keys)), "nothing is sent in two batches"


def test_a_batch_goes_as_far_as_the_budget(tmp_path: Path) -> None:
    with batch_service(answer) as service:
        dataset = build(written(tmp_path, service, rows=60, budget=3000), sets=("steps.pairs.max_tokens=16", "steps.pairs.curate=0"))
        assert 1 <= len(asked_of(service, 0)) < 10
        assert "budget reached" in dataset.summary["partial"][0]
        answered = sum(len(asked_of(service, number)) for number in range(len(service.batches))) + len(service.live)
        assert 0.8 * 3000 <= answered * 90 <= 3000


def test_a_build_that_was_killed_while_its_batch_waited_sends_it_once(tmp_path: Path) -> None:
    with batch_service(answer) as service:
        service.fate = "waits"
        recipe = written(tmp_path, service)
        command = [sys.executable, "-m", "flows.build", str(recipe), "--runner", "direct"]
        process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
        assert service.waiting.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert len(service.batches) == 1
        for batch in service.batches:
            batch["fate"] = "completed"
        service.fate = "completed"
        dataset = build(recipe)
        assert dataset.train.collect().height == 10
        assert len(service.batches) == 2
        keys = [line["custom_id"] for number in range(2) for line in asked_of(service, number)]
        assert len(keys) == len(set(keys)) == 20
        assert not service.live


def test_files_are_cut_where_an_endpoint_would_refuse_them(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(model="m", url="http://127.0.0.1:1/v1", stream=True, thinking=100)
    lines = [request_line(f"k{n}", Request(({"role": "user", "content": "x"},), {"max_tokens": 5}), model) for n in range(10)]
    body = json.loads(lines[0])["body"]
    assert body == {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 105}
    monkeypatch.setattr("tasks.clients.batches.MOST_REQUESTS", 4)
    files = list(files_of(lines))
    assert [len(parsed(data)) for data in files] == [4, 4, 2]
    monkeypatch.setattr("tasks.clients.batches.MOST_BYTES", len(lines[0]) * 2 + 4)
    assert [len(parsed(data)) for data in files_of(lines)] == [2] * 5
    assert parsed(b'\n{"custom_id": 1}\nnothing\n[]\n') == {}


def test_a_file_for_vllm_run_batch_goes_out_and_its_answers_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with batch_service(answer) as service:
        recipe = written(tmp_path, service)
        recipe.write_text(recipe.read_text().replace(", batch: true", ""))
        asked, answers = tmp_path / "asked.jsonl", tmp_path / "answers.jsonl"
        assert main(["export", str(recipe), str(asked)]) == 0
        assert "10 requests" in capsys.readouterr().out
        lines = [json.loads(line) for line in asked.read_text().splitlines()]
        for line in lines:
            assert set(line) == {"custom_id", "method", "url", "body"}
            assert line["method"] == "POST"
            assert line["url"] == "/v1/chat/completions"
            assert set(line["body"]) == {"model", "messages", "max_tokens", "temperature"}
        told = [
            {
                "id": f"vllm-{place}",
                "custom_id": line["custom_id"],
                "response": {
                    "status_code": 200,
                    "request_id": f"vllm-batch-{place}",
                    "body": completion(str(answer(read(line["body"])))),
                },
                "error": None,
            }
            for place, line in enumerate(lines[:8])
        ]
        told.append({"id": "vllm-8", "custom_id": lines[8]["custom_id"], "response": None, "error": {"message": "too long"}})
        answers.write_text("\n".join(map(json.dumps, told)))
        assert main(["import", str(recipe), str(answers), "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out) == {"answers": 8, "without": 1}
        assert said.err == f"no answer: {lines[8]['custom_id']}: too long\n"
        assert not service.live
        assert main(["export", str(recipe), str(asked), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"requests": 10}, "two are still missing, and eight have a second call"
        dataset = build(recipe)
        assert dataset.train.collect().height == 10
        assert len(service.live) == 12
        (tmp_path / "empty.jsonl").write_text(json.dumps(told[-1]))
        assert main(["import", str(recipe), str(tmp_path / "empty.jsonl")]) == 1
        assert main(["import", str(recipe), str(tmp_path / "absent.jsonl")]) == 2


def test_every_line_of_a_file_is_a_call_as_the_api_knows_it(tmp_path: Path) -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
    from pydantic import TypeAdapter

    (tmp_path / "seeds.jsonl").write_text("\n".join(json.dumps({"input": prose(n, 1), "output": '{"a": 1}'}) for n in range(9)))
    (tmp_path / "r.yaml").write_text("""
name: r
models: {w: {model: m, url: "http://127.0.0.1:9/v1"}}
steps:
  seeds: {use: seeds, path: seeds.jsonl}
  grown: {use: self-instruct, model: w, rows: 3, schema: {type: object, properties: {a: {type: integer}}}, budget: {tokens: 100000}}
  dataset: {use: write, from: grown}
""")
    assert main(["export", str(tmp_path / "r.yaml"), str(tmp_path / "asked.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    assert len(lines) >= 3
    adapter = TypeAdapter(CompletionCreateParamsNonStreaming)
    names = set(CompletionCreateParamsNonStreaming.__required_keys__ | CompletionCreateParamsNonStreaming.__optional_keys__)
    for line in lines:
        assert {"response_format", "presence_penalty", "top_p"} < set(line["body"]) <= names
        adapter.validate_python(line["body"])
    assert len({line["custom_id"] for line in lines}) == len(lines)
