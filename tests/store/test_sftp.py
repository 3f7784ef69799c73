"""A store that is neither a local disk nor an object store: files over SSH, on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.build import build
from tasks.store import points
from tasks.store.place import Place
from tasks.store.verify import verify
from tests.services.sshd import SSHD, start_sshd
from tests.texts import NOTES, write_notes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if SSHD is None:
        pytest.skip("no sshd here: install openssh-server")
    with start_sshd(tmp_path_factory.mktemp("sshd")) as address:
        yield address


def test_a_dataset_is_built_verified_and_found_again_over_sftp(tmp_path: Path, server: str) -> None:
    write_notes(tmp_path / "notes", 12)
    here = build(NOTES, out="data")
    there = build(NOTES.replace("notes/*.txt", f"{server}{tmp_path}/notes/*.txt"), out=f"{server}{tmp_path}/a place/données")
    assert {entry["sha256"] for entry in there.published.files} == {entry["sha256"] for entry in here.published.files}
    again = build(NOTES.replace("notes/*.txt", f"{server}{tmp_path}/notes/*.txt"), out=f"{server}{tmp_path}/a place/données")
    assert all(step["cached"] for step in again.summary["steps"])
    verdict = verify(Place.at(f"{server}{tmp_path}/a place/données/notes"), None)
    assert (verdict.version, verdict.corrupt, verdict.missing) == (there.version, [], [])
    assert not [path for path in (tmp_path / "a place").rglob(".tmp-*")]


class Stop(Exception):
    """Ends a write in the middle."""


def test_what_was_there_stays_until_the_new_is_whole(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.at(f"{server}{tmp_path}/store")
    place.put_bytes("latest.json", b"old")

    def stop(point: str) -> None:
        if point.startswith("copied"):
            raise Stop

    monkeypatch.setattr("tasks.store.place.reach", stop)
    with pytest.raises(Stop):
        place.put_bytes("latest.json", b"new and longer")
    assert place.read_bytes("latest.json") == b"old"
    monkeypatch.setattr("tasks.store.place.reach", points.reach)
    place.put_bytes("latest.json", b"new and longer")
    assert place.read_bytes("latest.json") == b"new and longer"


def test_a_reader_finds_the_old_or_the_new_at_every_moment(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.at(f"{server}{tmp_path}/store")
    place.put_bytes("latest.json", b"old")
    moved = place.fs.mv

    def look(before: str, after: str) -> None:
        assert place.read_bytes("latest.json") == b"old"
        moved(before, after)

    monkeypatch.setattr(place.fs, "mv", look)
    place.put_bytes("latest.json", b"new")
    assert place.read_bytes("latest.json") == b"new"
