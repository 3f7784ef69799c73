"""The catalogue of Project Gutenberg (pg_catalog.csv): which books fit a query."""

import re
from collections.abc import Iterator
from typing import Annotated

import polars as pl
from pydantic import Field

from tasks.errors import SourceError
from tasks.settings import Settings

CATALOGUE = "https://www.gutenberg.org/cache/epub/feeds/pg_catalog.csv"
HARVEST = "https://www.gutenberg.org/robot/harvest"
MIRROR = "https://gutenberg.pglaf.org"
"""A mirror that Project Gutenberg names in MIRRORS.ALL; the main site is not for fetching books."""
Year = Annotated[int, Field(ge=-1000, le=2100)]


class Query(Settings):
    """Which books of the catalogue: every field that is given must fit. Words are matched without case."""

    language: str | None = None
    """Code of one of the book's languages, as in `en`."""
    author: str | None = None
    """Words in an author's name."""
    title: str | None = None
    """Words in the title."""
    subject: str | None = None
    """Words in a subject."""
    bookshelf: str | None = None
    """Words in a bookshelf."""
    born_after: Year | None = None
    """An author was born in this year or later; books whose authors' years are not told do not fit."""
    born_before: Year | None = None
    """An author was born in this year or earlier."""
    downloads: Annotated[int, Field(ge=0)] | None = None
    """Downloaded at least so often in the last 30 days; this and `rights` ask for the RDF archive, of 100 MB, not for the CSV."""
    rights: Annotated[str, Field(min_length=1)] | None = None
    """Words in what is told of rights, as in `public domain`."""

    @property
    def of_archive(self) -> bool:
        """Whether it asks for what only the RDF archive tells."""
        return self.downloads is not None or self.rights is not None

    def fits(self) -> pl.Expr:
        """Give the expression that is true for the catalogue's rows that fit."""
        words = {
            "Authors": self.author,
            "Title": self.title,
            "Subjects": self.subject,
            "Bookshelves": self.bookshelf,
            "Rights": self.rights,
        }
        found = [pl.col("Type") == "Text"]
        found += [_has(column, word) for column, word in words.items() if word]
        if self.downloads is not None:
            found.append(pl.col("Downloads").cast(pl.Int64, strict=False) >= self.downloads)
        if self.language:
            found.append(pl.col("Language").str.split("; ").list.contains(self.language.lower()))
        if self.born_after is not None or self.born_before is not None:
            low, high = (bound if bound is not None else other for bound, other in ((self.born_after, -9999), (self.born_before, 9999)))
            found.append(pl.col("born").list.eval(pl.element().is_between(low, high)).list.any())
        return pl.all_horizontal(found)


def _has(column: str, words: str) -> pl.Expr:
    return pl.all_horizontal(pl.col(column).str.to_lowercase().str.contains(word, literal=True) for word in words.lower().split())


def table_of(catalogue: bytes) -> pl.DataFrame:
    """Read pg_catalog.csv; SourceError where it is no catalogue."""
    columns = ("Text#", "Type", "Issued", "Title", "Language", "Authors", "Subjects", "Bookshelves")
    try:
        return pl.read_csv(catalogue, infer_schema=False, truncate_ragged_lines=True).select(pl.col(columns).fill_null(""))
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"the catalogue cannot be read: {str(error).splitlines()[0]}") from error


def books_of(table: pl.DataFrame, query: Query) -> list[tuple[int, str, bool]]:
    """Give number and day of issue of the books that fit, in order of number, and whether they are told to be copyrighted."""
    era = pl.when(pl.element().str.contains("BCE")).then(-1).otherwise(1)
    years = pl.element().str.extract(r"(\d+)").cast(pl.Int64) * era
    born = pl.col("Authors").str.extract_all(r", \d{1,4}\??(?: BCE)?-").list.eval(years)
    fitting = table.with_columns(born=born).filter(query.fits(), pl.col("Text#").str.contains(r"^\d+$"))
    told = pl.col("Rights").str.to_lowercase().str.starts_with("copyrighted") if "Rights" in table.columns else pl.lit(value=False)
    return list(fitting.select(number=pl.col("Text#").cast(pl.Int64), issued="Issued", told=told).sort("number").iter_rows())


def addresses(mirror: str, number: int) -> tuple[str, ...]:
    """Give where a book may lie on a mirror, best first: UTF-8, 8-bit, plain ASCII, HTML at last.

    The tree has a folder for each digit but the last (1/2/3/12345/); books below 10 lie under 0/.
    """
    digits = str(number)
    folder = f"{mirror.rstrip('/')}/{'/'.join(digits[:-1]) or '0'}/{number}"
    generated = f"{mirror.rstrip('/')}/cache/epub/{number}/pg{number}"
    return (
        f"{folder}/{number}-0.txt", f"{generated}.txt", f"{folder}/{number}-8.txt", f"{folder}/{number}.txt",
        f"{folder}/{number}-h/{number}-h.htm", f"{generated}-images.html",
    )  # fmt: skip


def next_page(page: str) -> str:
    """Give the address of the next page of the harvest endpoint, or nothing."""
    found = re.search(r"""<a\s+href=["']([^"']+)["']\s*>\s*Next Page\s*</a>""", page, re.IGNORECASE)
    return found[1].replace("&amp;", "&") if found else ""


def harvested(page: str) -> Iterator[str]:
    """Give the addresses of files on a page of the harvest endpoint."""
    for found in re.finditer(r"""<a\s+href=["'](https?://[^"']+\.zip)["']""", page, re.IGNORECASE):
        yield found[1].replace("&amp;", "&")


def number_in(address: str) -> int | None:
    """Give the number of the book that an address of the archive's tree names."""
    found = re.search(r"/(\d+)(?:-\w+)?\.\w+$", address)
    return int(found[1]) if found else None
