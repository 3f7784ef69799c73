"""The flow on a real Prefect server."""

import asyncio
import csv
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.review import main as review
from tests.services.s3 import free_port, wait_for
from tests.services.scripted import scripted
from tests.texts import NOTES, write_notes

pytestmark = pytest.mark.prefect
ROOT = Path(__file__).parents[2]
# Prefect's client and its threads close some of their connections after the loop has gone.
pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("prefect")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server of its own on loopback."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    names = {
        "PREFECT_HOME": str(home), "PREFECT_API_URL": api, "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process, 120)
        yield api
    finally:
        process.terminate()
        process.wait(20)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def asked(call: Any) -> Any:
    """Ask the server through its own client."""
    from prefect.client.orchestration import get_client

    async def ask() -> Any:
        async with get_client() as client:
            return await call(client)

    return asyncio.run(ask())


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.build", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, timeout=300)


def test_a_run_names_its_tasks_and_leaves_a_table(server: str, tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12)
    name = f"notes-{uuid.uuid4().hex[:6]}"
    (tmp_path / "r.yaml").write_text(NOTES.replace("name: notes", f"name: {name}"))
    done = run_cli("r.yaml", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    direct = run_cli("r.yaml", "--runner", "direct", "--json", "--out", "other")
    assert json.loads(direct.stdout.splitlines()[-1])["version"] == summary["version"]
    runs = {run.name: run for run in asked(lambda client: client.read_task_runs(limit=200))}
    for stage in ("notes", "passages", "prose.features", "prose", "unique", "split", "pairs", "dataset"):
        assert f"{name}/{stage}/0" in runs, sorted(runs)
        assert runs[f"{name}/{stage}/0"].state.is_completed()
    artifacts = asked(lambda client: client.read_artifacts(limit=50))
    tables = [json.loads(artifact.data) for artifact in artifacts if artifact.type == "table"]
    ours = next(table for table in tables if [row["step"] for row in table][-1] == "dataset")
    assert {row["step"]: row["kept"] for row in ours}["notes"] == 12
    assert any(artifact.type == "progress" and artifact.data == 100.0 for artifact in artifacts)


def test_an_injected_failure_is_retried(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.build import Options
    from flows.progress import Quiet
    from flows.stages import orchestrated, run_jobs
    from tasks.errors import StoreError
    from tasks.store.place import Place

    write_notes(tmp_path / "notes", 6)
    name = f"retry-{uuid.uuid4().hex[:6]}"
    failed: list[str] = []
    put = Place.put

    def faulty(self: Place, path: str, source: Path, **more: bool) -> None:
        if not failed and path.endswith("done.json"):
            failed.append(path)
            raise StoreError("injected")
        put(self, path, source, **more)

    monkeypatch.setattr(Place, "put", faulty)
    monkeypatch.setattr(run_jobs, "retry_delay_seconds", 0.1)
    dataset = orchestrated(NOTES.replace("name: notes", f"name: {name}"), Options(runner="threads"), Quiet())
    assert failed
    assert dataset.published.splits["train"] > 0
    runs = [run for run in asked(lambda client: client.read_task_runs(limit=200)) if run.name == f"{name}/notes/0"]
    assert [run.run_count for run in runs] == [2]


def test_a_gate_that_refuses_is_not_retried_and_told_in_a_line(server: str, tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12)
    (tmp_path / "r.yaml").write_text(NOTES.replace("validation: 0.2, test: 0.2", "validation: 0.2, test: 0.2, by: [licence]"))
    done = run_cli("r.yaml")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "cannot fill 3 splits" in done.stderr


def test_results_are_json_and_a_planted_pickle_is_never_run(server: str, tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 6)
    (tmp_path / "r.yaml").write_text(NOTES.replace("name: notes", "name: pickles"))
    assert run_cli("r.yaml").returncode == 0
    stored = list(Path(os.environ["PREFECT_LOCAL_STORAGE_PATH"]).rglob("*"))
    files = [path for path in stored if path.is_file()]
    assert files
    for path in files:
        assert json.loads(path.read_bytes())["metadata"]["serializer"]["type"] == "json"


def test_parts_that_are_gone_are_made_again(server: str, tmp_path: Path) -> None:
    import shutil

    write_notes(tmp_path / "notes", 6)
    (tmp_path / "r.yaml").write_text(NOTES.replace("name: notes", "name: gone"))
    first = run_cli("r.yaml", "--json")
    shutil.rmtree(tmp_path / "data")
    again = run_cli("r.yaml", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["version"] == json.loads(first.stdout.splitlines()[-1])["version"]


def a_review_is_waited_for(deployment: Any, folder: Path) -> None:
    """Run a recipe with a review on the worker: it shows a sample, waits, and goes on with the edits that are there by then."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    rows = [{"input": f"question {number}", "output": f"answer {number}"} for number in range(6)]
    (folder / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "r.yaml").write_text(
        """
name: faq
steps:
  faq: {use: seeds, path: faq.jsonl}
  secret: {use: seeds, path: faq.jsonl, private: true, columns: {input: input}}
  both: {use: dedup, from: [faq, secret], by: [input]}
  read: {use: review, edits: reviews.jsonl, wait: true}
  dataset: {use: write}
""".replace("columns: {input: input}", "limit: 1")
    )
    parameters = {"recipe": str(folder / "r.yaml"), "out": str(folder / "reviewed")}
    run = asked(lambda client: client.create_flow_run_from_deployment(deployment, parameters=parameters))

    def until(reached: Any) -> Any:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            state = asked(lambda client: client.read_flow_run(run.id)).state
            if reached(state):
                return state
            assert not state.is_final(), state
            time.sleep(0.5)
        raise AssertionError(state)

    until(lambda state: state.is_paused())
    kept = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    artifacts = {artifact.key: artifact for artifact in asked(lambda client: client.read_artifacts(artifact_filter=kept))}
    assert "6 of 6 rows" in artifacts["review-read"].description
    assert "answer 3" in str(artifacts["review-read"].data)
    (sheet,) = (folder / "reviewed" / "faq" / "reviews").glob("read-*.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        marked = list(csv.DictReader(file))
    assert len(marked) == 6
    for row in marked:
        row["better_answer"] = "better" if row["question"] == "question 2" else ""
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, marked[0])
        writer.writeheader()
        writer.writerows(marked)
    assert review(["edits", str(sheet), "--to", str(folder / "reviews.jsonl")]) == 0
    asked(lambda client: client.resume_flow_run(run.id))
    assert until(lambda state: state.is_final()).is_completed()
    assert "better" in sheet.read_text(), "a resumed run leaves a sheet that people have written into alone"
    dataset = folder / "reviewed" / "faq"
    version = json.loads((dataset / "latest.json").read_text())["version"]
    written = pl.read_parquet(dataset / version / "data" / "*.parquet")
    assert sorted(written["output"]) == sorted(["answer 0", "answer 1", "better", "answer 3", "answer 4", "answer 5"])


def test_the_deployment_runs_on_a_worker(server: str, tmp_path: Path) -> None:
    """As in deploy/README.md: pool, deploy, worker, run through the API."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DARTBOARD_HOME": str(ROOT)}

    def prefect(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    prefect("work-pool", "create", "local", "--type", "process")
    prefect("work-pool", "set-concurrency-limit", "local", "1")
    prefect("--no-prompt", "deploy", "--all", "--prefect-file", "deploy/prefect.yaml")
    deployment = asked(lambda client: client.read_deployment_by_name("build/dartboard"))
    form = deployment.parameter_openapi_schema["properties"]
    assert list(form) == ["recipe", "out", "limit", "runner", "overrides"]
    assert form["out"]["default"] == "data"
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "local"],
        env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        parameters = {"recipe": "transcode", "out": str(tmp_path / "deployed"), "overrides": {"offline": True, "settings": "seed=5"}}
        run = asked(lambda client: client.create_flow_run_from_deployment(deployment.id, parameters=parameters))
        until = time.monotonic() + 180
        while time.monotonic() < until:
            state = asked(lambda client: client.read_flow_run(run.id)).state
            if state.is_final():
                break
            time.sleep(1)
        assert state.is_completed(), state
        a_review_is_waited_for(deployment.id, tmp_path)
    finally:
        worker.terminate()
        worker.wait(30)
    assert (tmp_path / "deployed" / "transcode" / "latest.json").exists()


def test_a_key_that_the_environment_lacks_comes_from_a_secret_block(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.system import Secret

    from flows.stages import Runner, flow

    monkeypatch.setenv("TEAM_WRITER_KEY", "")
    monkeypatch.delenv("TEAM_WRITER_KEY")
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"input": "How?", "output": "So."}))
    recipe = """
name: keyed
models:
  w: {model: m, url: "URL", key: TEAM_WRITER_KEY}
steps:
  seeds: {use: seeds, path: SEEDS}
  made: {use: judge, model: w, budget: {tokens: 10000}}
  dataset: {use: write}
""".replace("SEEDS", str(tmp_path / "seeds.jsonl"))
    with scripted(lambda _: {"reason": "so", "score": 5}) as model:
        recipe = recipe.replace("URL", model.url)
        locked: Any = flow(recipe, str(tmp_path / "locked"), None, Runner("threads"), return_state=True)
        assert "TEAM_WRITER_KEY" in locked.message
        Secret(value="sesame-4711").save("team-writer-key")
        opened: Any = flow(recipe, str(tmp_path / "data"), None, Runner("threads"), return_state=True)
        assert opened.is_completed(), opened.message
    assert [call.headers["authorization"] for call in model.calls] == ["Bearer sesame-4711"]
    assert not any(b"sesame" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
