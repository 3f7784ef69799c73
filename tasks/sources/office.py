"""Documents in files of many parts: EPUB, DOCX and, with the extra `documents`, PDF, as text with headings."""

import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple
from urllib.parse import unquote

from lxml import etree, html

from tasks.sources.fragments import local, parse
from tasks.sources.opening import Unreadable
from tasks.sources.outline import Outline

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS = ("p", "li", "pre", "blockquote", "dt", "dd", "td", "th", "div", *_HEADINGS)
_SILENT = ("script", "style", "nav", "svg", "math", "figure", "aside")


class Document(NamedTuple):
    """A document's text with its headings, and what it says of itself."""

    outline: Outline
    title: str | None = None
    authors: tuple[str, ...] = ()
    language: str | None = None


def is_document(names: Collection[str]) -> bool:
    """Tell an EPUB or a DOCX from other archives by the names in it."""
    return "META-INF/container.xml" in names or "word/document.xml" in names


def read_parts(files: Mapping[str, bytes]) -> Document | None:
    """Read an EPUB or a DOCX from its parts; None for any other archive, Unreadable for one that is broken or closed."""
    if "META-INF/container.xml" in files:
        return _epub(files)
    return _docx(files) if "word/document.xml" in files else None


def _xml(files: Mapping[str, bytes], name: str) -> etree._Element:
    element = parse(files[name], recover=True) if name in files else None
    if element is None:
        raise Unreadable(f"{name} is missing or broken")
    return element


def _named(root: etree._Element, name: str) -> Iterator[etree._Element]:
    return (element for element in root.iter() if local(element) == name)


def _said(root: etree._Element, name: str) -> list[str]:
    found = (" ".join("".join(map(str, element.itertext())).split()) for element in _named(root, name))
    return [text for text in found if text]


def _epub(files: Mapping[str, bytes]) -> Document:
    if "META-INF/encryption.xml" in files and b"http://www.idpf.org/2008/embedding" not in files["META-INF/encryption.xml"]:
        raise Unreadable("EPUB is encrypted")
    place = next((element.get("full-path") or "" for element in _named(_xml(files, "META-INF/container.xml"), "rootfile")), "")
    package = _xml(files, place)
    hrefs = {item.get("id"): join(dirname(place), unquote(item.get("href") or "")) for item in _named(package, "item")}
    outline = Outline()
    for chapter in _named(package, "itemref"):
        content = files.get(normpath(hrefs.get(chapter.get("idref"), "")))
        if content is not None:
            _chapter(content, outline)
    languages = _said(package, "language")
    return Document(
        outline,
        next(iter(_said(package, "title")), None),
        tuple(_said(package, "creator")),
        languages[0][:2].lower() if languages else None,
    )


def _chapter(content: bytes, outline: Outline) -> None:
    """Append a page of a book: its headings, and its innermost blocks as paragraphs."""
    try:
        tree = html.document_fromstring(re.sub(rb"^\s*<\?xml[^>]*\?>", b"", content), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return
    etree.strip_elements(tree, *_SILENT, with_tail=False)
    for line in tree.iter("br"):
        line.tail = f"\n{line.tail or ''}"
    blocks: Any = list(tree.iter(*_BLOCKS))
    for element in blocks:
        if any(inner.tag in _BLOCKS for inner in element.iterdescendants()):
            continue
        lines = (" ".join(line.split()) for line in str(element.text_content()).split("\n" if element.find(".//br") is not None else "\0"))
        text = "\n".join(line for line in lines if line)
        if element.tag in _HEADINGS and text:
            outline.heading(" ".join(text.split()), _HEADINGS[str(element.tag)])
        else:
            outline.add(text)


def _docx(files: Mapping[str, bytes]) -> Document:
    outline = Outline()
    body = next(_named(_xml(files, "word/document.xml"), "body"), None)
    for block in body if body is not None else ():
        if local(block) == "p":
            _paragraph(block, outline)
        elif local(block) == "tbl":
            rows = (" | ".join(filter(None, (_words(cell) for cell in _named(row, "tc")))) for row in _named(block, "tr"))
            outline.add("\n".join(row for row in rows if row))
    about = parse(files.get("docProps/core.xml", b""), recover=True)
    if about is None:
        return Document(outline)
    return Document(outline, next(iter(_said(about, "title")), None), tuple(_said(about, "creator")))


def _paragraph(block: etree._Element, outline: Outline) -> None:
    style = next((value for element in _named(block, "pStyle") for name, value in element.attrib.items() if str(name).endswith("val")), "")
    level = re.fullmatch(r"(?:heading|berschrift|titre|ttulo)\s*(\d)", str(style), re.IGNORECASE)
    text = _words(block)
    if text and (level or str(style).lower() == "title"):
        outline.heading(" ".join(text.split()), int(level[1]) if level else 1)
    else:
        outline.add(text)


def _words(root: etree._Element) -> str:
    signs = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
    pieces = [(element.text or "") if local(element) == "t" else signs.get(local(element), "") for element in root.iter()]
    return "".join(pieces).strip()


def read_pdf(data: bytes) -> Document:
    """Read the text of a PDF page by page: lines joined, what most pages repeat left out; Unreadable where there is none."""
    try:
        import pypdf
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise Unreadable("PDF: install the extra `documents`") from error
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("PDF is encrypted")
        pages = [page.extract_text() for page in reader.pages]
        about: Any = reader.metadata
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, NotImplementedError) as error:
        raise Unreadable("PDF is damaged") from error
    outline = Outline()
    for paragraph in _flowing([page.splitlines() for page in pages]):
        outline.add(paragraph)
    if not outline.text():
        raise Unreadable("PDF holds no text, only pictures")
    title, author = (about.title, about.author) if about else (None, None)
    return Document(outline, str(title) if title else None, (str(author),) if author else ())


def _flowing(pages: list[list[str]]) -> Iterator[str]:
    """Give the paragraphs of pages without the first and last lines that most pages share, numbers apart."""
    edges = Counter(re.sub(r"\d+", "#", line.strip()) for page in pages if page for line in {page[0], page[-1]})
    common = {line for line, count in edges.items() if count > 1 and count * 2 > len(pages)}
    lines = [line for page in pages for line in page if re.sub(r"\d+", "#", line.strip()) not in common]
    lengths = sorted(len(line) for line in lines if len(line) > 20)
    width = lengths[int(0.9 * len(lengths))] if lengths else 0
    held: list[str] = []
    for line in lines:
        held.append(line)
        if not line.strip() or len(line) < 0.8 * width:
            yield _joined(held, width)
            held = []
    yield _joined(held, width)


def _joined(lines: list[str], width: int) -> str:
    from tasks.text.wrapping import unwrap

    whole = [line for line in lines if line.strip()]
    return re.sub(r"(\w)- (?=[a-z])", r"\1", unwrap("\n".join(whole), width)) if whole else ""
