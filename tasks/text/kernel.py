"""How kernels are compiled: without the GIL, once per machine and version of their code."""

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs

Function = TypeVar("Function", bound=Callable[..., Any])


@functools.cache
def cache_folder() -> Path:
    """Give the folder of what is compiled, named by the code of this package.

    It lies in NUMBA_CACHE_DIR or the user's cache; where nothing can be written there, it is one of this process alone.
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
        return Path(tempfile.mkdtemp(prefix="dartboard-kernels-"))
    return folder


def is_compiled() -> bool:
    """Tell whether kernels of this code were compiled on this machine before."""
    return next(cache_folder().iterdir(), None) is not None


def _compiled(function: Function, *, inline: bool) -> Function:
    """Compile with our own folder as the cache, whoever imported numba first and with whatever settings."""
    settings: Any = numba.config
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
