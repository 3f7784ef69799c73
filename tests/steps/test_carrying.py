"""Splits beyond the first draw: carried over, held out, by time, by strata, in folds."""

from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.build import build
from flows.build import main as build_main
from flows.rim import Exit
from tasks.carrying import STRADDLES, carried
from tasks.errors import RecipeError
from tasks.splits import Split
from tests.steps.test_barriers import documents, edited, settle
from tests.texts import prose

TIES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 7)), max_size=30)


@example([(0, 0), (2, 0), (1, 1), (2, 1)], ["train", "test", *[None] * 10], 0)
@example([(0, 0), (2, 0), (1, 1), (3, 1), (2, 2), (3, 2), (4, 3), (3, 3)], ["train", "test", *[None] * 10], 0)
@given(TIES, st.lists(st.sampled_from([None, "train", "test"]), min_size=12, max_size=12), st.integers(0, 999))
def test_after_carrying_over_no_tie_holds_two_splits_and_old_rows_keep_theirs(
    ties: list[tuple[int, int]], splits: list[str | None], seed: int
) -> None:
    old = {}
    for row, tie in ties:  # rows of an earlier build are never tied across splits
        if splits[row] and old.setdefault(tie, splits[row]) != splits[row]:
            splits[row] = None
    held = pl.DataFrame({"n": [row for row, _ in ties], "tie": [tie for _, tie in ties]}, schema={"n": pl.UInt32, "tie": pl.Int64})
    order = np.random.default_rng(seed).permutation(12).astype(np.uint64)
    rows = pl.DataFrame({"n": range(12), "order": order, "split": splits}, schema={"n": pl.UInt32, "order": pl.UInt64, "split": pl.String})
    found = carried(held, rows)
    kept = found.filter(pl.col("reason").is_null())
    assert {row: split for row, split in kept.select("n", "split").iter_rows() if splits[row]} == {n: s for n, s in enumerate(splits) if s}
    sides = held.join(kept, on="n").group_by("tie").agg(pl.col("split").n_unique())
    assert sides.height == 0 or sides["split"].max() == 1
    assert set(found["reason"].drop_nulls()) <= {STRADDLES}
    left = held.filter(~pl.col("n").is_in(found["n"].implode()))
    touching = held.join(kept, on="n").select("tie").unique()
    assert left.join(touching, on="tie", how="semi").height == 0, "a row that is left is tied to none that has a split"


RECIPE = """
name: rows
steps:
  rows: {use: files, path: "rows.jsonl", columns: {text: said}}
  split: {use: split, validation: 0.2, test: 0.2}
  dataset: {use: write}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def write(texts: dict[str, str]) -> None:
    Path("rows.jsonl").write_bytes(b"\n".join(orjson.dumps({"key": key, "said": text}) for key, text in texts.items()))


def splits_of(**options: str) -> tuple[dict[str, str], dict[str, int], str]:
    dataset = build("r.yaml", **options)
    held = {text: name for name in dataset.published.splits for text in dataset.split(name).collect()["text"]}
    report = next(step for step in dataset.summary["steps"] if step["name"] == "split")
    return held, report["dropped"], dataset.version


def test_a_later_build_keeps_splits_and_drops_what_would_tie_them(place: Path) -> None:
    texts = {f"r{n}": prose(n, 12) for n in range(40)}
    write(texts)
    first, _, version = splits_of()
    assert splits_of()[2] == version
    train = next(text for text, split in first.items() if split == "train")
    test = next(text for text, split in first.items() if split == "test")
    more = {"n1": edited(test, [3]), "n2": edited(train, [5])} | {f"m{n}": prose(100 + n, 12) for n in range(20)}
    write(more | texts)
    second, dropped, _ = splits_of()
    assert {text: split for text, split in second.items() if text in first} == first
    assert second[more["n1"]] == "test"
    assert second[more["n2"]] == "train"
    assert dropped == {}
    assert {second[text] for name, text in more.items() if name[0] == "m"} == {"train", "validation", "test"}
    again = splits_of(out="elsewhere")[0]
    assert again != second


def test_versions_that_are_not_there_are_refused_and_none_draws_afresh(place: Path) -> None:
    texts = {f"r{n}": prose(n, 12) for n in range(40)}
    write(texts)
    first, *_ = splits_of()
    write({"x1": prose(900, 12)} | texts)
    with pytest.raises(RecipeError, match="is no version"):
        build("r.yaml", since="0123456789abcdef")
    assert build_main(["r.yaml", "--since", "gone", "--runner", "direct"]) == Exit.WRONG
    fresh = splits_of(since="none")[0]
    assert fresh == splits_of(out="new", since="none")[0]
    assert {text: fresh[text] for text in first} != first or len(fresh) == 41


def test_a_cell_is_held_out_whole_and_what_belongs_to_it_goes(place: Path) -> None:
    base = [prose(n, 12) for n in range(40)]
    texts = [*base, edited(base[3], [2])]
    rows = documents(texts, source=["arxiv" if n < 10 else "books" for n in range(41)])
    made = settle(Split(validation=0.2, unseen={"source": ("arxiv",)}), rows, 3)
    assert set(made.filter(pl.col("source") == "arxiv")["split"]) == {"unseen"}
    assert made.filter(pl.col("split") == "unseen").height == 10
    assert made.row(40, named=True)["reason"] == STRADDLES
    assert set(made.filter(pl.col("source") == "books")["split"].drop_nulls()) == {"train", "validation"}


def test_by_time_the_newest_are_the_test(place: Path) -> None:
    dates = [f"20{n:02}-0{1 + n % 9}-11T08:00" for n in range(40)] + [None, "nobody knows", "1897"]
    rows = documents([str(n) for n in range(43)], created=dates)
    made = settle(Split(validation=0.2, test=5, time="created"), rows, 2)
    held = {name: made.filter(pl.col("split") == name)["created"].to_list() for name in ("train", "validation", "test")}
    assert len(held["test"]) == 5
    assert min(held["test"]) > max(held["validation"])
    assert min(held["validation"]) > max(date for date in held["train"] if date and date[0] in "12")
    assert {None, "nobody knows", "1897"} <= set(held["train"])


def test_every_stratum_gives_its_part(place: Path) -> None:
    rows = documents([str(n) for n in range(200)], source=["a"] * 150 + ["b"] * 40 + ["c"] * 10)
    for seed in range(5):
        made = settle(Split(validation=0.1, test=0.1, stratify=("source",)), rows, 2, seed)
        table = made.group_by("source", "split").len().sort("source", "split")
        assert table.filter(pl.col("split") == "test")["len"].to_list() == [15, 4, 1]
        assert table.filter(pl.col("split") == "validation")["len"].to_list() == [15, 4, 1]


def test_folds_share_train_between_them(place: Path) -> None:
    rows = documents([str(n) for n in range(103)], group=[f"g{n // 3}" for n in range(103)])
    made = settle(Split(test=0.1, folds=5), rows, 2)
    train = made.filter(pl.col("split") == "train")
    sizes = train.group_by("fold").len().sort("fold")
    assert sizes["fold"].to_list() == [0, 1, 2, 3, 4]
    assert sizes["len"].max() - sizes["len"].min() <= 3
    assert train.group_by("group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert made.filter(pl.col("split") == "test")["fold"].null_count() == made.height - train.height


def test_a_large_component_is_told_of(place: Path) -> None:
    rows = documents([str(n) for n in range(100)], group=["big"] * 20 + [f"g{n}" for n in range(80)])
    step = Split(test=0.1)
    assert "20 of 100 rows" in step.told(settle(step, rows))["warned"][0]
    assert step.told(settle(step, documents([str(n) for n in range(100)]))) == {}


def later(text: str, rows: list[dict[str, str]], **options: str) -> tuple[dict[str, str], dict[str, object]]:
    """Build a recipe over rows; the split of each text, and the report of the split."""
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    dataset = build(text, **options)
    held = {text: name for name in dataset.published.splits for text in dataset.split(name).collect()["text"]}
    return held, next(step for step in dataset.summary["steps"] if step["use"] == "split")


BY_KIND = """
name: rows
steps:
  rows: {use: files, path: "rows.jsonl"}
  kinds: {use: columns, columns: {kind: attrs.kind}}
  split: {use: split, test: 0.2 MORE}
  dataset: {use: write}
"""


def kinds(count: int, first: int = 0) -> list[dict[str, str]]:
    return [{"text": prose(n, 12), "kind": "a" if n % 4 == 0 else "b"} for n in range(first, first + count)]


def test_a_step_that_was_renamed_goes_on_from_the_only_split_there_is(place: Path) -> None:
    first, _ = later(BY_KIND.replace(" MORE", ""), kinds(40))
    second, told = later(BY_KIND.replace(" MORE", "").replace("split: {use", "parts: {use"), kinds(50))
    assert {text: second[text] for text in first} == first
    assert told["since"]


def test_rows_that_were_missing_in_between_keep_their_splits(place: Path) -> None:
    text = BY_KIND.replace(" MORE", "")
    first, _ = later(text, kinds(40))
    later(text, kinds(20, 20))
    third, _ = later(text, kinds(40))
    assert third == first


def test_a_cell_that_is_held_out_later_is_whole_and_lines_that_move_lose_nothing(place: Path) -> None:
    later(BY_KIND.replace(" MORE", ""), kinds(40))
    text = BY_KIND.replace(" MORE", ", unseen: {kind: [a]}")
    second, told = later(text, kinds(40))
    assert {second[row["text"]] for row in kinds(40) if row["kind"] == "a"} == {"unseen"}
    third, told = later(text, [row for row in kinds(12, 100) if row["kind"] == "b"] + kinds(40))
    assert told["dropped"] == {}
    assert {text: third[text] for text in second} == second


def test_rows_that_a_changed_recipe_ties_stay_with_the_test(place: Path) -> None:
    rows = kinds(40) + [{"text": edited(prose(n, 12), list(range(0, 40, 2))), "kind": "b"} for n in range(10)]
    first, _ = later(BY_KIND.replace(" MORE", ", near: {similarity: 0.95}"), rows)
    second, told = later(BY_KIND.replace(" MORE", ", near: {similarity: 0.3}"), rows)
    assert all(second.get(text) == "test" for text, split in first.items() if split == "test")
    assert set(told["dropped"]) <= {STRADDLES}  # type: ignore[arg-type, call-overload]  # a report's values are of any type


def test_folds_and_the_end_of_train_hold_in_later_builds(place: Path) -> None:
    text = BY_KIND.replace(" MORE", ", folds: 4")
    later(text, kinds(40))
    build(text)
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, kinds(44))))
    rows = build(text).train.collect()
    assert rows["fold"].null_count() == 0
    ended = BY_KIND.replace("name: rows", "name: ended").replace(" MORE", ", train: 10")
    counts = []
    for count in (40, 41, 42, 43):
        held, _ = later(ended, kinds(count))
        counts.append(sum(split == "train" for split in held.values()))
    assert counts == [10] * 4


def test_time_goes_back_before_1970(place: Path) -> None:
    rows = documents([str(n) for n in range(60)], created=[str(1850 + n) if n < 50 else None for n in range(60)])
    made = settle(Split(test=0.2, time="created"), rows)
    assert sorted(made.filter(pl.col("split") == "test")["created"].to_list()) == [str(1850 + n) for n in range(38, 50)]
