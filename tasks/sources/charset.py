"""Bytes to text: a ladder of encodings, ending in one that reads mixed files line by line."""

import codecs
import re
from typing import NamedTuple

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")


_ASCII_CONTROLS = bytes(sign for sign in range(128) if _CONTROLS.match(chr(sign)))


class Decoded(NamedTuple):
    """A text and the encoding that it turned out to have (`mixed`: UTF-8 and Windows-1252 lines)."""

    text: str
    encoding: str


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode bytes: byte order mark, UTF-8, UTF-16 by its zeros, the declared charset, lines by themselves.

    A declared charset is believed only where UTF-8 fails and it is not Latin-1, which
    Windows-1252 includes. Control characters are taken out, line ends are LF.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return Decoded(_clean(data[len(bom) :].decode(name, "replace")), name)
    zeros = (data[:4000:2].count(0), data[1:4000:2].count(0))
    if len(data) >= 8 and max(zeros) > 3 * min(len(data), 4000) // 16:
        name = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        return Decoded(_clean(data.decode(name, "replace")), name)
    try:
        return Decoded(_clean(data.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        pass
    if declared and _trusted(declared):
        try:
            return Decoded(_clean(data.decode(declared)), declared.lower())
        except UnicodeDecodeError:
            pass
    lines = [_line(line) for line in data.split(b"\n")]
    both = {encoding for _, encoding in lines} == {"utf-8", "cp1252"}
    return Decoded(_clean("\n".join(text for text, _ in lines)), "mixed" if both else "cp1252")


def _line(line: bytes) -> tuple[str, str]:
    if line.isascii():
        return line.decode("ascii"), ""
    try:
        return line.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return line.decode("cp1252", "surrogateescape").encode("utf-8", "replace").decode(), "cp1252"


def _trusted(name: str) -> bool:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return False
    return found not in ("utf-8", "ascii", "iso8859-1", "cp1252")


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return text.encode().translate(None, _ASCII_CONTROLS).decode() if text.isascii() else _CONTROLS.sub("", text)
