"""Keys: what a part was made of, as one hash."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

PACKAGES = ("tasks", "expectations", "flows")
SHAPING = ("polars", "pyarrow", "numba", "numpy")
"""Libraries whose version is part of every code digest."""

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([\w.]+))", re.MULTILINE)


def canonical(value: object) -> bytes:
    """Write plain data as JSON with sorted keys and no spaces: equal values, equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def digest(*values: object) -> str:
    """Hash plain values: sha256 in hex over their canonical JSON, each preceded by its length."""
    total = hashlib.sha256()
    for value in values:
        data = canonical(value)
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()


def draw(*values: object) -> int:
    """Draw 64 bits from plain values; the same values give the same draw, whatever the order of calls."""
    return int(digest(*values)[:16], 16)


@functools.cache
def code_digest(modules: tuple[str, ...], libraries: tuple[str, ...] = ()) -> str:
    """Hash the source of `modules` and of all that they import from our packages, and library versions."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        waiting.extend(_imports(module))
    versions = {name: importlib.metadata.version(name) for name in (*SHAPING, *libraries)}
    return digest({name: _source_digest(name) for name in sorted(seen)}, versions, unicodedata.unidata_version)


@functools.cache
def _source(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@functools.cache
def _source_digest(module: str) -> str:
    path = _source(module)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    path = _source(module)
    if path is None:
        return ()
    return tuple(name for name in _named(path.read_text(encoding="utf-8")) if _source(name))


def _named(source: str) -> Iterable[str]:
    for parent, names, plain in _IMPORT.findall(source):
        root = parent or plain
        if root.partition(".")[0] not in PACKAGES:
            continue
        yield root
        for name in re.findall(r"\w+", names):
            yield f"{root}.{name}"


def short(key: str) -> str:
    """Give the first 16 hex digits of a hash: what versions are named by."""
    return key[:16]


def plain(value: Any) -> Any:
    """Give `value` as plain JSON data (tuples become lists)."""
    return orjson.loads(canonical(value))
