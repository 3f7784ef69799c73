"""Every way to a site meets every fault: `python -m tests.quality.faults` prints the matrix and writes it to docs/results.

A way is a recipe and the address at which the fault waits. `mended` means that the rows are those of
an undisturbed build; `told` that the build says what it lacks, as a skip by name or an error of one
sentence; `unseen` that it gives less and says nothing.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flows.build import build
from tasks.clients import web
from tasks.errors import DartboardError
from tasks.sources import wikisite
from tests.mirrors.archive import atom, eprint, oai, record
from tests.mirrors.catalogue import archive, book_text, harvest, rdf, table
from tests.mirrors.site import Page, Reply, Site, serving
from tests.mirrors.wiki import api, articles, dump_pages, multistream, page
from tests.texts import prose

RESULTS = Path(__file__).parents[2] / "docs" / "results"
DAY = "/testwiki/20260101"
NAME = "testwiki-20260101-pages-articles-multistream"
MENDED = ("429", "503", "500", "reset", "half", "half chunked", "cut gzip", "hang", "drip")
TOLD = ("half without length", "wrong type", "loop", "gone", "403")
FAULTS = (*MENDED, *TOLD)
UNSEEN = {("books", "half without length"), ("harvested books", "half without length")}
"""A plain text says neither its length nor its end: half of it cannot be told from all of it."""
RANGED = {"half chunked": "half", "cut gzip": "half"}
"""A range comes as it lies: these faults are of whole bodies."""


class Way(NamedTuple):
    """A recipe's step and the address where its fault waits."""

    step: str
    at: str


WAYS = {
    "books": Way("use: gutenberg, books: [7, 12]", "/0/7/7-0.txt"),
    "table of books": Way("use: gutenberg, query: {language: en}", "/pg_catalog.csv"),
    "archive of books": Way("use: gutenberg, query: {downloads: 1}", "/rdf"),
    "page of books": Way("use: gutenberg, harvest: {language: en, address: '@/harvest'}", "/harvest"),
    "harvested books": Way("use: gutenberg, harvest: {language: en, address: '@/harvest'}", "/0/7/7-0.txt"),
    "records": Way("use: arxiv, set: 'cs:cs:CL'", "/oai"),
    "search": Way("use: arxiv, search: x", "/api"),
    "papers": Way("use: arxiv, ids: ['2601.00001', '2601.00004']", "/src/2601.00001"),
    "days of dumps": Way("use: wikipedia, wiki: testwiki", "/testwiki/"),
    "files of a day": Way("use: wikipedia, wiki: testwiki", f"{DAY}/dumpstatus.json"),
    "index of a dump": Way("use: wikipedia, wiki: testwiki", f"{DAY}/{NAME}-index.txt.bz2"),
    "ranges of a dump": Way("use: wikipedia, wiki: testwiki", f"{DAY}/{NAME}.xml.bz2"),
    "articles by title": Way("use: wikipedia, titles: [B, C]", "/w/api.php"),
    "articles of a category": Way("use: wikipedia, category: Top", "/w/api.php"),
}
ADDRESSES = {
    "gutenberg": 'mirror: "@", catalogue: "@/pg_catalog.csv", rdf: "@/rdf"',
    "arxiv": 'oai: "@/oai", api: "@/api", files: "@"',
    "wikipedia": 'dumps: "@", api: "@/w/api.php"',
}


def pages() -> dict[str, Page]:
    """Give one site that has all ways."""
    papers = {f"2601.0000{n}": record(f"2601.0000{n}") for n in (1, 4)}
    titles = {name: page(n, name, prose(n)) for n, name in enumerate(("B", "C"), 1)}
    return {
        "/0/7/7-0.txt": book_text(7), "/1/12/12-0.txt": book_text(12),
        "/pg_catalog.csv": table([7, 12]), "/rdf": archive({"7": rdf(7, 9), "12": rdf(12, 9)}),
        "/oai": oai(papers), "/api": atom(list(papers)), **{f"/src/{name}": eprint(n) for n, name in enumerate(papers)},
        "/w/api.php": api(titles, {"Category:Top": [(0, "B"), (0, "C")]}),
        **dump_pages("testwiki", {"20260101": multistream(articles(10), 5)}),
    }  # fmt: skip


@contextmanager
def impatient() -> Iterator[None]:
    """Let the client wait milliseconds where it waits minutes."""
    held = (web.FIRST_BACKOFF_SECONDS, wikisite.RANGE_BYTES, web.Web.__init__.__defaults__)
    changes = {60.0: 0.4, 300.0: 0.8}
    web.FIRST_BACKOFF_SECONDS, wikisite.RANGE_BYTES = 0.01, 1
    web.Web.__init__.__defaults__ = tuple(changes.get(value, value) if isinstance(value, float) else value for value in held[2] or ())
    try:
        yield
    finally:
        web.FIRST_BACKOFF_SECONDS, wikisite.RANGE_BYTES, web.Web.__init__.__defaults__ = held


def made(site: Site, way: Way, folder: Path) -> tuple[set[tuple[str, str]], Mapping[str, int]]:
    """Build by a way: the rows as title and text, and what was skipped; an error is a skip by its sentence."""
    use = way.step.partition(",")[0].removeprefix("use: ")
    step = f"{way.step}, {ADDRESSES[use]}".replace("@", site.url)
    try:
        result = build(f"name: x\nsteps:\n  a: {{{step}}}\n  out: {{use: write}}\n", out=str(folder / "out"), work=str(folder / "work"))
    except DartboardError as error:
        return set(), {str(error): 1}
    rows = result.train.select("title", "text").collect().rows()
    return {(str(title), str(text)) for title, text in rows}, result.summary["steps"][0]["skipped"]


def outcome(name: str, fault: str) -> str:
    """Meet one way with one fault."""
    way = WAYS[name]
    fault = RANGED.get(fault, fault) if name == "ranges of a dump" else fault
    with serving(pages()) as site, tempfile.TemporaryDirectory() as folder, impatient():
        site.pages["/harvest"] = Reply(harvest([f"{site.url}/0/7/7-0.zip", f"{site.url}/1/12/12-0.zip"]), "text/html")
        site.pages |= {"/0/7/7-0.zip": site.pages["/0/7/7-0.txt"], "/1/12/12-0.zip": site.pages["/1/12/12-0.txt"]}
        wanted, skipped = made(site, way, Path(folder) / "calm")
        assert len(wanted) > 1, f"{name} gives {len(wanted)} rows undisturbed: {skipped}"
        at = "/0/7/7-0.zip" if name == "harvested books" else way.at
        site.faults[at] = [fault]
        found, told = made(site, way, Path(folder) / "faulty")
        assert not site.faults[at] or fault == "loop", f"{name} never met its fault"
    if found == wanted:
        return "mended"
    return "told" if told and (found < wanted or not found) else "unseen"


def main() -> int:
    """Print the matrix and write it."""
    matrix = {name: {fault: outcome(name, fault) for fault in FAULTS} for name in WAYS}
    sys.stdout.write(f"{'':<24}" + "".join(f"{fault[:9]:>11}" for fault in FAULTS) + "\n")
    for name, row in matrix.items():
        sys.stdout.write(f"{name:<24}" + "".join(f"{row[fault]:>11}" for fault in FAULTS) + "\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "faults.json").write_text(
        json.dumps({"command": "python -m tests.quality.faults", "matrix": matrix}, indent=1) + "\n", encoding="utf-8"
    )
    return int(any(found == "unseen" and (name, fault) not in UNSEEN for name, row in matrix.items() for fault, found in row.items()))


if __name__ == "__main__":
    sys.exit(main())
