"""Records that are texts themselves: `columns: {text: "*"}`."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from flows.build import build

RECORDS: list[dict[str, Any]] = [
    {"name": "Ann", "title": "Dr", "lines": [{"sku": 1}, {"sku": 2}]},
    {"name": "Bo", "text": "not a text of its own", "note": None},
]


def texts(pattern: str, more: str = "") -> list[dict[str, Any]]:
    steps = f'  records: {{use: files, path: "{pattern}", columns: {{text: "*"{more}}}}}\n  dataset: {{use: write}}\n'
    rows: list[dict[str, Any]] = build(f"name: r\nsteps:\n{steps}").train.collect().to_dicts()
    return rows


def test_each_record_is_a_text_whatever_file_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    for number, record in enumerate(RECORDS):
        (tmp_path / "one" / f"{number}.json").write_text(json.dumps(record))
    (tmp_path / "all.json").write_text(json.dumps(RECORDS))
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, RECORDS)))
    for pattern in ("one/*.json", "all.json", "all.jsonl"):
        rows = texts(pattern)
        assert [json.loads(row["text"]) for row in rows] == RECORDS
        assert all(row["title"] is None and row["attrs"] is None for row in rows), "all that a record says stands in its text"


def test_tables_are_records_too_and_other_columns_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('name,city\nBo,"Pa ""x"""\nCy,\n')
    pl.DataFrame({"name": ["Di"], "n": [3]}).write_parquet(tmp_path / "t.parquet")
    rows = texts("t.*", ", group: name")
    assert {row["group"]: json.loads(row["text"]) for row in rows} == {
        "Bo": {"name": "Bo", "city": 'Pa "x"'},
        "Cy": {"name": "Cy", "city": ""},
        "Di": {"name": "Di", "n": 3},
    }
