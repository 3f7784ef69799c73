"""A vendor with a protocol of its own: Anthropic's library speaks to a server on loopback that answers in Anthropic's form."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from flows.dataset import Dataset
from tasks.errors import DartboardError, ModelError, RecipeError
from tests.services.scripted import Failed

RECIPE = """
name: r
models: {w: {model: claude-small, vendor: anthropic, url: "URL", key: VENDOR_KEY, price: {input: 1, output: 5}}}
steps:
  seeds: {use: seeds, path: seeds.jsonl}
  judged: {use: judge, model: w, budget: {usd: 1}}
  dataset: {use: write}
"""
GOOD = json.dumps({"reason": "…", "score": 4})


@contextmanager
def messages_server(answer: Callable[[int, dict[str, Any]], Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve Anthropic's messages: what `answer` gives is the text, (stop reason, text), or `Failed`."""
    calls: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append({**body, "path": self.path, "x-api-key": self.headers["x-api-key"]})
            said = answer(len(calls), body)
            if isinstance(said, Failed):
                error = {"type": "error", "error": {"type": "invalid_request_error", "message": said.message}}
                self._send(said.status, json.dumps(error), "application/json", said.headers)
                return
            stop, text = said if isinstance(said, tuple) else ("end_turn", said)
            usage = {"input_tokens": 40, "output_tokens": 20}
            message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-small", "stop_sequence": None}
            if body.get("stream"):
                self._send(200, "".join(events(message, text, stop, usage)), "text/event-stream", {})
            else:
                whole = {**message, "content": [{"type": "text", "text": text}], "stop_reason": stop, "usage": usage}
                self._send(200, json.dumps(whole), "application/json", {})

        def _send(self, status: int, text: str, kind: str, headers: dict[str, str]) -> None:
            data = text.encode()
            self.send_response(status)
            for name, told in {**headers, "Content-Type": kind, "Content-Length": str(len(data))}.items():
                self.send_header(name, told)
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        server.server_close()


def events(message: dict[str, Any], text: str, stop: str, usage: dict[str, int]) -> Iterator[str]:
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in (text[:9], text[9:])),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]
    return (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in told)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "k-123")
    held = [{"input": f"Question {number}?", "output": "Two."} for number in range(6)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, held)))


def judged(dataset: Dataset) -> dict[str, Any]:
    return dict(next(step for step in dataset.summary["steps"] if step["name"] == "judged"))


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("stream", [False, True])
def test_a_vendor_answers_through_its_own_library(*, stream: bool) -> None:
    with messages_server(lambda *_: GOOD) as (url, calls):
        recipe = RECIPE.replace("URL", url).replace("key:", f"stream: {str(stream).lower()}, key:")
        dataset = build(recipe, ledger="kept")
        again = build(recipe, work="elsewhere", ledger="kept")
    assert dataset.train.collect()["score"].to_list() == [4.0] * 6
    assert judged(dataset)["cost"]["requests"] == len(calls) == 6
    assert judged(dataset)["cost"]["usd"] == pytest.approx(6 * (40 * 1 + 20 * 5) / 1e6)
    assert again.version == dataset.version
    assert {call["path"] for call in calls} == {"/v1/messages"}
    assert {call["x-api-key"] for call in calls} == {"k-123"}
    assert all("rubric" in call["system"] or "score" in call["system"] for call in calls), "instructions are the system's"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        (Failed(429, "slow down", {"Retry-After": "0.2"}), "rate limit"),
        (Failed(529, "overloaded"), "server error"),
        (Failed(503, "busy", {"Retry-After": "0.2"}), "server error"),
        (Failed(400, "output blocked by content filtering policy"), "filtered"),
        (Failed(413, "too long"), "refused"),
    ],
)
def test_a_vendor_fails_in_the_same_classes(failed: Failed, kind: str) -> None:
    with messages_server(lambda number, _: failed if number == 1 else GOOD) as (url, calls):
        dataset = build(RECIPE.replace("URL", url), sets=("steps.judged.concurrency=1",))
    assert judged(dataset)["failures"] == {kind: 1}
    lost = kind in ("filtered", "refused")
    assert len(calls) == (6 if lost else 7), "the library sends nothing twice by itself"
    assert judged(dataset)["quarantined"] == lost


@pytest.mark.usefixtures("rows")
def test_what_was_cut_off_by_a_vendor_gets_more_room() -> None:
    def answer(_: int, body: dict[str, Any]) -> Any:
        return ("max_tokens", GOOD[:5]) if body["max_tokens"] <= 1024 else GOOD

    with messages_server(answer) as (url, calls):
        dataset = build(RECIPE.replace("URL", url))
    assert dataset.train.collect()["score"].to_list() == [4.0] * 6
    assert min(call["max_tokens"] for call in calls) <= 1024 < max(call["max_tokens"] for call in calls)


@pytest.mark.usefixtures("rows")
def test_parameters_that_a_vendor_does_not_know_are_left_out() -> None:
    def answer(_: int, body: dict[str, Any]) -> Any:
        if "output_config" in body:
            return Failed(400, "output_config: this model knows no json_schema")
        return json.dumps({"input": f"What of {len(made)} {made.append(1)} {'abcdefgh'[len(made) % 8] * len(made)}?", "output": "This."})

    made: list[int] = []
    recipe = RECIPE.replace("use: judge, model: w", "use: self-instruct, model: w, rows: 3, accept: {novelty: 0, mean: 0}")
    with messages_server(answer) as (url, calls):
        dataset = build(recipe.replace("URL", url))
    assert dataset.train.collect().height == 3
    assert not any("presence_penalty" in call for call in calls), "Anthropic's library has no such word"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("old", "new", "error", "told"),
    [
        ("vendor: anthropic", "vendor: nobody", RecipeError, r"models\.w\.vendor.*no vendor that any-llm knows"),
        ("vendor: anthropic", "vendor: cohere", RecipeError, r"pip install 'any-llm-sdk\[cohere\]'"),
        ("vendor: anthropic", "vendor: anthropic, batch: true", RecipeError, "batch"),
        ("key: VENDOR_KEY", "key: ABSENT_KEY", RecipeError, "ABSENT_KEY"),
        ("URL", "http://127.0.0.1:1", ModelError, "nothing answers at"),
    ],
)
def test_what_is_wrong_with_a_vendor_is_told(old: str, new: str, error: type[DartboardError], told: str) -> None:
    with messages_server(lambda *_: Failed(401, "no such key")) as (url, calls), pytest.raises(error, match=told):
        build(RECIPE.replace(old, new).replace("URL", url))
    assert not calls


@pytest.mark.usefixtures("rows")
def test_a_key_that_a_vendor_refuses_ends_the_build() -> None:
    with messages_server(lambda *_: Failed(401, "invalid x-api-key")) as (url, _), pytest.raises(ModelError, match="answered 401"):
        build(RECIPE.replace("URL", url))
