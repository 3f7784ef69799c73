"""The `datatrove` profile against datatrove's own decisions on documents of every kind."""

from pathlib import Path

import polars as pl
import pytest

from tasks.text.features import measure
from tests.quality.parity import FILTERS, agreement, by_spacy, compared


@pytest.fixture(scope="module")
def held(shared: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    texts = pl.read_ndjson(shared / "parity" / "c10.jsonl")
    return texts, pl.read_parquet(shared / "parity" / "datatrove-0.10.1.c10.parquet")


def test_by_the_same_tokens_every_decision_and_reason_is_the_same(held: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    texts, decisions = held
    found = compared(texts, decisions, by_spacy(texts["text"]))
    assert {name: table.height for name, table in found.items()} == dict.fromkeys([*FILTERS, "c4_text"], 0)


def test_by_our_tokens_nearly_every_decision_is_the_same(held: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    texts, decisions = held
    found = compared(texts, decisions, measure(texts["text"], ["peer", "peer_lines"]))
    assert all(agreement(found[name], texts.height) >= 0.995 for name in FILTERS)
    assert found["c4_text"].height == 0
