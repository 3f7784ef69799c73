"""What is compiled is kept by the code that it was compiled from, whoever imported numba first."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = """
{first}
import polars as pl
from tasks.notices import listen
from tasks.text.words import count_words
listen(print)
print(count_words(pl.Series(["two words"]))[0])
"""


def counted(cache: Path, first: str = "") -> list[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", COUNT.format(first=first)], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_first_compile_is_announced_and_the_second_run_finds_it_done(tmp_path: Path) -> None:
    told, count = counted(tmp_path)
    assert "compiled for this machine, once" in told
    assert count == "2"
    assert counted(tmp_path) == ["2"]


def test_the_cache_is_named_by_the_code_even_where_numba_was_imported_before(tmp_path: Path) -> None:
    counted(tmp_path, "import numba")
    (folder,) = tmp_path.iterdir()
    assert len(folder.name) == 16
    assert [path.name for path in folder.rglob("words._count-*.nbi")]


def test_where_nothing_can_be_kept_kernels_work_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert counted(tmp_path / "file")[-1] == "2"


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:99] + bytes([data[99] ^ 4]) + data[100:]])
def test_a_table_that_is_not_as_it_was_written_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    counted(tmp_path)
    (path,) = tmp_path.glob("*/classes-*")
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert counted(tmp_path) == ["2"]
    assert path.read_bytes() == good


def test_functions_of_nobody_are_compiled_in_silence(tmp_path: Path) -> None:
    nobody = "import numba, tasks.text.kernel\nspace = {}\nexec('def f(x): return x + 1', space)\nassert numba.njit(space['f'])(1) == 2"
    assert counted(tmp_path, nobody)[-1] == "2"
