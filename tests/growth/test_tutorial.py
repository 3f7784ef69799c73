"""The tutorial, command by command, on a server on loopback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl

from tests.growth.test_growing import endpoint, stats
from tests.oracles import words

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "guides" / "tutorial.md"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("export ")]


def shingles(text: str) -> set[tuple[str, ...]]:
    held = words(text.lower())
    return {tuple(held[at : at + 3]) for at in range(max(len(held) - 2, 1))}


def test_the_tutorial_ends_with_500_checked_pairs(tmp_path: Path) -> None:
    calls = []
    with endpoint() as url:
        names = {"BASE_URL": f"{url}/v1", "MODEL": "m", "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **names, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for command in commands():
            done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
            assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
            calls.append(stats(url).get("calls", 0))
    told = done.stdout
    assert re.search(r"spread: \d+ calls, [1-9]\d* answers known; [\d,]+ tokens in", told)
    assert "96 cells with 1 to 2 rows" in told
    assert "diversity before and after: compression_ratio" in told
    assert calls[:2] == [0, 0], "a plan asks nothing"
    assert calls[2] == calls[3] < calls[4] == calls[5]
    assert calls[4] < 520, "the pilot's answers were not paid again"
    dataset = tmp_path / "data" / "solutions"
    version = dataset / json.loads((dataset / "latest.json").read_text())["version"]
    rows = pl.concat(
        pl.read_parquet(version / "data" / path.name).hstack(pl.read_parquet(path)).with_columns(split=pl.lit(path.name.split("-")[0]))
        for path in sorted((version / "provenance").glob("*.parquet"))
    )
    assert rows.height == 500
    humans = {row["id"]: row["split"] for row in rows.filter(pl.col("generator") == "human").to_dicts()}
    assert len(humans) == 24
    assert sorted(humans.values()).count("train") == 16
    children = rows.filter(pl.col("generator") != "human")
    assert set(children["split"]) == {"train"}
    assert all(humans[parent.split("/grown#")[0]] == "train" for parents in children["parents"] for parent in parents)
    held = [shingles(text) for text in rows["prompt"]]
    near = [(a, b) for a in range(len(held)) for b in range(a) if len(held[a] & held[b]) > 0.5 * len(held[a] | held[b])]
    assert near == []
