"""Dask and Ray with real worker processes: the same dataset as without them, work in every worker, and one killed in the middle."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flows.build import Options, build, carried_out, prepared
from flows.plan import Stage
from flows.progress import Quiet
from flows.runners import Pool
from tasks.store.place import Place
from tests.store.test_crash import contents
from tests.texts import NOTES, write_notes

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]
SHARD = 1500


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_notes(tmp_path / "notes", 24)
    return tmp_path


class Killing(Quiet):
    """Kills a worker by its process id while it works on the keys of the dedup."""

    def __init__(self, client: Any, pids: dict[str, int]) -> None:
        self._client, self._pids, self.killed = client, pids, 0

    def jobs(self, stage: Stage, total: int, cached: int) -> None:
        """Begin to watch for a worker that is busy."""
        if stage.name == "unique" and total > 2 and not self.killed:
            threading.Thread(target=self._kill, daemon=True).start()

    def _kill(self) -> None:
        for _ in range(500):
            busy = [address for address, tasks in self._client.processing().items() if tasks]
            if busy and not self.killed:
                self.killed = self._pids[busy[0]]
                os.kill(self.killed, signal.SIGKILL)
                return
            time.sleep(0.01)  # until a worker is seen at work


@pytest.mark.heavy
def test_a_dask_worker_that_is_killed_in_the_middle_costs_nothing(notes: Path) -> None:
    from distributed import Client, LocalCluster

    expected = build(NOTES, out="one", shard_bytes=SHARD)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        pids = client.run(os.getpid)
        watch = Killing(client, pids)
        plan, site, out = prepared(NOTES, Options(out="dask", shard_bytes=SHARD))
        pool = Pool("dask", 2, cluster.scheduler_address)
        found = carried_out(plan, site, out, pool, watch)
        pool.close()
        after = client.run(os.getpid)
    assert watch.killed in pids.values()
    assert watch.killed not in after.values()
    assert found.version == expected.version
    assert contents(Place.at(str(notes / "dask"))) == contents(Place.at(str(notes / "one")))


@pytest.mark.heavy
def test_a_ray_cluster_of_two_processes_gives_the_same_manifest(notes: Path) -> None:
    import ray

    expected = build(NOTES, out="one", shard_bytes=SHARD)
    found = build(NOTES, out="ray", shard_bytes=SHARD, workers=2, runner="ray")
    assert not ray.is_initialized()
    assert found.version == expected.version
    assert contents(Place.at(str(notes / "ray"))) == contents(Place.at(str(notes / "one")))


@pytest.mark.heavy
def test_both_ray_workers_do_the_work_and_a_killed_one_costs_nothing(notes: Path) -> None:
    import ray

    def slow_pid() -> int:
        time.sleep(0.5)  # so long that one worker does not take all
        return os.getpid()

    expected = build(NOTES, out="one", shard_bytes=SHARD)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        pids = set(ray.get([ray.remote(slow_pid).remote() for _ in range(4)]))
        assert len(pids) == 2
        assert os.getpid() not in pids
        os.kill(min(pids), signal.SIGKILL)
        found = build(NOTES, out="ray", shard_bytes=SHARD, workers=2, runner="ray")
    finally:
        ray.shutdown()
    assert found.version == expected.version
