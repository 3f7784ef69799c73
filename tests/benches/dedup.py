"""How fast and how sure dedup and decontamination are: `python -m tests.benches.dedup [DOCUMENTS] [PEER_PYTHON]`.

Documents are generated with planted near-duplicates (`planted.py`). Each side is a whole process on one core; they run in
turn, three times, in folders that are deleted. Start-up is measured on 200 documents and taken off. `step` is what
a step costs: the CPU seconds of a build with it less those of the same build without it. Recall is over all planted pairs, by their
exact similarity; every dropped row is compared with the row that it names. The peers get the first part of the
documents. PEER_PYTHON is an interpreter that has rensa, text-dedup and datatrove.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from tasks.dedup.near import Near
from tasks.text.certifying import distinct, overlaps
from tests.benches.filters import RESULTS, cpu
from tests.benches.planted import documents

RUNS = 3
FEW = 200
PEERS = Path(__file__).parent / "peers"
PEER_PART = 20_000
SIMILARITY = 0.8
STEPS = {
    "plain": "",
    "near": "  step: {use: dedup, near: {similarity: 0.8}}\n",
    "exact": "  step: {use: dedup}\n",
    "decontaminate": "  step: {use: decontaminate, from: rows, against: items}\n",
}


def recipe(kind: str, source: Path, items: Path) -> str:
    """Give a recipe that reads, does a step, and writes."""
    exams = f"  items: {{use: files, path: {items}}}\n" if kind == "decontaminate" else ""
    return f"name: bench\nsteps:\n  rows: {{use: files, path: {source}}}\n{exams}{STEPS[kind]}  dataset: {{use: write}}\n"


def ours(kind: str, source: Path, items: Path, folder: Path) -> tuple[float, dict[str, Any]]:
    """Build with one step or without; the CPU seconds, and the run's facts."""
    (folder / "r.yaml").write_text(recipe(kind, source, items), encoding="utf-8")
    command = [sys.executable, "-m", "flows.build", str(folder / "r.yaml"), "--runner", "direct", "--workers", "1", "--out"]
    spent = cpu([*command, str(folder / "out")], Path.cwd())
    facts: dict[str, Any] = json.loads(next((folder / "out/bench/runs").glob("*.json")).read_text(encoding="utf-8"))
    assert not any(step["cached"] for step in facts["steps"])
    assert facts["steps"][0]["rows_out"] > 0
    return spent, facts


def verdicts(facts: Mapping[str, Any]) -> pl.DataFrame:
    """Read the verdicts of the step, with the numbers of the rows."""
    step = next(step for step in facts["steps"] if step["name"] == "step")
    held = pl.concat(pl.read_parquet(path) for path in step["parts"]["verdicts"])
    return held.with_columns(number=pl.col("id").str.extract(r"#(\d+)$").cast(pl.Int64) - 1)


def similarity(texts: Sequence[str], left: Sequence[int], right: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Give the exact similarity of pairs, by the certificate's code."""
    held = pl.Series(texts)
    here = np.arange(len(left))
    sides = [held[list(side)] for side in (left, right)]
    words, characters = zip(*(distinct(side) for side in sides), strict=True)
    both = (np.diff(words[0][1]) > 0) & (np.diff(words[1][1]) > 0)
    return np.where(both, overlaps(*words, here, here), overlaps(*characters, here, here))


def surely(texts: Sequence[str], pairs: Sequence[tuple[int, int]], held: pl.DataFrame) -> dict[str, Any]:
    """Tell how many planted pairs ended in one cluster, by similarity, and how many dropped rows are unlike what they name."""
    near, told = Near(similarity=SIMILARITY), dict[str, Any]()
    cluster = dict(held.select("number", "cluster_of").iter_rows())
    exact = similarity(texts, [a for a, _ in pairs], [b for _, b in pairs])
    found = np.array([cluster[a] == cluster[b] for a, b in pairs])
    for low, high in ((0.8, 1.01), (0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.01)):
        here = (exact >= low) & (exact < high)
        expected = np.mean([near.found(float(j)) for j in exact[here]]) if here.any() else 1.0
        told[f"{low:.2f}-{min(high, 1):.2f}"] = {
            "pairs": int(here.sum()),
            "found": round(float(found[here].mean()), 4),
            "expected": round(float(expected), 4),
        }
    lost = held.filter(~pl.col("keep"))
    numbers = dict(held.select("id", "number").iter_rows())
    others = [numbers[name] for name in lost["duplicate_of"]]
    alike = similarity(texts, lost["number"].to_list(), others)
    same = np.array([plainly(texts[a]) == plainly(texts[b]) for a, b in zip(lost["number"], others, strict=True)], dtype=bool)
    told["dropped"], told["unlike"] = lost.height, int(((alike < SIMILARITY) & ~same).sum())
    return told


def plainly(text: str) -> str:
    """Give a text in small letters with letters and digits only."""
    return "".join(sign for sign in text.lower() if sign.isalnum())


def clustered(held: pl.DataFrame) -> pl.DataFrame:
    """Give each row the one that its chain of duplicates ends in."""
    ends = held.select("id", of=pl.coalesce("duplicate_of", "id"))
    while True:
        further = ends.join(ends.rename({"id": "of", "of": "further"}), on="of", how="left", maintain_order="left")
        if further["further"].equals(ends["of"]):
            return held.with_columns(cluster_of=ends["of"])
        ends = further.select("id", of="further")


def main() -> int:
    """Run all sides in turn, print and write the result."""
    count = int(sys.argv[1]) if sys.argv[1:] else 100_000
    peer = sys.argv[2] if sys.argv[2:] else sys.executable
    with tempfile.TemporaryDirectory(prefix="dartboard-bench-") as name:
        base = Path(name)
        made = list(documents(count))
        lines = [orjson.dumps({"text": document.text}) + b"\n" for document in made]
        files = {"all": lines, "part": lines[:PEER_PART], "few": lines[:FEW]}
        for kind, held in files.items():
            (base / f"{kind}.jsonl").write_bytes(b"".join(held))
        items = base / "items.jsonl"
        items.write_bytes(b"".join(line for line in lines[: count // 100] if len(line) > 300))
        size = sum(len(document.text.encode()) for document in made) / 1e6
        part = sum(len(document.text.encode()) for document in made[:PEER_PART]) / 1e6
        times, starts, held = _timed(base, items, peer)
        pairs = [(document.number, document.source) for document in made if document.source is not None]
        spent = {side: statistics.median(runs) - starts[side] for side, runs in times.items()}
        result: dict[str, Any] = {
            "command": f"python -m tests.benches.dedup {count} PEER_PYTHON",
            "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
            "python": platform.python_version(),
            "documents": count,
            "megabytes": round(size, 1),
            "peer_megabytes": round(part, 1),
            "mb_per_cpu_second": {side: round((part if side in PEER_SIDES else size) / seconds, 2) for side, seconds in spent.items()},
            "step_mb_per_cpu_second": {kind: round(size / (spent[kind] - spent["plain"]), 1) for kind in STEPS if kind != "plain"},
            "start_cpu_seconds": {side: round(spent, 2) for side, spent in starts.items()},
            "planted": surely([document.text for document in made], pairs, clustered(verdicts(held))),
        }
    told = result["mb_per_cpu_second"]
    for name, speeds in (("times_as_fast", told), ("step_times_as_fast", result["step_mb_per_cpu_second"])):
        result[name] = {f"{side} / {other}": round(speeds[side] / told[other], 1) for side, others in MATCHES.items() for other in others}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dedup.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


MATCHES = {
    "near": ("rensa", "text-dedup", "datatrove"), "exact": ("polars unique",), "decontaminate": ("python sets",),
}  # fmt: skip
PEER_SIDES = {
    "rensa": "rensa_near.py", "text-dedup": "textdedup_near.py", "datatrove": "datatrove_near.py",
    "polars unique": "exact_unique.py", "python sets": "ngram_sets.py",
}  # fmt: skip


def _timed(base: Path, items: Path, peer: str) -> tuple[dict[str, list[float]], dict[str, float], dict[str, Any]]:
    """Run every side on few documents and then three times on all, in turn; of ours the facts of the last near run."""
    times: dict[str, list[float]] = {side: [] for side in (*STEPS, *PEER_SIDES)}
    starts: dict[str, float] = {}
    kept: dict[str, Any] = {}
    keep = base / "kept"
    for run, kind in enumerate(("few", "few", *["all"] * RUNS)):
        for side, runs in times.items():
            with tempfile.TemporaryDirectory(prefix="dartboard-run-") as name:
                folder = keep if side == "near" and run == RUNS + 1 else Path(name)
                folder.mkdir(exist_ok=True)
                if side in PEER_SIDES:
                    source = base / f"{'part' if kind == 'all' else kind}.jsonl"
                    more = [str(items)] if side == "python sets" else []
                    spent = cpu(
                        [
                            peer if side in MATCHES["near"] else sys.executable,
                            str(PEERS / PEER_SIDES[side]),
                            str(source),
                            *more,
                            str(folder / "out"),
                        ],
                        folder,
                    )
                else:
                    spent, facts = ours(side, base / f"{kind}.jsonl", items, folder)
                    kept = facts if side == "near" else kept
                if kind == "few":
                    starts[side] = spent
                else:
                    runs.append(spent)
    return times, starts, kept


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    sys.exit(main())
