"""How near-dedup grows from 10^4 to 10^6 documents: `python -m tests.benches.scale [LARGEST]`.

For each power of ten a build of reading, dedup, split and writing, with two worker processes: seconds of the step, the most memory that all its
processes held together (the sum of their resident memory, looked at ten times a second), recall over the planted pairs
and dropped rows that are unlike what they name. The files are deleted; the result is written to docs/results.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tests.benches.dedup import clustered, surely, verdicts
from tests.benches.filters import RESULTS
from tests.benches.planted import documents

RECIPE = """name: bench
steps:
  rows: {{use: files, path: {source}}}
  step: {{use: dedup, near: {{similarity: 0.8}}}}
  split: {{use: split, validation: 0.02, test: 0.02}}
  dataset: {{use: write}}
"""


def resident(root: int) -> int:
    """Give the resident bytes of a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        number = int(path.parent.name)
        parents.setdefault(int(fields[1]), []).append(number)
        pages[number] = int(fields[21])
    waiting, total = [root], 0
    while waiting:
        number = waiting.pop()
        total += pages.get(number, 0)
        waiting.extend(parents.get(number, ()))
    return total * os.sysconf("SC_PAGE_SIZE")


def measured(count: int, base: Path) -> dict[str, Any]:
    """Build with so many documents."""
    source = base / f"{count}.jsonl"
    with source.open("wb") as file:
        for document in documents(count):
            file.write(orjson.dumps({"text": document.text}) + b"\n")
    (base / "r.yaml").write_text(RECIPE.format(source=source), encoding="utf-8")
    command = [sys.executable, "-m", "flows.build", str(base / "r.yaml"), "--runner", "direct", "--workers", "2", "--out"]
    with subprocess.Popen([*command, str(base / f"out{count}")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as build:
        most = 0
        while build.poll() is None:
            most = max(most, resident(build.pid))
            time.sleep(0.1)  # between two looks
    assert build.returncode == 0
    facts = json.loads(next((base / f"out{count}/bench/runs").glob("*.json")).read_text(encoding="utf-8"))
    steps = {step["name"]: step for step in facts["steps"]}
    assert not any(step["cached"] for step in facts["steps"])
    made = list(documents(count))
    pairs = [(document.number, document.source) for document in made if document.source is not None]
    planted = surely([document.text for document in made], pairs, clustered(verdicts(facts)))
    size = pl.Series([len(document.text.encode()) for document in made]).sum() / 1e6
    told = {
        "documents": count,
        "megabytes": round(size, 1),
        "seconds": round(steps["step"]["seconds"], 2),
        "mb_per_second": round(size / steps["step"]["seconds"], 1),
    }
    return told | {
        "split_seconds": round(steps["split"]["seconds"], 2),
        "write_seconds": round(steps["dataset"]["seconds"], 2),
        "peak_mb": most // 1_000_000,
        "planted": planted,
        "certificate": steps["dataset"]["certificate"],
    }


def main() -> int:
    """Measure every power of ten."""
    largest = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    sizes = [count for count in (10_000, 100_000, 1_000_000, 10_000_000) if count <= largest]
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as name:
        runs = [measured(count, Path(name)) for count in sizes]
    result = {
        "command": f"python -m tests.benches.scale {largest}",
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "runs": runs,
    }
    (RESULTS / "scale.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
