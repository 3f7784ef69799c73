"""Forms: what a form shows is in it as the record says, what it does not show is null, and every layout can be read."""

import json
import re
from html import unescape
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.frames import conform
from tasks.pairs.forms import Forms, said
from tasks.pairs.layouts import LAYOUTS
from tasks.step import Context

CONTEXT = Context("step", 3)
RECORD = {"name": "Ana Lúcia <Gomes>", "address": {"street": "Rua 7 & 9", "zip": "01310"}, "age": 41, "member": True, "tags": ["new", "x2"], "note": None}  # fmt: skip
PLAIN = {"missing": 0.0, "renamed": 0.0, "reordered": 0.0, "ocr": 0.0}
LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
RECORDS = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), LEAVES | st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), LEAVES, max_size=3) | st.lists(LEAVES, max_size=3), min_size=1, max_size=5)  # fmt: skip


def pairs_of(step: Forms, *texts: str) -> Any:
    frame = conform(pl.DataFrame({"id": [f"a/{n}" for n in range(len(texts))], "text": list(texts)}), "documents")
    return step.apply(frame, CONTEXT)


def leaves(record: Any) -> list[Any]:
    return [leaf for value in record.values() for leaf in leaves(value)] if isinstance(record, dict) else [record]


@pytest.mark.parametrize("layout", LAYOUTS)
@given(record=RECORDS, seed=st.integers(0, 99))
def test_each_layout_shows_the_values_that_the_output_has(layout: Any, record: dict[str, Any], seed: int) -> None:
    form, output, why = Forms(layouts=(layout,), missing=0.4, ocr=0.0)._pair(json.dumps(record), Random(seed))
    if why:
        assert why == "no record"
        assert not any(map(said, leaves(record)))
        return
    assert form is not None
    assert output is not None
    made = json.loads(output)
    for kept, held in zip(leaves(made), leaves(record), strict=True):
        assert kept in (held, None)
        assert said(kept).replace("|", "/") in unescape(form).replace("|", "/")
    assert any(map(said, leaves(made)))


def test_a_plain_form_has_all_fields_in_order_and_the_record_is_the_output() -> None:
    for n in range(60):
        form, output, _ = Forms(layouts=("lines",), **PLAIN)._pair(json.dumps(RECORD), Random(n))
        assert form is not None
        assert output is not None
        assert json.loads(output) == RECORD
        places = [form.index(value) for value in ("Ana Lúcia <Gomes>", "Rua 7 & 9", "01310", "41", "yes", "new, x2")]
        assert places == sorted(places)
        assert "Address street" in form


def test_fields_are_missing_renamed_and_reordered_at_their_rates() -> None:
    texts = [json.dumps(RECORD | {"name": f"Person {n}"}) for n in range(600)]
    halves = pairs_of(Forms(layouts=("lines",), missing=0.2, renamed=0.5, reordered=0.5, ocr=0.0), *texts)
    assert halves.kept.height == 600
    records = [json.loads(text) for text in halves.kept["output"]]
    missing = sum(record["age"] is None for record in records)
    assert 85 <= missing <= 155
    shown = halves.kept.filter(pl.col("output").str.contains('"name": "Person')).filter(pl.col("output").str.contains('"age": 41'))
    late = sum(text.index("41") < text.index("Person") for text in shown["input"])
    assert 0.15 * shown.height < late < 0.35 * shown.height
    plain = sum("\nName" in f"\n{text}" for text in shown["input"])
    assert 0.4 * shown.height < plain < 0.75 * shown.height
    assert any("Full name" in text for text in shown["input"])
    assert any(re.search(r"Note\W*$", text, re.MULTILINE) for text in halves.kept["input"])
    assert set(halves.kept["generator"]) == {"rule:forms"}


def test_all_layouts_are_drawn_by_id_and_some_are_misread() -> None:
    texts = [json.dumps(RECORD)] * 200
    made = pairs_of(Forms(missing=0.0, ocr=0.0), *texts).kept["input"]
    assert made.n_unique() > 150
    for mark in ("<form", "<table", "<dl>", "| ", "Subject:", "│", "║", "1.", "\t"):
        assert any(mark in text for text in made), mark
    read = pairs_of(Forms(missing=0.0, ocr=1.0), *texts).kept["input"]
    assert (read != made).sum() > 130
    assert pairs_of(Forms(missing=0.0, ocr=0.0), *texts).kept["input"].equals(made)


def test_labels_of_the_user_s_own_are_used() -> None:
    step = Forms(layouts=("lines",), renamed=1.0, ocr=0.0, missing=0.0, labels={"address.street": ("Rua",), "age": ("Idade",)})
    made = " ".join(pairs_of(step, *[json.dumps(RECORD)] * 80).kept["input"])
    assert "Rua" in made.replace("Rua 7", "")
    assert "Idade" in made


def test_what_is_no_record_is_dropped_by_name() -> None:
    texts = ["[]", "{}", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a":' * 3000, "3", "", '{"a": null}', '{"a": [{"b": 1}]}']
    halves = pairs_of(Forms(), *texts)
    assert halves.kept.height == 0
    assert halves.dropped["reason"].to_list() == ["no record"] * 9 + ["not flat"]
