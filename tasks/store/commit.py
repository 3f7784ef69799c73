"""The work store: parts under keys, each done when its marker is there.

`<work>/<key>/<file>` are the part's files, `<work>/<key>/done.json` their sizes, hashes and rows,
written after them. A marker that cannot be read, or whose files are missing or of another size,
counts as not done.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tasks.errors import CorruptError
from tasks.store.keys import canonical
from tasks.store.place import Place
from tasks.store.spool import FileInfo, file_info

SCHEMA = 1


@dataclass(frozen=True)
class Part:
    """A committed file of the work store, by its path below the store."""

    path: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Done:
    """A committed part: its files by name, and what the work counted."""

    key: str
    files: Mapping[str, FileInfo]
    report: Mapping[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Give one file of the part."""
        info = self.files[name]
        return Part(f"{self.key}/{name}", info.sha256, info.bytes, info.rows)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Done":
        """Make it again of plain data."""
        return cls(plain["key"], {name: FileInfo(**info) for name, info in plain["files"].items()}, plain["report"])


def commit(work: Place, key: str, files: Mapping[str, tuple[Path, FileInfo]], report: Mapping[str, Any]) -> Done:
    """Put the spooled files of a part, then its marker."""
    for name, (path, info) in files.items():
        if file_info(path, info.rows) != info:
            raise CorruptError(f"{path}: changed between spooling and putting. Run again.")
        work.put(f"{key}/{name}", path, ours=True)
    done = Done(key, {name: info for name, (_, info) in files.items()}, dict(report))
    work.put_bytes(f"{key}/done.json", canonical({"schema": SCHEMA, **asdict(done)}))
    return done


def find_done(work: Place, key: str) -> Done | None:
    """Give a part if it is done and its files have their sizes; None otherwise."""
    try:
        plain = orjson.loads(work.read_bytes(f"{key}/done.json"))
        done = Done.of(plain)
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if plain.get("schema") != SCHEMA:
        return None
    complete = all(work.size(f"{key}/{name}") == info.bytes for name, info in done.files.items())
    return done if complete else None


@contextmanager
def open_part(work: Place, part: Part) -> Iterator[Path]:
    """Give a local file of the part's bytes; CorruptError where its size is another."""
    with work.local_copy(part.path) as path:
        if path.stat().st_size != part.bytes:
            raise CorruptError(f"{work.address(part.path)}: has {path.stat().st_size} bytes, not {part.bytes}. Remove it and run again.")
        yield path
