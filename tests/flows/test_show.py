"""What a build kept and dropped, shown; and what other thresholds would keep."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from flows import propose, show, what_if
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


def test_the_report_shows_each_rule_with_its_spread_and_the_rows_near_its_bound(folder: Path) -> None:
    ds = build(str(folder / "r.yaml"), out=str(folder / "out"), runner="direct")
    page = (Path(ds.url) / "report.html").read_text()
    (long,) = [step for step in ds.summary["steps"] if step["name"] == "long"]
    assert f"{long['failed']['gopher-quality.words']:,} fail, {long['only'].get('gopher-quality.words', 0):,} of them no other" in page
    part = page.partition("gopher-quality.words")[2].partition("</details>")[0]
    assert part.count("<td>dropped</td>") == part.count("<td>kept</td>") == 10
    bars = (
        [int(number) for number in re.findall(r"<title>(\d+) kept, ", part)],
        [int(number) for number in re.findall(r", (\d+) dropped</title>", part)],
    )
    assert (sum(bars[0]) // 2, sum(bars[1]) // 2) == (120 - long["failed"]["gopher-quality.words"], long["failed"]["gopher-quality.words"])


def test_private_rows_and_those_with_personal_data_are_not_shown(tmp_path: Path) -> None:
    rows = [{"text": f"Ask Ann{n}x at ann{n}@example.org."} if n % 2 else {"text": f"Secretly{n} nothing."} for n in range(8)]
    (tmp_path / "n.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = 'name: p\nsteps:\n  notes: {use: files, path: "n.jsonl", private: PRIVATE}\n  good: {use: filter, rules: RULES}\n  dataset: {use: write}\n'
    either = "{any: [{pii: {kinds: [email]}}, {style: {words: {min: 9}}}]}"
    later = "{style: {words: {min: 3}}}}\n  safe: {use: redact"
    plain = "{style: {words: {min: 3}}}"
    cases = [("false", "{pii: }", False), ("false", either, False), ("false", later, False), ("true", plain, False), ("false", plain, True)]
    for private, rules, shown in cases:
        (tmp_path / "r.yaml").write_text(recipe.replace("PRIVATE", private).replace("RULES", rules))
        page = (Path(build(str(tmp_path / "r.yaml"), out=str(tmp_path / "out"), runner="direct").url) / "report.html").read_text()
        assert ("Secretly0" in page, "Ann1x" in page) == (shown, shown), rules


@pytest.mark.parametrize("decisions", ["all", "dropped", "sample"])
def test_decisions_are_kept_of_the_rows_that_were_asked_for(folder: Path, tmp_path: Path, decisions: str) -> None:
    shutil.copytree(folder / "notes", tmp_path / "notes")
    (tmp_path / "r.yaml").write_text(RECIPE.replace("{use: filter,", f"{{use: filter, decisions: {decisions},"))
    ds = build(str(tmp_path / "r.yaml"), out=str(tmp_path / "out"), runner="direct")
    (long,) = [step for step in ds.summary["steps"] if step["name"] == "long"]
    held = pl.concat([pl.read_parquet(url) for url in long["parts"]["verdicts"]]) if long["parts"]["verdicts"] else pl.DataFrame()
    dropped = sum(long["dropped"].values())
    assert {"all": held.height == 120, "dropped": held.height == dropped > 0, "sample": held.height < 20}[decisions]
    if decisions == "all":
        assert held["gopher-quality.words.score"].dtype == pl.Float32
        assert (
            held.select(pl.all_horizontal(pl.col(name) for name in held.columns if held[name].dtype == pl.Boolean)).to_series().sum()
            == 120 - dropped
        )


def test_marked_rows_propose_bounds_that_judge_them_right(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = str(folder / "out" / "shown")
    score = show.score_of(*reversed(show.found_rule(show.facts_of(dataset, None), "gopher-quality.words")))
    rows = score.rows.sort("score", "id")[::6]
    marks = tmp_path / "marks.csv"
    marks.write_text(
        "id,good\n" + "".join(f"{name},{'yes' if words >= 80 else 'no'}\n" for name, words in rows.select("id", "score").iter_rows())
    )
    assert propose.main([dataset, str(marks), "--json"]) == 0
    first = next(
        each for each in json.loads(capsys.readouterr().out)["proposals"] if each["setting"] == "steps.long.rules.gopher-quality.min_words"
    )
    assert first["right"] == first["marked"] == 20 > first["right_now"]
    assert first["keeps"] == score.rows.filter(pl.col("score") >= first["bound"]).height
    assert propose.main([dataset, str(marks)]) == 0
    told = capsys.readouterr().out
    change = next(line for line in told.splitlines() if "gopher-quality.min_words=" in line).partition("--set ")[2]
    assert what_if.main([dataset, "--set", change]) == 0
    (tmp_path / "one.csv").write_text("id,good\nx,yes\n")
    assert propose.main([dataset, str(tmp_path / "one.csv")]) == 2
    (tmp_path / "two.jsonl").write_text('{"id": "x", "good": true}\n{"id": "y", "good": false}\n')
    assert propose.main([dataset, str(tmp_path / "two.jsonl")]) == 2
    assert "are no ids of rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("good", "bad", "at_least", "bound", "right"),
    [
        ([3, 4], [1, 2], True, 3, 4),
        ([1, 2], [3, 4], False, 2, 4),
        ([0.5], [0.1], True, 0.3, 2),
        ([1, 5], [3], True, 1, 2),
        ([2], [2], True, 2, 1),
    ],
)
def test_a_bound_lies_between_the_scores_that_it_parts(
    good: list[float], bad: list[float], at_least: int, bound: float, right: int
) -> None:
    found = propose.best_bound(good, bad, at_least=bool(at_least))
    assert found == (pytest.approx(bound, abs=3.01), right)
