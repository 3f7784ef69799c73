"""Units of files: what globs and folders of any store hold."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import SourceError
from tasks.step import Unit
from tasks.store.place import opened, plainly

LATEX = (".tex", ".ltx", ".latex")
HASHED_BYTES = 8 << 20
"""Local files up to this size are known by the hash of their content, larger ones by size and time."""


def list_files(patterns: Sequence[str]) -> list[Unit]:
    """List the files that match URLs, globs or folders, in order of key.

    A key is the path below the fixed part of its pattern, so it is the same on every machine.
    SourceError where a pattern matches nothing.
    """
    found: dict[str, Unit] = {}
    for pattern in patterns:
        units = _matching(pattern)
        if not units:
            raise SourceError(f"{pattern}: no file matches. Correct `path`, or put files there.")
        for unit in units:
            found.setdefault(_free(unit, found), unit)
    return [Unit(key, unit.url, unit.bytes, unit.fingerprint) for key, unit in sorted(found.items())]


def _free(unit: Unit, found: dict[str, Unit]) -> str:
    key, n = unit.key, 1
    while key in found and found[key].url != unit.url:
        n += 1
        key = f"{unit.key}~{n}"
    return key


def _matching(pattern: str) -> list[Unit]:
    with plainly("listing", pattern):
        fs, path = opened(pattern)
        if any(sign in path for sign in "*?["):
            names, base = _globbed(fs, path), _fixed(path)
        elif fs.isdir(path):
            names, base = fs.find(path, detail=True), path.rstrip("/")
        elif fs.exists(path):
            names, base = {path: fs.info(path)}, path.rpartition("/")[0]
        else:
            names, base = {}, ""
    files = {name: info for name, info in names.items() if info.get("type") == "file"}
    visible = {n: i for n, i in files.items() if not any(part.startswith(".") for part in n[len(base) :].split("/"))}
    head = pattern.removesuffix(path) if pattern.endswith(path) else None
    return [_unit(name, fs.unstrip_protocol(name) if head is None else head + name, info, base) for name, info in visible.items()]


def _globbed(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, info in fs.glob(path, detail=True).items():
        found |= fs.find(name, detail=True) if info.get("type") == "directory" else {name: info}
    return found


def _fixed(path: str) -> str:
    held = []
    for part in path.split("/")[:-1]:
        if any(sign in part for sign in "*?["):
            break
        held.append(part)
    return "/".join(held)


def _unit(name: str, url: str, info: dict[str, Any], base: str) -> Unit:
    key = name[len(base) :].lstrip("/")
    return Unit(key, url, int(info.get("size") or 0), fingerprint(name, info))


def fingerprint(name: str, info: dict[str, Any]) -> str:
    """Give what changes when the file does: its hash, its ETag, or its size and time."""
    size = int(info.get("size") or 0)
    if "mtime" in info and "ino" in info:
        if size <= HASHED_BYTES:
            return hashlib.sha256(Path(name).read_bytes()).hexdigest()
        return f"{size}-{info['mtime']}"
    for field in ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "modified", "mtime", "created"):
        if info.get(field):
            return f"{size}-{info[field]}"
    return str(size)


def folders(units: Iterable[Unit]) -> list[Unit]:
    """Gather loose files below the base into one unit for each folder of papers; archives and files beside them stay units.

    A paper is in the uppermost folder that holds LaTeX itself, with all that lies below it; without LaTeX, in the first folder.
    """
    listed = list(units)
    papers = {unit.key.rpartition("/")[0] for unit in listed if unit.key.lower().endswith(LATEX)} - {""}
    parted = {paper.partition("/")[0] for paper in papers} - papers
    held: dict[str, list[Unit]] = {}
    result = []
    for unit in listed:
        above = list(itertools.accumulate(unit.key.split("/")[:-1], "{}/{}".format))
        paper = next((folder for folder in above if folder in papers), "" if parted.intersection(above) else "".join(above[:1]))
        if paper and not unit.key.lower().endswith((".gz", ".tar", ".tgz", ".zip", ".xml", ".pdf")):
            held.setdefault(paper, []).append(unit)
        else:
            result.append(unit)
    for folder, files in held.items():
        url = files[0].url[: len(files[0].url) - len(files[0].key) + len(folder)] + "/"
        mark = hashlib.sha256("".join(sorted(f"{file.key}{file.fingerprint}" for file in files)).encode()).hexdigest()
        result.append(Unit(folder, url, sum(file.bytes for file in files), mark))
    return sorted(result, key=lambda unit: unit.key)
