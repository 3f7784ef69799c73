"""How often a host is asked: turns kept apart, by all builds on one machine together."""

import asyncio
import contextlib
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has none; turns are then kept by each build for itself
    fcntl = None  # type: ignore[assignment]

MAX_AHEAD_SECONDS = 7200.0
"""A turn further away than this is what a wrong clock left behind, and is not waited for."""


def shared_folder() -> Path:
    """Give the folder where the builds of this machine keep their turns."""
    return Path(tempfile.gettempdir()) / "dartboard-turns"


class Pace:
    """Keeps the calls of one bucket (a host, or hosts that share a rule) `seconds` apart.

    The time of the next free turn lies in a small locked file, so that two builds on one machine
    take turns. Waiting costs nothing but time.
    """

    def __init__(self, bucket: str, seconds: float, folder: Path | None = None) -> None:
        self.seconds = seconds
        self._path = (folder or shared_folder()) / re.sub(r"[^A-Za-z0-9._-]", "_", bucket)

    async def turn(self) -> float:
        """Wait for the next free turn, take it, and tell when that was, in seconds since 1970."""
        while (turn := self._turn())[1] > 0:  # noqa: ASYNC110  other processes take turns too, which no event tells
            await asyncio.sleep(turn[1])
        return turn[0]

    def shut(self, seconds: float) -> None:
        """Let nobody have a turn before so many seconds have passed."""
        with self._locked() as stream:
            self._write(stream, max(self._next(stream), time.time() + seconds))

    def _turn(self) -> tuple[float, float]:
        """Take the turn where it is free now; otherwise tell, beside the time, the seconds until it may be."""
        with self._locked() as stream:
            now = time.time()
            free = self._next(stream)
            if free > now:
                return now, free - now
            self._write(stream, now + self.seconds)
            return now, 0.0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="ascii") as stream:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream

    @staticmethod
    def _next(stream: IO[str]) -> float:
        stream.seek(0)
        try:
            free = float(stream.read() or 0)
        except ValueError:
            return 0.0
        return free if free < time.time() + MAX_AHEAD_SECONDS else 0.0

    @staticmethod
    def _write(stream: IO[str], free: float) -> None:
        stream.seek(0)
        stream.truncate()
        stream.write(repr(free))
        stream.flush()
