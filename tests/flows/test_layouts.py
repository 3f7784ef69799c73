"""What `write` writes, and that `files` reads it back to the same rows."""

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.build import build
from tests.texts import prose, write_notes

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
TURNS = st.lists(TEXT, max_size=2).map(
    lambda texts: [
        turn for n, text in enumerate(texts) for turn in ({"role": "user", "content": text}, {"role": "assistant", "content": f"r{n}"})
    ]
)
PAIR = st.fixed_dictionaries(
    {"input": TEXT, "output": TEXT},
    optional={"system": TEXT, "turns": TURNS, "tools": st.just('[{"type": "function", "function": {"name": "f", "parameters": {}}}]')},
)
ROW = ("input", "output", "system", "turns", "tools")


def recipe(path: str, layout: str | None, format_: str) -> str:
    form = f", layout: {layout}" if layout else ""
    return f"name: x\nsteps:\n  rows: {{use: seeds, path: {json.dumps(path)}}}\n  out: {{use: write, format: {format_}{form}}}\n"


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    return [{name: row.get(name) for name in ROW} for row in dataset.train.collect().to_dicts()]


@pytest.mark.parametrize("format_", ["parquet", "jsonl"])
@pytest.mark.parametrize("layout", [None, "prompt-completion", "openai-chat"])
@settings(max_examples=6)
@given(pairs=st.lists(PAIR, min_size=1, max_size=6))
def test_every_layout_reads_back_to_the_same_rows(layout: str | None, format_: str, pairs: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        source.write_text("\n".join(json.dumps(pair) for pair in pairs), encoding="utf-8")
        plain = build(recipe(str(source), None, "parquet"), out=f"{folder}/plain")
        laid = build(recipe(str(source), layout, format_), out=f"{folder}/laid")
        again = build(recipe(f"{laid.url}/data/*", None, "parquet"), out=f"{folder}/again")
        assert rows_of(again) == rows_of(plain)


def test_openai_rows_have_only_the_keys_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"input": "q", "output": "a", "system": "s"}\n{"input": "q2", "output": "a2", "tools": [{"type": "function"}]}'
    )
    dataset = build(recipe("rows.jsonl", "openai-chat", "jsonl"))
    first, second = (json.loads(line) for line in next(Path(dataset.url).glob("data/*")).read_text().splitlines())
    assert first == {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    }
    assert second["tools"] == [{"type": "function"}]


def test_files_are_cut_by_size_and_named_by_their_number(tmp_path: Path) -> None:
    rows = [json.dumps({"input": f"{n}", "output": prose(n, 40) * 10}) for n in range(120)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    dataset = build(recipe("rows.jsonl", "prompt-completion", "parquet").replace("format: parquet", "format: parquet, max_file_mb: 1"))
    names = sorted(path.name for path in Path(dataset.url).glob("data/*"))
    assert names[0] == f"train-00000-of-{len(names):05}.parquet"
    assert len(names) > 2
    assert dataset.train.select(pl.len()).collect().item() == 120


def test_provenance_stands_row_for_row_beside_a_layout(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 6)
    text = "name: x\nsteps:\n  notes: {use: files, path: notes, licence: MIT}\n  pairs: {use: scramble}\n  out: {use: write, layout: prompt-completion}\n"
    dataset = build(text)
    origin = pl.read_parquet(next(Path(dataset.url).glob("provenance/*")))
    data = dataset.train.collect()
    assert sorted(origin["id"]) == [f"notes/note{n:03}.txt/pairs" for n in range(6)]
    for id_, completion in zip(origin["id"], data["completion"], strict=True):
        assert completion == (tmp_path / "notes" / id_.split("/")[1]).read_text()
    assert set(origin["licence"]) == {"MIT"}


def test_two_sinks_are_two_subsets_of_one_dataset(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 6)
    text = "name: x\nsteps:\n  notes: {use: files, path: notes}\n  raw: {use: write}\n  pairs: {use: scramble, from: notes}\n  sft: {use: write, layout: openai-chat, format: jsonl}\n"
    dataset = build(text)
    assert dataset.split("train", "raw").collect().height == 6
    assert "messages" in dataset.split("train", "sft").collect().columns
    card = (Path(dataset.url) / "README.md").read_text()
    assert "config_name: raw" in card
    assert "config_name: sft" in card
    with pytest.raises(KeyError, match="no split 'test'"):
        _ = dataset.test
    assert "Dataset(" in repr(dataset)
    assert "<table" in dataset._repr_html_()


def test_texts_of_the_data_are_no_markup_in_the_card(tmp_path: Path) -> None:
    (tmp_path / "a|<script>.txt").write_text("words")
    text = 'name: x\nabout: "<script>alert(1)</script> | [x](y)"\nsteps:\n  notes: {use: files, path: "*.txt", licence: "<b>"}\n  out: {use: write}\n'
    card = (Path(build(text).url) / "README.md").read_text().partition("---\n")[2].partition("---\n")[2]
    report = (Path(build(text).url) / "report.html").read_text()
    assert "<script" not in report
    assert "http" not in report
    assert "&lt;script&gt;" in report
    assert "<script>" not in card
    assert "<b>" not in card


def test_two_sinks_tell_their_rows_apart(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"input": "q{n}", "output": "a{n}"}}\n' for n in range(6)))
    dataset = build(
        "name: x\nsteps:\n  rows: {use: seeds, path: rows.jsonl}\n  split: {use: split, test: 2}\n  all: {use: write, from: rows}\n"
        "  sft: {use: write, from: split, layout: openai-chat, format: jsonl}\n"
    )
    assert dataset.summary["configs"] == {"all": {"train": 6}, "sft": {"train": 4, "test": 2}}
    assert "| sft | test | 2 |" in (Path(dataset.url) / "README.md").read_text()
    plain = json.loads((Path(dataset.url) / "croissant.json").read_text())
    assert {entry["@id"] for entry in plain["distribution"]} >= {"all/files", "sft/files", "data/sft/test-00000-of-00001.jsonl"}
    messages = next(field for records in plain["recordSet"] for field in records["field"] if field["@id"] == "sft/messages")
    assert messages["repeated"]
    assert [part["@id"] for part in messages["subField"]] == ["sft/messages/role", "sft/messages/content"]
    manifest = json.loads((Path(dataset.url) / "manifest.json").read_text())
    hashes = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    assert all(hashes[entry["@id"]] == entry["sha256"] for entry in plain["distribution"] if "sha256" in entry)


def test_a_limit_of_the_command_line_only_lowers(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12)
    recipe = "name: x\nsteps:\n  n: {use: files, path: 'notes/*', limit: LIMIT}\n  w: {use: write}\n"
    assert build(recipe.replace("LIMIT", "2"), limit=5).published.splits == {"train": 2}
    assert build(recipe.replace("LIMIT", "9"), limit=5).published.splits == {"train": 5}
    assert build(recipe.replace("LIMIT", "{units: 3}"), limit=5).published.splits == {"train": 3}


def test_a_byte_that_changed_in_a_published_file_is_mended_by_a_build(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 12)
    recipe = "name: x\nsteps:\n  n: {use: files, path: 'notes/*'}\n  w: {use: write}\n"
    dataset = build(recipe)
    (path,) = Path(dataset.url).glob("data/*")
    good = path.read_bytes()
    path.write_bytes(good[:-9] + b"X" + good[-8:])
    build(recipe)
    assert path.read_bytes() == good
