"""Real files read as a person found them to: counts and hashes, a remark each, never changed all at once."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.quality.goldens import GOLDENS, LINES, Golden, changed, measured, rows_of

ROOT = Path(__file__).parents[2]
HELD: dict[str, Golden] = json.loads(GOLDENS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", HELD)
def test_a_real_file_is_read_as_it_was_found_good(name: str, shared: Path) -> None:
    found = measured(*rows_of(shared / "corpus", HELD[name]))
    told = changed(HELD[name], found)
    assert not told, f"{told}. Look: python -m tests.quality.goldens show {name!r}; if it is better, accept it with a remark."


@pytest.mark.parametrize("name", HELD)
def test_a_golden_has_a_remark_and_shows_no_text(name: str) -> None:
    golden = HELD[name]
    assert len(golden["remark"].split()) >= 5
    assert len(golden["lines"]) <= LINES
    assert all(len(line) == 12 and int(line, 16) >= 0 for line in golden["lines"])


def refused(before: dict[str, Golden], after: dict[str, Golden]) -> bool:
    """Tell whether all of several goldens were made anew at once."""
    both = {name for name in before.keys() & after.keys() if "text" in before[name]}
    return len(both) > 2 and all(before[name]["text"] != after[name]["text"] for name in both)


def test_goldens_are_not_all_made_anew_in_one_commit() -> None:
    path = GOLDENS.relative_to(ROOT)
    commits = subprocess.run(
        ["git", "log", "--format=%H", "-n", "2", "--", str(path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    held = [
        json.loads(subprocess.run(["git", "show", f"{commit}:{path}"], capture_output=True, cwd=ROOT, check=True).stdout)
        for commit in commits.stdout.split()
    ]
    versions = [HELD, *held]
    assert not any(refused(before, after) for after, before in zip(versions, versions[1:], strict=False))


def test_what_is_refused_is_a_change_of_all() -> None:
    before = {name: {"text": name} for name in "abc"}
    assert refused(before, {name: {"text": name * 2} for name in "abc"})
    assert not refused(before, {"a": {"text": "a"}, "b": {"text": "x"}, "c": {"text": "y"}})
