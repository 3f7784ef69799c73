"""How kernels are compiled: without the GIL, once per machine and version of their code."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import platformdirs

Function = TypeVar("Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return Path(platformdirs.user_cache_dir("dartboard")) / "kernels" / total.hexdigest()[:16]


os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_folder()))

import numba  # noqa: E402  numba reads NUMBA_CACHE_DIR when it is imported


def kernel(function: Function) -> Function:
    """Compile a function of arrays and numbers; the cache is keyed by the code of the whole folder."""
    return cast("Function", numba.njit(nogil=True, cache=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Compile a function as `kernel` does, and put it into each that calls it: for what is done once a sign."""
    return cast("Function", numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=True)(function))
