"""Memory: a dedup, a split and a certificate of 100,000 documents under a limit that holds for all processes together."""

import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.benches.planted import documents
from tests.benches.scale import RECIPE, resident


@pytest.mark.heavy
@pytest.mark.parametrize(("count", "gigabytes"), [(13_000, 1.5), (100_000, 1.5), (100_000, 1.9)])
def test_the_limit_of_memory_holds_for_all_processes_together(tmp_path: Path, count: int, gigabytes: float) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes(b"".join(orjson.dumps({"text": document.text}) + b"\n" for document in documents(count)))
    (tmp_path / "r.yaml").write_text(RECIPE.format(source=source))
    command = [
        sys.executable,
        "-m",
        "flows.build",
        str(tmp_path / "r.yaml"),
        "--runner",
        "direct",
        "--memory",
        f"{gigabytes}GB",
        "--json",
        "--out",
    ]
    with subprocess.Popen([*command, str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as build:
        most = 0
        while build.poll() is None:
            most = max(most, resident(build.pid))
            time.sleep(0.05)  # between two looks
        assert build.stdout is not None
        told = orjson.loads(build.stdout.read().splitlines()[-1])
    assert build.returncode == 0
    steps = {step["name"]: step for step in told["steps"]}
    assert steps["step"]["rows_in"] == count
    assert steps["step"]["dropped"]["duplicate"] > count // 100
    assert 100_000_000 < most <= gigabytes * 1e9, most
