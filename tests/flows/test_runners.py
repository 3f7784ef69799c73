"""The same bytes from every runner, any number of workers, and after any interruption."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.build import Options, build, prepared
from flows.progress import Quiet
from flows.rim import parse_bytes
from flows.runners import Pool, worker_count
from flows.walk import walk
from tasks.errors import RecipeError
from tasks.store.place import Place
from tests.services.s3 import S3
from tests.store.test_crash import contents
from tests.texts import NOTES, write_notes

ROOT = Path(__file__).parents[2]
SHARD = 1500


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def cli(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.build", *arguments], capture_output=True, text=True, env=environment(**more), timeout=300
    )  # fmt: skip


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    write_notes(tmp_path / "notes", 24)
    (tmp_path / "r.yaml").write_text(NOTES)
    return tmp_path


@pytest.mark.parametrize("runner", ["direct", "threads"])
def test_workers_give_the_same_dataset(notes: Path, runner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = build(NOTES, out="one", shard_bytes=SHARD, workers=1)
    monkeypatch.setattr("flows.weights.SMALL_BYTES", 0)
    found = build(NOTES, out=f"out-{runner}", shard_bytes=SHARD, workers=2, runner=runner)
    assert contents(Place.at(str(notes / f"out-{runner}"))) == contents(Place.at(str(notes / "one")))
    assert found.version == expected.version


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
@pytest.mark.heavy
def test_a_dask_cluster_of_two_processes_gives_the_same_manifest(notes: Path) -> None:
    expected = build(NOTES, out="one", shard_bytes=SHARD)
    found = build(NOTES, out="dask", shard_bytes=SHARD, workers=2, runner="dask")
    assert found.version == expected.version
    assert contents(Place.at(str(notes / "dask"))) == contents(Place.at(str(notes / "one")))


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
@pytest.mark.heavy
def test_two_dask_workers_do_the_work_between_them(notes: Path) -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        plan, site, _ = prepared(NOTES, Options(out="pids", shard_bytes=SHARD))
        pool = Pool("dask", 2, cluster.scheduler_address)
        walk(plan, pool, site, Quiet())
        stages = client.run(lambda dask_worker: len(dask_worker.state.log))
        pids = client.run(os.getpid)
        pool.close()
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()
    assert all(count > 5 for count in stages.values())


@pytest.mark.parametrize(
    "more",
    [{"TZ": "Pacific/Auckland", "LC_ALL": "tr_TR.UTF-8"}, {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "99", "POLARS_MAX_THREADS": "1"}],
    ids=str,
)
def test_zone_locale_hash_seed_and_threads_change_no_byte(notes: Path, more: dict[str, str]) -> None:
    build(NOTES, out="one")
    done = cli("r.yaml", "--runner", "direct", "--out", "two", **more)
    assert done.returncode == 0, done.stderr
    assert contents(Place.at(str(notes / "two"))) == contents(Place.at(str(notes / "one")))


def test_a_build_on_s3_has_the_same_bytes(notes: Path, s3: S3) -> None:
    build(NOTES, out="one")
    build(NOTES, out=s3.url("same bytes"))
    assert contents(Place.at(s3.url("same bytes"))) == contents(Place.at(str(notes / "one")))


def begun(out: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "flows.build", "r.yaml", "--runner", "direct", "--out", out, *arguments]
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def test_kills_at_random_points_leave_what_a_rerun_ends_the_same(notes: Path) -> None:
    build(NOTES, out="one")
    draw = random.Random(4)
    process = begun("killed")
    for _ in range(4):
        time.sleep(draw.uniform(0.3, 2.0))  # the moment of the kill is what is drawn
        process.kill()
        process.communicate()
        process = begun("killed")
    process.communicate()
    assert process.returncode == 0
    assert contents(Place.at(str(notes / "killed"))) == contents(Place.at(str(notes / "one")))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interruptions_say_so_and_can_be_resumed(notes: Path, number: int, code: int) -> None:
    write_notes(notes / "notes", 100, 30)
    process = begun("stopped", "--workers", "2")
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "run the same command" in said
    assert "Traceback" not in said
    assert cli("r.yaml", "--runner", "direct", "--out", "stopped").returncode == 0


def test_a_direct_build_begins_without_what_its_steps_may_never_need(notes: Path) -> None:
    heavy = "{'prefect', 'numba', 'scipy', 'great_expectations', 'distributed', 'ray', 'pandas', 'openai', 'httpx', 'sklearn'}"
    code = (
        "import flows.build as b, sys\n"
        f"b.walk = lambda *_: sys.exit(str(sorted({heavy} & set(sys.modules))))\n"
        "b.main(['r.yaml', '--runner', 'direct'])"
    )
    begun = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=300)
    assert begun.stderr.strip() == "[]", "half of what a small build spends before its first step was one of these"


def test_workers_are_as_many_as_memory_allows() -> None:
    assert worker_count(8, parse_bytes("1.5GB")) == 1
    assert worker_count(8, parse_bytes("1.9GB")) == 2
    assert worker_count(8, parse_bytes("4GB")) == 5
    assert worker_count(8, 10) == 1
    assert worker_count(3, None) == 3
    with pytest.raises(RecipeError):
        parse_bytes("much")


@pytest.mark.parametrize(("flag", "value"), [("out", "http://x/y"), ("work", "https://x/y"), ("runner", "slurm"), ("limit", 0)])
def test_options_that_cannot_work_are_refused_before_anything_runs(notes: Path, flag: str, value: object) -> None:
    with pytest.raises(RecipeError):
        build(NOTES, **{flag: value})


def test_memory_is_for_one_process(notes: Path) -> None:
    with pytest.raises(RecipeError, match="one process only"):
        build(NOTES, out="memory://x", runner="threads")
    assert build(NOTES, out="memory://here").published.splits["train"] > 0


def test_offline_refuses_remote_sources(notes: Path) -> None:
    with pytest.raises(RecipeError, match="--offline"):
        build(NOTES, offline=True, sets=("steps.notes.path=s3://somewhere/x",))


def test_a_worker_of_another_version_is_refused(notes: Path) -> None:
    from dataclasses import replace

    from flows.work import run_plain
    from tasks.errors import StoreError

    plan, site, _ = prepared(NOTES, Options())
    caught: list[Any] = []

    def take(stage: Any, jobs: Any) -> Any:
        caught.extend(jobs)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(plan, take, site, Quiet())
    with pytest.raises(StoreError, match="worker's code"):
        run_plain(replace(caught[0], code="other").plain())
