"""Every source over every real file: no traceback, each bad record named, the good ones read.

The counts were looked at by eye, file by file.
"""

import re
from pathlib import Path

import pytest

from tasks.sources.arxiv import Arxiv
from tasks.sources.files import Files
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.wikipedia import Wikipedia
from tests.sources.helpers import read_all, reasons


def test_every_book_is_read_and_nothing_legal_is_left(corpus: Path) -> None:
    rows, skips = read_all(Gutenberg(path="x"), [f"{corpus}/gutenberg/raw/*.txt"])
    assert len(rows) == 19
    assert not skips
    for row in rows:
        legal = re.findall(r"project gutenberg|small print|etext|public domain", row["text"], re.IGNORECASE)
        assert len(legal) <= 3, (row["unit"], legal)
    assert sum(bool(row["title"]) for row in rows) == 17
    assert len({row["id"] for row in rows}) == 19


def test_books_keep_their_words(corpus: Path) -> None:
    rows, _ = read_all(Gutenberg(path="x"), [f"{corpus}/gutenberg/raw/cw_*.txt"])
    for row in rows:
        raw = (corpus / "gutenberg" / "raw" / row["unit"]).read_bytes()
        assert len(row["text"].encode()) > 0.85 * len(raw) - 25_000, row["unit"]


def test_both_editions_of_a_book_are_one_group(corpus: Path) -> None:
    rows, _ = read_all(Gutenberg(path="x"), [f"{corpus}/gutenberg/raw/git_16215*.txt"])
    assert len(rows) == 2
    assert {row["group"] for row in rows} == {"gutenberg:16215"}


def test_dumps_of_many_languages_become_prose(corpus: Path) -> None:
    rows, skips = read_all(Wikipedia(path="x"), [f"{corpus}/wikipedia/dumps/*", f"{corpus}/wikipedia/minidumps/*"])
    assert len(rows) == 177
    assert set(reasons(skips)) == {"redirect", "disambiguation", "other namespace", "not wikitext", "too few words"}
    text = "\n".join(row["text"] for row in rows)
    words = len(text.split())
    for markup in (r"\{\{", r"\}\}", r"\[\[", r"\]\]", r"'''", r"<ref", r"\{\|", r"^==", r"&nbsp;", r"\|\s*thumb"):
        found = re.findall(markup, text, re.MULTILINE)
        assert len(found) <= words / 1000 * 0.05, (markup, len(found))
    assert sum(bool(row["sections"]) for row in rows) > 100
    assert all(row["licence"] == "CC-BY-SA-4.0" and row["title"] for row in rows)
    assert sum(bool(row["url"]) for row in rows) > 100


def test_single_pages_are_read_as_wikitext(corpus: Path) -> None:
    rows, skips = read_all(Wikipedia(path="x"), [f"{corpus}/wikipedia/wikitext/*.txt"])
    assert len(rows) == 29
    assert reasons(skips) == {"redirect": 1}


def test_papers_are_prose_with_sections(corpus: Path) -> None:
    rows, skips = read_all(Arxiv(path="x", licences="any"), [f"{corpus}/arxiv/trees"])
    assert len(rows) == 4
    assert not skips
    for row in rows:
        assert len(row["text"].split()) > 3000, row["unit"]
        assert len(row["sections"]) > 3, row["unit"]
        assert len(re.findall(r"\\(?:newcommand|def|section|cite)\b", row["text"])) <= len(row["text"].split()) / 300, row["unit"]


def test_records_that_are_deleted_or_errors_are_named(corpus: Path) -> None:
    rows, skips = read_all(Arxiv(path="x", licences="any"), [f"{corpus}/arxiv/oai"])
    assert len(rows) == 4
    assert reasons(skips)["deleted"] == 4
    assert sum(reason.startswith("OAI error") for reason in reasons(skips)) == 7


@pytest.mark.parametrize(
    "step", [Gutenberg(path="x"), Wikipedia(path="x"), Arxiv(path="x", licences="any"), Files(path="x")], ids=lambda step: step.use
)
def test_hostile_files_cost_only_themselves(corpus: Path, step: Gutenberg) -> None:
    _, skips = read_all(step, [f"{corpus}/other/nasty/*"])
    assert all(skip.file and skip.reason for skip in skips)
    assert skips


@pytest.mark.parametrize(
    "step", [Gutenberg(path="x"), Wikipedia(path="x"), Arxiv(path="x", licences="any"), Files(path="x")], ids=lambda step: step.use
)
def test_no_file_of_any_kind_makes_a_source_fail(corpus: Path, step: Gutenberg) -> None:
    rows, skips = read_all(step, [str(corpus)])
    assert rows
    assert skips
