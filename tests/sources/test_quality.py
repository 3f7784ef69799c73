"""What the sources leave in and out of the real files, within the limits that we set ourselves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.sources.arxiv import Arxiv
from tasks.sources.files import Files
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.wikipedia import Wikipedia
from tasks.step import SourceStep
from tests.benches.sources import books, decoded, dump, iterparse, json_loads, lines, measure, papers
from tests.quality.sources import BOOK_LEAKS, WIKI_LEAKS, judge, main, recall, seen_book, seen_wiki
from tests.sources.test_formats import book
from tests.texts import prose


def test_recall_is_the_share_of_shingles_that_are_still_there() -> None:
    text = prose(1, 30)
    assert recall(text, text) == 1
    assert recall("few words", "few words") is None
    half = recall(text, text[: len(text) // 2])
    assert half is not None
    assert 0.4 < half < 0.6


def test_the_tables_are_printed_for_any_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(book("\n\n".join(prose(n, 6) for n in range(20))))
    (tmp_path / "p.tex").write_text("\\documentclass{article}\\begin{document}" + prose(1, 20) + "\\end{document}")
    page = f"<page><title>A</title><ns>0</ns><id>1</id><revision><text>{prose(1, 30)}</text></revision></page>"
    (tmp_path / "d.xml").write_text(f"<mediawiki>{page}</mediawiki>")
    assert main(str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert "gutenberg: 1 files, 1 rows" in told
    assert "wikipedia: 1 files, 1 rows" in told
    assert "arxiv: 1 files, 1 rows" in told


def test_articles_lose_their_markup_and_keep_their_prose(corpus: Path) -> None:
    step = Wikipedia(path="x")
    found = [judge(step, unit, WIKI_LEAKS, seen_wiki) for unit in step.units([str(corpus / "wikipedia" / "dumps")])]
    words = sum(one.words for one in found)
    for kind in WIKI_LEAKS:
        assert 1000 * sum(one.leaks[kind] for one in found) / words <= 0.02, kind
    assert all(one.recall is None or one.recall >= 0.95 for one in found)


def test_books_lose_the_legal_text_and_keep_their_own(corpus: Path) -> None:
    step = Gutenberg(path="x", copyrighted=True)
    found = [judge(step, unit, BOOK_LEAKS, seen_book) for unit in step.units([str(corpus / "gutenberg" / "raw")])]
    whole = [one for one in found if one.rows and one.words > 1000]
    assert len(whole) >= 15
    assert not sum((one.leaks for one in whole), start=whole[0].leaks.__class__()).total()
    shares = sorted(one.recall or 0 for one in whole)
    assert shares[0] >= 0.93
    assert shares[2] >= 0.97


@pytest.mark.parametrize(
    ("make", "step", "peer"),
    [(dump, Wikipedia(path="x"), iterparse), (books, Gutenberg(path="x"), decoded), (lines, Files(path="x"), json_loads), (papers, Arxiv(path="x", licences="any"), decoded)],
    ids=["wikipedia", "gutenberg", "files", "arxiv"],
)  # fmt: skip
def test_the_benchmark_reads_what_it_writes(
    make: Callable[[Path, float], tuple[Path, int]], step: SourceStep, peer: Callable[[Path], int]
) -> None:
    found = measure("small", make, step, peer, 0.3)
    assert found["peer_counted"] >= found["rows"] > 0
