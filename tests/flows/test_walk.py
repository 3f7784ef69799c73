import json
import os
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.build import Options, build, prepared
from flows.reader import read_recipe
from flows.walk import survey
from flows.work import sources
from tasks import shards
from tests.texts import NOTES, prose, write_notes


def steps(dataset: Any) -> dict[str, Any]:
    return {report["name"]: report for report in dataset.summary["steps"]}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    write_notes(tmp_path / "notes", 24)
    return tmp_path


def times(folder: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "runs" not in path.parts and ".work" not in path.parts
    }


def test_a_rerun_finds_everything_done_and_touches_no_file(notes: Path) -> None:
    first = build(NOTES)
    before = times(notes / "data")
    again = build(NOTES)
    assert again.version == first.version
    assert all(report["cached"] for report in again.summary["steps"])
    assert times(notes / "data") == before


def test_rows_in_and_added_less_rows_out_are_the_dropped(notes: Path) -> None:
    (notes / "notes" / "again.txt").write_text(prose(3), encoding="utf-8")
    (notes / "notes" / "odd.txt").write_text("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23.", encoding="utf-8")
    reports = build(NOTES).summary["steps"]
    assert sum(report["dropped"].get("duplicate", 0) for report in reports) > 0
    assert [report["rows_in"] for report in reports[1:]] == [report["rows_out"] for report in reports[:-1]]
    for report in reports:
        assert report["rows_in"] + report["added"] - report["rows_out"] == sum(report["dropped"].values()), report


def test_a_changed_threshold_reads_no_text(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(NOTES)
    read: list[str] = []
    original = shards.read
    monkeypatch.setattr(shards, "read", lambda *a, **k: (read.append(str(a[2:] or k.get("columns"))), original(*a, **k))[1])
    from flows.work import columns

    monkeypatch.setattr(columns, "read", shards.read)
    monkeypatch.setattr(columns, "measured", lambda *_: pytest.fail("a text was measured again"))
    changed = build(NOTES, sets=("steps.prose.rules.gopher-quality.min_words=25",))
    found = steps(changed)
    assert found["passages"]["cached"]
    assert not found["prose"]["cached"]
    assert read == []


def test_an_edit_of_one_unit_redoes_its_shard_only(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(NOTES, shard_bytes=2000)
    done: list[Any] = []
    original = sources.read_units
    monkeypatch.setattr(sources, "read_units", lambda job, s: (done.append(job), original(job, s))[1])
    (notes / "notes" / "note007.txt").write_text(prose(7007), encoding="utf-8")
    build(NOTES, shard_bytes=2000)
    assert len(done) == 1
    assert "note007.txt" in [unit["key"] for unit in done[0].extra["units"]]
    assert len(done[0].extra["units"]) < 12


def test_new_units_touch_few_shards(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_notes(notes / "notes", 60)
    build(NOTES, shard_bytes=3000)
    done: list[Any] = []
    original = sources.read_units
    monkeypatch.setattr(sources, "read_units", lambda job, s: (done.append(job), original(job, s))[1])
    write_notes(notes / "notes", 61)
    build(NOTES, shard_bytes=3000)
    assert len(done) <= 2


def test_the_way_of_packing_does_not_change_which_rows_come_out(notes: Path) -> None:
    one, many = build(NOTES, out="one"), build(NOTES, out="many", shard_bytes=1500)
    for split in ("train", "validation", "test"):
        assert sorted(one.split(split).collect().rows()) == sorted(many.split(split).collect().rows())


def test_a_limit_takes_a_sample_and_no_more(notes: Path) -> None:
    few = build(NOTES, limit=5)
    assert steps(few)["notes"]["rows_out"] == 5
    assert steps(few)["passages"]["rows_in"] == 5
    more = build(NOTES, limit=9)
    assert steps(more)["notes"]["rows_out"] == 9
    first = build(NOTES.replace("licence: CC0-1.0", "licence: CC0-1.0, limit: 5, pick: first"), since="none")
    names = {row.split("/")[1] for row in pl.read_parquet(list(Path(first.url).glob("provenance/*")))["id"]}
    assert names == {f"note{n:03}.txt" for n in range(5)}
    assert steps(build(NOTES.replace("licence: CC0-1.0", "limit: {units: 4}, licence: CC0-1.0"), since="none"))["notes"]["units"] == 4


def test_the_plan_tells_cached_todo_and_unknown(notes: Path) -> None:
    build(NOTES)
    plan, site, _ = prepared(NOTES, Options(sets=("steps.prose.rules.gopher-quality.min_words=30",)))
    states = survey(plan, site).states
    assert states["passages"] == "cached"
    assert states["prose.features"] == "cached"
    assert states["prose"] == "todo"
    assert states["dataset"] == "unknown"


def test_removing_one_sentence_of_a_sample_changes_exactly_the_rows_made_of_it(tmp_path: Path) -> None:
    from flows.reader import RECIPES

    home = tmp_path / "recipes"
    os.system(f"cp -r '{RECIPES}' '{home}'")
    sample = home / "samples" / "gutenberg" / "90002.txt"
    rules = ("steps.checked=null",)
    del rules
    recipe = read_recipe(str(home / "starter.yaml"))
    before = rows_of(build(recipe, out="before"))
    text = sample.read_text(encoding="utf-8-sig")
    body = text.split("***")[2]
    sentence = next(s for s in body.replace("\n", " \n").split(". ") if 60 < len(s) < 200 and s.strip()[:1].isupper())
    sample.write_text(
        text.replace(sentence + ". ", "", 1) if sentence + ". " in text else text.replace(sentence.replace(" \n", "\n"), "", 1),
        encoding="utf-8",
    )
    assert sample.read_text(encoding="utf-8") != text
    after = rows_of(build(read_recipe(str(home / "starter.yaml")), out="after"))
    changed = {id_ for id_ in before.keys() | after.keys() if before.get(id_) != after.get(id_)}
    assert changed
    assert all(id_.startswith("books/90002.txt") for id_ in changed), changed


def rows_of(dataset: Any) -> dict[str, tuple[str, ...]]:
    """Rows by id, whatever their split."""
    found = {}
    for split in dataset.published.splits:
        data = dataset.split(split).collect()
        origin = pl.read_parquet(sorted(Path(dataset.url).glob(f"provenance/{split}-*")))
        found |= {id_: row for id_, row in zip(origin["id"], data.rows(), strict=True)}
    return found


def test_the_run_file_holds_what_the_version_must_not(notes: Path) -> None:
    dataset = build(NOTES)
    (run,) = (notes / "data" / "notes" / "runs").iterdir()
    facts = json.loads(run.read_text())
    assert facts["schema"] == 1
    assert facts["version"] == dataset.version
    assert facts["seconds"] > 0


def test_lines_that_two_filters_take_out_are_both_gone_and_nothing_else_is(tmp_path: Path) -> None:
    lines = [prose(1, 2), "This one is about a privacy policy of somebody.", prose(2, 2), "Six words stand here in all.", prose(3, 2)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    text = """
name: cut
steps:
  a: {use: files, path: a.txt}
  one: {use: filter, rules: {c4: {sentences: 1, line_words: 1}}}
  two: {use: filter, rules: {c4: {sentences: 1, line_words: 7}}}
  out: {use: write}
"""
    assert build(text).train.collect()["text"].to_list() == ["\n".join([lines[0], lines[2], lines[4]])]


def test_barriers_see_the_splits_that_a_barrier_before_them_made(tmp_path: Path) -> None:
    rows = [json.dumps({"input": prose(n, 1), "output": "the same answer"}) for n in range(30)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    text = """
name: marks
steps:
  a: {use: seeds, path: a.jsonl}
  s: {use: split, test: 0.3}
  few: {use: select, rows: 10}
  u: {use: dedup, by: [output]}
  out: {use: write}
"""
    plan, site, _ = prepared(text, Options())
    from flows.progress import Quiet
    from flows.runners import Pool
    from flows.walk import walk

    results = walk(plan, Pool("processes", 1), site, Quiet())
    (selected,) = results["few"].shards
    splits = pl.concat(shards.read(site.work, selected))["split"].value_counts().sort("split")["count"].to_list()
    assert splits == [3, 7]
    (left,) = results["u"].shards
    assert pl.concat(shards.read(site.work, left))["split"].to_list() == ["test"]


LINES = """
name: lines
steps:
  rows: {use: files, path: "rows.jsonl"%s}
  good: {use: filter, rules: {gopher-quality: {min_words: 20}, c4: {end_mark: false}}}
  dataset: {use: write, format: jsonl}
"""


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One file of 300 rows, read in small blocks."""
    monkeypatch.setattr("tasks.sources.jsonlines.BLOCK_BYTES", 10_000)
    monkeypatch.setattr("tasks.sources.opening.CHUNK", 15_000)
    rows = [json.dumps({"text": prose(number)}) for number in range(300)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def parts(dataset: Any) -> list[str]:
    return [place["text"] for place in steps(dataset)["good"]["shards"]]


def test_one_large_file_gives_parts_of_bounded_size_and_the_same_rows(lines: Path) -> None:
    whole, divided = build(LINES % "", out="whole"), build(LINES % "", out="divided", shard_bytes=40_000)
    assert len(parts(whole)) == 1
    assert len(parts(divided)) > 3
    assert all(Path(part).exists() for part in parts(divided))
    assert divided.version == whole.version
    assert lines.exists()


def test_a_limited_sample_is_of_the_whole_file_however_many_parts_it_gives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        for number in range(200):
            archive.writestr(f"{number:03}.txt", prose(number))
    recipe = "name: z\nsteps:\n  rows: {use: files, path: notes.zip, limit: 30}\n  dataset: {use: write, format: jsonl}\n"
    one, several = build(recipe, out="one"), build(recipe, out="several", shard_bytes=20_000)
    assert several.version == one.version
    ids = several.train.collect()["id"].to_list()
    assert min(ids) < "rows/notes.zip#050.txt"
    assert max(ids) > "rows/notes.zip#150.txt"


def test_a_limit_is_kept_where_one_file_gives_several_parts(lines: Path) -> None:
    for limit in (1, 110, 299):
        found = build(LINES % f", limit: {limit}", out=f"out{limit}", shard_bytes=20_000)
        assert steps(found)["rows"]["rows_out"] == limit
        first = build(LINES % f", pick: first, limit: {limit}", out=f"first{limit}", shard_bytes=20_000)
        assert steps(first)["rows"]["rows_out"] == limit
    assert lines.exists()
