"""Records of huge XML files, each cut out by its tags and parsed by itself.

One broken record costs that record only, and no parser ever holds more than one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from tasks.sources.opening import Unreadable

MAX_RECORD_BYTES = 64 << 20
_DROP = bytes(set(range(32)) - {9, 10, 13})


class Fragment(NamedTuple):
    """A piece of an XML stream: its head (kind `head`), a record (`record`), or what was lost (`lost`, the reason)."""

    kind: str
    data: bytes


def fragments(stream: Iterator[bytes], tag: str) -> Iterator[Fragment]:
    """Yield the head of an XML stream, then each `<tag …>…</tag>`; what is cut or damaged is named as lost."""
    opening, closing = f"<{tag}".encode(), f"</{tag}>".encode()
    buffer = b""
    headed = False
    fault = ""
    source = _utf8(stream)
    while True:
        try:
            chunk = next(source, None)
        except Unreadable as error:
            chunk, fault = None, str(error)
        buffer += (chunk or b"").translate(None, _DROP)
        at = 0
        while (end := buffer.find(closing, at)) >= 0:
            start = _opened(buffer, opening, at, end)
            if not headed:
                yield Fragment("head", buffer[: max(start, 0)])
                headed = True
            yield from _cut(buffer, opening, start, end, end + len(closing))
            at = end + len(closing)
        buffer = buffer[at:]
        if len(buffer) > MAX_RECORD_BYTES:
            yield Fragment("lost", f"record of more than {MAX_RECORD_BYTES} bytes".encode())
            buffer = buffer[-len(closing) :]
        if chunk is None:
            break
    if not headed:
        yield Fragment("head", buffer)
    if fault:
        yield Fragment("lost", fault.encode())
    elif _opened(buffer, opening, 0, len(buffer)) >= 0:
        yield Fragment("lost", b"record cut in the middle")


def _cut(buffer: bytes, opening: bytes, start: int, end: int, stop: int) -> Iterator[Fragment]:
    """Yield the record that ends at `stop`: records do not nest, so what is opened before its last opening was cut."""
    if start < 0:
        yield Fragment("lost", b"record without a beginning")
        return
    last = _last(buffer, opening, start, end)
    if last > start:
        yield Fragment("lost", b"record cut in the middle")
    yield Fragment("record", buffer[last:stop])


def _opened(buffer: bytes, opening: bytes, start: int, end: int) -> int:
    at = buffer.find(opening, start, end)
    while at >= 0 and buffer[at + len(opening) : at + len(opening) + 1] not in (b">", b" ", b"\n", b"\t", b"/"):
        at = buffer.find(opening, at + 1, end)
    return at


def _last(buffer: bytes, opening: bytes, start: int, end: int) -> int:
    """Find the last opening before `end`: records do not nest, so one that is cut is followed by the next."""
    at = start
    while (further := _opened(buffer, opening, at + 1, end)) >= 0:
        at = further
    return at


def _utf8(stream: Iterator[bytes]) -> Iterator[bytes]:
    import codecs

    first = next(stream, b"")
    encoding = "utf-16" if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ""
    if not encoding:
        yield first
        yield from stream
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).encode()
    for chunk in stream:
        yield decoder.decode(chunk).encode()


def parse(data: bytes, *, recover: bool = False) -> etree._Element | None:
    """Parse one record without entities, network or DTD; None where it is no XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=recover, huge_tree=True)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return None


def local(element: etree._Element) -> str:
    """Give an element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """Walk down by local names; None where a step is missing."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local(inner) == name), None)
    return element


def text_of(element: etree._Element | None, *path: str) -> str:
    """Give the text of the element at `path`, empty where there is none."""
    found = child(element, *path)
    return (found.text or "").strip() if found is not None else ""


def fields_of(element: etree._Element | None) -> dict[str, str]:
    """Give the texts of an element's children by local name, of each name the first."""
    found: dict[str, str] = {}
    for inner in element if element is not None else ():
        found.setdefault(local(inner), inner.text or "")
    return found
