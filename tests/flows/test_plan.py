import builtins
import json
import socket
from pathlib import Path

import pytest

from flows.build import Options, main, prepared
from flows.plan import plan_of
from flows.reader import read_recipe
from flows.runners import pool
from flows.sampling import expected_rows
from tests.texts import NOTES, write_notes


def test_a_plan_opens_nothing_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe(NOTES)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the plan touched the world")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    assert len(plan_of(recipe).stages) == 8


def test_row_wise_steps_fuse_and_a_filter_is_two_stages() -> None:
    recipe = read_recipe(NOTES.replace("  prose:", "  tidy: {use: normalise}\n  prose:"))
    stages = {stage.name: stage for stage in plan_of(recipe).stages}
    assert stages["passages+tidy"].steps == ("passages", "tidy")
    assert stages["prose.features"].needs == ("passages+tidy",)
    assert stages["prose"].needs == ("prose.features",)
    assert stages["notes"].kind == "source"


def test_a_step_with_two_readers_is_not_fused() -> None:
    text = NOTES + "  raw: {use: write, from: passages}\n"
    assert "passages" in {stage.name for stage in plan_of(read_recipe(text)).stages}


def test_the_order_follows_from_and_not_the_page() -> None:
    text = """
name: x
steps:
  a: {use: files, path: a.txt}
  late: {use: dedup, from: [b]}
  b: {use: normalise, from: a}
  w: {use: write, from: late}
"""
    assert [stage.name for stage in plan_of(read_recipe(text)).stages] == ["a", "b", "late", "w"]


def test_a_sample_tells_about_how_many_rows_would_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notes(tmp_path / "notes", 40, 12)
    (tmp_path / "r.yaml").write_text(NOTES)
    plan, site, _ = prepared(NOTES, Options(shard_bytes=12_000))
    with pool("direct", 1) as execute:
        expected = expected_rows(plan, site, execute)
    assert 32 <= expected["notes"] <= 48
    assert 0.8 < expected["passages"] / 160 < 1.2
    assert expected["pairs"] == expected["split"] == expected["unique"]
    assert "dataset" not in expected
    assert main(["r.yaml", "--plan", "--sample", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert {stage["name"]: stage["rows"] for stage in stages}["notes"] == 40
    assert not (tmp_path / "data" / "notes").exists()
    assert main(["r.yaml", "--sample"]) == 2


def test_a_step_that_asks_a_model_costs_up_to_its_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solutions", "--plan", "--json"]) == 0
    costs = {stage["name"]: stage["cost"] for stage in json.loads(capsys.readouterr().out)["stages"]}
    assert costs["grown"]["high"] > 0
    assert costs["seeds"] == {"low": 0, "high": 0, "unit": "usd"}
