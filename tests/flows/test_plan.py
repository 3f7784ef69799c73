import builtins
import socket
from pathlib import Path

import pytest

from flows.plan import plan_of
from flows.reader import read_recipe
from tests.texts import NOTES


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
