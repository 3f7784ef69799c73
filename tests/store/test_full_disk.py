"""Real faults of a local store: a disk that is full, one that is read-only, a folder of somebody else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.texts import NOTES, write_notes

ROOT = Path(__file__).parents[2]
Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mount small disks in memory, and take them away."""
    made: list[Path] = []

    def add(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("disks cannot be mounted here")
        made.append(folder)
        return folder

    yield add
    for folder in reversed(made):
        subprocess.run(["umount", str(folder)], check=True)


def run(out: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "flows.build", "r.yaml", "--runner", "direct", "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one paragraph of the error; everything else on stderr is progress."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def test_a_full_disk_is_told_and_the_build_goes_on_when_there_is_room(tmp_path: Path, mount: Mount) -> None:
    write_notes(tmp_path / "notes", 60, 12)
    (tmp_path / "r.yaml").write_text(NOTES)
    out = mount("out", "size=196k")
    assert "there is no space left" in told(run(out))
    assert not (out / "notes" / "latest.json").exists()
    assert not list(out.rglob(".tmp-*"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(out)], check=True)
    done = run(out)
    assert done.returncode == 0, done.stderr
    assert "(cached)" in done.stderr


def test_a_read_only_disk_is_told(tmp_path: Path, mount: Mount) -> None:
    write_notes(tmp_path / "notes", 6)
    (tmp_path / "r.yaml").write_text(NOTES)
    out = mount("out", "size=1m")
    subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
    assert "it is read-only" in told(run(out))


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    before = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("disks cannot be mounted here")
        before = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    write_notes(tmp_path / "notes", 6)
    (tmp_path / "r.yaml").write_text(NOTES)
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    try:
        assert "permission is denied" in told(run(out, *before))
    finally:
        out.chmod(0o755)


def test_a_source_larger_than_the_disk_is_refused_before_anything_is_written(tmp_path: Path, mount: Mount) -> None:
    write_notes(tmp_path / "notes", 60, 40)
    (tmp_path / "r.yaml").write_text(NOTES)
    out = mount("out", "size=128k")
    done = run(out)
    assert done.returncode == 2
    assert "of work space" in done.stderr
    assert not list(out.rglob("*.parquet"))
