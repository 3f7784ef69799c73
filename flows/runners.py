"""Running jobs: in this process when they are small, else in spawned processes, threads, or a Dask or Ray cluster.

Every runner is an executor that is given jobs as plain data; the walk, with Prefect or without, knows no other.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

from flows import weights
from flows.plan import Stage
from flows.weights import lightness, threads_for
from flows.work import run, run_plain
from flows.work.job import Job
from tasks.abreast import share_cores
from tasks.notices import listen
from tasks.store.commit import Done

LEAST_BYTES = 750_000_000
"""Memory below which `--memory` is refused: a build in one process."""
LEADER_BYTES, WORKER_BYTES = 450_000_000, 700_000_000
"""Memory that `--memory` grants the process that leads several workers, and each of these."""
HERE = ("model", "ask-vectors", "list", "fetch", "earlier")
"""Kinds of jobs that only the flow's own process may do: they speak to the world."""

Pooling = Literal["processes", "threads", "dask", "ray"]
CLUSTERS = ("dask", "ray")


def worker_count(workers: int | None, memory_bytes: int | None) -> int:
    """Give how many workers to use: as asked, or one a core, and no more than the memory allows."""
    count = workers or os.cpu_count() or 1
    return max(1, min(count, (memory_bytes - LEADER_BYTES) // WORKER_BYTES)) if memory_bytes else count


class Pool:
    """Workers that are started when the first large jobs come."""

    def __init__(self, pooling: Pooling, workers: int, address: str = "") -> None:
        self._pooling = pooling
        self._workers = workers
        self._address = address
        self._close: Callable[[], object] = lambda: None
        self._executor: Executor | None = None
        self._lock = threading.Lock()

    def __call__(self, stage: Stage, jobs: Sequence[Job]) -> list[Done]:
        """Run the jobs of a stage; the first error stops it."""
        del stage
        return [Done.of(data) for data in self.run_all([job.plain() for job in jobs])]

    def run_all(self, jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run jobs given as plain data, in order of the list."""
        held = [Job.of(data) for data in jobs]
        small = self._workers == 1 or len(held) == 1 or sum(job.bytes / lightness(job) for job in held) < weights.SMALL_BYTES
        if held[0].kind in HERE or (small and self._pooling not in CLUSTERS):
            return _here(held, min(threads_for(job, self._workers) for job in held))
        return list(self._started().map(run_plain, jobs))

    def _started(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor, self._close = self._start()
            return self._executor

    def _start(self) -> tuple[Executor, Callable[[], object]]:
        if self._pooling == "threads":
            return _threads(self._workers), _nothing
        if self._pooling == "processes":
            return _processes(self._workers), _nothing
        from flows import clusters

        start = clusters.dask if self._pooling == "dask" else clusters.ray
        return start(self._workers, self._address)

    def close(self, *, now: bool = False) -> None:
        """Stop the workers; `now` does not wait for what they are doing."""
        if self._executor is not None:
            if self._pooling not in CLUSTERS:
                self._executor.shutdown(wait=not now, cancel_futures=True)
            for child in multiprocessing.active_children() if now else ():
                child.terminate()
        self._close()


def _here(jobs: Sequence[Job], threads: int) -> list[dict[str, Any]]:
    """Run jobs in this process, some at a time."""
    threads = min(threads, len(jobs))
    if threads == 1:
        return [_plain(run(job)) for job in jobs]
    with ThreadPoolExecutor(threads, initializer=share_cores, initargs=(threads,)) as executor:
        return [_plain(done) for done in executor.map(run, jobs)]


def _nothing() -> None:
    """Close nothing more than the executor."""


def _plain(done: Done) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(done)


def _threads(workers: int) -> Executor:
    return ThreadPoolExecutor(workers, thread_name_prefix="dartboard")


def _processes(workers: int) -> Executor:
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    for name in ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _begin_worker() -> None:
    """Leave signals to the parent, and end when it is gone; what the modules hold is not looked through for garbage."""
    gc.freeze()
    listen(notify)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def notify(notice: str) -> None:
    """Show a notice, on stderr as all that is said on the way."""
    if sys.stderr is not None:
        sys.stderr.write(f"{notice}\n")
        sys.stderr.flush()


@contextmanager
def pool(runner: str, workers: int) -> Iterator[Pool]:
    """Give a pool for a runner as written on the command line; interrupted, its workers are stopped at once."""
    name, _, address = runner.partition("=")
    kinds: dict[str, Pooling] = {"threads": "threads", "dask": "dask", "ray": "ray"}
    listen(notify)
    made = Pool(kinds.get(name, "processes"), workers, address)
    try:
        yield made
    except BaseException:
        made.close(now=True)
        raise
    made.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM into an exception with exit code 143, so that workers are stopped and temporary files go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(143)
