"""Plain-text books of Project Gutenberg: what is the book, what is not, and how it is wrapped."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tasks.sources.outline import Outline
from tasks.text.arrow import Offsets

EDGE = 12
"""Paragraphs at each end of a book among which words about the file are looked for."""
HEAD_LINES = 900
"""The header and the small print end within this many lines."""

_START = re.compile(
    r"^[ \t]*\*{3}\s*START OF (?:THE|THIS) PROJECT GUTENBERG[^\n]*(?:\n(?!\s*\n)[^\n*]*\*{3})?[^\n]*$", re.IGNORECASE | re.MULTILINE
)
_SMALL_PRINT_END = re.compile(r"^[ \t]*\*END[ *]*THE SMALL PRINT![^\n]*$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(
    r"^[ \t]*(?:\*{3}\s*END OF (?:THE|THIS) PROJECT GUTENBERG|(?:The )?End of (?:the |this )?Project Gutenberg(?:'s|’s)?\b)[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(
    r"^[ \t]*(Title|Author|Translator|Editor|Language|Release Date|Posting Date|Character set encoding)[ \t]*:[ \t]*(.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"\[\s*e?-?(?:book|text)\s*#\s*(\d+)\s*\]", re.IGNORECASE)
_OLD_TITLE = re.compile(
    r"^[ *]*(?:The |This is the )?Project Gutenberg(?:'s)? (?:e-?text|e-?book|edition) of,? (.{1,200}?)(?:,? by ([^\n*]{1,200}?))?[ *]{0,80}$",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHTED = re.compile(r"\bcopyrighted Project Gutenberg\b|This e(?:book|text) is copyright(?:ed)? protected", re.IGNORECASE)
_CREDITS = re.compile(
    r"^\W*(?:Produced by|E-?text (?:prepared|produced) by|Transcribed (?:from|by)|Prepared by|Scanned by|This e-?(?:text|book) was (?:prepared|produced|scanned)|"
    r"HTML version by|Credits:|Updated editions|Proofread by|Digitized by)",
    re.IGNORECASE,
)
_ABOUT_THE_FILE = re.compile(r"\be-?texts?\b|\bproject gutenberg\b|\bascii\b|\(underscore|\bunderscores\b", re.IGNORECASE)
"""What only words about the file, not the book, say; believed near its ends."""
_NOTE = re.compile(r"^\W*(?:\w+\s+)?transcriber['’]?s?['’]?\s+notes?\b", re.IGNORECASE)
_CHAPTER = re.compile(
    r"^(?:(?:CHAPTER|BOOK|PART|VOLUME|CANTO|ACT|SCENE|LETTER|STAVE|SECTION)\b[ .:\-—]*(?:[IVXLCDM]+\b|\d+|THE\b|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|FIRST|SECOND|THIRD|LAST)"
    r"|PREFACE|INTRODUCTION|PROLOGUE|EPILOGUE|CONCLUSION|FOREWORD|DEDICATION|APPENDIX)\b",
    re.IGNORECASE,
)
_CAPITALS = np.zeros(256, np.bool_)
_CAPITALS[list(b"*_=" + b"CBPVASLIEFD" + b"cbpvasliefd")] = True
"""What a heading that _CHAPTER knows may begin with."""
_FRAME = "[+|*- "
"""What notes are framed with."""
HEADING = 160
"""A heading has fewer signs."""
_LEVELS = {"VOLUME": 1, "BOOK": 1, "PART": 1, "ACT": 1}
_ITALICS = re.compile(r"(?<![\w_])_(?=\S)([^_\n]{1,400}?(?:\n[^_\n]{1,400}?){0,6})(?<=\S)_(?![\w_])")
_ILLUSTRATION = re.compile(r"\[Illustration[^\]]{0,2000}\]|\[[^\]\n]{0,40}Transcriber['’]?s?['’]? note[^\]]{0,500}\]", re.IGNORECASE)
_HTML = re.compile(r"^\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Book:
    """A book's own text with what its header says; `confidence` is below .5 for what is no book."""

    outline: Outline
    confidence: float
    fields: dict[str, str] = field(default_factory=dict)
    number: str = ""
    copyrighted: bool = False


def read_book(text: str) -> Book:
    """Find the book in a file's text: no legal text, no credits, no transcriber's notes, paragraphs unwrapped.

    The book begins after the last of the header's end markers within HEAD_LINES; a START line
    that stands again further on is taken out, not taken for the beginning.
    """
    if _HTML.match(text):
        return Book(Outline(), 0.1)
    marks = _marks(text)
    header_end, marked = _header_end(text, marks)
    ends = [start for start in marks if start >= header_end and _END.match(text, start)]
    body_end = next((end for end in ends if end - header_end > 0.5 * (len(text) - header_end)), ends[-1] if ends else len(text))
    head = text[: max(header_end, 4000)]
    outline = _outline(_clean(_without_starts(text, marks, header_end, body_end)))
    fields = {name.lower(): value.strip() for name, value in reversed(_FIELD.findall(head))}
    if "title" not in fields and (old := _OLD_TITLE.search(head)):
        fields |= {name: value.strip() for name, value in (("title", old[1]), ("author", old[2])) if value}
    number = _NUMBER.search(head)
    return Book(
        outline,
        _confidence(outline.text(), marked=marked, ended=bool(ends), head=head),
        fields,
        number[1] if number else "",
        bool(_COPYRIGHTED.search(head)),
    )


def _marks(text: str) -> list[int]:
    """Give the starts of the lines that name Gutenberg: only they can be markers."""
    found = set()
    for name in ("Gutenberg", "GUTENBERG", "gutenberg"):
        at = text.find(name)
        while at >= 0:
            found.add(text.rfind("\n", 0, at) + 1)
            at = text.find(name, at + 1)
    return sorted(found)


def _without_starts(text: str, marks: list[int], start: int, end: int) -> str:
    """Give the text from `start` to `end` without further START lines."""
    pieces = []
    for mark in marks:
        found = _START.match(text, mark, end) if mark >= start else None
        if found:
            pieces.append(text[start : found.start()])
            start = found.end()
    return "".join([*pieces, text[start:end]])


def declared_charset(data: bytes) -> str | None:
    """Give the charset that a file's header names; it may lie."""
    found = re.search(rb"Character set encoding:\s*([\w-]+)", data[:8000], re.IGNORECASE)
    return found[1].decode("ascii") if found else None


def _header_end(text: str, marks: list[int]) -> tuple[int, bool]:
    limit = 0
    for _ in range(HEAD_LINES):
        after = text.find("\n", limit) + 1
        if not after:
            limit = len(text)
            break
        limit = after
    started = next((found for mark in marks if (found := _START.match(text, mark, limit))), None)
    small = "SMALL PRINT" in text[:limit].upper() and next(_SMALL_PRINT_END.finditer(text, 0, limit), None)
    ends = [match.end() for match in (started, small) if match]
    return (max(ends), True) if ends else (0, False)


def _confidence(text: str, *, marked: bool, ended: bool, head: str) -> float:
    words = text.count(" ", 0, 20_000)
    if words < 100:
        return 0.6 if marked and ended and words > 10 else 0.2
    sample = text[:20_000:5]
    letters = (sum(map(str.isalpha, sample)) + sum(map(str.isspace, sample))) / len(sample)
    named = "gutenberg" in head.lower()
    return round(min(0.99, 0.3 * letters + 0.25 + 0.25 * marked + 0.1 * ended + 0.1 * named), 2)


def _clean(body: str) -> str:
    return _replaced(_replaced(body, "[", _ILLUSTRATION), "_", _ITALICS)


def _replaced(text: str, sign: str, pattern: re.Pattern[str]) -> str:
    """Replace what a pattern that begins with `sign` matches by its group, if it has one.

    A search for the sign alone is many times faster than one for the pattern.
    """
    pieces, start, at = [], 0, text.find(sign)
    while at >= 0:
        found = pattern.match(text, at)
        if found:
            pieces += [text[start:at], found[pattern.groups] if pattern.groups else ""]
            start = found.end()
        at = text.find(sign, max(start, at + 1))
    return "".join([*pieces, text[start:]])


def _outline(body: str) -> Outline:
    from tasks.text.wrapping import joined, lines_of, paragraphs_of, width_of

    data = body.encode()
    flat = np.frombuffer(data or b"\n", np.uint8)
    lines = lines_of(flat)
    paragraphs = paragraphs_of(lines)
    if not len(paragraphs.firsts):
        return Outline()
    starts, ends = lines.firsts[paragraphs.firsts], lines.ends[paragraphs.lasts - 1]
    pieces = _Pieces(data, starts, ends)
    kept = np.ones(len(starts), np.bool_)
    kept[_notes(pieces)] = False
    short = np.flatnonzero(kept & (paragraphs.lasts - paragraphs.firsts <= 3) & (ends - starts < 4 * HEADING) & _CAPITALS[flat[starts]])
    heads = {place: head for place in short.tolist() if (head := _heading(pieces.text(place)))}
    kept[list(heads)] = False
    text, places = joined(flat, lines, paragraphs, kept, width_of(lines))
    return Outline.whole(text, ((title, level, int(places[place])) for place, (title, level) in heads.items()))


class _Pieces(NamedTuple):
    """The paragraphs of a text by their bytes."""

    data: bytes
    starts: Offsets
    ends: Offsets

    def text(self, place: int) -> str:
        """Give one of them."""
        return self.data[self.starts[place] : self.ends[place]].decode()


def _heading(paragraph: str) -> tuple[str, int] | None:
    first = paragraph.partition("\n")[0].strip().strip("*_=")
    if len(paragraph) >= HEADING or not _CHAPTER.match(first):
        return None
    return " ".join(paragraph.split()), _LEVELS.get(first.split()[0].upper().rstrip("."), 2)


def _notes(pieces: _Pieces) -> list[int]:
    """Find transcriber's notes, credits, and near the ends what speaks of the file and not the book."""
    count = len(pieces.starts)
    last = range(max(count - EDGE + 1, 0), count)
    noted = {place for place in _places(pieces, b"transcriber") if _is_note(pieces.text(place))}
    found = set(noted)
    for place in {*range(min(EDGE, count)), *last} - noted:
        paragraph = pieces.text(place)
        credited = place < EDGE and _CREDITS.match(paragraph.lstrip(_FRAME))
        if credited or _ABOUT_THE_FILE.search(paragraph):
            found.add(place)
    for place in sorted(noted & {*last}):
        if not pieces.text(place).endswith("]"):
            found.update(range(place, min((other for other in noted if other > place), default=count)))
    return sorted(found)


def _is_note(paragraph: str) -> bool:
    return len(paragraph) < 4000 and _NOTE.match(paragraph.lstrip(_FRAME)) is not None


def _places(pieces: _Pieces, word: bytes) -> list[int]:
    """Give the paragraphs that hold a word, in letters of any case."""
    low = pieces.data.lower()
    found, at = [], low.find(word)
    while at >= 0:
        place = int(np.searchsorted(pieces.starts, at, "right")) - 1
        found.append(place)
        at = low.find(word, int(pieces.ends[place]))
    return found
