"""`gutenberg`: plain-text books of Project Gutenberg from files."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from tasks.frames import Skip, frame_of
from tasks.sources.booktext import Book, declared_charset, read_book
from tasks.sources.charset import decode
from tasks.sources.listing import list_files
from tasks.sources.opening import Unreadable, is_tar, members, whole
from tasks.sources.origin import attrs, origin, spanned
from tasks.step import Context, Reading, SourceStep, Unit

LICENCE = "LicenseRef-PublicDomain-US"
LANGUAGES = {
    "english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl", "portuguese": "pt",
    "finnish": "fi", "latin": "la", "swedish": "sv", "danish": "da", "greek": "el", "hungarian": "hu", "chinese": "zh", "esperanto": "eo",
}  # fmt: skip


class Gutenberg(SourceStep):
    """Read books from plain-text files of Project Gutenberg, gzipped or zipped or as they are.

    The legal text, credits and transcriber's notes are left out, hard-wrapped paragraphs joined, and
    chapters become `sections`. What is no book is skipped by name, and so are copyrighted books
    unless `copyrighted: true`. `group` is the book's number, so that editions stay together.

    ```yaml
    steps:
      books: {use: gutenberg, path: "samples/gutenberg/*.txt"}
      dataset: {use: write}
    ```
    """

    use: Literal["gutenberg"] = "gutenberg"
    copyrighted: bool = False
    """Take books whose header says that they are under copyright too."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit a file."""
        return list_files(patterns)

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the books of one file: one, unless it is a zip."""
        try:
            data = whole(unit)
            files = members(data) if data.startswith(b"PK") or is_tar(data) else {"": data}
        except Unreadable as error:
            yield Reading(frame_of([], "documents"), (Skip(unit.key, "", str(error)),))
            return
        for name, content in files.items():
            yield self._reading(unit, name, content, context.step)

    def _reading(self, unit: Unit, name: str, data: bytes, step: str) -> Reading:
        decoded = decode(data, declared_charset(data))
        book = read_book(decoded.text)
        reason = "not a book" if book.confidence < 0.5 else "copyrighted" if book.copyrighted and not self.copyrighted else ""
        if reason:
            return Reading(frame_of([], "documents"), (Skip(unit.key, name, reason),))
        row = origin(step, self.use, unit, name) | _about(book) | {"private": self.private}
        row["attrs"] = attrs({"confidence": book.confidence, "encoding": decoded.encoding, "number": book.number})
        row["sections"] = book.outline.sections()
        return Reading(frame_of([spanned(row, book.outline.text())], "documents"))


def _about(book: Book) -> dict[str, Any]:
    fields = book.fields
    language = fields.get("language", "").lower()
    about: dict[str, Any] = {
        "title": fields.get("title"),
        "authors": [fields["author"]] if "author" in fields else [],
        "licence": LICENCE if not book.copyrighted else "LicenseRef-Gutenberg-copyrighted",
        "language": LANGUAGES.get(language, language[:2] or None),
        "created": _date(fields.get("release date", "")),
    }
    if book.number:
        about |= {"url": f"https://www.gutenberg.org/ebooks/{book.number}", "group": f"gutenberg:{book.number}"}
    return about


_MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"]


def _date(text: str) -> str | None:
    found = re.search(r"([A-Za-z]+)\s+(\d{1,2})?,?\s*(\d{4})", text)
    if not found or found[1].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(found[1].lower()) + 1
    return f"{found[3]}-{month:02}-{int(found[2]):02}" if found[2] else f"{found[3]}-{month:02}"
