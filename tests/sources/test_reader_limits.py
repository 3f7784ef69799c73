"""What a reviewer found by trying: each cost more than itself once, or came as an error without a sentence."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.errors import SourceError
from tasks.sources.arxiv import Arxiv
from tasks.sources.files import Files
from tasks.sources.pgrdf import table_of
from tasks.sources.wikipedia import Wikipedia
from tasks.sources.wikitext import read_wikitext
from tests.mirrors.archive import eprint
from tests.mirrors.catalogue import archive, rdf
from tests.packing import tar_of
from tests.sources.helpers import read_all, reasons
from tests.texts import prose


def tarred(count: int) -> bytes:
    return tar_of({f"{number}.txt": b"some text" for number in range(count)})


@pytest.mark.parametrize("harm", ["header", "cut", "cut in a header"])
def test_a_tar_that_breaks_off_says_so(tmp_path: Path, harm: str) -> None:
    data = bytearray(tarred(20))
    data[10 * 1024 + 5] ^= 0x10
    (tmp_path / "a.tar").write_bytes(
        {"header": bytes(data), "cut": tarred(20)[: 10 * 1024], "cut in a header": tarred(20)[: 10 * 1024 + 100]}[harm]
    )
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert len(rows) == 10
    assert len(skips) == 1
    assert skips[0].reason.startswith("tar ")


def test_a_bulk_tar_that_breaks_off_says_so(tmp_path: Path) -> None:
    papers = {f"2601/2601.0000{n}.gz": eprint(n) for n in range(1, 5)}
    data = bytearray(tar_of(papers))
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
        data[tar.getmembers()[2].offset + 3] ^= 0x10
    (tmp_path / "arXiv_src_2601_001.tar").write_bytes(bytes(data))
    rows, skips = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert len(rows) == 2
    assert reasons(skips) == {"tar is damaged": 1}


def test_a_document_without_one_of_its_parts_is_not_read_as_whole(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", f"<w:document><w:body><w:p><w:t>{prose(1)}</w:t></w:p></w:body></w:document>")
        file.writestr("word/styles.xml", "<a>" + prose(2, 40) + "</a>")
    data = bytearray(held.getvalue())
    data[data.index(b"word/styles.xml") + 60] ^= 0xFF
    (tmp_path / "a.docx").write_bytes(bytes(data))
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert (rows, reasons(skips)) == ([], {"zip is damaged": 1})


def test_the_catalogue_is_never_half_of_it(tmp_path: Path) -> None:
    data = bytearray(archive({str(n): rdf(n, n) for n in range(1, 21)}))
    (tmp_path / "a").write_bytes(bytes(data))
    assert table_of(tmp_path / "a").height == 20
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a").write_bytes(bytes(data))
    with pytest.raises(SourceError, match="cannot be read"):
        table_of(tmp_path / "a")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_record_nested_too_deeply_costs_itself(tmp_path: Path, name: str) -> None:
    deep = '{"text": "deep", "x": ' + "[" * 600 + "]" * 600 + "}"
    (tmp_path / name).write_text(f'{deep}\n{{"text": "good"}}\n')
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert "good" in [row["text"] for row in rows]
    assert set(reasons(skips)) <= {"nested too deeply"}


def test_a_damaged_member_of_a_zip_costs_itself(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("bad.txt", b"bad words " * 50)
        file.writestr("good.txt", b"good words " * 50)
    data = bytearray(held.getvalue())
    data[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(bytes(data))
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"][:4] for row in rows] == ["good"]
    assert [(skip.place, skip.reason) for skip in skips] == [("bad.txt", "zip is damaged")]


def test_a_cell_that_is_too_long_costs_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"text\tb\n1\t" + b"x" * (9 << 20) + b"\nlast\t3\n")
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["last"]
    assert reasons(skips) == {"broken CSV: larger than a cell may be": 1}


def test_a_text_that_is_wanted_elsewhere_leaves_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a b"}\n')
    rows, skips = read_all(Files(path="x", columns={"title": "text"}), [str(tmp_path)])
    assert (rows, reasons(skips)) == ([], {"no text": 1})


def test_a_cut_page_is_no_article(tmp_path: Path) -> None:
    (tmp_path / "a.wiki.gz").write_bytes(gzip.compress(json.dumps(prose(1, 400)).encode())[:3000])
    (tmp_path / "b.wiki").write_text(f"{prose(2)} Write <page title=x> there. {prose(3)}")
    rows, skips = read_all(Wikipedia(path="x"), [str(tmp_path)])
    assert len(rows) == 1
    assert "cut in the middle" not in rows[0]["text"]
    assert prose(3)[-40:] in rows[0]["text"]
    assert reasons(skips) == {"gzip ends too early": 1}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a " + "(" * 3000 + "{{x}}" + ")" * 3000, "a"),
        ("{{formatnum:1234}} people", "1234 people"),
        ("uses {{x}} .NET framework", "uses .NET framework"),
        ("text\n[[Star Trek:Voyager]]\nmore", "text\n\nStar Trek:Voyager\n\nmore"),
    ],
    ids=["parentheses", "function", "name with a point", "title with a colon"],
)
def test_wikitext_is_read_as_it_is_meant(source: str, text: str) -> None:
    assert read_wikitext(source).text() == text


def test_a_list_is_no_redirect(tmp_path: Path) -> None:
    (tmp_path / "a.wiki").write_text("# Born in [[Paris]] and then lived there.\n" + prose(1))
    (tmp_path / "b.wiki").write_text("#REDIRECT [[A]]")
    (tmp_path / "c.wiki").write_text("#đổi hướng [[A]]")
    rows, skips = read_all(Wikipedia(path="x"), [str(tmp_path)])
    assert [row["unit"] for row in rows] == ["a.wiki"]
    assert reasons(skips) == {"redirect": 2}


def test_a_percent_in_an_address_is_no_comment(tmp_path: Path) -> None:
    body = f"See \\url{{http://a.b/c%20d}} and more text.\nNext. % gone\n{prose(1)}"
    (tmp_path / "2601.00001.tex").write_text(f"\\documentclass{{article}}\\begin{{document}}{body}\\end{{document}}")
    (row,), _ = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert row["text"].startswith("See http://a.b/c%20d and more text. Next.")
    assert "gone" not in row["text"]
