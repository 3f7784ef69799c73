"""What budgets book, and what they give back: calls that never went out cost nothing, those that may be billed are never forgotten."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from tasks.clients.llm import Endpoint
from tasks.clients.model import Answer, Model, Prices, Request, bulk
from tasks.errors import DartboardError, ModelError, RecipeError
from tasks.growth import ledger as ledgers
from tasks.growth.asking import Asking
from tasks.growth.budget import Budget, Leave, Purse
from tasks.growth.ledger import Ledger
from tasks.growth.reading import whole
from tasks.store.place import Place
from tests.growth.test_batching import ROOT, answer, asked_of
from tests.growth.test_batching import written as batch_recipe
from tests.services.batch_server import batch_service
from tests.services.scripted import Failed, scripted

MODEL = Model(model="m", url="http://127.0.0.1:9/v1", price=Prices(input=4, output=4))
QUESTION = Request(({"role": "user", "content": "Why?"},), {"max_tokens": 32})


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    held = Ledger(Place.at(str(tmp_path / "ledger")))
    yield held
    held.close()


def test_tokens_and_dollars_are_never_added_up(ledger: Ledger) -> None:
    tokens = Purse(ledger, "r/s", Budget(tokens=10_000))
    assert tokens.reserve("a", 500) is Leave.GO
    tokens.settle("a", MODEL, Answer("x", "stop", 300, 100))
    dollars = Purse(ledger, "r/s", Budget(usd=1))
    assert (tokens.spent, dollars.spent) == (400, 0)
    dollars.known("a", MODEL, Answer("x", "stop", 300, 100))
    assert dollars.spent == pytest.approx(0.0016)
    assert dollars.reserve("b", 0.5) is Leave.GO


def test_an_answer_that_came_by_another_way_takes_what_was_set_aside_for_it(ledger: Ledger) -> None:
    purse = Purse(ledger, "r/s", Budget(tokens=1000))
    assert purse.reserve("a", 900) is Leave.GO
    purse.let_go("a", lost=2)
    assert purse.set_aside == 1800
    found = Answer("x", "stop", 30, 10)
    ledger.keep("a", found)
    purse.known("a", MODEL, found)
    assert (purse.spent, purse.set_aside) == (80, 0), "it may have been billed twice"
    purse.known("a", MODEL, found)
    assert purse.spent == 80


def test_a_call_that_never_went_out_costs_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    purse = Purse(ledger, "r/s", Budget(tokens=1000))

    async def ask(endpoint: Endpoint, seconds: float) -> None:
        try:
            asking = Asking({"w": endpoint}, "w", ledger, purse)
            await asyncio.wait_for(asking(QUESTION, lambda said, _: whole(said)), seconds)
        finally:
            await endpoint.close()

    keyless = Model(model="keyless", url="http://127.0.0.1:9/v1", key="NO_SUCH_KEY")
    with pytest.raises(RecipeError, match="NO_SUCH_KEY"):
        asyncio.run(ask(Endpoint("w", keyless), 5))
    assert purse.set_aside == 0
    with scripted(lambda _: Failed(429, "slow down", {"Retry-After": "60"})) as server:
        waiting = Model(model="waits", url=server.url)
        with pytest.raises(TimeoutError):
            asyncio.run(ask(Endpoint("w", waiting), 1))
        assert len(server.calls) == 1
    assert purse.set_aside == 0, "what was refused and what waits at the gate is not billed"


def test_a_call_that_is_under_way_when_the_build_is_stopped_may_be_billed(ledger: Ledger) -> None:
    import threading

    purse, never = Purse(ledger, "r/s", Budget(tokens=1000)), threading.Event()

    async def ask(endpoint: Endpoint) -> None:
        try:
            asking = Asking({"w": endpoint}, "w", ledger, purse)
            await asyncio.wait_for(asking(QUESTION, lambda said, _: whole(said)), 1)
        finally:
            await endpoint.close()

    with scripted(lambda _: str(never.wait(10))) as server:
        with pytest.raises(TimeoutError):
            asyncio.run(ask(Endpoint("w", Model(model="hangs", url=server.url))))
        never.set()
    assert purse.set_aside > 0


def test_all_that_is_left_goes_to_the_store_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "MOST", 3)
    place = Place.at(str(tmp_path))
    ledger = Ledger(place)
    for number in range(10):
        ledger.keep(f"k{number}", Answer("x", "stop", 1, 1))
    ledger.close()
    lines = [line for name in place.names("segments") for line in place.read_bytes(name).splitlines()]
    assert sorted(json.loads(line)["key"] for line in lines) == [f"k{number}" for number in range(10)]


def test_a_batch_that_is_refused_takes_nothing_of_the_budget(tmp_path: Path) -> None:
    with batch_service(answer) as service:
        service.fate = "refused"
        recipe = batch_recipe(tmp_path, service, rows=10, budget=15_000)
        for _ in range(3):
            with pytest.raises(ModelError, match="does not take a batch"):
                build(recipe)
        recipe.write_text(recipe.read_text().replace(", batch: true", ""))
        dataset = build(recipe)
        assert dataset.train.collect().height == 10
        assert not dataset.summary["partial"]
        assert len(service.live) == 20


KILLED = """
import os, signal, sys
from tasks.clients import batches
async def send(self, step, data):
    os.kill(os.getpid(), signal.SIGKILL)
batches.Batches.send = send
from flows.build import main
main(sys.argv[1:])
"""


def test_a_build_killed_before_its_batch_is_there_takes_nothing_of_the_budget(tmp_path: Path) -> None:
    with batch_service(answer) as service:
        recipe = batch_recipe(tmp_path, service, rows=10, budget=30_000)
        for _ in range(2):
            command = [sys.executable, "-c", KILLED, str(recipe), "--runner", "direct"]
            done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
            assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
        dataset = build(recipe)
        assert len(asked_of(service, 0)) == 10
        assert not dataset.summary["partial"]


def test_a_batch_of_a_build_that_lives_is_not_taken_back(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path))
    first, second = Ledger(place), Ledger(place)
    one, two = (Purse(held, "r/s", Budget(tokens=100)) for held in (first, second))
    one.reserve("lost", 10)
    one.let_go("lost", lost=1)
    assert one.gather("a", 20) is Leave.GO
    assert one.gather("lost", 10) is Leave.GO
    two.scatter()
    assert two.set_aside == 40, "another build may be sending it"
    one.sent(["lost"])
    one.scatter()
    assert two.set_aside == 20, "what was sent, and what was lost, stays set aside"
    first.close()
    second.close()


@pytest.mark.parametrize("text", ["3.14159265358979 " * 200, "{[<>]}:;,.|" * 200, "äöü" * 300, "plain words of English " * 100])
def test_the_worst_is_the_worst_whatever_was_seen_before(text: str) -> None:
    asked = Request(({"role": "user", "content": text},), {"max_tokens": 10})
    endpoint = Endpoint("w", MODEL)
    assert endpoint.worst(asked)[0] >= len(text.encode()), "nothing is known of how this model counts"
    english = [{"role": "user", "content": "These are words as people write them, with a comma here and there. " * 20}]
    endpoint.learn(english, Answer("x", "stop", len(english[0]["content"]) // 4, 10))
    hard = sum(len(letter.encode()) for letter in text if not (letter.isascii() and (letter.isalpha() or letter.isspace())))
    assert endpoint.worst(asked)[0] >= max(hard, len(text) // 4)
    assert endpoint.worst(asked)[0] >= sum(letter.isascii() for letter in text) // 2, "what comes next may be dearer than all before"
    assert endpoint.worst(Request(tuple(english), {}))[0] < 0.55 * bulk(english).most
    form = {"type": "object", "properties": {f"field {number}": {"type": "string"} for number in range(50)}}
    assert endpoint.worst(Request(asked.messages, {}, schema=form))[0] > endpoint.worst(asked)[0] + 300


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        (429, "You exceeded your current quota, please check your plan and billing details.", "has no credit left"),
        (429, '{"code": "insufficient_quota"}', "has no credit left"),
        (403, "this key may not use this model", "answered 403"),
    ],
)
def test_what_waiting_does_not_help_ends_the_build(tmp_path: Path, status: int, message: str, told: str) -> None:
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"input": "One.", "output": "Two."}))
    with scripted(lambda _: Failed(status, message)) as server, pytest.raises(DartboardError, match=told):
        build(JUDGED.replace("URL", server.url))
    assert len(server.calls) <= 8


JUDGED = """
name: r
models: {w: {model: m, url: "URL"}}
steps:
  seeds: {use: seeds, path: seeds.jsonl}
  judged: {use: judge, model: w, budget: {tokens: 100000}}
  dataset: {use: write}
"""


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        (Failed(403, "refused by moderation"), "filtered"),
        (Failed(504), "timeout"),
        (Failed(408), "timeout"),
        (Failed(409), "server error"),
        (Failed(503, "busy", {"Retry-After": "1"}), "server error"),
    ],
)
def test_each_status_has_its_class(tmp_path: Path, failed: Failed, kind: str) -> None:
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"input": "One.", "output": "Two."}))
    with scripted(lambda _: failed if len(server.calls) == 1 else {"reason": "…", "score": 5}) as server:
        dataset = build(JUDGED.replace("URL", f"{server.url}"), work=f"{tmp_path}/{kind}")
    (step,) = (step for step in dataset.summary["steps"] if step["name"] == "judged")
    assert step["failures"] == {kind: 1}
    assert len(server.calls) == (1 if kind == "filtered" else 2)


def test_a_busy_server_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    import time

    rows = [{"input": f"Question {number}.", "output": "Two."} for number in range(3)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    times: list[float] = []

    def busy(_: Any) -> Any:
        times.append(time.monotonic())
        return Failed(503, "busy", {"Retry-After": "0.3"}) if len(times) <= 8 else {"reason": "…", "score": 5}

    with scripted(busy) as server:
        dataset = build(JUDGED.replace("URL", server.url), sets=("steps.judged.concurrency=1",))
    assert dataset.train.collect().height == 3, "waiting uses up no attempt, however often"
    assert all(later - earlier >= 0.3 for earlier, later in zip(times[:8], times[1:9], strict=True))


def test_an_endpoint_that_asks_for_a_day_leaves_a_dataset_and_ends_growing(tmp_path: Path) -> None:
    rows = [{"input": f"Question {number}.", "output": "Two."} for number in range(4)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    day = Failed(429, "later", {"Retry-After": "86400"})
    with scripted(lambda _: day if len(server.calls) > 1 else {"reason": "…", "score": 5}) as server:
        dataset = build(JUDGED.replace("URL", server.url), sets=("steps.judged.concurrency=1",))
        assert len(server.calls) == 2
        grown = (
            JUDGED.replace("URL", server.url)
            .replace("use: judge", "use: self-instruct, rows: 40")
            .replace("{use: write}", "{use: write, from: [seeds, judged]}")
        )
        other = build(grown.replace("model: m,", "model: other,"), work="elsewhere", sets=("steps.judged.concurrency=1",))
        assert len(server.calls) == 3
    assert dataset.summary["partial"]
    assert "rate limit" in str(dataset.summary["steps"])
    assert "answers in a row were of no use (rate limit)" in str(other.summary)
