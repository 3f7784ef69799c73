"""Selection: evenly, by quotas and mixes, over measured axes; and the board it draws."""

from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.build import build
from flows.reader import read_recipe
from tasks.axes import labels
from tasks.errors import RecipeError
from tasks.published.board import picture
from tasks.selection import Select
from tasks.text.topics import topic_vectors, topics
from tests.steps.test_barriers import documents, settle
from tests.texts import prose


def sources(**counts: int) -> pl.DataFrame:
    held = [name for name, count in counts.items() for _ in range(count)]
    return documents([f"text {n}" for n in range(len(held))], source=held)


def taken(step: Select, rows: pl.DataFrame, shards: int = 2) -> dict[str, int]:
    made = settle(step, rows, shards).filter("keep")
    return dict(made.group_by("source").len().sort("source").iter_rows())


def test_quotas_are_shares_or_counts_and_the_others_share_what_is_left() -> None:
    rows = sources(a=500, b=500, c=500, d=500)
    assert taken(Select(rows=200, quotas={"source": {"a": 0.5, "b": 40}}), rows) == {"a": 100, "b": 40, "c": 30, "d": 30}


def test_a_mix_is_by_weight() -> None:
    assert taken(Select(rows=120, mix={"source": {"a": 3, "b": 2}}), sources(a=500, b=500, c=500)) == {"a": 60, "b": 40, "c": 20}


def test_every_cell_gives_one_before_any_gives_two_and_lacks_are_told() -> None:
    rows = sources(a=500, b=2, c=1, d=500)
    step = Select(rows=100, spread=("source",))
    assert taken(Select(rows=4, quotas={"source": {"a": 1.0}}), rows) == {"a": 1, "b": 1, "c": 1, "d": 1}
    made = settle(step, rows)
    cells = {cell["cell"][0]: cell for cell in step.told(made)["board"]["cells"]}
    assert (cells["b"]["there"], cells["b"]["wanted"], cells["b"]["taken"], cells["b"]["short"]) == (2, 25, 2, 23)
    assert cells["a"]["taken"] + cells["d"]["taken"] == 97


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["train", "test"])), min_size=1, max_size=60),
    st.integers(1, 70),
    st.integers(1, 3),
)
def test_rows_are_as_many_as_asked_and_the_same_for_any_order_and_shards(rows: list[tuple[str, str]], count: int, shards: int) -> None:
    frame = documents([str(n) for n in range(len(rows))], source=[row[0] for row in rows], split=[row[1] for row in rows])
    step = Select(rows=count, spread=("source",), mix={"source": {"a": 2}})
    made = settle(step, frame, shards)
    assert made["keep"].sum() == min(count, len(rows))
    again = settle(step, frame.reverse(), 1)
    assert set(made.filter("keep")["id"]) == set(again.filter("keep")["id"])


def test_axes_are_measured_columns_or_expressions() -> None:
    texts = [
        '{"a": 1}', "<a><b/></a>", "- one\n- two\n- three", "a | b | c\n1 | 2 | 3", "Name: A\nAge: 3\nCity: B", "```\ncode\n```\ntext",
        prose(1, 3), f"{prose(2, 3)}\n\n{prose(3, 3)}", "",
    ]  # fmt: skip
    rows = documents(texts, source=["a", "b", "c"] * 3)
    expected = ["json", "markup", "list", "table", "fields", "with code", "one paragraph", "paragraphs", "one paragraph"]
    assert labels(rows, "format").to_list() == expected
    assert labels(rows, "length").to_list()[:2] == ["0 to 250", "0 to 250"]
    assert labels(rows, "source").to_list()[:3] == ["a", "b", "c"]
    assert labels(rows, "LENGTH(text) > 20").to_list()[0] == "false"
    spoken = documents(['"Come here," she said. "Now," he said, "or never."', prose(5, 4)])
    assert labels(spoken, "style").to_list()[0] == "dialogue"


def test_texts_of_one_vocabulary_are_one_topic() -> None:
    worlds = [
        "river water stream lake boat harbour sailor",
        "engine piston gearbox diesel motor wheel brake",
        "bread flour oven dough yeast baker crust",
    ]
    texts = pl.Series([" ".join(world.split()[(n + k) % 7] for k in range(5)) for n in range(30) for world in worlds])
    found = topics(topic_vectors(texts), 3, pl.Series(range(90)).to_numpy() / 90).tolist()
    assert len({tuple(found[at::3]) for at in range(3)}) == 3
    assert all(len(set(found[at::3])) == 1 for at in range(3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [("spread: [sorce]", "is a column that no step before adds"), ("quotas: {source: {a: .7, b: .6}}", "add up to 1.3"), ('spread: ["a ("]', "no expression")],
)  # fmt: skip
def test_axes_that_cannot_be_are_refused(settings: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_recipe(
            f'name: x\nsteps:\n  rows: {{use: files, path: "*.txt"}}\n  board: {{use: select, rows: 3, {settings}}}\n  out: {{use: write}}\n'
        )


def test_the_report_draws_a_path_for_every_cell_the_empty_ones_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"text": prose(n, 1 + 30 * (n % 3 == 0)), "kind": "<b>" if n % 2 else "plain"} for n in range(24) if not (n % 2 and n % 3 == 0)]
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    dataset = build("name: b\nsteps:\n  rows: {use: files, path: rows.jsonl}\n  lifted: {use: columns, columns: {kind: attrs.kind}}\n  board: {use: select, rows: 9, spread: [kind, length, topic]}\n  out: {use: write}\n")  # fmt: skip
    page = Path(dataset.url, "report.html").read_text()
    board = next(step for step in dataset.summary["steps"] if step["name"] == "board")["board"]
    sectors, lengths, topic = (len({cell["cell"][place] for cell in board["cells"]}) for place in range(3))
    assert page.count("<path d=") == sectors * lengths * topic
    assert 'class="none"' in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert sum(cell["taken"] for cell in board["cells"]) == 9
    assert picture(board).startswith("<svg")


def test_no_rows_have_no_topics() -> None:
    assert settle(Select(rows=3, spread=("topic",)), documents([]), 1).height == 0
