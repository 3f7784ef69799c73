"""`gutenberg`: plain-text books of Project Gutenberg from files."""

import asyncio
import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urljoin

import polars as pl
from pydantic import Field, Strict

from tasks.clients.web import Unfetched, Wanted, Web
from tasks.frames import Skip, frame_of
from tasks.settings import Settings
from tasks.sources.archives import Members, is_tar, members
from tasks.sources.booktext import Book, declared_charset, read_book
from tasks.sources.charset import decode
from tasks.sources.listing import list_files
from tasks.sources.opening import Unreadable, text_sized, whole
from tasks.sources.origin import attrs, origin, spanned
from tasks.sources.pgcatalogue import CATALOGUE, HARVEST, MIRROR, Query, addresses, books_of, harvested, next_page, number_in, table_of
from tasks.sources.pgrdf import ARCHIVE
from tasks.sources.pgrdf import table_of as rdf_table
from tasks.sources.remote import RemoteStep
from tasks.sources.webpage import read_html
from tasks.step import NO_IDENTITY, Context, Reading, Unit

LICENCE = "LicenseRef-PublicDomain-US"
LANGUAGES = {
    "english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl", "portuguese": "pt",
    "finnish": "fi", "latin": "la", "swedish": "sv", "danish": "da", "greek": "el", "hungarian": "hu", "chinese": "zh", "esperanto": "eo",
}  # fmt: skip


Number = Annotated[int, Field(ge=1, lt=10**6)]
TRIES = 3
BOOK_BYTES = 400_000
"""What a book has about, before it is fetched."""


class Harvest(Settings):
    """What the harvest page is asked for."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
    """Code of a language, as in `de`."""
    address_: Annotated[str, Field(pattern=r"^https?://")] = Field(default=HARVEST, alias="address")
    """The page's own address."""

    def address(self) -> str:
        """Give the address of the first page."""
        return f"{self.address_}?filetypes[]=txt&langs[]={self.language}"


class Gutenberg(RemoteStep):
    """Read books of Project Gutenberg: from files, by number, by a query of the catalogue, or by its harvest page.

    `path` reads plain-text files, gzipped or zipped or as they are. `books` and `query` fetch from
    `mirror` the best form that it has (UTF-8, 8-bit, ASCII, HTML at last); the main site is asked
    for its catalogue only. The legal text, credits and transcriber's notes are left out, hard-wrapped paragraphs joined, and
    chapters become `sections`. What is no book is skipped by name, and so are copyrighted books
    unless `copyrighted: true`. `group` is the book's number, so that editions stay together.

    ```yaml
    steps:
      books: {use: gutenberg, path: "samples/gutenberg/*.txt"}
      dataset: {use: write}
    ```
    """

    ways: ClassVar[tuple[str, ...]] = ("path", "books", "query", "harvest")

    use: Literal["gutenberg"] = "gutenberg"
    books: Annotated[tuple[Number, ...], Field(min_length=1), Strict(strict=False)] | None = Field(
        default=None, json_schema_extra=NO_IDENTITY
    )
    """Numbers of books."""
    query: Query | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Which books of the catalogue."""
    harvest: Harvest | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """All books of a language, by the page that is meant for robots."""
    mirror: Annotated[str, Field(pattern=r"^https?://")] = Field(default=MIRROR, json_schema_extra=NO_IDENTITY)
    """Where books are fetched from, by the tree of the archive."""
    catalogue: Annotated[str, Field(pattern=r"^https?://")] = Field(default=CATALOGUE, json_schema_extra=NO_IDENTITY)
    """Address of pg_catalog.csv, gzipped or not."""
    rdf: Annotated[str, Field(pattern=r"^https?://")] = Field(default=ARCHIVE, json_schema_extra=NO_IDENTITY)
    """Address of the RDF archive, for queries by downloads or rights."""
    copyrighted: bool = False
    """Take books whose header says that they are under copyright too."""

    async def discover(self, web: Web, folder: Path) -> list[Unit]:
        """List the books that are asked for, with their addresses on the mirror."""
        if self.harvest is not None:
            return await self._harvested(web, self.harvest)
        found = [(number, "", False) for number in dict.fromkeys(self.books or ())]
        if self.query is not None:
            found = books_of(await self._table(web, folder, self.query), self.query)
        return [
            Unit(str(number), "", 0, issued, note="copyrighted")
            if told and not self.copyrighted
            else _unit(str(number), addresses(self.mirror, number), issued)
            for number, issued, told in found
        ]

    async def _table(self, web: Web, folder: Path, query: Query) -> pl.DataFrame:
        """Fetch the catalogue: the table, or the archive where the query asks for what it alone tells."""
        if query.of_archive:
            archive = await web.download(self.rdf, folder / "catalogue.rdf", Wanted(kinds=("zip", "bz2", "tar", "gzip")))
            return await asyncio.to_thread(rdf_table, archive.path)
        fetched = await web.download(self.catalogue, folder / "catalogue.csv", Wanted(kinds=("text", "gzip")))
        data = await asyncio.to_thread(fetched.path.read_bytes)
        table = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        if not table.endswith(b"\n"):
            raise Unfetched(f"{self.catalogue}: the table ends within a line. Build again, or name another address.")
        return table_of(table)

    async def _harvested(self, web: Web, harvest: Harvest) -> list[Unit]:
        url, best = harvest.address(), dict[int, list[str]]()
        while url:
            page = await _whole_page(web, url)
            for address in harvested(page):
                number = number_in(address)
                if number is not None:
                    best.setdefault(number, []).append(address)
            following = next_page(page)
            url = urljoin(url, following) if following else ""
        return [_unit(str(number), tuple(sorted(held, key=_worth)), "") for number, held in sorted(best.items())]

    def dated(self) -> bool:
        """The catalogue and the harvest page change each day."""
        return self.books is None

    def listing(self) -> dict[str, object]:
        """What is asked for, and of whom."""
        return super().listing() | {"mirror": self.mirror, "catalogue": self.catalogue, "rdf": self.rdf}

    def kinds(self) -> tuple[str, ...]:
        """A book is a text, a page or a zip of them."""
        return ("text", "html", "xml", "zip", "gzip")

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit a file."""
        return list_files(patterns)

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the books of one file: one, unless it is a zip."""
        try:
            data = whole(unit)
            files, odd = members(data) if data.startswith(b"PK") or is_tar(data) else Members({"": data}, ())
        except Unreadable as error:
            yield Reading(frame_of([], "documents"), (Skip(unit.key, "", str(error)),))
            return
        if odd:
            yield Reading(frame_of([], "documents"), tuple(Skip(unit.key, name, reason) for name, reason in odd))
        for name, content in files.items():
            try:
                yield self._reading(unit, name, text_sized(content), context.step)
            except Unreadable as error:
                yield Reading(frame_of([], "documents"), (Skip(unit.key, name, str(error)),))

    def _reading(self, unit: Unit, name: str, data: bytes, step: str) -> Reading:
        decoded = decode(data, declared_charset(data))
        page = decoded.text.lstrip()[:200].lower().startswith(("<!doctype html", "<html", "<?xml"))
        book = read_book(read_html(decoded.text)[1] if page else decoded.text)
        reason = "not a book" if book.confidence < 0.5 else "copyrighted" if book.copyrighted and not self.copyrighted else ""
        if reason:
            return Reading(frame_of([], "documents"), (Skip(unit.key, name, reason),))
        row = origin(step, self.use, unit.key, name) | _about(book) | {"private": self.private}
        row["attrs"] = attrs({"confidence": book.confidence, "encoding": decoded.encoding, "number": book.number})
        row["sections"] = book.outline.sections()
        return Reading(frame_of([spanned(row, book.outline.text())], "documents"))


async def _whole_page(web: Web, url: str) -> str:
    """Fetch a page of the harvest endpoint; one that comes without its end is asked for again."""
    for _ in range(TRIES):
        page = (await web.page(url)).decode("utf-8", "replace")
        if "</html>" in page.lower():
            return page
    raise Unfetched(f"{url}: the page came without its end, {TRIES} times")


def _unit(key: str, places: tuple[str, ...], fingerprint: str) -> Unit:
    return Unit(key, places[0], BOOK_BYTES, fingerprint, others=places[1:])


def _worth(address: str) -> tuple[int, str]:
    """Order the forms of a book: UTF-8 before 8-bit before ASCII."""
    form = re.search(r"-([08])\.\w+$", address)
    return ({"0": 0, "8": 1}[form[1]] if form else 2), address


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
