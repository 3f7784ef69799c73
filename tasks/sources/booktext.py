"""Plain-text books of Project Gutenberg: what is the book, what is not, and how it is wrapped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tasks.sources.outline import Outline

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
    r"^[ *]*(?:The |This is the )?Project Gutenberg(?:'s)? (?:e-?text|e-?book|edition) of,? (.+?)(?:,? by ([^\n*]+?))?[ *]*$",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHTED = re.compile(r"\bcopyrighted Project Gutenberg\b|This e(?:book|text) is copyright(?:ed)? protected", re.IGNORECASE)
_CREDITS = re.compile(
    r"^\W*(?:Produced by|E-?text (?:prepared|produced) by|Transcribed (?:from|by)|Prepared by|Scanned by|This e-?(?:text|book) was (?:prepared|produced|scanned)|"
    r"HTML version by|Credits:|Updated editions|Proofread by|Digitized by)",
    re.IGNORECASE,
)
_ABOUT_THE_FILE = re.compile(r"\be-?texts?\b|\bproject gutenberg\b", re.IGNORECASE)
"""What only words about the file, not the book, say; believed near its ends."""
_NOTE = re.compile(r"^\W*(?:\w+\s+)?transcriber['’]?s?['’]?\s+notes?\b", re.IGNORECASE)
_CHAPTER = re.compile(
    r"^(?:(?:CHAPTER|BOOK|PART|VOLUME|CANTO|ACT|SCENE|LETTER|STAVE|SECTION)\b[ .:\-—]*(?:[IVXLCDM]+\b|\d+|THE\b|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|FIRST|SECOND|THIRD|LAST)"
    r"|PREFACE|INTRODUCTION|PROLOGUE|EPILOGUE|CONCLUSION|FOREWORD|DEDICATION|APPENDIX)\b",
    re.IGNORECASE,
)
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
    header_end, marked = _header_end(text)
    ends = [match.start() for match in _END.finditer(text, header_end)]
    body_end = next((end for end in ends if end - header_end > 0.5 * (len(text) - header_end)), ends[-1] if ends else len(text))
    body = _START.sub("", text[header_end:body_end])
    head = text[: max(header_end, 4000)]
    outline = _outline(_clean(body))
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


def declared_charset(data: bytes) -> str | None:
    """Give the charset that a file's header names; it may lie."""
    found = re.search(rb"Character set encoding:\s*([\w-]+)", data[:8000], re.IGNORECASE)
    return found[1].decode("ascii") if found else None


def _header_end(text: str) -> tuple[int, bool]:
    limit = 0
    for _ in range(HEAD_LINES):
        after = text.find("\n", limit) + 1
        if not after:
            limit = len(text)
            break
        limit = after
    found = [next(pattern.finditer(text, 0, limit), None) for pattern in (_START, _SMALL_PRINT_END)]
    ends = [match.end() for match in found if match]
    return (max(ends), True) if ends else (0, False)


def _confidence(text: str, *, marked: bool, ended: bool, head: str) -> float:
    words = text.count(" ")
    if words < 100:
        return 0.6 if marked and ended and words > 10 else 0.2
    sample = text[:20_000]
    letters = (sum(map(str.isalpha, sample)) + sum(map(str.isspace, sample))) / len(sample)
    named = "gutenberg" in head.lower()
    return round(min(0.99, 0.3 * letters + 0.25 + 0.25 * marked + 0.1 * ended + 0.1 * named), 2)


def _clean(body: str) -> str:
    body = _ILLUSTRATION.sub("", body)
    return _ITALICS.sub(r"\1", body)


def _outline(body: str) -> Outline:
    paragraphs = [block.strip("\n") for block in re.split(r"\n[ \t]*\n\s*?(?=[^\n]*\S)|\n{2,}", body) if block.strip()]
    width = _width(body)
    outline = Outline()
    for paragraph in _without_notes(paragraphs):
        lines = paragraph.split("\n")
        first = lines[0].strip().strip("*_=")
        if len(lines) <= 3 and len(paragraph) < 160 and _CHAPTER.match(first):
            title = " ".join(" ".join(lines).split())
            outline.heading(title, _LEVELS.get(first.split()[0].upper().rstrip("."), 2))
        else:
            outline.add(unwrap(lines, width))
    return outline


def _without_notes(paragraphs: list[str]) -> Iterator[str]:
    """Leave out transcriber's notes, credits, and near the ends what speaks of the file and not the book."""
    count = len(paragraphs)
    skipping = False
    for place, paragraph in enumerate(paragraphs):
        bare = paragraph.strip().lstrip("[+|*- ")
        first, last = place < EDGE, place > count - EDGE
        if _NOTE.match(bare) and len(paragraph) < 4000:
            skipping = last and not paragraph.strip().endswith("]")
        elif not (skipping or (first and _CREDITS.match(bare)) or ((first or last) and _ABOUT_THE_FILE.search(paragraph))):
            yield paragraph


def _width(body: str) -> int:
    lengths = sorted(len(line.rstrip()) for line in body.split("\n") if len(line) > 40)
    return lengths[int(0.95 * len(lengths))] if lengths else 0


def unwrap(lines: list[str], width: int) -> str:
    """Join the lines of a hard-wrapped paragraph; verse, lists and tables stay as they are.

    A break is a wrap where the next line's first word would not have fitted within `width`; a
    paragraph is prose when four fifths of its breaks are.
    """
    trimmed = [line.rstrip() for line in lines]
    if len(trimmed) == 1:
        return trimmed[0].strip()
    indented = sum(line.startswith((" ", "\t")) for line in trimmed[1:])
    gaps = sum(1 for line in trimmed if _gapped(line))
    wraps = sum(1 for line, after in pairwise(trimmed) if after and len(line) + _first_word(after) > width - 4)
    prose = wraps >= 0.8 * (len(trimmed) - 1) and gaps * 3 < len(trimmed) and indented * 2 < len(trimmed)
    if prose or (indented == len(trimmed) - 1 and wraps >= 0.9 * (len(trimmed) - 1) and not gaps):
        return " ".join(line.strip() for line in trimmed)
    return "\n".join(trimmed).strip("\n")


_GAP = re.compile(r"\S {3,}\S|\t|\|")


def _gapped(line: str) -> bool:
    """Tell a line with columns; most have no sign of them, and need no pattern to say so."""
    return ("   " in line or "\t" in line or "|" in line) and _GAP.search(line) is not None


def _first_word(line: str) -> int:
    """Give the length of a line's first word; the line is not blank."""
    start = len(line) - len(line.lstrip())
    end = line.find(" ", start)
    return (end if end >= 0 else len(line)) - start
