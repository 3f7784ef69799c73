"""Articles of a double of Wikimedia's sites: dumps by ranges, titles and categories; and dumps in files, by their index."""

from pathlib import Path

import pytest

from flows.build import build
from tasks.clients import web as module
from tasks.errors import RecipeError, SourceError
from tasks.sources import wikisite
from tasks.sources.wikipedia import Wikipedia
from tests.mirrors.site import Site, serving
from tests.mirrors.wiki import api, articles, dump_pages, multistream, page
from tests.sources.helpers import read_all, reasons
from tests.texts import prose

NAME = "testwiki-20260101-pages-articles-multistream"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(wikisite, "RANGE_BYTES", 1)


def write_dump(folder: Path, pages: list[str], each: int = 5) -> tuple[bytes, bytes]:
    dump, index = multistream(pages, each)
    (folder / f"{NAME}.xml.bz2").write_bytes(dump)
    (folder / f"{NAME}-index.txt.bz2").write_bytes(index)
    return dump, index


def test_a_dump_with_its_index_is_divided_and_gives_the_same_rows(tmp_path: Path) -> None:
    write_dump(tmp_path, articles(23))
    step = Wikipedia(path="x")
    path = str(tmp_path / f"{NAME}.xml.bz2")
    assert [unit.note for unit in step.units([path])] == ["5", "5", "5", "5", "3"]
    divided, skips = read_all(step, [path])
    assert not skips
    (tmp_path / f"{NAME}-index.txt.bz2").unlink()
    whole, _ = read_all(step, [path])
    told = ("title", "url", "language", "group", "text", "created", "attrs")
    assert [{name: row[name] for name in told} for row in divided] == [{name: row[name] for name in told} for row in whole]
    assert divided[0]["url"] == "https://test.example/wiki/Page_1"


def test_a_corrupt_stream_is_stepped_over_and_told(tmp_path: Path) -> None:
    dump, _ = write_dump(tmp_path, articles(20))
    marks = [at for at in range(len(dump)) if dump.startswith(b"BZh91AY&SY", at)]
    broken = bytearray(dump)
    broken[marks[2] + 60] ^= 0xFF
    path = tmp_path / f"{NAME}.xml.bz2"
    path.write_bytes(bytes(broken))
    rows, skips = read_all(Wikipedia(path="x"), [str(path)])
    assert [row["title"] for row in rows] == [f"Page {n}" for n in (*range(1, 6), *range(11, 21))]
    assert reasons(skips) == {"bz2 is damaged: 1 streams stepped over": 1, "5 pages of the index are missing": 1}
    (tmp_path / f"{NAME}-index.txt.bz2").unlink()
    rows, skips = read_all(Wikipedia(path="x"), [str(path)])
    assert len(rows) == 15
    assert reasons(skips) == {"bz2 is damaged: 1 streams stepped over": 1}


def test_a_cut_dump_gives_what_came_before(tmp_path: Path) -> None:
    dump, _ = multistream(articles(20), 5)
    (tmp_path / "d.xml.bz2").write_bytes(dump[: len(dump) * 2 // 3])
    rows, skips = read_all(Wikipedia(path="x"), [str(tmp_path)])
    assert len(rows) >= 10
    assert skips


def test_an_index_of_another_dump_is_refused(tmp_path: Path) -> None:
    write_dump(tmp_path, articles(20))
    (tmp_path / f"{NAME}.xml.bz2").write_bytes(multistream(articles(3), 5)[0])
    with pytest.raises(SourceError, match="does not fit"):
        Wikipedia(path="x").units([str(tmp_path / f"{NAME}.xml.bz2")])


def recipe(site: Site, way: str) -> str:
    return f'name: x\nsteps:\n  wiki: {{use: wikipedia, {way}, dumps: "{site.url}", api: "{site.url}/w/api.php"}}\n  out: {{use: write}}\n'


def test_a_limit_fetches_the_ranges_that_it_needs_and_not_the_dump() -> None:
    dump, index = multistream(articles(400), 5)
    with serving(dump_pages("testwiki", {"20260101": (dump, index), "20260120": None})) as site:
        made = build(recipe(site, "wiki: testwiki, limit: {units: 3}"))
        assert made.published.splits == {"train": 15}
        ranges = [headers["Range"] for _, path, headers in site.asked if path.endswith("multistream.xml.bz2")]
        fetched = sum(int(end) - int(start) + 1 for start, end in (held.removeprefix("bytes=").split("-") for held in ranges))
        assert 0 < fetched < len(dump) / 10
        assert "/testwiki/20260101/" in site.asked[-1][1], "the day whose dump is not done is passed over"
        before = len(site.asked)
        again = build(recipe(site, "wiki: testwiki, limit: {units: 3}"))
        assert (len(site.asked), again.version) == (before, made.version)


def test_a_whole_dump_of_a_named_day_gives_all_its_pages() -> None:
    dump, index = multistream(articles(40), 5)
    with serving(dump_pages("testwiki", {"20260101": (dump, index)})) as site:
        made = build(recipe(site, "wiki: testwiki, date: '20260101'"))
        assert made.published.splits == {"train": 40}
        with pytest.raises(SourceError, match="no day has a whole multistream dump"):
            build(recipe(site, "wiki: testwiki, date: '20250101'"))


PAGES = {
    "Ünter & co": page(1, "Ünter & co", prose(1)),
    "B": page(2, "B", prose(2)),
    "C": page(3, "C", prose(3)),
    "D": page(4, "D", prose(4)),
    "Old": page(5, "New", "#REDIRECT [[B]]"),
}
CATEGORIES = {
    "Category:Top": [(0, "Ünter & co"), (14, "Category:Below"), (1, "Talk:B"), (0, "B")],
    "Category:Below": [(0, "C"), (14, "Category:Top"), (14, "Category:Deep")],
    "Category:Deep": [(0, "D")],
}


@pytest.mark.parametrize(
    ("way", "titles"),
    [
        ('titles: ["Ünter & co", B, B, Nowhere, Old]', {"Ünter & co", "B"}),
        ("category: Top", {"Ünter & co", "B"}),
        ("category: Top, depth: 1", {"Ünter & co", "B", "C"}),
        ("category: 'Category:Top', depth: 5", {"Ünter & co", "B", "C", "D"}),
    ],
)
def test_pages_come_by_titles_and_categories(way: str, titles: set[str]) -> None:
    with serving({"/w/api.php": api(PAGES, CATEGORIES)}) as site:
        made = build(recipe(site, way))
        rows = made.train.collect().to_dicts()
        assert {row["title"] for row in rows} == titles
        assert all(row["licence"] == "CC-BY-SA-4.0" and row["url"] for row in rows)


@pytest.mark.parametrize(
    ("way", "told"),
    [("min_words: 3", "needs `path`, `titles`"), ("titles: [A], category: B", "needs exactly one of")],
)
def test_one_way_in_is_needed(way: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        build(f"name: x\nsteps:\n  wiki: {{use: wikipedia, {way}}}\n  out: {{use: write}}\n")


@pytest.mark.parametrize(
    ("wiki", "host"),
    [
        ("enwiki", "en.wikipedia.org"), ("simplewiki", "simple.wikipedia.org"), ("be_x_oldwiki", "be-x-old.wikipedia.org"),
        ("dewikisource", "de.wikisource.org"), ("frwiktionary", "fr.wiktionary.org"), ("commonswiki", "commons.wikimedia.org"),
    ],
)  # fmt: skip
def test_any_language_and_sister_project_has_its_api(wiki: str, host: str) -> None:
    assert wikisite.api_of(wiki) == f"https://{host}/w/api.php"
