"""Books fetched from a double of Project Gutenberg's mirror, catalogue and harvest page."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import progress
from flows.build import build, main
from flows.work import fetching
from tasks.clients import web as module
from tasks.clients.web import Web
from tasks.errors import GateError, RecipeError, SourceError
from tasks.sources.gutenberg import Gutenberg, Harvest
from tasks.sources.pgcatalogue import Query, addresses, books_of, table_of
from tasks.sources.pgrdf import table_of as rdf_table
from tests.mirrors.catalogue import archive, rdf
from tests.mirrors.site import Reply, Site, serving
from tests.sources.test_formats import book
from tests.texts import prose

CATALOGUE = """Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
7,Text,1991-01-01,A Garden,en,"Stone, Ada, 1871-1940; Reed, Tom [Editor]",Gardens -- England,SB,Nature
12,Text,1992-02-02,Two Rivers,en; fr,"Old, Ann, 1702-1760",Rivers,G,Travel
345,Text,2001-03-03,"Letters, Collected",en,"Late, Lou, 1860-",Letters,PR,
99,Text,2003-03-03,Page,en,"Late, Lou, 1860-",Pages,PR,
500,Text,2004-04-04,Lost,en,"Late, Lou, 1860-",Pages,PR,
600,Sound,2004-04-04,Noise,en,"Late, Lou, 1860-",Pages,PR,
"700",Text,2005-05-05,Ancient,la,"Elder, 80? BCE-15 BCE",Old,PA,
"""


def text(seed: int) -> bytes:
    return book("\n\n".join(prose(seed + n, 6) for n in range(6))).encode()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.01)
    page = "<!DOCTYPE html><html><body>" + "".join(f"<p>{line}</p>" for line in text(99).decode().split("\n\n")) + "</body></html>"
    pages = {
        "/pg_catalog.csv": CATALOGUE.encode(),
        "/0/7/7.txt": text(7),
        "/1/12/12-0.txt": "\ufeff".encode() + text(12) + "café".encode(),
        "/1/12/12-8.txt": text(13),
        "/3/4/345/345-8.txt": text(345).replace(b"Title: T", b"Title: Caf\xe9"),
        "/9/99/99-h/99-h.htm": page.encode(),
        "/harvest": lambda query: Reply(_harvest(query), "text/html"),
    }
    with serving(pages) as served:
        yield served


def _harvest(query: object) -> bytes:
    assert isinstance(query, dict)
    names = ["/1/12/12-0.zip", "/1/12/12-8.zip", "/1/12/12.zip"] if "offset" not in query else ["/0/7/7.zip"]
    links = "".join(f'<p><a href="http://mirror.example{name}">x</a></p>' for name in names)
    more = '<p><a href="harvest?offset=100&amp;langs[]=en">Next Page</a></p>' if "offset" not in query else ""
    return f"<html><body>{links}{more}</body></html>".encode()


def recipe(site: Site, way: str) -> str:
    return f'name: x\nsteps:\n  books: {{use: gutenberg, {way}, mirror: "{site.url}", catalogue: "{site.url}/pg_catalog.csv"}}\n  out: {{use: write}}\n'


def test_books_by_number_come_in_the_best_form_and_a_rerun_asks_nobody(site: Site) -> None:
    made = build(recipe(site, "books: [7, 12, 345, 99]"))
    rows = {row["unit"]: row for row in made.train.collect().to_dicts()}
    assert set(rows) == {"7", "12", "345", "99"}
    assert rows["345"]["title"] == "Café"
    assert prose(99, 6) in rows["99"]["text"]
    assert "/1/12/12-8.txt" not in site.counts()
    before = len(site.asked)
    again = build(recipe(site, "books: [7, 12, 345, 99]"))
    assert len(site.asked) == before
    assert again.version == made.version
    assert all(step["cached"] for step in again.summary["steps"])
    build(recipe(site, "books: [7, 12, 345, 99, 500]"))
    assert {path for _, path, _ in site.asked[before:]} == {path.removeprefix(site.url) for path in addresses(site.url, 500)}, (
        "a book more fetches that book only"
    )


def test_a_book_that_is_nowhere_is_skipped_by_name_and_asked_for_again(site: Site) -> None:
    made = build(recipe(site, "books: [7, 500]"))
    (report,) = [step for step in made.summary["steps"] if step["name"] == "books"]
    assert report["rows_out"] == 1
    assert report["skipped"] == {"not found (404)": 1}
    site.pages["/5/0/500/500-0.txt"] = text(500)
    assert build(recipe(site, "books: [7, 500]")).published.splits == {"train": 2}


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [7, 12, 99, 345, 500, 700]),
        ({"language": "fr"}, [12]),
        ({"born_after": 1850}, [7, 99, 345, 500]),
        ({"born_before": 0}, [700]),
        ({"author": "lou LATE", "subject": "letters"}, [345]),
        ({"title": "garden", "bookshelf": "nature"}, [7]),
    ],
)
def test_a_query_finds_books_in_the_catalogue(query: dict[str, object], numbers: list[int]) -> None:
    assert [number for number, _, _ in books_of(table_of(CATALOGUE.encode()), Query.model_validate(query))] == numbers


RDF = {
    "7": rdf(7, 500),
    "12": rdf(12, 40),
    "345": rdf(345, 300, rights="Copyrighted. Read the copyright notice inside this book for details."),
    "99": rdf(99, 200, born="-80"),
    "broken": b"<rdf",
    "none": b"<a/>",
}


@pytest.mark.parametrize("form", ["zip", "bz2", "tar"])
def test_downloads_and_rights_are_asked_of_the_rdf_archive(site: Site, form: str) -> None:
    site.pages["/rdf"] = archive(RDF, form)
    made = build(recipe(site, f'query: {{downloads: 100, language: en, subject: fish}}, rdf: "{site.url}/rdf"'))
    assert {row["unit"] for row in made.train.collect().to_dicts()} == {"7", "99"}
    assert made.summary["steps"][0]["skipped"] == {"copyrighted": 1}
    assert "/pg_catalog.csv" not in site.counts()
    assert not [path for path in site.counts() if "345" in path], "a book that is told to be copyrighted is not fetched"


def test_the_archives_table_is_that_of_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(archive(RDF))
    table = rdf_table(tmp_path / "a")
    assert table.row(0) == (
        "7",
        "Text",
        "2001-03-03",
        "Book 7",
        "en",
        "Late, Lou, 1850-",
        "Rivers; Fish",
        "",
        "500",
        "Public domain in the USA.",
    )
    assert [number for number, _, _ in books_of(table, Query(born_before=0))] == [99]
    assert [number for number, _, told in books_of(table, Query(rights="copyrighted")) if told] == [345]


@pytest.mark.parametrize(
    "data", [b"no archive", archive({}), archive(RDF)[:200], archive(RDF, "bz2")[:300]], ids=["text", "empty", "cut", "cut bz2"]
)
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(SourceError, match="the RDF archive cannot be read"):
        rdf_table(tmp_path / "a")


def test_real_files_of_the_archive_are_read(shared: Path, tmp_path: Path) -> None:
    files = {path.stem: path.read_bytes() for path in sorted((shared / "corpus" / "gutenberg" / "rdf").glob("*.rdf"))}
    (tmp_path / "a").write_bytes(archive(files))
    table = rdf_table(tmp_path / "a")
    assert table.height == len(files)
    for column in ("Text#", "Type", "Issued", "Title", "Language", "Authors", "Subjects", "Downloads", "Rights"):
        assert (table[column] != "").all(), column
    assert table["Authors"].str.contains(r", \d{4}-\d{4}$").all()


def test_what_is_no_catalogue_is_told() -> None:
    with pytest.raises(SourceError, match="the catalogue cannot be read"):
        table_of(b"<html>Sorry</html>")


def test_a_query_with_a_limit_fetches_no_more_than_it_reads(site: Site) -> None:
    made = build(recipe(site, "query: {language: en, born_after: 1850}, limit: {units: 2}"))
    report = made.summary["steps"][0]
    assert report["units"] + sum(report["skipped"].values()) <= 2
    assert site.counts()["/pg_catalog.csv"] == 1
    before = len(site.asked)
    build(recipe(site, "query: {language: en, born_after: 1850}, limit: {units: 2}"))
    assert len(site.asked) == before, "what there is is asked once a day"


def test_the_harvest_page_is_followed_to_its_end(site: Site) -> None:
    async def run() -> list[str]:
        async with Web() as web:
            step = Gutenberg(harvest=Harvest(language="en", address=f"{site.url}/harvest"))
            return [unit.url for unit in await step.discover(web, Path())]

    assert asyncio.run(run()) == ["http://mirror.example/0/7/7.zip", "http://mirror.example/1/12/12-0.zip"]
    assert site.asked[1][1].endswith("offset=100&langs[]=en")


def test_a_build_of_nothing_that_could_be_had_is_refused(site: Site) -> None:
    with pytest.raises(GateError, match="no row is left"):
        build(recipe(site, "books: [500]"))


def test_a_table_or_page_that_is_cut_is_told(site: Site) -> None:
    site.pages["/pg_catalog.csv"] = CATALOGUE.encode()[:-20]
    with pytest.raises(SourceError, match="ends within a line"):
        build(recipe(site, "query: {language: en}"))
    site.pages["/harvest"] = Reply(b"<html><body>", "text/html")
    with pytest.raises(SourceError, match="without its end, 3 times"):
        build(recipe(site, f'harvest: {{language: en, address: "{site.url}/harvest"}}'))


def test_a_page_that_is_no_book_is_skipped(site: Site) -> None:
    site.faults["/0/7/7.txt"] = ["wrong type"]
    made = build(recipe(site, "books: [7, 12]"))
    assert made.summary["steps"][0]["skipped"] == {"not a book": 1}


def test_offline_asks_nobody_but_reads_what_was_brought(site: Site) -> None:
    with pytest.raises(RecipeError, match="--offline refuses the network"):
        build(recipe(site, "books: [7]"), offline=True)
    assert not site.asked
    build(recipe(site, "books: [7]"))
    assert build(recipe(site, "books: [7]"), offline=True).published.splits == {"train": 1}


def test_a_host_that_forbids_ends_the_build_and_what_came_stays(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.faults["/1/12/12-0.txt"] = ["403"]
    (tmp_path / "r.yaml").write_text(recipe(site, "books: [7, 12]"))
    assert main(["r.yaml", "--runner", "direct"]) == 1
    assert "answered 403" in capsys.readouterr().err
    assert main(["r.yaml", "--runner", "direct", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["splits"] == {"train": 2}


@pytest.mark.parametrize(
    ("way", "told"), [("limit: 5", "needs exactly one of"), ('books: [1], path: "x"', "books and path|path and books")]
)
def test_one_way_in_is_needed(site: Site, way: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        build(recipe(site, way))


def test_a_plan_asks_nobody(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text(recipe(site, "query: {language: en}"))
    assert main(["r.yaml", "--plan"]) == 0
    assert "todo" in capsys.readouterr().out
    assert not site.asked


def test_fetching_tells_how_far_it_has_come(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "SAID_SECONDS", 0.0)
    (tmp_path / "r.yaml").write_text(recipe(site, "books: [7, 12]"))
    assert main(["r.yaml", "--runner", "direct"]) == 0
    assert "books: 0 of 2 brought, 0.0 MB" in capsys.readouterr().err
