"""Dedup against earlier data: published datasets in any layout, indexes of hashes, other steps."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from flows import index
from flows.build import build
from tasks.errors import CorruptError, RecipeError
from tasks.store.place import Place
from tasks.store.verify import verify
from tests.services.s3 import S3
from tests.steps.test_barriers import edited
from tests.texts import prose

OLD = [prose(n, 30) for n in range(20)] + ["Short one."]
"""What an earlier dataset holds."""


def texts(path: Path, rows: list[str], first: str = "r") -> None:
    path.write_bytes(b"\n".join(orjson.dumps({"id": f"{first}{n}", "text": text}) for n, text in enumerate(rows)))


def recipe(name: str, path: str, dedup: str = "near: {similarity: 0.7}", write: str = "", pairs: str = "") -> str:
    return f"name: {name}\nsteps:\n  rows: {{use: files, path: {path}}}\n{pairs}  unique: {{use: dedup, from: {'pair' if pairs else 'rows'}, {dedup}}}\n  out: {{use: write{write}}}\n"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texts(tmp_path / "old.jsonl", OLD, "old")
    texts(tmp_path / "new.jsonl", [prose(100, 30), OLD[3], edited(OLD[5], [4]), " short  ONE", prose(101, 30), edited(OLD[7], [2])])
    build(recipe("old", "old.jsonl"), out="store")
    return tmp_path


def indexed(folder: Path, dataset: str, to: str) -> int:
    return index.main([str(folder / dataset), to if "://" in to else str(folder / to)])


def verdicts(made: Any) -> pl.DataFrame:
    (report,) = [step for step in made.summary["steps"] if step["name"] == "unique"]
    return pl.concat(pl.read_parquet(path) for path in report["parts"]["verdicts"])


def dropped(made: Any) -> dict[str, int]:
    (report,) = [step for step in made.summary["steps"] if step["name"] == "unique"]
    assert report["rows_in"] == report["rows_out"] + sum(report["dropped"].values())
    return dict(report["dropped"])


def matches(made: Any) -> dict[int, int]:
    """Give the places of known rows in their file, and those of the earlier ones that they name."""
    places = (pl.col(name).str.extract(r"#(\d+)").cast(pl.Int64) - 1 for name in ("id", "duplicate_of"))
    return dict(verdicts(made).filter(pl.col("reason") == "known").select(places).iter_rows())


@pytest.mark.parametrize("write", ["", ", format: jsonl"])
def test_rows_of_an_earlier_dataset_are_dropped_and_each_names_its_row(old: Path, write: str) -> None:
    if write:
        build(recipe("old", "old.jsonl", write=write), out="store")
    made = build(recipe("new", "new.jsonl", "near: {similarity: 0.7}, index: store/old"), out="out")
    assert dropped(made) == {"known": 4}
    told = verdicts(made).filter(~pl.col("keep"))
    assert matches(made) == {1: 3, 2: 5, 3: 20, 5: 7}
    version = orjson.loads((old / "store/old/latest.json").read_bytes())["version"]
    assert set(told["known_in"]) == {f"{old}/store/old@{version}"}
    assert made.train.collect().height == 2


def test_an_index_finds_what_the_dataset_finds_without_its_texts(old: Path, s3: S3) -> None:
    url = s3.url("seen")
    assert indexed(old, "store/old", url) == 0
    held = b"".join(Place.at(url).read_bytes(name) for name in Place.at(url).names())
    assert OLD[0].split()[0].encode() not in held
    assert verify(Place.at(url)).corrupt == verify(Place.at(url)).missing == []
    by_texts = build(recipe("new", "new.jsonl", "near: {similarity: 0.7}, index: store/old"), out="out")
    by_hashes = build(recipe("new", "new.jsonl", f"near: {{similarity: 0.7}}, index: '{url}'"), out="out")
    assert verdicts(by_texts).drop("known_in").equals(verdicts(by_hashes).drop("known_in"))
    assert verdicts(by_hashes)["known_in"].drop_nulls().str.starts_with(url).all()


def test_an_index_grows_by_versions_that_stay_as_they_are(old: Path) -> None:
    assert indexed(old, "store/old", "seen") == 0
    first = orjson.loads((old / "seen/latest.json").read_bytes())["version"]
    assert indexed(old, "store/old", "seen") == 0
    assert orjson.loads((old / "seen/latest.json").read_bytes())["version"] == first
    build(recipe("two", "new.jsonl"), out="store")
    assert indexed(old, "store/two", "seen") == 0
    assert verify(Place.at(str(old / "seen"))).missing == []
    assert verify(Place.at(str(old / f"seen/{first}"))).corrupt == []
    before = build(recipe("new", "new.jsonl", f"near: {{similarity: 0.7}}, index: seen/{first}"), out="out")
    assert dropped(before) == {"known": 4}
    with pytest.raises(Exception, match="no row is left"):
        build(recipe("new", "new.jsonl", "near: {similarity: 0.7}, index: [seen]"), out="out")


PAIR = "  pair: {use: template, from: rows, input: 'Say it: {{ text }}', output: '{{ text }}'}\n"


@pytest.mark.parametrize("write", ["", ", layout: openai-chat, format: jsonl", ", layout: openai-chat", ", layout: prompt-completion"])
def test_pairs_are_known_in_every_layout(old: Path, write: str) -> None:
    build(recipe("pairs", "old.jsonl", write=write, pairs=PAIR), out="store")
    for by in ("", ", by: [input]", ", by: [output], strict: true"):
        made = build(recipe("new", "new.jsonl", f"near: {{similarity: 0.7}}, index: store/pairs{by}", pairs=PAIR), out="out")
        assert dropped(made) == {"known": 4}, by
        assert matches(made) == {1: 3, 2: 5, 3: 20, 5: 7}
    assert indexed(old, "store/pairs", f"seen{len(write)}") == 0
    made = build(recipe("new", "new.jsonl", f"near: {{similarity: 0.7}}, index: seen{len(write)}", pairs=PAIR), out="out")
    assert dropped(made) == {"known": 4}


def test_rows_of_another_step_are_known(old: Path) -> None:
    text = recipe("new", "new.jsonl", "near: {similarity: 0.7}, against: seen").replace(
        "steps:\n", "steps:\n  seen: {use: files, path: old.jsonl}\n"
    )
    made = build(text, out="out")
    assert dropped(made) == {"known": 4}
    assert set(verdicts(made)["known_in"].drop_nulls()) == {"seen"}


def test_a_chain_that_leads_to_a_known_row_is_known_unless_strict(old: Path) -> None:
    one = edited(OLD[5], range(0, 120, 10))
    two = edited(one, range(200, 320, 10))
    texts(old / "new.jsonl", [two, one, prose(100, 30)])
    near = "near: {similarity: 0.7}, index: store/old"
    assert dropped(build(recipe("new", "new.jsonl", near), out="out")) == {"known": 2}
    strict = build(recipe("new", "new.jsonl", f"{near}, strict: true"), out="out")
    assert dropped(strict) == {"known": 1}


def test_strict_drops_whatever_resembles_an_earlier_row_itself(old: Path) -> None:
    """One new row equals an earlier row that resembles another earlier one: that changes nothing for the rest."""
    base = prose(7, 30)
    first, second = edited(base, range(0, 240, 25)), edited(base, range(250, 480, 25))
    texts(old / "old.jsonl", [first, base], "old")
    build(recipe("old", "old.jsonl", "strict: false"), out="store")
    texts(old / "new.jsonl", [first, second, prose(100, 30)])
    for index_of in ("store/old", "seen"):
        assert indexed(old, "store/old", "seen") == 0
        made = build(recipe("new", "new.jsonl", f"near: {{similarity: 0.75}}, strict: true, index: {index_of}"), out="out")
        assert dropped(made) == {"known": 2}


def test_an_index_is_no_dataset(old: Path) -> None:
    assert indexed(old, "store/old", "seen") == 0
    assert indexed(old, "seen", "other") == 2
    (old / "foreign").mkdir()
    (old / "foreign/latest.json").write_text("{}")
    assert indexed(old, "foreign", "other") == 2


def test_what_is_not_there_or_not_whole_is_refused(old: Path) -> None:
    with pytest.raises(RecipeError, match=r"steps\.unique\.index.*neither a dataset nor an index"):
        build(recipe("new", "new.jsonl", "index: nowhere"), out="out")
    with pytest.raises(RecipeError, match="lacks input, by which rows are compared"):
        build(recipe("new", "new.jsonl", "index: store/old, by: [input]", pairs=PAIR), out="out")
    (file,) = (old / "store/old").glob("*/data/*.parquet")
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    with pytest.raises(CorruptError, match="not those that the manifest names"):
        build(recipe("new", "new.jsonl", "index: store/old"), out="out2")
    assert indexed(old, "store/old", "seen") == 1
    assert indexed(old, "nowhere", "seen") == 2
