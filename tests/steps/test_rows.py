"""Edits and pairings: what each does, and the laws that all obey."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalogue import catalogue
from tasks.edits.columns import Columns
from tasks.edits.normalise import Normalise
from tasks.edits.passages import Passages, Words
from tasks.frames import conform
from tasks.pairs.formats import Lossy, convert
from tasks.pairs.scramble import Scramble
from tasks.pairs.template import Template
from tasks.pairs.transcode import Transcode
from tasks.step import Context, RowStep
from tests.texts import prose

CONTEXT = Context("step", 3)


def documents(*texts: str, **more: Any) -> pl.DataFrame:
    rows = {
        "id": [f"a/{n}" for n in range(len(texts))],
        "text": list(texts),
        **{name: [value] * len(texts) for name, value in more.items()},
    }
    return conform(pl.DataFrame(rows, schema_overrides={"text": pl.String, "id": pl.String}), "documents")


STEPS = [
    Normalise(quotes=True, dashes=True), Passages(words=Words(min=3, max=12)), Columns(columns={"title": "attrs.t"}), Scramble(unchanged=0.3),
    Template(input="{{ text[:3] }}", output="{{ title }}{{ text }}"), Transcode(read="json", write="yaml"),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.use)
@given(texts=st.lists(st.text(max_size=80), max_size=5))
def test_a_row_step_loses_no_row_and_looks_at_each_by_itself(step: RowStep, texts: list[str]) -> None:
    frame = documents(*texts)
    halves = step.apply(frame, CONTEXT)
    kept = {id_ for id_ in frame["id"] for made in halves.kept["id"] if made == id_ or made.startswith(f"{id_}/")}
    assert kept | set(halves.dropped["id"]) == set(frame["id"])
    assert not kept & set(halves.dropped["id"])
    assert halves.dropped["reason"].null_count() == 0
    parts = [step.apply(frame[n : n + 1], CONTEXT).kept for n in range(frame.height)]
    assert pl.concat([halves.kept.clear(), *parts]).equals(halves.kept)


def test_every_row_step_of_the_catalogue_stands_in_the_law() -> None:
    assert {step.use for step in STEPS} == {use for use, kind in catalogue().items() if issubclass(kind, RowStep)}


def test_normalise_changes_signs_and_no_words() -> None:
    text = "“It’s” — a\u00a0 b\t\tc \r\n\r\n\r\n\r\nd\u0301"
    (made,) = Normalise(quotes=True, dashes=True).apply(documents(text), CONTEXT).kept["text"]
    assert made == '"It\'s" -- a b c\n\nd́'
    same = Normalise(unicode="none", spaces=False, line_ends=False).apply(documents(text), CONTEXT).kept["text"][0]
    assert same == text


def test_passages_name_their_document_and_their_place() -> None:
    text = prose(1, 3) + "\n\n" + prose(2, 3)
    span = {"file": "f", "start": 0, "end": len(text.encode())}
    halves = Passages(words=Words(min=20, max=40)).apply(documents(text, "too short.", span=span), CONTEXT)
    assert halves.kept["id"].to_list()[0] == "a/0/step#1"
    assert halves.dropped.rows() == [("a/1", "too short")]
    for row in halves.kept.to_dicts():
        assert text.encode()[row["span"]["start"] : row["span"]["end"]].decode() == row["text"]
        assert row["parents"] == ["a/0"]


def test_scrambled_text_restores_to_the_output() -> None:
    frame = documents(*(prose(n) for n in range(200)))
    pairs = Scramble(unchanged=0.25).apply(frame, CONTEXT).kept
    assert pairs["output"].to_list() == frame["text"].to_list()
    same = pairs.filter(pl.col("input") == pl.col("output")).height
    assert 25 < same < 75
    changed = pairs.filter(pl.col("input") != pl.col("output"))
    assert changed["input"][0] == frame.filter(pl.col("text") == changed["output"][0])["text"][0].lower().translate(
        {ord(sign): None for sign in ".,;?"}
    )
    assert set(pairs["generator"]) == {"rule:scramble"}


def test_which_rows_stay_unchanged_depends_on_seed_and_id_alone() -> None:
    frame = documents(*(prose(n) for n in range(50)))

    def same(step_frame: pl.DataFrame, seed: int) -> set[str]:
        pairs = Scramble(unchanged=0.5).apply(step_frame, Context("step", seed)).kept
        return set(pairs.filter(pl.col("input") == pl.col("output"))["id"])

    assert same(frame, 1) == same(frame.reverse(), 1)
    assert same(frame, 1) != same(frame, 2)


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=12)), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, max_size=3), max_leaves=12))  # fmt: skip
def test_what_is_transcoded_reads_back_to_the_same_data(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    for target in ("yaml", "xml", "csv"):
        try:
            made = convert(text, "json", target)
        except (Lossy, ValueError):
            continue
        assert json.loads(convert(made, target, "json")) in (value, {"record": value})


def test_most_records_survive_the_round_trip() -> None:
    record = '{"order": {"id": 7, "open": true, "lines": [{"n": 1, "what": "no"}], "note": null, "tags": []}}'
    for target in ("yaml", "xml"):
        assert json.loads(convert(convert(record, "json", target), target, "json")) == json.loads(record)
    table = '[{"a": 1, "b": "x, y"}, {"a": 2, "b": "true story"}]'
    assert json.loads(convert(convert(table, "json", "csv"), "csv", "json")) == json.loads(table)


def test_rows_that_do_not_survive_are_named() -> None:
    halves = Transcode(read="json", write="csv").apply(documents('[{"a": "1"}]', "{", '[{"a": 1}]'), CONTEXT)
    assert halves.kept["output"].to_list() == ["a\n1\n"]
    assert dict(halves.dropped.rows()) == {"a/0": "no round trip", "a/1": "not json"}


def test_templates_render_columns_and_never_the_text_of_a_row() -> None:
    step = Template(input="{{ title }}: {{ text }}", output="{% for a in authors %}{{ a }}{% endfor %}{{ text }}", system="S")
    (row,) = step.apply(documents("{{7*7}} {% raw %}", title="T"), CONTEXT).kept.to_dicts()
    assert row["input"] == "T: {{7*7}} {% raw %}"
    assert row["system"] == "S"


@pytest.mark.parametrize(
    "template",
    ["{{ text.__class__ }}", "{{ text.format.__globals__ }}", "{{ 'a' * 10**9 }}", "{% for i in range(99999) %}x{% endfor %}", "{{ nothing }}", "{{ ''}}", "{{ 1/0 }}"],
)  # fmt: skip
def test_templates_cannot_leave_their_box(template: str) -> None:
    halves = Template(input=template, output="{{ text }}").apply(documents("x"), CONTEXT)
    assert halves.kept.height == 0
    assert halves.dropped["reason"][0] in ("template failed", "template rendered nothing")


def test_template_files_are_read_from_the_context() -> None:
    step = Template(input_file="i.txt", output="{{ text }}")
    made = step.apply(documents("x"), Context("step", 0, {"input_file": "File: {{ text }}"})).kept
    assert made["input"].to_list() == ["File: x"]


def test_columns_lift_fields_of_attrs() -> None:
    frame = documents("x", attrs='{"t": "title", "n": 5}', url="u")
    (row,) = (
        Columns(columns={"title": "attrs.t", "mine": "attrs.n", "copy": "url", "none": "attrs.z"}).apply(frame, CONTEXT).kept.to_dicts()
    )
    assert (row["title"], row["mine"], row["copy"], row["none"]) == ("title", "5", "u", None)
