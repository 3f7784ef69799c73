"""Repeated passages: exact against plain Python, and through whole builds."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.build import build
from tasks.dedup.passages import repeated, spans
from tasks.text.repeats import fingerprints, windows_again
from tests.oracles import words
from tests.texts import EXAMPLES, prose

TEXTS = st.lists(st.lists(st.sampled_from(["ab,c", "D.", "é", "don't", "x"]), max_size=40).map(" ".join), max_size=6)


def plainly(texts: list[str], length: int) -> dict[tuple[int, int], int]:
    """Give the row and word at which each window begins that stands before too, and the row where it stands first."""
    first: dict[tuple[str, ...], int] = {}
    again = {}
    for row, text in enumerate(texts):
        held = [word.lower() for word in words(text)]
        for at in range(len(held) - length + 1):
            window = tuple(held[at : at + length])
            if window in first:
                again[row, at] = first[window]
            first.setdefault(window, row)
    return again


def windows_of(texts: list[str], length: int) -> pl.DataFrame:
    series = pl.Series(texts, dtype=pl.String)
    prints = fingerprints(series, length)
    found = windows_again(series, length, prints.filter(prints.is_duplicated()).unique().sort().to_numpy())
    return found.select("key", "start", "end", place=pl.col("row").cast(pl.UInt64), order=pl.col("row").cast(pl.UInt64), rank=pl.lit(0))


@settings(max_examples=EXAMPLES)
@given(TEXTS, st.integers(2, 9))
def test_every_repeated_window_is_found_and_nothing_else(texts: list[str], length: int) -> None:
    windows = windows_of(texts, length)
    again = windows.filter(pl.struct("place", "start") != pl.struct("place", "start").first().over("key"))
    found = {(place, len(words(texts[place].encode()[:start].decode()))) for place, start in again.select("place", "start").iter_rows()}
    assert found == set(plainly(texts, length))


@settings(max_examples=EXAMPLES)
@given(TEXTS, st.integers(2, 9))
def test_spans_take_out_what_repeats_and_leave_the_first(texts: list[str], length: int) -> None:
    """Nothing is left of a repeat but what its first window overlaps; rows without one stay as they are."""
    found = spans(repeated(windows_of(texts, length)))
    again = plainly(texts, length)
    assert set(found["place"]) <= {row for row, _ in again}
    assert all(one < other for one, other in found.select("start", "end").iter_rows())
    left = [text.encode() for text in texts]
    for place, start, end in reversed(found.select("place", "start", "end").rows()):
        left[place] = left[place][:start] + left[place][end:]
    for row, text in enumerate(texts):
        if not any(place == row for place, _ in again):
            assert left[row].decode() == text
        held = len(words(text))
        outside = held - len({at + k for place, at in again if place == row for k in range(length)})
        inside = {at for place, at in again if place == row and again[place, at] == row}
        assert len(words(left[row].decode(errors="replace"))) >= outside
        if not inside:
            assert len(words(left[row].decode())) == outside


RECIPE = """
name: rows
steps:
  rows: {use: files, path: "rows/*.jsonl"}
  unique: {use: dedup, passages: PASSAGES}
  out: {use: write}
"""
SHARED = prose(1000, 6)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows").mkdir()
    texts = [prose(n, 8) for n in range(30)]
    for n in (3, 11, 19, 27):
        texts[n] += f" {SHARED} {prose(50 + n, 3)}"
    texts.append(SHARED.upper())
    for number in range(3):
        held = [orjson.dumps({"id": f"r{n}", "text": text}) for n, text in enumerate(texts) if n % 3 == number]
        (tmp_path / f"rows/{number}.jsonl").write_bytes(b"\n".join(held))
    return tmp_path


def told(made: Any) -> dict[str, Any]:
    return next(report for report in made.summary["steps"] if report["name"] == "unique")


def test_of_a_shared_passage_one_is_left_and_the_list_names_it(rows: Path) -> None:
    made = build(RECIPE.replace("PASSAGES", "{words: 50}"), out="one")
    held = made.train.collect()["text"].to_list()
    assert sum(SHARED[20:-20] in text or SHARED.upper() == text for text in held) == 1
    report = told(made)
    listed = pl.concat(pl.read_parquet(path) for path in report["parts"]["passages"])
    assert report["passages"]["rows"] == 4 == listed["id"].n_unique()
    assert listed["first"].n_unique() == 1
    assert set(report["dropped"]) <= {"repeated"}
    assert report["rows_out"] + report["dropped"].get("repeated", 0) == report["rows_in"] == 31
    assert len(held) == report["rows_out"]


def test_counted_passages_stay(rows: Path) -> None:
    made = build(RECIPE.replace("PASSAGES", "{mode: count}"), out="one")
    assert told(made)["passages"]["rows"] == 4
    assert sum(SHARED in text for text in made.train.collect()["text"]) == 4


def test_shards_and_partitions_change_nothing(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPE.replace("PASSAGES", "{words: 20}")
    one = build(recipe, out="one")
    monkeypatch.setattr("flows.exchanging.PARTITION_KEYS", 20)
    assert build(recipe, out="many", shard_bytes=4000).version == one.version
    again = RECIPE.replace("rows/*", str(rows / "rows") + "/*").replace("PASSAGES", "{words: 20}")
    held = one.train.collect().select("id", "text")
    (rows / "rows2").mkdir()
    held.write_ndjson(rows / "rows2/0.jsonl")
    assert told(build(again.replace("/rows/*", "/rows2/*"), out="again"))["passages"]["spans"] == 0


def test_passages_of_test_rows_stay_and_go_from_train(rows: Path) -> None:
    split = RECIPE.replace("unique:", "split: {use: split, test: 0.5, near: false}\n  unique:")
    counted = build(split.replace("PASSAGES", "{mode: count}"), out="counted")
    before = {name: sum(SHARED.lower() in text.lower() for text in counted.split(name).collect()["text"]) for name in ("train", "test")}
    assert min(before.values()) > 0
    made = build(split.replace("PASSAGES", "{words: 50}"), out="one")
    after = {name: sum(SHARED[20:-20].lower() in text.lower() for text in made.split(name).collect()["text"]) for name in ("train", "test")}
    assert after == {"train": 0, "test": 1}


def test_texts_without_windows_have_none() -> None:
    for texts in ([], [""], ["a b"], ["ä " * 9]):
        series = pl.Series(texts, dtype=pl.String)
        assert len(fingerprints(series, 10)) == 0
        assert windows_again(series, 10, np.array([1], np.uint64)).height == 0
