import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from expectations.check import check
from expectations.suites import Expectation, load
from flows.build import Options, build, main, prepared
from flows.progress import Quiet
from flows.publish import publish
from flows.runners import Pool
from flows.walk import walk
from tasks.errors import GateError, RecipeError
from tests.texts import NOTES, write_notes

SUITE = """
expectations:
  - {type: expect_column_values_to_be_between, kwargs: {column: n, min_value: 0, max_value: 5}, severity: critical}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: s}, severity: warning}
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 1}}
"""
CHECKED = NOTES.replace("  dataset:", "  checked: {use: expect, suite: suite.yaml}\n  dataset:")


def test_each_expectation_is_told_in_order_and_only_critical_ones_count() -> None:
    frames = [pl.DataFrame({"n": [1, 2], "s": ["a", None]}), pl.DataFrame({"n": [9], "s": ["b"]})]
    report = check(load("x", SUITE), frames)
    assert [(found.success, found.unexpected) for found in report.found] == [(False, 1), (False, 1), (True, 0)]
    assert not report.passed
    assert report.rows == 3
    assert check(load("x", SUITE), frames[:1]).passed


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ("expectations: []\n", "a list `expectations`"),
        ("expectations:\n  - {type: x, more: 1}\n", "unknown keys"),
        ("expectations:\n  - {type: x, severity: fatal}\n", "must be one of"),
        ("expectations:\n  - 5\n", "mapping with `type`"),
        ("expectations:\n  - {type: expect_column_to_exit}\n", "x:2: .*Did you mean `expect_column_to_exist`"),
        ("expectations: [\n", "x:2: is not YAML"),
    ],
)
def test_a_wrong_suite_is_told(suite: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        load("x", suite)


@pytest.mark.parametrize(
    "expected", [Expectation("expect_nothing", {}, "critical"), Expectation("expect_column_to_exist", {"colum": 1}, "critical")]
)
def test_what_great_expectations_does_not_know_is_told(expected: Expectation) -> None:
    with pytest.raises(RecipeError, match=r"no expectation|does not fit"):
        check([expected], [pl.DataFrame({"n": [1]})])


def test_an_expectation_that_cannot_be_judged_says_why() -> None:
    expected = [
        Expectation("expect_column_values_to_be_unique", {"column": "absent"}, "critical"),
        Expectation("expect_column_values_to_match_regex", {"column": "s", "regex": "["}, "critical"),
    ]
    first, second = check(expected, [pl.DataFrame({"s": ["a"]})]).found
    assert 'absent" in BatchData does not exist' in str(first)
    assert "Invalid regular expression" in str(second)


def test_warnings_that_do_not_hold_are_told_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notes(tmp_path / "notes", 12)
    (tmp_path / "suite.yaml").write_text(
        "expectations:\n  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 9000}, severity: warning}\n"
    )
    (tmp_path / "r.yaml").write_text(CHECKED)
    assert main(["r.yaml", "--runner", "direct", "--json"]) == 0
    captured = capsys.readouterr()
    told = "warning: expect_table_row_count_to_be_between: 1 unexpected"
    assert f"checked: {told}" in captured.err
    folder = Path(json.loads(captured.out.splitlines()[-1])["dataset"])
    assert "0 of 1 expectations hold" in (folder / "README.md").read_text()
    assert told in (folder / "report.html").read_text()


def test_a_build_that_fails_says_so_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text(CHECKED)
    (tmp_path / "suite.yaml").write_text("expectations:\n  - {type: expect_nothing}\n")
    assert main(["r.yaml", "--json", "--plan"]) == 2
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["exit_code"] == 2
    assert (told["faults"][0]["file"], told["faults"][0]["line"]) == ("suite.yaml", 2)
    (tmp_path / "suite.yaml").write_text("expectations:\n  - {type: expect_table_row_count_to_be_between}\n")
    assert main(["r.yaml", "--json", "--runner", "direct"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["exit_code"] == 1
    assert "steps.notes.path" in told["error"]


def test_input_files_are_looked_at_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("{{ text")
    pairs = "  pairs: {use: template, input_file: bad.txt, output_file: none.txt}\n"
    text = NOTES.replace("  pairs: {use: scramble}\n", pairs + "  checked: {use: expect, suite: gone.yaml}\n")
    with pytest.raises(RecipeError) as caught:
        prepared(text, Options())
    assert [fault.place for fault in caught.value.faults] == ["steps.pairs.output_file", "steps.checked.suite"]
    (tmp_path / "none.txt").write_text("{{ text }}")
    with pytest.raises(RecipeError, match=r"steps.pairs.input_file.*is no template"):
        prepared(text.replace("  checked: {use: expect, suite: gone.yaml}\n", ""), Options())


def test_a_failed_gate_publishes_nothing_and_leaves_latest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notes(tmp_path / "notes", 12)
    (tmp_path / "suite.yaml").write_text("expectations:\n  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 1}}\n")
    (tmp_path / "r.yaml").write_text(CHECKED)
    assert main(["r.yaml", "--runner", "direct", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    (checked,) = [step for step in summary["steps"] if step["name"] == "checked"]
    assert checked["expectations"][0]["success"]
    latest = (tmp_path / "data/notes/latest.json").read_bytes()
    (tmp_path / "suite.yaml").write_text("expectations:\n  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 10000}}\n")
    assert main(["r.yaml", "--runner", "direct"]) == 3
    assert "critical" in capsys.readouterr().err
    assert (tmp_path / "data/notes/latest.json").read_bytes() == latest


def test_an_empty_dataset_and_an_empty_split_are_refused(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12)
    with pytest.raises(GateError, match="no row is left"):
        build(
            NOTES.replace("  split: {use: split, validation: 0.2, test: 0.2}\n", ""),
            sets=("steps.prose.rules.gopher-quality.min_words=60", "steps.prose.rules.gopher-quality.max_words=61"),
        )
    late = NOTES.replace("  pairs:", "  few: {use: filter, rules: {style: {words: {max: 1}}}}\n  pairs:")
    with pytest.raises(GateError):
        build(late)


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12, 12)
    plan, site, out = prepared(NOTES, Options())
    results = walk(plan, Pool("processes", 1), site, Quiet())
    sink = results["dataset"]
    results["dataset"] = replace(sink, files=tuple(file for file in sink.files if file.split != "test"))
    with pytest.raises(GateError, match="the split test has no row left"):
        publish(plan, site, out, results)
