"""How much memory the sources take, whatever the file, and a build that filters 1 GB: `python -m tests.benches.memory`.

Each case is a file that is written into a new folder and read by a process of its own; the most
memory that the process held (Linux tells it) is compared with LIMIT_MB, and what became of the file's good rows with
what must. The files are deleted afterwards, and the result is written to docs/results.
"""

import bz2
import hashlib
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benches.filters import RECIPE, RESULTS, documents

LIMIT_MB = 500
WORDS = b"A row of plain words, long enough to be a sentence of its own. "
HEAD = b'<mediawiki xml:lang="en"><siteinfo><sitename>W</sitename><dbname>w</dbname></siteinfo>'
READER = """
import json, re, sys
from pathlib import Path
from tasks.catalogue import catalogue
from tasks.step import Context
use, path = sys.argv[1:]
step = catalogue()[use](path="x")
rows, skips = 0, {}
for unit in step.units([path]):
    for reading in step.read(unit, Context("s")):
        rows += reading.rows.height
        for skip in reading.skips:
            skips[skip.reason] = skips.get(skip.reason, 0) + 1
print(json.dumps([rows, skips, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024]))
"""


BUILD = """
import json, re, sys
from pathlib import Path
from flows.build import build
kept = build(sys.argv[1], out=sys.argv[2], workers=1)
steps = json.loads(next((Path(sys.argv[2]) / "bench" / "runs").glob("*.json")).read_text())["steps"]
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(json.dumps([steps[0]["rows_out"], steps[1]["rows_out"], peak]))
"""


def page(text: bytes) -> bytes:
    return b"<page><title>T</title><ns>0</ns><id>1</id><revision><text>" + text + b"</text></revision></page>"


def giant_line() -> Iterator[bytes]:
    """Three rows, the second of 1 GB."""
    yield b'{"text": "first"}\n{"text": "'
    yield from (WORDS * 16_000 for _ in range(1000))
    yield b'"}\n{"text": "last"}\n'


def many_rows() -> Iterator[bytes]:
    yield from (json.dumps({"text": (WORDS * 40).decode(), "number": number}).encode() + b"\n" for number in range(300_000))


def giant_page() -> Iterator[bytes]:
    """Three pages, the second of 1 GB."""
    head, tail = page(b"|").split(b"|")
    yield HEAD + page(WORDS * 5) + head
    yield from (WORDS * 16_000 for _ in range(1000))
    yield tail + page(WORDS * 5) + b"</mediawiki>"


def many_pages() -> Iterator[bytes]:
    yield HEAD
    yield from (page(WORDS * 60) for _ in range(60_000))
    yield b"</mediawiki>"


def bomb() -> Iterator[bytes]:
    """A gzip of 1 GB of one letter."""
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(b'{"text": "first"}\n')
    yield from (packer.compress(b"x" * 1_000_000) for _ in range(1000))
    yield packer.flush()


def packed_pages() -> Iterator[bytes]:
    packer = bz2.BZ2Compressor()
    yield packer.compress(HEAD)
    for number in range(20_000):
        yield packer.compress(page(b" ".join(hashlib.sha256(b"%d %d" % (number, n)).hexdigest()[:7].encode() for n in range(400))))
    yield packer.compress(b"</mediawiki>") + packer.flush()


def text() -> Iterator[bytes]:
    """A text of 1 GB, which no unit may be."""
    yield from (WORDS * 16_000 + b"\n" for _ in range(1000))


CASES: list[tuple[str, str, Callable[[], Iterator[bytes]], int | None, str]] = [
    ("files", "giant.jsonl", giant_line, 2, "line of more than"),
    ("files", "many.jsonl", many_rows, 300_000, ""),
    ("files", "bomb.jsonl.gz", bomb, None, "swells"),
    ("files", "text.txt", text, 0, "larger than"),
    ("gutenberg", "book.txt", text, 0, "larger than"),
    ("wikipedia", "giant.xml", giant_page, 2, "record of more than"),
    ("wikipedia", "many.xml", many_pages, 60_000, ""),
    ("wikipedia", "packed.xml.bz2", packed_pages, 20_000, ""),
]


def measure(use: str, name: str, make: Callable[[], Iterator[bytes]], rows: int | None, reason: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as folder:
        path = Path(folder) / name
        with path.open("wb") as stream:
            stream.writelines(make())
        size = path.stat().st_size
        told = subprocess.run([sys.executable, "-c", READER, use, str(path)], capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
    found, skips, peak = json.loads(told.stdout)
    assert rows is None or found == rows, f"{name}: {found} rows of {rows}"
    assert any(reason in each for each in skips) if reason else not skips, f"{name}: {skips}"
    return {"use": use, "file": name, "megabytes": round(size / 1e6, 1), "rows": found, "skipped": skips, "peak_mb": peak}


def filtering() -> dict[str, Any]:
    """Build a filter of four rule sets over 1 GB in one process, on all cores."""
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as folder:
        base = Path(folder)
        with (base / "rows.jsonl").open("wb") as stream:
            stream.writelines(documents(None, 1000))
        size = (base / "rows.jsonl").stat().st_size
        (base / "r.yaml").write_text(RECIPE.format(source=base / "rows.jsonl", profile="paper"), encoding="utf-8")
        told = subprocess.run(
            [sys.executable, "-c", BUILD, str(base / "r.yaml"), str(base / "out")], capture_output=True, text=True, check=True
        )
    rows, kept, peak = json.loads(told.stdout.splitlines()[-1])
    assert kept, "no row came out"
    return {"use": "filter", "file": "rows.jsonl", "megabytes": round(size / 1e6, 1), "rows": rows, "kept": kept, "peak_mb": peak}


def main() -> int:
    """Run all, print a table and write the result."""
    found = []
    for case in (*CASES, None):
        one = filtering() if case is None else measure(*case)
        found.append(one)
        sys.stdout.write(
            f"{one['use']:<10} {one['file']:<16} {one['megabytes']:>8} MB   {one['rows']:>7} rows   peak {one['peak_mb']} MB\n"
        )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {"command": "python -m tests.benches.memory", "commit": commit, "limit_mb": LIMIT_MB, "cases": found}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(any(one["peak_mb"] > LIMIT_MB for one in found))


if __name__ == "__main__":
    sys.exit(main())
