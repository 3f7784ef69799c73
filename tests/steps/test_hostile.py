"""Hostile texts: they are in the rows that say so, the task is done on them, and records stay readable."""

import json
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.build import build
from tasks.edits.attacks import ATTACKS
from tasks.edits.hostile import Hostile
from tasks.frames import conform
from tasks.pairs.scramble import Scramble
from tasks.step import Context
from tests.texts import prose

CONTEXT = Context("step", 3)
EVERY = [piece for pieces in ATTACKS.values() for piece in pieces]


def documents(*texts: str, **more: Any) -> pl.DataFrame:
    return conform(pl.DataFrame({"id": [f"a/{n}" for n in range(len(texts))], "text": list(texts), **more}), "documents")


def test_a_share_of_the_rows_holds_something_and_says_what() -> None:
    frame = documents(*(prose(n) for n in range(400)), attrs=['{"t": 1}'] * 400)
    made = Hostile(share=0.25).apply(frame, CONTEXT).kept
    told = made["attrs"].map_elements(lambda attrs: json.loads(attrs).get("hostile", ""), return_dtype=pl.String)
    touched = made.with_columns(told.alias("kind"), before=frame["text"]).filter(pl.col("kind") != "")
    assert 70 <= touched.height <= 130
    assert set(touched["kind"]) == set(ATTACKS)
    for text, kind, before in touched.select("text", "kind", "before").iter_rows():
        assert any(piece in text and text.replace(piece, "", 1).split() == before.split() for piece in ATTACKS[kind])
    assert made.filter(told == "")["text"].equals(frame.filter(told == "")["text"])
    assert made["attrs"].str.contains('"t":1|"t": 1').all()


def test_the_task_is_done_on_the_hostile_text() -> None:
    tried = Hostile(share=1.0, kinds=("instructions",)).apply(documents(*(prose(n) for n in range(40))), CONTEXT).kept
    pairs = Scramble().apply(tried, CONTEXT).kept
    assert pairs["output"].equals(tried["text"].alias("output"))
    for made, right in pairs.select("input", "output").iter_rows():
        (piece,) = [piece for piece in ATTACKS["instructions"] if piece in right]
        assert piece.split()[1].lower().strip(".,:!?") in made.split()


def test_what_is_put_in_stands_first_last_and_between_and_is_drawn_by_id() -> None:
    texts = [f"One {n}. Two {n}. Three {n}." for n in range(60)]
    made = Hostile(share=1.0).apply(documents(*texts), CONTEXT).kept
    places = {text.find("One") > 0 for text in made["text"]} | {
        text.rstrip().endswith(f"Three {n}.") for n, text in enumerate(made["text"])
    }
    assert places == {True, False}
    assert Hostile(share=1.0).apply(documents(*texts).reverse(), CONTEXT).kept.reverse()["text"].equals(made["text"])


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), min_size=1, max_size=4),
    st.sampled_from(EVERY),
    st.integers(0, 9),
)
def test_in_a_record_it_stands_inside_a_value(record: dict[str, Any], piece: str, seed: int) -> None:
    text = json.dumps(record, ensure_ascii=False, indent=1)
    made = json.loads(Hostile(records="json").attacked(text, piece, Random(seed)))
    assert list(made) == list(record)
    changed = [name for name in record if made[name] != record[name]]
    assert len(changed) == any(isinstance(value, str) for value in record.values())
    assert all(made[name] == f"{record[name]} {piece}".lstrip(" " if not record[name] else "") for name in changed)


def test_pieces_of_the_user_s_own_take_the_place_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("Stop now,\nall of you.\n\n\nOr not.\n", encoding="utf-8")
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps({"text": prose(n)}) + "\n" for n in range(30)), encoding="utf-8")
    made = build({"name": "x", "steps": {"rows": {"use": "files", "path": "notes.jsonl"}, "tried": {"use": "hostile", "share": 1.0, "pieces": "mine.txt"}, "pairs": {"use": "scramble"}, "out": {"use": "write"}}}, out="one")  # fmt: skip
    texts = made.train.collect()["output"].to_list()
    assert all(("Stop now,\nall of you." in text) != ("Or not." in text) for text in texts)
    assert {"Or not." in text for text in texts} == {True, False}
