"""Growing beside a server in another process that fails by plan; builds that are killed, and builds at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from tests.growth.test_growing import stats
from tests.services.s3 import free_port, wait_for
from tests.texts import prose

ROOT = Path(__file__).parents[2]


@contextmanager
def faulty(**plan: float) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.services.faulty", str(port), json.dumps(plan)], cwd=ROOT)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def written(folder: Path, url: str, rows: int, step: str) -> Path:
    lines = [json.dumps({"input": prose(n, 2), "output": prose(n + 5000, 2), "subject": None}) for n in range(rows)]
    (folder / "seeds.jsonl").write_text("\n".join(lines))
    recipe = folder / "r.yaml"
    recipe.write_text(f"""
name: faults
models: {{w: {{model: m, url: "{url}/v1"}}}}
steps:
  seeds: {{use: seeds, path: seeds.jsonl}}
  made: {{model: w, {step}}}
  dataset: {{use: write}}
""")
    return recipe


FILL = "use: fill, record: attrs, fields: [subject], show: [input], measure: 0, max_tokens: 200"


def report(summary: Any) -> dict[str, Any]:
    return dict(next(step for step in summary["steps"] if step["name"] == "made"))


def test_failed_calls_are_counted_as_planned_and_no_broken_answer_is_kept(tmp_path: Path) -> None:
    plan = {"error": 0.1, "broken": 0.1, "length": 0.05, "drop": 0.05, "hang": 0.03, "filter": 0.02, "half": 0.03, "torn": 0.05}
    with faulty(**plan) as url:
        dataset = build(written(tmp_path, url, 200, f"{FILL}, timeout_seconds: 1, concurrency: 32, budget: {{tokens: 1000000}}"))
        seen = stats(url)
    told = report(dataset.summary)
    named = {"error": "server error", "broken": "broken JSON", "length": "cut by length", "hang": "timeout", "filter": "filtered"}
    planned = {name: seen[name] + (seen["torn"] if name == "broken" else 0) for name in named}
    assert {name: told["failures"].get(kind, 0) for name, kind in named.items()} == planned
    lost = {"connection", "cut stream", "broken answer"}
    assert sum(told["failures"].get(kind, 0) for kind in lost) == seen["drop"] + seen["half"]
    assert set(told["failures"]) <= {*named.values(), *lost}
    rows = dataset.train.collect()
    assert rows.height == 200
    filled = [json.loads(attrs or "{}").get("subject") for attrs in rows["attrs"]]
    assert sum(value is None for value in filled) == told["quarantined"] == sum(told["unanswered"].values())
    assert all(value is None or value.endswith(" subject") for value in filled)
    assert told["quarantined"] >= told["unanswered"]["filtered"] == seen["filter"]


@pytest.mark.heavy
@pytest.mark.parametrize("known", [False, True])
def test_200_rows_come_through_a_limit_of_20_a_second(tmp_path: Path, *, known: bool) -> None:
    with faulty(per_second=20, retry_after=2, latency=0.05) as url:
        recipe = written(tmp_path, url, 200, f"{FILL}, concurrency: 32, budget: {{tokens: 1000000}}")
        if known:
            recipe.write_text(recipe.read_text().replace('/v1"}', '/v1", requests_per_minute: 1200}'))
        dataset = build(recipe)
        seen = stats(url)
    assert report(dataset.summary)["failures"] == ({"rate limit": seen["limit"]} if seen["limit"] else {})
    assert seen["billed"] == 200
    assert seen["twice"] == 0
    assert seen["limit"] <= (0 if known else 40)


def started(recipe: Path, *more: str, log: str = "log") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flows.build", str(recipe), "--runner", "direct", *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (recipe.parent / log).open("wb") as told:
        return subprocess.Popen(command, cwd=recipe.parent, env=environment, stdout=subprocess.DEVNULL, stderr=told)


def killed(process: "subprocess.Popen[bytes]", url: str, before: int, seconds: float) -> bool:
    """Kill a build some time after its first new call; tell whether it was still at work."""
    while stats(url)["calls"] == before and process.poll() is None:
        time.sleep(0.01)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        return True
    return False


@pytest.mark.heavy
def test_a_build_killed_at_twenty_points_pays_twice_at_most_for_what_was_under_way(tmp_path: Path) -> None:
    draw, kills, most = random.Random(20), 0, 0
    with faulty(latency=0.1, error=0.05, drop=0.02) as url:
        recipe = written(tmp_path, url, 1500, f"{FILL}, concurrency: 16, budget: {{tokens: 10000000}}")
        while kills < 20:
            before = stats(url)
            assert killed(started(recipe), url, before["calls"], draw.uniform(0.05, 0.4)), "there is too little to do for twenty kills"
            kills += 1
            seen = stats(url)
            assert seen["twice"] - before["twice"] <= seen["most"] <= 16, f"kill {kills}"
            most = max(most, seen["twice"] - before["twice"])
        process = started(recipe)
        assert process.wait(120) == 0, (tmp_path / "log").read_text()
        seen = stats(url)
        dataset = build(recipe)
        assert stats(url)["calls"] == seen["calls"]
    assert dataset.train.collect().height == 1500
    assert not report(dataset.summary)["unanswered"]
    assert seen["twice"] <= 20 * 16


@pytest.mark.heavy
@pytest.mark.parametrize("apart", [False, True])
def test_four_builds_at_once_keep_one_budget(tmp_path: Path, *, apart: bool) -> None:
    budget = 60_000
    with faulty(latency=0.05, error=0.03, broken=0.03, drop=0.02, half=0.01, lost=0.01) as url:
        recipe = written(tmp_path, url, 600, f"{FILL}, concurrency: 16, budget: {{tokens: {budget}}}")
        places = [("--out", f"data{number}", "--ledger", "ledger") if apart else () for number in range(4)]
        processes = [started(recipe, *place, log=f"log{number}") for number, place in enumerate(places)]
        codes = [process.wait(240) for process in processes]
        told = [(tmp_path / f"log{number}").read_text() for number in range(4)]
        seen = stats(url)
    assert codes == [4] * 4, told
    assert all("budget reached" in text for text in told)
    assert 0.8 * budget <= seen["tokens"] <= budget
    assert seen["twice"] <= seen["half"] + seen["lost"], "nobody asks what another build has asked"
    with faulty() as url:
        dataset = build(
            written(tmp_path, url, 600, f"{FILL}, budget: {{tokens: {budget}}}"), ledger=str(tmp_path / "ledger") if apart else None
        )
        assert stats(url)["tokens"] <= budget - seen["tokens"]
    assert dataset.train.collect().height == 600
