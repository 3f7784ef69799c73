"""What a build kept and dropped, shown; and what other thresholds would keep."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from flows import show, what_if
from flows.build import build
from tests.texts import prose

RECIPE = """name: shown
steps:
  notes: {use: files, path: "notes/*.jsonl"}
  long: {use: filter, rules: {gopher-quality: {min_words: 40}, c4: }}
  plain: {use: filter, rules: {fineweb: {short_lines: 0.5}, gopher-repetition: }}
  dataset: {use: write}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shown")
    (base / "notes").mkdir()
    for file in range(3):
        rows = [{"text": prose(40 * file + n, 1 + n % 9) + ("\nMenu\nHome\nNews" if n % 4 == 0 else "")} for n in range(40)]
        (base / "notes" / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (base / "r.yaml").write_text(RECIPE)
    build(str(base / "r.yaml"), out=str(base / "out"), runner="direct")
    return base


def test_steps_are_shown_with_the_rules_that_drop(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main([str(folder / "out" / "shown")]) == 0
    told = capsys.readouterr().out
    assert "long.gopher-quality.words: " in told
    assert "of them under no rule before it" in told


def test_a_rule_is_shown_with_the_rows_nearest_to_its_bound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main([str(folder / "out" / "shown"), "--dropped", "gopher-quality.words", "--rows", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rule"], told["low"]) == ("long.gopher-quality.words", 40)
    kept, dropped = ([row for row in told["rows"] if row["kept"] is side] for side in (True, False))
    assert len(kept) == len(dropped) == 3
    assert max(row["score"] for row in dropped) < 40 <= min(row["score"] for row in kept)
    assert all(len(row["text"].split()) >= 40 or row["text"] for row in kept)
    assert show.main([str(folder / "out" / "shown"), "--dropped", "gopher-quality.words"]) == 0
    assert "░" in capsys.readouterr().out


def test_a_rule_that_is_none_is_told_with_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main([str(folder / "out" / "shown"), "--dropped", "gopher-quality.wrds"]) == 2
    assert "gopher-quality.words" in capsys.readouterr().err
    assert show.main([str(folder / "out" / "shown"), "--version", "0000"]) == 2


@pytest.mark.parametrize(
    "change",
    ["steps.long.rules.gopher-quality.min_words=60", "steps.long.rules.c4.sentences=4", "steps.plain.rules.fineweb.newlines=0.001"],
)
def test_what_would_be_kept_is_what_a_rebuild_keeps_row_for_row(folder: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(folder, tmp_path / "here")
    build(str(tmp_path / "here" / "r.yaml"), out=str(tmp_path / "new"), runner="direct", sets=(change,))
    rebuilt = pl.read_parquet(tmp_path / "new" / "shown" / "*" / "data" / "*.parquet")["id"].sort()
    shutil.rmtree(tmp_path / "here" / "notes")
    build_again = what_if.what_if(str(folder / "out" / "shown"), [change])
    kept = build_again["plain"].filter("keeps")["id"].sort()
    before = build_again["plain"].filter("kept")["id"]
    assert kept.to_list() == rebuilt.to_list()
    assert kept.to_list() != before.sort().to_list()


def test_what_if_tells_what_comes_and_goes_and_refuses_what_it_cannot_know(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = str(folder / "out" / "shown")
    assert what_if.main([dataset, "--set", "steps.long.rules.gopher-quality.min_words=60", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["steps"]["long"]
    assert told["keeps"] == told["kept"] + len(told["added"]) - len(told["removed"]) < told["kept"]
    assert what_if.main([dataset, "--set", "steps.plain.rules.c4={}"]) == 2
    assert "features that the build did not store" in capsys.readouterr().err
    lax = ["--set", "steps.long.rules.c4.line_words=0", "--set", "steps.long.rules.c4.end_mark=false"]
    assert what_if.main([dataset, *lax]) == 2
    assert "changes the text that a later filter judges" in capsys.readouterr().err
    assert what_if.main([dataset]) == 2
