"""Clusters as executors: Dask and Ray, started on this machine or joined by their address."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from tasks.errors import usage

Started = tuple[Executor, Callable[[], object]]


def dask(workers: int, address: str) -> Started:
    """Join the Dask scheduler at `address`, or start a cluster of `workers` processes here."""
    try:
        import distributed
    except ImportError as error:
        raise usage("needs the extra `dask`", "pip install dartboard[dask]", place="--runner", value="dask") from error
    library: Any = distributed
    cluster = None if address else library.LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
    client = library.Client(address or cluster)

    def close() -> None:
        client.close()
        if cluster is not None:
            cluster.close()

    return client.get_executor(pure=False), close


def ray(workers: int, address: str) -> Started:
    """Join the Ray cluster at `address`, or start one of `workers` processes here."""
    try:
        import ray as library
    except ImportError as error:
        raise usage("needs the extra `ray`", "pip install dartboard[ray]", place="--runner", value="ray") from error
    options: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    library.init(ignore_reinit_error=True, log_to_driver=False, configure_logging=False, **options)
    return _RayExecutor(library), library.shutdown


class _RayExecutor(Executor):
    """Ray's remote functions behind the interface of executors."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Send one call; its future is filled when the result is fetched."""
        return self._library.remote(function).options(max_retries=2).remote(*arguments, **named).future()  # type: ignore[no-any-return]  # Ray is untyped here

    def map(
        self, function: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """Send all calls at once and give their results in order."""
        del timeout, chunksize
        futures = [self.submit(function, *arguments) for arguments in zip(*iterables, strict=True)]
        return (future.result() for future in futures)
