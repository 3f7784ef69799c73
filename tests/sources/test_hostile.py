"""Markup made to cost much: what is repeated ever so often is read in a time that grows as its length does.

Each input took minutes or was never done where the time grew with the square; the limit is far above what it takes now.
"""

import io
import tarfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.sources.archives import MAX_HEADER_BYTES
from tasks.sources.booktext import read_book
from tasks.sources.files import Files
from tasks.sources.latex import read_latex
from tasks.sources.latexsource import flatten
from tasks.sources.opening import Unreadable
from tasks.sources.wikitext import read_wikitext
from tests.packing import tar_of
from tests.sources.helpers import read_all, reasons

MANY = 60_000
LIMIT_SECONDS = 15.0
"""CPU seconds; a second is usual."""


def latex(source: str) -> object:
    return read_latex(flatten("a.tex", {"a.tex": source}))


@pytest.mark.parametrize(
    ("read", "source"),
    [
        (read_wikitext, "<pre" * MANY),
        (read_wikitext, "<pre>" * MANY),
        (read_wikitext, "<ref>" * MANY),
        (read_wikitext, "<ref>" + "</ref" + " " * MANY),
        (read_wikitext, "[http://a" + " " * MANY),
        (read_wikitext, "{{a|" + " " * MANY + "}}"),
        (read_wikitext, "".join(f"== h{n} ==\n" for n in range(MANY))),
        (read_book, "Project Gutenberg edition of " + "a, by " * MANY),
        (latex, "\\newcommand\\a" + " " * MANY),
        (latex, "\\def\\a{" * MANY),
        (latex, "\\title{" * MANY),
        (latex, "\\section{" * MANY),
        (latex, "\\a[" * (MANY // 2)),
        (latex, "\\begin{abstract}" * MANY),
        (latex, "\\begin{verbatim}" * MANY),
        (latex, "\\begin{figure}" * MANY),
        (latex, "( " * MANY),
        (latex, "\\newcommand{\\m}[1]{" + "#1" * 4000 + "}\\begin{document}\\m{" + "\\a " * 9000 + "}"),
    ],
)
def test_repetition_costs_no_more_than_its_length(read: Callable[[str], object], source: str) -> None:
    begun = time.process_time()
    read(source)
    assert time.process_time() - begun < LIMIT_SECONDS


def test_inputs_that_multiply_are_stopped() -> None:
    files = {f"{n}.tex": f"some words {n} \n" * 20 + f"\\input{{{n + 1}}}\n" * 10 for n in range(12)}
    with pytest.raises(Unreadable, match="inputs make more than"):
        flatten("0.tex", files)


def test_a_definition_that_is_not_closed_costs_its_line() -> None:
    text = read_latex("\\newcommand{\\a}{\\textbf{#1}\n\\begin{document}\n\nWords of \\textbf{the} paper.\n\\end{document}").outline.text()
    assert text == "Words of the paper."


def test_a_figure_that_does_not_end_costs_no_later_one() -> None:
    figure = "\\begin{figure}\nhidden\n\\end{figure}\n\n"
    text = read_latex(
        "\\begin{document}\nOne.\n\n\\begin{figure}\n\nTwo.\n\n" + figure + "Three.\n\n" + figure + "Four.\\end{document}"
    ).outline.text()
    assert text.split("\n\n") == ["One.", "Two.", "Three.", "Four."]


def test_members_of_one_name_are_all_read(tmp_path: Path) -> None:
    held = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(held, "w") as file:
        warnings.simplefilter("ignore")
        for number in range(3000):
            file.writestr("a.txt", f"text {number}")
    (tmp_path / "a.zip").write_bytes(held.getvalue())
    rows, _ = read_all(Files(path="x"), [str(tmp_path)])
    assert len(rows) == 3000
    assert len({row["text"] for row in rows}) == 3000


def test_a_name_without_end_stops_a_tar(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, MAX_HEADER_BYTES + 1
    data = tar_of({"good.txt": b"some text"})[:1024] + header.tobuf(tarfile.GNU_FORMAT) + b"x" * (MAX_HEADER_BYTES + 1024)
    (tmp_path / "a.tar").write_bytes(data)
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["some text"]
    assert reasons(skips) == {f"tar has a name or header of more than {MAX_HEADER_BYTES} bytes": 1}
