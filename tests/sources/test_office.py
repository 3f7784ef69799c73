"""EPUB, DOCX and PDF as text with headings."""

import zipfile
from pathlib import Path

import pytest

from tasks.sources.files import Files
from tests.sources.helpers import read_all
from tests.texts import prose

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
PACKAGE = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>A Book</dc:title><dc:creator>Ada Reed</dc:creator>'
    '<dc:language>en-GB</dc:language></metadata><manifest><item id="b" href="text/b%20b.xhtml"/><item id="a" href="text/a.xhtml"/>'
    '<item id="n" href="nav.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="gone"/></spine></package>'
)


def page(body: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title><style>p{{}}</style></head><body>{body}</body></html>'


def write_epub(path: Path, more: dict[str, str] | None = None) -> None:
    parts = {
        "mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OEBPS/content.opf": PACKAGE, "OEBPS/nav.xhtml": page("<p>Contents</p>"),
        "OEBPS/text/a.xhtml": page(f"<h1>One</h1><p>{prose(1)}</p><blockquote><p>A line,<br/>another.</p></blockquote>"),
        "OEBPS/text/b b.xhtml": page(f"<h2>Two &amp; more</h2><div><p>Café. {prose(2)}</p></div><ul><li>first</li><li>second</li></ul>"),
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**parts, **(more or {})}.items():
            archive.writestr(name, text)


def test_an_epub_is_read_in_the_order_of_its_spine(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub")
    (row,), skips = read_all(Files(path="x"), [str(tmp_path)])
    assert row["text"] == f"{prose(1)}\n\nA line,\nanother.\n\nCafé. {prose(2)}\n\nfirst\n\nsecond"
    assert (row["title"], row["authors"], row["language"]) == ("A Book", ["Ada Reed"], "en")
    assert [(section["title"], section["level"]) for section in row["sections"]] == [("One", 1), ("Two & more", 2)]
    assert not skips


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def paragraph(text: str, style: str = "") -> str:
    told = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{told}<w:r><w:t>{text}</w:t></w:r></w:p>"


def test_a_docx_gives_its_paragraphs_headings_and_tables(tmp_path: Path) -> None:
    table = f"<w:tbl><w:tr><w:tc>{paragraph('a')}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>"
    deleted = "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>kept</w:t><w:tab/><w:t>on</w:t></w:r></w:p>"
    body = paragraph("Head", "Heading2") + paragraph(prose(1)) + table + deleted
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>")
        archive.writestr(
            "docProps/core.xml", '<c xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title><dc:creator>A B</dc:creator></c>'
        )
    (row,), _ = read_all(Files(path="x"), [str(tmp_path)])
    assert row["text"] == f"{prose(1)}\n\na | b\n\nkept\ton"
    assert (row["title"], row["authors"], row["sections"][0]["level"]) == ("T", ["A B"], 2)


def write_pdf(path: Path, pages: list[list[str]]) -> None:
    """Write a PDF of lines of text, as small as one can be."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for lines in pages:
        shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
        stream = f"BT /F1 11 Tf 40 780 Td {shown}ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        font = "<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font {font} >> /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    data, places = b"%PDF-1.4\n", []
    for number, held in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{held}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n".encode()
    path.write_bytes(data)


def test_a_pdf_is_read_without_what_its_pages_repeat(tmp_path: Path) -> None:
    first = ["The Journal", "A long line of words that reaches to the very end of the col-", "umn and goes on upon the next line until it is all said here", "and ends.", "7"]  # fmt: skip
    second = ["The Journal", "Another page begins with a line that is about as long as any", "other line of it and stops.", "8"]
    third = ["The Journal", "The last one has a line too, which is as long as it can be so", "that it is joined.", "9"]
    write_pdf(tmp_path / "a.pdf", [first, second, third])
    (row,), _ = read_all(Files(path="x"), [str(tmp_path)])
    assert "Journal" not in row["text"]
    assert "the end of the column and goes on" in row["text"].replace("very ", "")
    assert "7" not in row["text"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"%PDF-1.4 nothing", "PDF is damaged"),
        ("a.xlsx", {"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}, "office document"),
        ("a.odt", {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}, "EPUB or OpenDocument"),
        ("a.epub", {"META-INF/container.xml": CONTAINER}, "OEBPS/content.opf is missing"),
        ("a.docx", {"word/document.xml": ""}, "word/document.xml is missing or broken"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path, name: str, data: bytes | dict[str, str], reason: str) -> None:
    if isinstance(data, bytes):
        (tmp_path / name).write_bytes(data)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for part, text in data.items():
                archive.writestr(part, text)
    (tmp_path / "good.txt").write_text("good")
    rows, (skip,) = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["good"]
    assert reason in skip.reason


def test_an_encrypted_book_and_an_inner_document(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub", {"META-INF/encryption.xml": "<encryption><x/></encryption>"})
    write_epub(tmp_path / "b.bin")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(tmp_path / "b.bin", "in/b.epub")
        archive.writestr("note.txt", "a note")
    (tmp_path / "b.bin").unlink()
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert sorted(row["title"] or "" for row in rows) == ["", "A Book"]
    assert [skip.reason for skip in skips] == ["EPUB is encrypted"]
