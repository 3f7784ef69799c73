"""How fast the sources read, beside a limit of their own: `python -m tests.benches.sources [MEGABYTES]`.

Each reads files made of this project's samples in a new folder, which is deleted afterwards; the
rows that come out are counted and compared with those that went in. Beside each stands what cannot
be beaten, or a peer: lxml's iterparse over the same dump, orjson's and json's loads over the same
lines, a plain decoding of the same books. CPU seconds of one process. Then wall seconds of one and
of two processes that read the same dump. The result is written to docs/results.
"""

import json
import multiprocessing
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from flows.reader import RECIPES
from tasks.sources.arxiv import Arxiv
from tasks.sources.files import Files
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.wikipedia import Wikipedia
from tasks.step import Context, SourceStep

SAMPLES = RECIPES / "samples"
RESULTS = Path(__file__).parents[2] / "docs" / "results"


def repeated(text: str, megabytes: float) -> int:
    return max(1, int(megabytes * 1_000_000 / len(text.encode())))


def dump(folder: Path, megabytes: float) -> tuple[Path, int]:
    """Write a dump of many pages with numbers and titles of their own."""
    (source,) = sorted(SAMPLES.glob("wikipedia/*.xml"))[:1]
    text = source.read_text(encoding="utf-8")
    head, _, rest = text.partition("<page>")
    pages = ["<page>" + page.partition("</page>")[0] + "</page>" for page in rest.split("<page>")]
    times = repeated("".join(pages), megabytes)
    path = folder / "dump.xml"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(head)
        for number in range(times):
            stream.writelines(page.replace("<title>", f"<title>{number} ", 1) for page in pages)
        stream.write("</mediawiki>")
    return path, times


def books(folder: Path, megabytes: float) -> tuple[Path, int]:
    """Write books of about 400 kB, each made of the samples' paragraphs."""
    text = max((path.read_text(encoding="utf-8") for path in SAMPLES.glob("gutenberg/*.txt")), key=len)
    head, start, rest = text.partition("*** START")
    line, _, body = rest.partition("\n")
    own, end, tail = body.partition("*** END")
    long = f"{head}{start}{line}\n" + own * max(1, 400_000 // len(own)) + end + tail
    count = repeated(long, megabytes)
    for number in range(count):
        (folder / f"{number}.txt").write_text(long, encoding="utf-8")
    return folder, count


def papers(folder: Path, megabytes: float) -> tuple[Path, int]:
    """Write single LaTeX files, each made of the longest sample."""
    text = max((path.read_text(encoding="utf-8") for path in SAMPLES.glob("arxiv/*/*.tex")), key=len)
    head, begin, rest = text.partition("\\begin{document}")
    body, end, tail = rest.rpartition("\\end{document}")
    long = head + begin + body * max(1, 60_000 // len(body)) + end + tail
    count = repeated(long, megabytes)
    for number in range(count):
        (folder / f"2601.{number:05}.tex").write_text(long, encoding="utf-8")
    return folder, count


def lines(folder: Path, megabytes: float) -> tuple[Path, int]:
    """Write JSON lines, one in a thousand broken."""
    row = json.dumps({"id": "d0000001", "text": "A row of plain words, long enough to be a sentence of its own.\n\n" * 45})
    count = repeated(row, megabytes)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines("{broken\n" if number % 1000 == 999 else row + "\n" for number in range(count))
    return folder / "rows.jsonl", count


def read(step: SourceStep, path: Path) -> int:
    """Read all units and give the rows."""
    rows = 0
    for unit in step.units([str(path)]):
        for reading in step.read(unit, Context("bench")):
            rows += reading.rows.height
    return rows


def iterparse(path: Path) -> int:
    count = 0
    for _, element in etree.iterparse(str(path), events=("end",), resolve_entities=False, no_network=True, load_dtd=False):
        if element.tag.endswith("page"):
            count += 1
            element.clear()
    return count


def json_loads(path: Path) -> int:
    return good_lines(path, json.loads)


def orjson_loads(path: Path) -> int:
    return good_lines(path, orjson.loads)


def good_lines(path: Path, reader: Callable[[bytes], Any]) -> int:
    good = 0
    with path.open("rb") as stream:
        for line in stream:
            try:
                good += isinstance(reader(line), dict)
            except ValueError:
                continue
    return good


def decoded(path: Path) -> int:
    return sum(bool(file.read_bytes().decode()) for file in path.iterdir())


def seconds(work: Callable[[], int]) -> tuple[float, int]:
    """Give the least CPU seconds of three runs, and what they counted."""
    times, counts = [], set()
    for _ in range(3):
        begun = time.process_time()
        counts.add(work())
        times.append(time.process_time() - begun)
    assert len(counts) == 1, "two runs counted differently"
    return min(times), counts.pop()


def parallel(megabytes: float) -> dict[str, Any]:
    """Measure one and two warm processes over the same dump in four files."""
    step = Wikipedia(path="x")
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as name:
        folders = [Path(name) / str(number) for number in range(4)]
        for folder in folders:
            folder.mkdir()
            dump(folder, megabytes)
        paths = [folder / "dump.xml" for folder in folders]
        size = sum(path.stat().st_size for path in paths) / 1e6
        walls, counts = {}, set()
        for workers in (1, 2):
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                list(pool.map(read, [step] * workers, paths[:workers]))
                times = []
                for _ in range(3):
                    begun = time.perf_counter()
                    counts.add(sum(pool.map(read, [step] * 4, paths)))
                    times.append(time.perf_counter() - begun)
                walls[workers] = min(times)
    assert len(counts) == 1
    assert counts.pop() > 0
    told = {f"mb_per_second_{workers}": round(size / wall, 1) for workers, wall in walls.items()}
    return {"megabytes": round(size, 1), **told, "times": round(walls[1] / walls[2], 2)}


def measure(
    name: str, make: Callable[[Path, float], tuple[Path, int]], step: SourceStep, peer: Callable[[Path], int], megabytes: float
) -> dict[str, Any]:
    """Measure one source and its peer over the same files."""
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as folder:
        path, _ = make(Path(folder), megabytes)
        size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))
        with tempfile.TemporaryDirectory(prefix="dartboard-warm-") as warm:
            small, _ = make(Path(warm), 0.2)
            assert read(step, small) > 0, "no row goes in"
        ours, rows = seconds(lambda: read(step, path))
        theirs, counted = seconds(lambda: peer(path))
    assert rows > 0
    assert counted >= rows, "more rows came out than went in"
    return {
        "source": name, "megabytes": round(size / 1e6, 1), "rows": rows, "peer": peer.__name__, "peer_counted": counted,
        "mb_per_second": round(size / 1e6 / ours, 1), "peer_mb_per_second": round(size / 1e6 / theirs, 1), "ratio": round(theirs / ours, 4),
    }  # fmt: skip


def main() -> int:
    """Run all, print a table and write the result."""
    megabytes = float(sys.argv[1]) if sys.argv[1:] else 20.0
    found = [
        measure("wikipedia", dump, Wikipedia(path="x"), iterparse, megabytes),
        measure("gutenberg", books, Gutenberg(path="x"), decoded, megabytes),
        measure("arxiv", papers, Arxiv(path="x", licences="any"), decoded, megabytes / 4),
        measure("files, JSON lines", lines, Files(path="x"), orjson_loads, megabytes * 4),
        measure("files, JSON lines", lines, Files(path="x"), json_loads, megabytes * 4),
    ]
    two = parallel(megabytes / 2)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "command": f"python -m tests.benches.sources {megabytes:g}",
        "commit": commit,
        "python": platform.python_version(),
        "cpu": platform.machine(),
        "sources": found,
        "two processes, dump": two,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sources.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    told = [f"{result['command']} at {commit}"]
    told += [
        f"{one['source']:<20} {one['mb_per_second']:>8} MB/s   {one['peer']:<12} {one['peer_mb_per_second']:>8} MB/s   "
        f"ratio {one['ratio']}   {one['rows']} rows"
        for one in found
    ]
    told.append(f"dump by one process {two['mb_per_second_1']} MB/s, by two {two['mb_per_second_2']} MB/s: {two['times']} times")
    sys.stdout.write("\n".join(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
