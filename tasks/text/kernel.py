"""How kernels are compiled: without the GIL, once per machine and version of their code."""

import atexit
import functools
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core import event

from tasks.notices import say

AGAIN_SECONDS = 60
_one_at_a_time = threading.Lock()
Function = TypeVar("Function", bound=Callable[..., Any])


@functools.cache
def cache_folder() -> Path:
    """Give the folder of what is compiled, named by the code of this package.

    It lies in NUMBA_CACHE_DIR or the user's cache; where nothing can be written there, it is one of this
    process and those that it starts.
    """
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(platformdirs.user_cache_dir("dartboard")) / "kernels")
    folder = base / total.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="dartboard-kernels-"))
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class _Announcer(event.Listener):
    """Says once that kernels are being compiled; of several processes that begin within a minute the first says it."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        """Speak where the compiled function is one of ours."""
        if self._said or not str(event.data["dispatcher"].py_func.__module__).startswith(__package__):
            return
        self._said = True
        mark, recent = cache_folder() / "announced", False
        with suppress(OSError):
            recent = mark.exists() and time.time() - mark.stat().st_mtime < AGAIN_SECONDS
            mark.touch()
        if not recent:
            say("kernels are being compiled for this machine, once: up to a minute; later runs start at once")

    def on_end(self, event: Any) -> None:
        """Nothing is said at the end."""


_register: Any = event.register
_register("numba:compile", _Announcer())


def _compiled(function: Function, *, inline: bool) -> Function:
    """Compile with our own folder as the cache, whoever imported numba first and with whatever settings."""
    settings: Any = numba.config
    with _one_at_a_time:
        before, settings.CACHE_DIR = settings.CACHE_DIR, str(cache_folder())
        try:
            return cast("Function", numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=inline)(function))
        finally:
            settings.CACHE_DIR = before


def kernel(function: Function) -> Function:
    """Compile a function of arrays and numbers; the cache is keyed by the code of the whole folder."""
    return _compiled(function, inline=False)


def inlined(function: Function) -> Function:
    """Compile a function as `kernel` does, and put it into each that calls it: for what is done once a sign."""
    return _compiled(function, inline=True)
