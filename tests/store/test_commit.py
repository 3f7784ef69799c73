import json
import os
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.errors import CorruptError, RecipeError, StoreError
from tasks.shards import Shard, read
from tasks.store import spool as spooling
from tasks.store.commit import commit, find_done
from tasks.store.keys import code_digest, digest, draw
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool


def part(folder: Path, place: Place, key: str = "k", rows: int = 3) -> object:
    spool = ParquetSpool(folder / "text.parquet")
    spool.write(pl.DataFrame({"id": [str(n) for n in range(rows)], "text": ["some words"] * rows}))
    return commit(place, key, {"text.parquet": (spool.path, spool.finish())}, {"n": rows})


def test_a_part_is_done_when_its_marker_is_and_the_sizes_agree(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path / "work"))
    done = part(tmp_path, place)
    assert find_done(place, "k") == done
    assert find_done(place, "other") is None


@pytest.mark.parametrize("harm", ["cut the part", "lose the part", "tear the marker", "another schema"])
def test_what_is_not_whole_is_not_done(tmp_path: Path, harm: str) -> None:
    place = Place.at(str(tmp_path / "work"))
    part(tmp_path, place)
    text, marker = tmp_path / "work/k/text.parquet", tmp_path / "work/k/done.json"
    if harm == "cut the part":
        text.write_bytes(text.read_bytes()[:-1])
    elif harm == "lose the part":
        text.unlink()
    elif harm == "tear the marker":
        marker.write_bytes(marker.read_bytes()[:40])
    else:
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"schema": 2}))
    assert find_done(place, "k") is None


def test_a_file_that_holds_fewer_rows_than_were_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = ParquetSpool(tmp_path / "t.parquet")
    spool.write(pl.DataFrame({"a": [1, 2, 3]}))
    spool._flush()
    spool._behind.wait()
    assert spool._writer is not None
    real = spool._writer
    whole = tmp_path / "short.parquet"
    pl.DataFrame({"a": [1, 2]}).write_parquet(whole)

    class Cut:
        def close(self) -> None:
            real.close()
            whole.replace(spool.path)

    monkeypatch.setattr(spool, "_writer", Cut())
    with pytest.raises(CorruptError, match="holds 2 rows, 3 were written"):
        spool.finish()


def test_a_flipped_byte_in_a_part_is_never_read_as_data(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path / "work"))
    done = part(tmp_path, place, rows=400)
    shard = Shard(done.part("text.parquet"))
    path = tmp_path / "work/k/text.parquet"
    good = path.read_bytes()
    expected = pl.concat(read(place, shard))
    noticed = 0
    for at in range(4, len(good) - 8, 37):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        try:
            assert pl.concat(read(place, shard)).equals(expected)
        except AssertionError:
            pytest.fail(f"byte {at} flipped gave other rows in silence")
        except (Exception, pl.exceptions.PanicException):
            noticed += 1
    assert noticed > 3


def test_faults_of_the_store_are_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.at(str(tmp_path / "work"))
    (tmp_path / "work").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"not a folder|File exists|FileExistsError"):
        part(tmp_path, place)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spooling.os if hasattr(spooling, "os") else os, "replace", full, raising=False)
    monkeypatch.setattr("tasks.store.place.shutil.copyfile", full)
    with pytest.raises(StoreError, match="there is no space left"):
        Place.at(str(tmp_path / "other")).put_bytes("a", b"x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_full_disk_says_so_while_spooling() -> None:
    spool = ParquetSpool(Path("/dev/full"))
    with pytest.raises((StoreError, OSError)) as caught:
        spool.write(pl.DataFrame({"a": ["x" * 100] * 100_000}))
        spool.finish()
    assert "space" in str(caught.value)


def test_paths_with_spaces_and_signs_of_any_script_work(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path / "a b" / "ü 本"))
    place.put_bytes("x y/z.json", b"{}")
    assert place.names() == ["x y/z.json"]
    assert place.read_bytes("x y/z.json") == b"{}"


@pytest.mark.parametrize("url", ["sftp://me:secret@host/x", "zip://a::file:///b"])
def test_addresses_with_passwords_or_chains_are_refused(url: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Place.at(url)
    assert "secret" not in str(caught.value)


def test_a_space_check_stops_a_build_that_cannot_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.build import build
    from tests.texts import NOTES, write_notes

    write_notes(tmp_path / "notes", 3)
    monkeypatch.setattr(Place, "free_bytes", lambda _self: 10)
    with pytest.raises(RecipeError, match="10 bytes are free"):
        build(NOTES)


def test_equal_values_have_equal_keys_and_order_of_keys_does_not_matter() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest("ab", "c") != digest("a", "bc")
    assert draw(1, "x") == draw(1, "x") != draw(2, "x")


def test_the_code_digest_follows_imports() -> None:
    own = code_digest(("tasks.edits.passages",))
    assert own != code_digest(("tasks.edits.normalise",))
    from tasks.store.keys import _imports

    assert "tasks.text.windows" in _imports("tasks.edits.passages")
    assert "tasks.text.words" in _imports("tasks.text.windows")


def test_the_marker_comes_after_every_file_of_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[str] = []
    original = Place.put
    monkeypatch.setattr(Place, "put", lambda self, path, source, **more: (put.append(path), original(self, path, source, **more))[1])
    part(tmp_path, Place.at(str(tmp_path / "work")))
    assert put == ["k/text.parquet", "k/done.json"]


def test_many_small_frames_make_one_row_group(tmp_path: Path) -> None:
    spool = ParquetSpool(tmp_path / "a.parquet")
    for number in range(500):
        spool.write(pl.DataFrame({"text": [f"row {number}"]}))
    assert spool.finish().rows == 500
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == 1
    for published, groups in ((None, 2), ("zstd", 1)):
        big = ParquetSpool(tmp_path / "b.parquet", published=published)
        for _ in range(5):
            big.write(pl.DataFrame({"text": ["x" * 1_250_000]}))
        assert big.finish().rows == 5
        assert pq.read_metadata(tmp_path / "b.parquet").num_row_groups == groups
