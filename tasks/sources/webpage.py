"""HTML pages as text: blocks of visible words, navigation and scripts left out."""

import re
from typing import Any

from lxml import etree, html

_LEFT_OUT = (
    "script",
    "style",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "noscript",
    "svg",
    "math",
    "figure",
    "table",
    "iframe",
    "button",
)
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "main",
        "body",
        "tr",
        "td",
        "th",
    ]
)


_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)


_KEPT = "\ue000"
"""Stands for the next text that is kept as it is, inside `pre`."""


def charset_of(page: bytes) -> str | None:
    """Give the charset that a page declares in its first bytes (WHATWG HTML: within 1024)."""
    found = _CHARSET.search(page[:1024])
    return found[1].decode("ascii") if found else None


def read_html(text: str) -> tuple[str, str]:
    """Give a page's title and its main text, blocks parted by empty lines; both empty for what is no page."""
    try:
        tree = html.document_fromstring(
            text.replace(_KEPT, "").encode(), parser=html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True)
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return "", ""
    etree.strip_elements(tree, *_LEFT_OUT, with_tail=False)
    title = " ".join((tree.findtext(".//title") or "").split())
    mains: Any = tree.xpath("//main|//*[@role='main']") or tree.xpath("//article[not(ancestor::article)]")
    body = tree.find("body")
    roots = mains or ([] if body is None else [body])
    kept = [_kept(element) for root in roots for element in list(root.iter("pre"))]
    pieces: list[str] = []
    for root in roots:
        _gather(root, pieces)
        pieces.append("\n")
    blocks = (" ".join(block.split()) for block in re.split(r"\n+", "".join(pieces)))
    text = "\n\n".join(block for block in blocks if block)
    return title, re.sub(_KEPT, lambda _: kept.pop(0), text)


def _kept(element: Any) -> str:
    """Take a preformatted text out of its place, and leave a sign there."""
    text = str(element.text_content()).strip("\n")
    tail = element.tail
    element.clear()
    element.text, element.tail = _KEPT, tail
    return text


def _gather(root: etree._Element, pieces: list[str]) -> None:
    for event, element in etree.iterwalk(root, events=("start", "end")):
        block = element.tag in _BLOCKS
        pieces.append("\n" if block else "")
        if event == "start":
            pieces.append(re.sub(r"\s+", " ", element.text or ""))
        elif element is not root:
            pieces.append(re.sub(r"\s+", " ", element.tail or ""))
