"""The certificate: what it finds is all there is, it sees every layout, and a row moved by hand fails it."""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.build import build, main
from flows.rim import Exit
from flows.verify import main as verify
from flows.work.certifying import Written, leaks
from tasks.published.certificate import Held
from tasks.text.certifying import pruned
from tasks.text.shingles import jaccard, shingle_sets
from tests.steps.test_barriers import edited
from tests.texts import prose

RECIPE = """
name: pairs
steps:
  rows: {use: files, path: "rows.jsonl", as: pairs}
  split: {use: split, validation: 0.2, test: 0.2}
  dataset: {use: write LAYOUT}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [{"input": prose(1000 + n, 3), "output": prose(n, 6)} for n in range(40)]
    rows += [{"input": row["input"], "output": edited(row["output"], [n])} for n, row in enumerate(rows[:20])]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return tmp_path


def written(place: Path, layout: str) -> tuple[Path, list[Written]]:
    dataset = build(RECIPE.replace(" LAYOUT", layout), out="out")
    folder = Path(dataset.url)
    sink = dataset.summary["steps"][-1]
    assert sink["certificate"] == {"similarity": 0.8, "rows": 60, "groups": 0, "equal": 0, "near": 0}
    assert json.loads((folder / "manifest.json").read_text())["certificates"] == {"default": sink["certificate"]}
    files = []
    for path in sorted((folder / "data").iterdir()):
        beside = folder / "provenance" / f"{path.stem}.parquet"
        files.append(Written(f"data/{path.name}", path.name.partition("-")[0], path, beside if beside.exists() else None))
    return folder, files


LAYOUTS = ["", ", layout: prompt-completion, format: jsonl", ", layout: openai-chat", ", layout: openai-chat, format: jsonl"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_moved_by_hand_fails_the_certificate(place: Path, layout: str) -> None:
    _, files = written(place, layout)
    assert leaks(files, (0, 1), 0.8)["leaks"] == []
    train, test = (next(file for file in files if file.split == split) for split in ("train", "test"))
    move_a_row_that_has_a_like(train, test)
    found = leaks(files, (0, 1), 0.8)
    assert found["near"] >= 1
    assert any("data/train-" in leak and "data/test-" in leak and "are alike by" in leak for leak in found["leaks"])


def move_a_row_that_has_a_like(train: Written, test: Written) -> None:
    """Move the first of two rows that are alike from train to test, as one would by hand."""

    def read(path: Path) -> pl.DataFrame:
        return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ndjson(path)

    def write(path: Path, rows: pl.DataFrame) -> None:
        rows.write_parquet(path) if path.suffix == ".parquet" else rows.write_ndjson(path)

    rows = read(train.data)
    texts = pl.Series([str(row) for row in rows.rows()])
    left, right = np.triu_indices(rows.height, 1)
    place = int(left[np.flatnonzero(jaccard(shingle_sets(texts), left, right) >= 0.7)[0]])
    for one, other in ((train.data, test.data), (train.beside, test.beside)):
        if one is not None and other is not None:
            held = read(one)
            write(other, pl.concat([read(other), held[place]]))
            write(one, held.with_row_index().filter(pl.col("index") != place).drop("index"))


def test_the_command_names_leaks_of_a_published_dataset(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, files = written(place, "")
    assert verify([str(folder.parent), "--leaks"]) == Exit.GOOD
    train, test = (next(file for file in files if file.split == split) for split in ("train", "test"))
    move_a_row_that_has_a_like(train, test)
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        path = folder / file["path"]
        data = path.read_bytes()
        rows = pl.read_parquet(path).height if path.suffix == ".parquet" and file["rows"] is not None else file["rows"]
        file |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": rows}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert verify([str(folder), "--leaks"]) == Exit.REFUSED
    assert "leak: data/" in capsys.readouterr().out


def test_steps_after_the_split_that_make_rows_alike_refuse_the_dataset(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = prose(77, 30)
    Path("docs.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": f"{prose(n, 40)}\n\n{shared}"}) for n in range(12)))
    Path("r.yaml").write_text(
        "name: docs\nsteps:\n  rows: {use: files, path: docs.jsonl}\n  split: {use: split, validation: 0.3}\n"
        "  parts: {use: passages, words: {min: 20, max: 60}}\n  dataset: {use: write}\n"
    )
    assert main(["r.yaml", "--runner", "direct", "--out", "bad"]) == Exit.REFUSED
    said = capsys.readouterr().err
    assert "the splits leak" in said
    assert "Put a `dedup` after" in said
    assert not list(Path("bad/docs").glob("*/manifest.json"))


WORDS = st.lists(st.sampled_from(["river", "stone", "window", "garden", "letter"]), min_size=1, max_size=30)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["train", "test", "validation"])), min_size=2, max_size=8),
    st.sampled_from([0.5, 0.8]),
)
def test_no_near_pair_is_missed(rows: list[tuple[list[str], list[str], str]], similarity: float) -> None:
    rows = [*rows, *((left, [*right[:-1], "other"], "train") for left, right, _ in rows)]
    rows = list({(" ".join(left), " ".join(right), split): (left, right, split) for left, right, split in rows}.values())
    held = {"place": range(len(rows)), "split": [row[2] for row in rows]}
    held |= {name: [" ".join(row[at]) for row in rows] for at, name in enumerate(("input", "output"))}
    frame = pl.DataFrame(held, schema_overrides={"place": pl.UInt64})
    found = Held(frame.filter(pl.col("split") != "train"), similarity).near([frame.head(5), frame.slice(5)])
    both = {tuple(sorted(pair)) for pair in found.select("place", "other").iter_rows()}
    for a, b in itertools.combinations(range(len(rows)), 2):
        alike = [exact(frame[name][[a, b]]) for name in ("input", "output")]
        together = frame.select(pl.concat_str("input", "output", separator="\n")).to_series()
        if (a, b) in both:
            assert min(alike) >= similarity
        elif rows[a][2] != rows[b][2] and min(alike) >= similarity:
            assert exact(together[[a, b]]) < similarity * 0.9


def exact(texts: pl.Series) -> float:
    return float(jaccard(shingle_sets(texts), np.array([0]), np.array([1]))[0])


def built(rows: list[dict[str, object]], steps: str, **options: str) -> dict[str, int]:
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return dict(
        build(f"name: x\nsteps:\n  rows: {{use: files, path: rows.jsonl, as: pairs}}\n{steps}", out="made", **options).published.splits
    )


@pytest.mark.parametrize("layout", ["", ", layout: openai-chat", ", layout: prompt-completion"])
def test_a_system_message_that_all_rows_share_is_no_leak(place: Path, layout: str) -> None:
    rows: list[dict[str, object]] = [{"system": prose(5, 8), "input": prose(n, 1), "output": "yes" if n % 2 else "no"} for n in range(60)]
    made = built(rows, f"  split: {{use: split, test: 0.2}}\n  dataset: {{use: write{layout}}}\n")
    assert sum(made.values()) == 60


def test_many_rows_with_one_output_are_told_apart_by_their_inputs(place: Path) -> None:
    rows: list[dict[str, object]] = [{"input": f"{prose(n, 2)} {n}", "output": prose(777, 10)} for n in range(900)]
    rows += [{"input": f"{prose(n, 2)} {n}!?", "output": prose(777, 10)} for n in range(0, 60, 3)]
    steps = "  unique: {use: dedup, near: {}}\n  split: {use: split, test: 0.2}\n  dataset: {use: write}\n"
    assert sum(built(rows, steps).values()) == 900


def test_columns_of_ones_own_may_be_named_like_those_of_layouts(place: Path) -> None:
    rows = [{"text": prose(n), "said": f"{n}"} for n in range(12)]
    Path("docs.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    for name in ("prompt", "messages"):
        text = f"name: x\nsteps:\n  rows: {{use: files, path: docs.jsonl, columns: {{text: text, {name}: said}}}}\n"
        made = build(f"{text}  split: {{use: split, test: 0.2}}\n  dataset: {{use: write}}\n", out=name)
        assert sum(made.published.splits.values()) == 12


def test_equal_rows_of_a_split_are_compared_once(place: Path) -> None:
    held = pl.DataFrame({"place": range(4000), "split": ["test"] * 4000, "input": [None] * 4000, "output": [prose(3, 20)] * 4000}, schema_overrides={"place": pl.UInt64, "input": pl.String})  # fmt: skip
    assert Held(held, 0.8).near([held, held.with_columns(split=pl.lit("train"))]).height == 1


def test_an_instruction_that_a_template_puts_before_every_text_is_no_leak(place: Path) -> None:
    rows: list[dict[str, object]] = [{"input": prose(n, 1), "output": "yes" if n % 2 else "no"} for n in range(150)]
    instruction = prose(3, 12)
    steps = '  split: {use: split, test: 0.2}\n  told: {use: template, input: "INSTRUCTION {{ input }}", output: "{{ output }}"}\n  dataset: {use: write}\n'
    assert sum(built(rows, steps.replace("INSTRUCTION", instruction)).values()) == 150


def test_common_members_go_but_no_set_becomes_empty() -> None:
    sets = np.array([1, 2, 3, 1, 2, 9, 2, 4], np.uint64), np.array([0, 3, 5, 5, 6, 8])
    hashes, ends = pruned(sets, np.array([1, 2], np.uint64))
    assert hashes.tolist() == [3, 1, 2, 9, 4]
    assert ends.tolist() == [0, 1, 3, 3, 4, 5]
