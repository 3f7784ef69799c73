"""A build stopped at every point between two writes: what a reader finds, and what a rerun gives."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flows.build import build
from tasks.store import points
from tasks.store.place import Place
from tasks.store.verify import verify
from tests.texts import write_notes

NOTES = """
name: notes
steps:
  notes: {use: files, path: "notes/*.txt", licence: CC0-1.0}
  passages: {use: passages, words: {min: 20, max: 60}}
  split: {use: split, validation: 0.2}
  pairs: {use: scramble}
  dataset: {use: write, layout: prompt-completion}
"""


class Stopped(BaseException):
    """Stands for the end of the process."""


@contextmanager
def stopping_at(number: int | None) -> Iterator[list[str]]:
    reached: list[str] = []

    def watch(name: str) -> None:
        reached.append(name)
        if len(reached) == number:
            raise Stopped(name)

    points.watchers.append(watch)
    try:
        yield reached
    finally:
        points.watchers.remove(watch)


def contents(place: Place) -> dict[str, bytes]:
    """Everything published but the facts of runs."""
    return {
        name: place.read_bytes(name) for name in place.names() if not name.startswith((".work/", "notes/runs/")) and "/.tmp-" not in name
    }


def as_a_reader(place: Place) -> None:
    """A reader finds no dataset, or a whole one."""
    dataset = Place.at(place.address("notes"))
    if dataset.size("latest.json") is None:
        return
    verdict = verify(dataset)
    assert not verdict.corrupt
    assert not verdict.missing


def check_every_point(url: str) -> None:
    whole = Place.at(f"{url}/whole")
    with stopping_at(None) as reached:
        build(NOTES, out=whole.url)
    expected = contents(whole)
    assert len(reached) > 30
    for number in range(1, len(reached) + 1):
        place = Place.at(f"{url}/stop {number} ü")
        with stopping_at(number), pytest.raises(Stopped):
            build(NOTES, out=place.url)
        as_a_reader(place)
        build(NOTES, out=place.url)
        assert contents(place) == expected, f"differs after a stop at {reached[number - 1]}"


@pytest.mark.heavy
def test_stopped_at_every_point_a_reader_is_never_fooled_and_a_rerun_ends_the_same(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12, 4)
    check_every_point(str(tmp_path / "out"))


def test_a_version_is_never_half_there_when_a_newer_recipe_is_stopped(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12, 4)
    place = Place.at(str(tmp_path / "out"))
    build(NOTES, out=place.url)
    with stopping_at(None) as reached:
        build(NOTES, out=str(tmp_path / "probe"), sets=("seed=1",))
    for number in range(1, len(reached) + 1, 5):
        with stopping_at(number), suppress(Stopped):
            build(NOTES, out=place.url, work=str(tmp_path / f"work{number}"), sets=("seed=1",))
        as_a_reader(place)


def test_a_version_folder_holds_its_manifest_last(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12, 4)
    with stopping_at(None) as reached:
        build(NOTES, out=str(tmp_path / "out"))
    put = [name.removeprefix("after ") for name in reached if name.startswith("after notes/")]
    manifest = next(place for place, name in enumerate(put) if name.endswith("/manifest.json"))
    assert [name.rpartition("/")[2] for name in put[manifest:]] == ["manifest.json", "latest.json", put[-1].rpartition("/")[2]]
    assert "/runs/" in put[-1]
    assert all(
        "/data/" in name or "/provenance/" in name or "/splits/" in name or name.endswith((".md", ".html", ".yaml", "/croissant.json"))
        for name in put[:manifest]
    )
