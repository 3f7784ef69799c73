"""The built-in `starter`, as the README tells of it."""

import json
import socket
from pathlib import Path

import pytest

from flows.build import build, main


def test_the_starter_is_built_offline_as_the_readme_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    assert main(["starter", "--offline", "--runner", "direct", "--json"]) == 0
    said = capsys.readouterr()
    summary = json.loads(said.out.splitlines()[-1])
    assert sum(summary["splits"].values()) == 111
    assert "111 punctuation pairs" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "Three of its rows" in said.err
    assert {step["use"] for step in summary["steps"]} >= {"gutenberg", "wikipedia", "arxiv"}


def test_few_training_rows_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcode", "--runner", "direct", "--limit", "12"]) == 0
    assert "Fine-tuning wants 50 and more" in capsys.readouterr().err


def test_the_python_face_needs_no_server() -> None:
    dataset = build("starter", limit=5)
    assert dataset.train.collect().height > 0
    assert "Dataset(" in repr(dataset)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nosuch"], 2), (["starter", "--set", "steps.passages.words.min=9999"], 2), (["starter", "--memory", "lots"], 2)],
)
def test_wrong_commands_exit_with_2_and_one_paragraph(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--runner", "direct"]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_a_fault_of_ours_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("flows.build.prepared", lambda *_: 1 / 0)
    assert main(["starter"]) == 1
    assert "This is a fault of Dartboard; --debug shows where" in capsys.readouterr().err


def test_an_interruption_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.build.prepared", stop)
    assert main(["starter"]) == 130
    assert "run the same command" in capsys.readouterr().err
