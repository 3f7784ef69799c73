"""Several frames at a time on the cores that a process was given, in order and with few of them held.

What is done to a frame runs mostly outside the GIL (kernels, Polars, Parquet), so that threads share it.
"""

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import polars as pl

Item = TypeVar("Item")
Result = TypeVar("Result")


MOST = 4
"""Cores that one process uses for frames: more are held by more memory and fed by one reader; workers use the rest."""

_shares = threading.local()


def share_cores(by: int) -> None:
    """Tell the calling thread that so many do the same work beside each other."""
    _shares.by = by


def cores() -> int:
    """Give how many cores the calling thread may use: POLARS_MAX_THREADS or all of the machine, shared with its like, MOST at most."""
    return max(1, min(pl.thread_pool_size(), MOST) // getattr(_shares, "by", 1))


@functools.cache
def _pool(purpose: str, threads: int) -> ThreadPoolExecutor:
    """Give threads that last as long as the process: allocators keep memory for each thread that ever was.

    Each has one core to itself, so that what is done in it is not done abreast again, which could wait for itself.
    """
    return ThreadPoolExecutor(threads, f"dartboard-{purpose}", share_cores, (MOST,))


def abreast(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Give `work` of each item in order; as many items are held as there are cores, and the one that was given last.

    >>> list(abreast(len, ["a", "bc"]))
    [1, 2]
    """
    count = cores()
    if count == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    pool = _pool("frames", count)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            del item
            if len(waiting) == count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        wait(waiting)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items of a generator, each next one being made by a thread of its own while the last is worked on.

    >>> list(ahead(iter("ab")))
    ['a', 'b']
    """
    if cores() == 1:
        yield from items
        return
    end = object()
    pool = _pool("ahead", cores())
    coming = pool.submit(next, items, end)
    try:
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
    finally:
        wait([coming])


class Behind:
    """Runs one call after the other in a thread of its own, so that the caller goes on; the next call waits for the last.

    An error is raised by the next call, or by `wait`.
    """

    def __init__(self) -> None:
        self._pool = _pool("behind", cores()) if cores() > 1 else None
        self._last: Future[None] | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Run `work` soon, or at once where there is but one core."""
        if self._pool is None:
            work()
            return
        self._settle()
        self._last = self._pool.submit(work)

    def wait(self) -> None:
        """Wait for the last call; there will be no other."""
        self._settle()

    def _settle(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()
