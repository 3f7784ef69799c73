"""How fast filters are beside datatrove: `python -m tests.benches.filters [MEGABYTES] [PEER_PYTHON] [TEXTS.jsonl]`.

Each side is a whole process: read JSON lines, all four rule sets, C4's rewriting among them, write
what is left. They run in turn, three times each, in folders that are deleted; the peer gets a part of
the documents, for it is slow. Start-up is measured on 20 documents, warm, and taken off. CPU seconds of the
process and its children, one thread each. What is kept of the peer's part by our `datatrove` profile is compared
with what datatrove keeps, and what is kept of 1,000 documents by the papers' rules with a slow oracle. Without TEXTS, documents are made of this project's samples.
PEER_PYTHON is an interpreter that has datatrove 0.10.1 and spaCy (the dependency group `peers`).
"""

import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from flows.reader import RECIPES
from tasks.filters.sieve import Filter
from tests.oracles import verdicts

RESULTS = Path(__file__).parents[2] / "docs" / "results"
PEER = Path(__file__).parent / "peers" / "datatrove_filters.py"
RUNS = 3
FEW = 20
CHECKED = 1000
"""Documents of a timed run whose verdicts are compared with the oracle."""
SIDES = ("paper", "datatrove", "peer")
ONE_CORE = {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
RECIPE = """name: bench
steps:
  rows: {{use: files, path: "{source}"}}
  good: {{use: filter, profile: {profile}, rules: {{gopher-quality: , gopher-repetition: , c4: , fineweb: }}}}
  dataset: {{use: write, format: jsonl}}
"""


def documents(texts: Path | None, megabytes: float) -> Iterator[bytes]:
    """Give JSON lines of documents until they are so many megabytes of text."""
    if texts is not None:
        held = [orjson.loads(line)["text"] for line in texts.read_bytes().splitlines()]
    else:
        held = [path.read_text(encoding="utf-8") for path in sorted((RECIPES / "samples").glob("**/*.txt"))]
    paragraphs = [part for text in held for part in text.split("\n\n")] if texts is None else []
    draw, size, number = random.Random(7), 0, 0
    while size < megabytes * 1e6:
        text = held[number % len(held)] if texts else "\n\n".join(draw.sample(paragraphs, min(len(paragraphs), draw.randint(3, 30))))
        if number >= len(held):
            text = f"{number} {text}"
        size += len(text.encode())
        number += 1
        yield orjson.dumps({"id": f"d{number:07}", "text": text}) + b"\n"


def cpu(command: Sequence[str], folder: Path) -> float:
    """Give the CPU seconds of a command and its children."""
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= ONE_CORE
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime


def ours(source: Path, profile: str, folder: Path) -> float:
    """Run our side; the rows that come out are counted."""
    (folder / "r.yaml").write_text(RECIPE.format(source=source, profile=profile), encoding="utf-8")
    command = [sys.executable, "-m", "flows.build", str(folder / "r.yaml"), "--runner", "direct", "--workers", "1", "--json", "--out"]
    return cpu([*command, str(folder / "out")], Path.cwd())


def kept_by_us(folder: Path) -> set[str]:
    return {
        orjson.loads(row)["id"].rpartition("#")[2] for path in (folder / "out").glob("**/*.jsonl") for row in path.read_bytes().splitlines()
    }


def kept_by_peer(folder: Path) -> set[str]:
    return {orjson.loads(row)["id"] for path in folder.glob("*.jsonl") for row in path.read_bytes().splitlines()}


def speed(seconds: Sequence[float], start: float, size: float) -> float:
    """Give MB/s of the median run without its start."""
    return size / max(statistics.median(seconds) - start, 1e-9)


def main() -> int:
    """Run both sides in turn, print both and write the result."""
    megabytes = float(sys.argv[1]) if sys.argv[1:] else 100.0
    peer = sys.argv[2] if sys.argv[2:] else sys.executable
    texts = Path(sys.argv[3]).absolute() if sys.argv[3:] else None
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    starts: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as name:
        base = Path(name)
        lines = list(documents(texts, megabytes))
        part = lines[: max(FEW, int(len(lines) * min(1.0, 4 / megabytes)))]
        files = {"all": lines, "part": part, "few": lines[:FEW]}
        sizes = {kind: sum(len(orjson.loads(line)["text"].encode()) for line in held) / 1e6 for kind, held in files.items()}
        for kind, held in files.items():
            (base / f"{kind}.jsonl").write_bytes(b"".join(held))
        agreed, right = 0.0, 0
        for kind in ("few", "few", *["all"] * RUNS):
            for side in SIDES:
                with tempfile.TemporaryDirectory(prefix="dartboard-run-") as run:
                    folder = Path(run)
                    source = base / f"{'part' if side == 'peer' and kind == 'all' else kind}.jsonl"
                    spent = cpu([peer, str(PEER), str(source), str(folder)], folder) if side == "peer" else ours(source, side, folder)
                    if kind == "few":
                        starts[side] = spent
                    else:
                        times[side].append(spent)
                    if kind == "all" and side != "peer":
                        rows = kept_by_us(folder)
                        assert rows, "no row came out"
                    if kind == "all" and side == "paper":
                        right = _right(rows, lines[:CHECKED])
                    if kind == "all" and side == "peer":
                        agreed = _agreement(rows, kept_by_peer(folder), part)
        command = f"python -m tests.benches.filters {megabytes:g} PEER_PYTHON{' TEXTS' if texts else ''}"
        told = {side: round(speed(spent, starts[side], sizes["part" if side == "peer" else "all"]), 2) for side, spent in times.items()}
    result: dict[str, Any] = {
        "command": command,
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "megabytes": round(sizes["all"], 1),
        "documents": len(lines),
        "peer_megabytes": round(sizes["part"], 1),
        "mb_per_cpu_second": told,
        "start_cpu_seconds": {side: round(spent, 2) for side, spent in starts.items()},
        "times_as_fast": {side: round(told[side] / told["peer"], 1) for side in ("paper", "datatrove")},
        "agreement_with_peer": round(agreed, 4),
        "oracle": f"{right} of {min(CHECKED, len(lines))} verdicts",
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "filters.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


def _right(rows: set[str], lines: Sequence[bytes]) -> int:
    """Count the first documents that a run kept and dropped as the oracle does."""
    held = [orjson.loads(line)["text"] for line in lines]
    step = Filter(rules=dict.fromkeys(("gopher-quality", "gopher-repetition", "c4", "fineweb")))
    return sum((str(number) in rows) == good for number, good in enumerate(verdicts(held, step), 1))


def _agreement(rows: set[str], theirs: set[str], part: Sequence[bytes]) -> float:
    """Give the share of the peer's documents that both keep or both drop."""
    names = [orjson.loads(line)["id"] for line in part]
    places = {name: str(number) for number, name in enumerate(names, 1)}
    return sum((places[name] in rows) == (name in theirs) for name in names) / len(names)


if __name__ == "__main__":
    sys.exit(main())
