"""Dedup and split through whole builds: the same whatever the shards, partitions and blocks."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from flows.build import build
from tests.benches.dedup import clustered, surely
from tests.steps.test_barriers import edited
from tests.texts import prose

RECIPE = """
name: rows
steps:
  rows: {use: files, path: "rows/*.jsonl"}
  unique: {use: dedup, near: {similarity: 0.7}}
  split: {use: split, validation: 0.2}
  dataset: {use: write}
"""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    base = [prose(n, 12) for n in range(60)]
    texts = base + [edited(text, [n]) for n, text in enumerate(base[:30])] + base[10:20] + [f"note {n}" for n in range(8)] + ["note 3."]
    (tmp_path / "rows").mkdir()
    for number in range(4):
        held = [orjson.dumps({"id": f"r{n}", "text": text}) for n, text in enumerate(texts) if n % 4 == number]
        (tmp_path / f"rows/{number}.jsonl").write_bytes(b"\n".join(held))
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def told(dataset: Any, step: str) -> dict[str, Any]:
    return next(report for report in dataset.summary["steps"] if report["name"] == step)


def test_partitions_and_blocks_change_nothing(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = build("r.yaml", out="one")
    monkeypatch.setattr("flows.exchanging.PARTITION_KEYS", 100)
    monkeypatch.setattr("flows.work.comparing.BLOCK_BYTES", 1500)
    many = build("r.yaml", out="many", shard_bytes=4000)
    assert told(one, "unique")["dropped"] == told(many, "unique")["dropped"] == {"duplicate": 41}
    assert told(one, "unique")["compared"]["alike"] == told(many, "unique")["compared"]["alike"]
    assert one.version == many.version


def test_every_dropped_row_is_named_with_one_that_it_resembles(rows: Path) -> None:
    made = build("r.yaml", out="one")
    parts = told(made, "unique")["parts"]["verdicts"]
    held = pl.concat([pl.read_parquet(path) for path in parts])
    assert held.height == 109
    assert held.filter("keep").height == 68
    lost = held.filter(~pl.col("keep"))
    assert lost["similarity"].min() >= 0.7
    assert set(lost["duplicate_of"]) <= set(held["id"])
    assert held.filter("keep")["duplicate_of"].null_count() == 68


def test_builds_without_pairs_go_through(rows: Path) -> None:
    (rows / "rows/0.jsonl").write_text('{"id": "a", "text": "a"}\n{"id": "b", "text": "b"}\n')
    for number in (1, 2, 3):
        (rows / f"rows/{number}.jsonl").unlink()
    made = build("r.yaml", out="one")
    assert dict(made.published.splits) == {"train": 1, "validation": 1}


def test_planted_duplicates_of_real_texts_are_found_and_nothing_unlike_is_dropped(shared: Path, tmp_path: Path) -> None:
    """Of 3,453 real documents with planted copies and edits; those of similarity .8 and more by the certificate's measure."""
    texts = pl.read_ndjson(shared / "parity" / "c10.jsonl").with_row_index("number")
    truth = pl.read_parquet(shared / "parity" / "c10.truth.parquet").select("id", "base")
    recipe = f"name: c\nsteps:\n  rows: {{use: files, path: {shared / 'parity' / 'c10.jsonl'}}}\n  unique: {{use: dedup, near: {{}}}}\n  out: {{use: write}}\n"
    made = build(recipe, out=str(tmp_path / "out"))
    held = clustered(pl.concat(pl.read_parquet(path) for path in told(made, "unique")["parts"]["verdicts"]))
    held = held.with_columns(number=pl.col("id").str.extract(r"#(\d+)$").cast(pl.Int64) - 1)
    places = dict(texts.select("id", "number").iter_rows())
    pairs = [(places[one], places[base]) for one, base in truth.iter_rows() if one != base and base in places]
    found = surely(texts["text"].to_list(), pairs, held)
    assert found["0.80-1.00"]["pairs"] > 300
    assert found["0.80-1.00"]["found"] >= 0.997
    assert found["unlike"] == 0
