"""Edits and pairings: what each does, and the laws that all obey."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.build import build
from tasks.catalogue import catalogue
from tasks.edits.columns import Columns
from tasks.edits.hostile import Hostile
from tasks.edits.normalise import Normalise
from tasks.edits.passages import Passages, Words
from tasks.edits.redact import Redact
from tasks.edits.review import Review, content_hash
from tasks.frames import conform
from tasks.pairs.formats import Lossy, convert
from tasks.pairs.forms import Forms
from tasks.pairs.noise import Noise
from tasks.pairs.scramble import Scramble
from tasks.pairs.template import Template
from tasks.pairs.transcode import Transcode
from tasks.step import Context, RowStep
from tests.texts import NOTES, prose, write_notes

EDITS = [
    {"id": f"a/{n}", "hash": content_hash(text, text), "verdict": verdict, "output": "better"}
    for n, (text, verdict) in enumerate([("", "edit"), ("", "drop"), ("0", "keep"), ("x", "edit")])
]
CONTEXT = Context("step", 3, {"edits": "\n".join(map(json.dumps, EDITS))})


def documents(*texts: str, **more: Any) -> pl.DataFrame:
    rows = {
        "id": [f"a/{n}" for n in range(len(texts))],
        "text": list(texts),
        **{name: [value] * len(texts) for name, value in more.items()},
    }
    return conform(pl.DataFrame(rows, schema_overrides={"text": pl.String, "id": pl.String}), "documents")


STEPS = [
    Normalise(quotes=True, dashes=True), Passages(words=Words(min=3, max=12)), Columns(columns={"title": "attrs.t"}), Scramble(unchanged=0.3),
    Template(input="{{ text[:3] }}", output="{{ title }}{{ text }}"), Transcode(read="json", write="yaml"), Redact(),
    Hostile(share=0.4), Noise(case=0.2, speech=0.1, keyboard=0.1, markup=0.1, mojibake=0.5, truncation=0.3), Forms(),
    Review(edits="reviews.jsonl"),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.use)
@given(texts=st.lists(st.text(max_size=80), max_size=5))
def test_a_row_step_loses_no_row_and_looks_at_each_by_itself(step: RowStep, texts: list[str]) -> None:
    frame = documents(*texts)
    if step.takes == ("pairs",):
        frame = conform(frame.select("id", input="text", output="text"), "pairs")
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
    assert halves.dropped.rows() == [("a/1", "no passage of that length")]
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
    assert halves.dropped["reason"][0].startswith(("template failed: ", "template rendered nothing"))


def test_template_files_are_read_from_the_context() -> None:
    step = Template(input_file="i.txt", output="{{ text }}")
    made = step.apply(documents("x"), Context("step", 0, {"input_file": "File: {{ text }}"})).kept
    assert made["input"].to_list() == ["File: x"]


def test_a_template_in_a_file_works_in_a_build(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 6)
    (tmp_path / "in.txt").write_text("Shout this: {{ text }}")
    recipe = NOTES.replace("{use: scramble}", '{use: template, input_file: in.txt, output: "{{ text | upper }}"}')
    first = build(recipe)
    assert all(row["prompt"].startswith("Shout this: ") for row in first.train.collect().to_dicts())
    (tmp_path / "in.txt").write_text("Say it loud: {{ text }}")
    assert build(recipe).train.collect()["prompt"].str.starts_with("Say it loud").all()


def test_columns_lift_fields_of_attrs() -> None:
    frame = documents("x", attrs='{"t": "title", "n": 5}', url="u")
    (row,) = (
        Columns(columns={"title": "attrs.t", "mine": "attrs.n", "copy": "url", "none": "attrs.z"}).apply(frame, CONTEXT).kept.to_dicts()
    )
    assert (row["title"], row["mine"], row["copy"], row["none"]) == ("title", "5", "u", None)


def test_a_template_renders_the_system_message_too_and_a_pair_keeps_its_own() -> None:
    step = Template(input="{{ text }}", output="{{ title }}", system="You name {{ language }} texts.")
    (row,) = step.apply(documents("x", title="T", language="en"), CONTEXT).kept.to_dicts()
    assert row["system"] == "You name en texts."
    pair = conform(pl.DataFrame({"id": ["a"], "input": ["q"], "output": ["a"], "system": ["own"]}), "pairs")
    (row,) = Template(input="Q: {{ input }}", output="{{ output }}").apply(pair, CONTEXT).kept.to_dicts()
    assert (row["system"], row["input"]) == ("own", "Q: q")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost $3.14, at 10:30 (or so)…", "it cost $3.14 at 10:30 or so"),
        ("Well-known — “yes”, 5% of a_b@c.d!", "well known yes 5% of a_b@cd"),
        ("From 1990–2000, -5 degrees; don't.", "from 1990–2000 -5 degrees dont"),
        ("¿Qué? «Oui» 。", "qué oui"),
        ("He _did_ say *so*,\n\n*****\n\n5 * 3 is a_b.", "he did say so 5 * 3 is a_b"),
    ],
)
def test_scrambling_takes_the_punctuation_of_sentences_and_no_more(text: str, expected: str) -> None:
    (row,) = Scramble().apply(documents(text), CONTEXT).kept.to_dicts()
    assert (row["input"], row["output"]) == (expected, text)


def test_a_text_without_a_word_is_no_exercise() -> None:
    halves = Scramble().apply(documents("...", "a."), CONTEXT)
    assert halves.kept["input"].to_list() == ["a"]
    assert halves.dropped.rows() == [("a/0", "no words")]


@pytest.mark.parametrize(
    ("text", "read", "write"),
    [
        ("a,a\n1,2\n", "csv", "json"),
        ("<p>One <b>two</b> three</p>", "xml", "json"),
        ("<r><a>1</a><b>2</b><a>3</a></r>", "xml", "json"),
        ('<r><a type="number">x</a></r>', "xml", "json"),
        ('<r type="list"><thing>1</thing></r>', "xml", "yaml"),
    ],
    ids=["doubled header", "mixed content", "order of elements", "type that lies", "named members"],
)
def test_what_a_reading_would_lose_is_no_pair(text: str, read: Any, write: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        convert(text, read, write)


@pytest.mark.parametrize("record", ['{"a": 1.0}', '{"a": "1e5"}', '{"a": "1.0", "b": "0x1F", "c": "1_000", "d": "=", "e": "2026-01-01"}'])
def test_numbers_and_texts_like_numbers_survive_yaml(record: str) -> None:
    assert convert(convert(record, "json", "yaml"), "yaml", "json") == json.dumps(json.loads(record), indent=2)


def test_a_quote_in_the_name_of_a_field_is_no_syntax() -> None:
    frame = documents("x", attrs='{"it\'s": 1, "a.b": 2}')
    (row,) = Columns(columns={"one": "attrs.it's", "two": "attrs.a.b"}).apply(frame, CONTEXT).kept.to_dicts()
    assert (row["one"], row["two"]) == ("1", "2")


def test_null_is_never_printed_as_a_word() -> None:
    halves = Template(input="{{ text }}", output="{{ title }}").apply(documents("x"), CONTEXT)
    assert halves.dropped["reason"].to_list() == ["template failed: TemplateError: a value is null"]
    (row,) = Template(input="{{ text }}", output='{{ title or "none" }}').apply(documents("x"), CONTEXT).kept.to_dicts()
    assert row["output"] == "none"


def test_a_lifted_text_that_is_absent_drops_its_row() -> None:
    halves = Columns(columns={"text": "attrs.s"}).apply(documents("x", "y", attrs='{"t": 1}'), CONTEXT)
    assert halves.dropped.rows() == [("a/0", "no text"), ("a/1", "no text")]


def test_offsets_that_no_longer_hold_are_not_told() -> None:
    frame = documents("two  spaces " + prose(1, 3), span={"file": "f", "start": 0, "end": 9})
    tidy = Normalise().apply(frame, CONTEXT).kept
    (row,) = Passages(words=Words(min=5, max=90)).apply(tidy, CONTEXT).kept.to_dicts()
    assert row["span"] == {"file": "f", "start": None, "end": None}


@pytest.mark.parametrize(
    ("text", "read", "write", "expected"),
    [
        ("a,b\n1.10,007\n", "csv", "json", [{"a": "1.10", "b": "007"}]),
        ("a,b\n1e5,-0\n", "csv", "json", [{"a": "1e5", "b": "-0"}]),
        ("a,b\n1.5,12\n", "csv", "json", [{"a": 1.5, "b": 12}]),
        ('{"a": 12345678901234567890.123}', "json", "yaml", None),
        ('[{"a": "\\ud800"}]', "json", "csv", None),
        ('{"a": ' + "1" * 30 + "}", "json", "yaml", {"a": int("1" * 30)}),
    ],
)
def test_numbers_change_no_digit_on_the_way(text: str, read: Any, write: Any, expected: Any) -> None:
    halves = Transcode(read=read, write=write).apply(documents(text), CONTEXT)
    assert [json.loads(convert(row, write, "json")) if write != "json" else json.loads(row) for row in halves.kept["output"]] == (
        [] if expected is None else [expected]
    )


def test_a_long_cell_is_a_cell() -> None:
    halves = Transcode(read="csv", write="json").apply(documents("a\n" + "x" * 200_000 + "\n"), CONTEXT)
    assert halves.kept.height == 1


def test_columns_of_any_name_pass_through_passages() -> None:
    own = dict.fromkeys(("words", "passage", "start", "end", "n", "place"), "mine")
    (row,) = Passages(words=Words(min=5, max=60)).apply(documents(prose(1, 2), **own), CONTEXT).kept.to_dicts()
    assert {name: row[name] for name in own} == own
