"""The files of an e-print: a tar, a gzipped single file, a plain file, or a folder."""

from tasks.sources.opening import MAX_FILE_BYTES, Unreadable, is_tar, members, whole
from tasks.step import Unit
from tasks.store.place import opened


def read_eprint(unit: Unit) -> dict[str, bytes]:
    """Read the files of an e-print by name; Unreadable says why there are none."""
    if unit.url.endswith("/"):
        return _folder(unit)
    data = whole(unit)
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
