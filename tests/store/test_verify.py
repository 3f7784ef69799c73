from datetime import timedelta
from pathlib import Path

import pytest

from flows.build import build
from flows.sweep import main as sweep
from flows.verify import main as verify
from tasks.store.place import Place
from tasks.store.sweeping import litter
from tests.texts import NOTES, write_notes


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    write_notes(tmp_path / "notes", 12, 4)
    return Path(build(NOTES).url)


def test_a_whole_dataset_is_whole(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(dataset.parent)]) == 0
    assert verify([str(dataset)]) == 0
    assert verify([str(dataset.parent), "--version", dataset.name, "--json"]) == 0
    assert "whole: version" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("harm", "code"),
    [("flip", 1), ("cut", 1), ("lose", 4), ("add", 1), ("manifest", 1), ("lose manifest", 4), ("lose latest", 4), ("tear latest", 1)],
)
def test_harm_is_found_and_named(dataset: Path, harm: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    data = next(dataset.glob("data/train*"))
    if harm == "flip":
        held = bytearray(data.read_bytes())
        held[len(held) // 2] ^= 1
        data.write_bytes(bytes(held))
    elif harm == "cut":
        data.write_bytes(data.read_bytes()[:-3])
    elif harm == "lose":
        data.unlink()
    elif harm == "add":
        (dataset / "data" / "extra.parquet").write_bytes(b"x")
    elif harm == "manifest":
        manifest = dataset / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"rows": ', '"rows":  ', 1))
    elif harm == "lose manifest":
        (dataset / "manifest.json").unlink()
    elif harm == "lose latest":
        (dataset.parent / "latest.json").unlink()
    else:
        (dataset.parent / "latest.json").write_text("{")
    assert verify([str(dataset.parent)]) == code
    out = capsys.readouterr().out
    assert ("corrupt: " if code == 1 else "missing: ") in out


def test_a_rerun_mends_what_was_lost(dataset: Path) -> None:
    next(dataset.glob("data/train*")).unlink()
    build(NOTES)
    assert verify([str(dataset.parent)]) == 0


def test_a_sweep_is_dry_and_spares_the_latest_and_the_young(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = dataset.parent.parent
    newest = build(NOTES, sets=("seed=9",))
    (out / "notes" / ".tmp-dead").write_bytes(b"x")
    assert list(litter(Place.at(str(out)), grace=timedelta(hours=1), keep=0)) == []
    assert sweep([str(out), "--grace-hours", "0", "--keep", "0"]) == 0
    said = capsys.readouterr().out
    assert f"would remove notes/{dataset.name}/manifest.json" in said
    assert ".tmp-dead" in said
    assert newest.version not in said
    assert dataset.exists()
    assert sweep([str(out), "--grace-hours", "0", "--keep", "0", "--delete"]) == 0
    assert not (dataset / "manifest.json").exists()
    assert verify([str(out / "notes")]) == 0
