"""The files of an e-print: a tar, a gzipped single file, a plain file, or a folder."""

import re

from tasks.sources.archives import is_tar, members
from tasks.sources.opening import MAX_FILE_BYTES, Unreadable, whole
from tasks.step import Unit
from tasks.store.place import opened

_BULK = re.compile(r"(?:^|/)arXiv_src_\d{4}_\d+\.tar$", re.IGNORECASE)


def read_eprint(unit: Unit) -> dict[str, bytes]:
    """Read the files of an e-print by name; Unreadable says why there are none."""
    return _folder(unit) if unit.url.endswith("/") else files_of(whole(unit))


def files_of(data: bytes) -> dict[str, bytes]:
    """Read the files of an e-print's bytes by name; Unreadable says why there are none."""
    if not data.strip():
        raise Unreadable("empty: withdrawn")
    if data.startswith(b"PK") or is_tar(data):
        return members(data).files
    if data.startswith(b"%PDF"):
        raise Unreadable("PDF only")
    if data.startswith(b"%!"):
        raise Unreadable("PostScript only")
    if data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise Unreadable("HTML only")
    if b"\\" not in data or b"\x00" in data[:1000]:
        raise Unreadable("not LaTeX")
    return {"main.tex": data}


def is_bulk(unit: Unit) -> bool:
    """Tell a tar of many e-prints, as the archive's bulk store has them, by its name."""
    return _BULK.search(unit.key) is not None


def _folder(unit: Unit) -> dict[str, bytes]:
    fs, root = opened(unit.url)
    root = root.rstrip("/")
    found: dict[str, bytes] = {}
    total = 0
    for name, info in sorted(fs.find(root, detail=True).items()):
        total += int(info.get("size") or 0)
        if total > MAX_FILE_BYTES:
            raise Unreadable("folder is too large")
        found[name[len(root) + 1 :]] = fs.cat_file(name)
    return found
