"""The RDF archive of Project Gutenberg's catalogue: a tar of one file a book, which tells downloads and rights too."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl
from lxml import etree

from tasks.errors import SourceError
from tasks.sources.archives import tar_members
from tasks.sources.fragments import local, parse
from tasks.sources.opening import CHUNK, Unreadable, unpacked

ARCHIVE = "https://www.gutenberg.org/cache/epub/feeds/rdf-files.tar.zip"
COLUMNS = ("Text#", "Type", "Issued", "Title", "Language", "Authors", "Subjects", "Bookshelves", "Downloads", "Rights")


class _Book(NamedTuple):
    """A row of the catalogue, in the columns and manner of pg_catalog.csv, with two more."""

    number: str
    type: str
    issued: str
    title: str
    language: str
    authors: str
    subjects: str
    bookshelves: str
    downloads: str
    rights: str


def table_of(archive: Path) -> pl.DataFrame:
    """Read the archive (.tar.zip, .tar.bz2 or .tar) as a table of texts; SourceError where it is none.

    Files in it that are no book's are left out; nothing is extracted to a path.
    """
    try:
        books = [book for data in _files(archive) if (book := _book(data)) is not None]
    except (Unreadable, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"the RDF archive cannot be read: {error}") from error
    if not books:
        raise SourceError("the RDF archive cannot be read: no book in it")
    return pl.DataFrame(books, schema=dict.fromkeys(COLUMNS, pl.String()), orient="row")


def _files(archive: Path) -> Iterator[bytes]:
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(archive.open("rb"))
        if zipfile.is_zipfile(archive):
            packed = stack.enter_context(zipfile.ZipFile(stream))
            tars = [name for name in packed.namelist() if name.endswith(".tar")]
            if not tars:
                raise zipfile.BadZipFile("no tar in the zip")
            stream = stack.enter_context(packed.open(tars[0]))
        pieces = unpacked(iter(lambda: stream.read(CHUNK), b""))
        yield from (member.content for member in tar_members(pieces) if member.name.endswith(".rdf") and not member.fault)
        while next(pieces, b""):
            pass  # to the end, where the zip tells whether all came whole


def _book(data: bytes) -> _Book | None:
    tree = parse(data)
    book = next((element for element in tree.iter() if local(element) == "ebook"), None) if tree is not None else None
    if book is None:
        return None
    fields: dict[str, list[str]] = {}
    for element in book:
        fields.setdefault(local(element), []).append(_author(element) if local(element) == "creator" else _value(element))
    number = next((value for name, value in book.attrib.items() if str(name).endswith("}about")), "")

    def told(name: str) -> str:
        return "; ".join(" ".join(value.split()) for value in fields.get(name, []) if value)

    plain = (told(name) for name in ("type", "issued", "title", "language", "creator", "subject", "bookshelf", "downloads", "rights"))
    return _Book(str(number).rpartition("/")[2], *plain)


def _value(element: etree._Element) -> str:
    """Give an element's text, or that of the value within it."""
    inner = next((each for each in element.iter() if local(each) == "value"), element)
    return (inner.text or "").strip()


def _author(element: etree._Element) -> str:
    """Give name and years as the table has them: `Doe, Jane, 1800-1880`, `BCE` after years before our era."""
    held = {local(each): (each.text or "").strip() for each in element.iter()}
    years = [_year(held.get(name, "")) for name in ("birthdate", "deathdate")]
    return f"{held.get('name', '')}, {years[0]}-{years[1]}" if any(years) else held.get("name", "")


def _year(text: str) -> str:
    return f"{text.removeprefix('-')} BCE" if text.startswith("-") else text
