"""How fast single groups of features are, a core: `python -m tests.benches.rules [MEGABYTES] [TEXTS.jsonl]`.

Each runs in a process of its own, warm, over the same texts, three times in turn with the others: CPU seconds of
the median. Two threads over the same frames tell whether a group runs without the GIL. `build` is a whole
build of a filter with four rule sets, on one core and on two, by the wall clock and without its start. Without TEXTS, texts are
made of this project's samples.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tasks.edits.redact import Redact
from tasks.filters.measuring import measured
from tasks.frames import conform
from tasks.pairs.scramble import Scramble
from tasks.step import Context
from tests.benches.filters import FEW, ONE_CORE, RECIPE, RESULTS, documents

RUNS = 3
GROUPS = {
    "structure": ["structure"], "repetition": ["repetition"], "c4 lines": ["lines"], "style": ["style"], "language": ["language"], "pii": ["pii"],
}  # fmt: skip
ASKED = {"style": 50, "language": 25, "pii": 60, "scramble": 200}
CONTEXT = Context("bench")


def works() -> dict[str, Callable[[pl.DataFrame], Any]]:
    """Give what is timed, each over a frame of documents."""

    def of(groups: list[str]) -> Callable[[pl.DataFrame], Any]:
        return lambda frame: measured(frame, "text", groups)

    rows: dict[str, Callable[[pl.DataFrame], Any]] = {name: of(groups) for name, groups in GROUPS.items()}
    return rows | {"scramble": lambda frame: Scramble().apply(frame, CONTEXT), "redact": lambda frame: Redact().apply(frame, CONTEXT)}


def frames(texts: Path | None, megabytes: float) -> list[pl.DataFrame]:
    """Give documents as frames of 1,000 rows."""
    held = [orjson.loads(line) for line in documents(texts, megabytes)]
    table = conform(pl.DataFrame({"id": [row["id"] for row in held], "text": [row["text"] for row in held]}), "documents")
    return [frame.rechunk() for frame in table.iter_slices(1000)]


def timed(work: Callable[[pl.DataFrame], Any], held: list[pl.DataFrame], threads: int) -> tuple[float, float]:
    """Give the CPU and the wall seconds of a work over all frames."""
    begun, wall = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        assert len(list(pool.map(work, held))) == len(held)
    return time.process_time() - begun, time.perf_counter() - wall


def builds(texts: Path | None, megabytes: float) -> dict[str, float]:
    """Give the wall seconds of a build on one core and on two, without its start on FEW documents; their datasets are equal."""
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    versions = set()
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as name:
        base = Path(name)
        for kind, lines in (("all", list(documents(texts, megabytes))), ("few", list(documents(texts, megabytes))[:FEW])):
            (base / kind).mkdir()
            for part in range(4):
                (base / kind / f"{part}.jsonl").write_bytes(b"".join(lines[part::4]))
            (base / f"{kind}.yaml").write_text(RECIPE.format(source=f"{base}/{kind}/*.jsonl", profile="paper"), encoding="utf-8")
        for run in range(RUNS):
            for cores, held in seconds.items():
                few, _ = _built(base, "few", cores, run)
                spent, version = _built(base, "all", cores, run)
                held.append(spent - few)
                versions.add(version)
    assert len(versions) == 1, "one core and two gave other datasets"
    return {cores: round(statistics.median(held), 2) for cores, held in seconds.items()}


def _built(base: Path, kind: str, cores: str, run: int) -> tuple[float, str]:
    """Build in a new folder; give the wall seconds and the dataset's version."""
    command = [sys.executable, "-m", "flows.build", str(base / f"{kind}.yaml"), "--runner", "direct", "--workers", cores, "--json"]
    environment = {name: value for name, value in os.environ.items() if name not in ONE_CORE} | (ONE_CORE if cores == "1" else {})
    begun = time.perf_counter()
    out = str(base / f"out-{kind}-{cores}-{run}")
    done = subprocess.run([*command, "--out", out], capture_output=True, text=True, check=True, env=environment)
    return time.perf_counter() - begun, json.loads(done.stdout.splitlines()[-1])["version"]


def main() -> int:
    """Time all, print and write the result; Polars is told of one core before it is imported."""
    if os.environ.get("POLARS_MAX_THREADS") != "1":
        return subprocess.run(
            [sys.executable, "-m", "tests.benches.rules", *sys.argv[1:]], env=os.environ | ONE_CORE, check=False
        ).returncode
    megabytes = float(sys.argv[1]) if sys.argv[1:] else 20.0
    texts = Path(sys.argv[2]).absolute() if sys.argv[2:] else None
    held = frames(texts, megabytes)
    size = sum(frame["text"].str.len_bytes().sum() for frame in held) / 1e6
    timings: dict[str, list[tuple[float, float]]] = {name: [] for name in works()}
    for work in works().values():
        work(held[0].head(20))
    for _ in range(RUNS):
        for name, work in works().items():
            timings[name].append(timed(work, held, 1))
    pairs = {
        name: (
            statistics.median(timed(work, held, 1)[1] for _ in range(RUNS)),
            statistics.median(timed(work, held, 2)[1] for _ in range(RUNS)),
        )
        for name, work in works().items()
        if name in GROUPS
    }
    speeds = {name: round(size / statistics.median(cpu for cpu, _ in runs), 1) for name, runs in timings.items()}
    whole = builds(texts, megabytes)
    result = {
        "command": f"python -m tests.benches.rules {megabytes:g}{' TEXTS' if texts else ''}",
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "megabytes": round(size, 1),
        "mb_per_cpu_second": speeds,
        "asked": ASKED,
        "two_threads": {name: round(one / two, 2) for name, (one, two) in pairs.items()},
        "build_wall_seconds_by_cores": whole,
        "build_two_cores": round(whole["1"] / whole["2"], 2),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "rules.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
