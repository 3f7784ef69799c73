"""Papers of a double of the archive: metadata by OAI-PMH, e-prints of those whose licence is taken."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.build import build, main
from tasks.clients import web as module
from tasks.clients.web import Web
from tasks.errors import RecipeError, SourceError
from tasks.sources import atom as atoms
from tasks.sources.arxiv import Arxiv
from tasks.sources.atom import search
from tasks.sources.harvest import list_records
from tasks.sources.papers import Record, records
from tasks.store.place import opened
from tests.mirrors.archive import CC_BY, CLOSED, atom, eprint, error, oai, record
from tests.mirrors.site import Reply, Site, serving
from tests.packing import tar_of
from tests.services.s3 import S3
from tests.sources.helpers import read_all, reasons
from tests.texts import prose

RECORDS = {
    "2601.00001": record("2601.00001"),
    "2601.00002": record("2601.00002", CLOSED),
    "2601.00003": record("2601.00003", deleted=True),
    "2601.00004": record("2601.00004"),
    "2601.00005": record("2601.00005"),
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.01)
    pages = {
        "/oai": oai(RECORDS),
        "/api": atom(list(RECORDS)),
        **{f"/src/2601.0000{n}": eprint(n) for n in (1, 2, 4)},
        "/src/2601.00005": b"%PDF-1.5 only",
    }
    with serving(pages) as served:
        yield served


def recipe(site: Site, way: str) -> str:
    return f'name: x\nsteps:\n  papers: {{use: arxiv, {way}, oai: "{site.url}/oai", api: "{site.url}/api", files: "{site.url}"}}\n  out: {{use: write}}\n'


def test_of_a_set_the_papers_come_whose_licence_is_taken_and_the_others_are_counted(site: Site) -> None:
    made = build(recipe(site, 'set: "cs:cs:CL", since: 2026-01-01'))
    rows = {row["unit"]: row for row in made.train.collect().to_dicts()}
    assert set(rows) == {"2601.00001", "2601.00004"}
    assert prose(501, 4) in rows["2601.00001"]["text"]
    assert (rows["2601.00001"]["title"], rows["2601.00001"]["authors"]) == ("Paper 2601.00001", ["Ada Reed"])
    assert json.loads(rows["2601.00001"]["attrs"])["abstract"] == prose(10, 2)
    skipped = made.summary["steps"][0]["skipped"]
    assert skipped == {"licence LicenseRef-arXiv-nonexclusive-distrib": 1, "deleted": 1, "PDF only": 1}
    assert "/src/2601.00002" not in site.counts()
    assert "from=2026-01-01" in site.asked[0][1]


def test_papers_come_by_number_and_one_more_asks_for_one_more(site: Site) -> None:
    build(recipe(site, "ids: ['2601.00001', '2601.00004']"))
    before = len(site.asked)
    made = build(recipe(site, "ids: ['2601.00001', '2601.00002', '2609.99999'], licences: any"))
    assert {row["unit"] for row in made.train.collect().to_dicts()} == {"2601.00001", "2601.00002"}
    assert made.summary["steps"][0]["skipped"] == {"OAI error idDoesNotExist": 1}
    assert [path for _, path, _ in site.asked[before:] if path.startswith("/src/")] == ["/src/2601.00002"]


def test_abstracts_need_no_e_print(site: Site) -> None:
    made = build(recipe(site, 'set: "cs:cs:CL", abstracts: true, limit: 2'))
    rows = made.train.collect().to_dicts()
    assert len(rows) == 2
    assert all(row["text"] == prose(10, 2) and row["title"].startswith("Paper") for row in rows)
    assert not [path for path in site.counts() if path.startswith("/src/")]


def test_a_search_finds_papers_and_asks_for_their_licences(site: Site) -> None:
    made = build(recipe(site, "search: 'cat:cs.CL'"))
    rows = {row["unit"]: row for row in made.train.collect().to_dicts()}
    assert set(rows) == {"2601.00001", "2601.00004"}
    assert (rows["2601.00001"]["title"], rows["2601.00001"]["authors"]) == ("Found 2601.00001", ["Ada Reed", "Tom Old"])
    assert (rows["2601.00001"]["licence"], rows["2601.00001"]["created"]) == ("CC-BY-4.0", "2026-01-02T00:00:00Z")
    assert json.loads(rows["2601.00001"]["attrs"])["categories"] == "cs.CL cs.AI"
    assert made.summary["steps"][0]["skipped"] == {"licence LicenseRef-arXiv-nonexclusive-distrib": 1, "deleted": 1, "PDF only": 1}
    assert "/src/2601.00002" not in site.counts()


def test_a_search_of_any_licence_asks_for_none_and_stops_at_its_results(site: Site) -> None:
    made = build(recipe(site, "search: 'all:x', results: 3, licences: any, abstracts: true"))
    assert {row["unit"].removesuffix(".json") for row in made.train.collect().to_dicts()} == {f"2601.0000{n}" for n in (1, 2, 3)}
    assert not [path for path in site.counts() if path.startswith("/oai")]


def test_slices_without_their_entries_are_asked_for_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atoms, "SLICE", 2)
    site.pages["/api"] = atom(list(RECORDS), empty=[2, 4, 4])
    made = build(recipe(site, "search: x, abstracts: true, licences: any"))
    assert made.published.splits["train"] == 5
    site.pages["/api"] = atom(list(RECORDS), empty=[4] * 3)
    with pytest.raises(SourceError, match="without its end or its entries, 3 times"):
        build(recipe(site, "search: y, abstracts: true, licences: any"))


def test_a_search_that_the_archive_does_not_understand_is_told(site: Site) -> None:
    with pytest.raises(SourceError, match=r"refused the search 'all:\(x'"):
        build(recipe(site, "search: 'all:(x'"))


def test_the_doubles_feed_is_that_of_the_archive(shared: Path) -> None:
    """The recorded answers of the API are read as the double's are: every entry a record, errors told."""
    for path in sorted((shared / "corpus" / "arxiv" / "atom").glob("*.json")):
        answer = json.loads(path.read_text())
        found = list(records(iter([answer["body"].encode()])))
        served = Reply(answer["body"].encode(), "application/atom+xml", answer["status_code"])
        with serving({"/api": served}) as recorded:
            if answer["status_code"] == 400:
                with pytest.raises(SourceError, match="refused the search"):
                    asyncio.run(searched(recorded))
            else:
                assert [record.id for record in asyncio.run(searched(recorded))] == [record.id for record in found]
                assert all(record.title and record.abstract and record.authors and record.categories for record in found)


async def searched(site: Site) -> list[Record]:
    async with Web("") as web:
        return await search(web, f"{site.url}/api", "x", 10)


def listed(site: Site) -> list[Record]:
    async def run() -> list[Record]:
        async with Web("") as web:
            return [record async for record in list_records(web, f"{site.url}/oai", {"set": "cs:cs:CL"})]

    return asyncio.run(run())


@pytest.mark.parametrize("expiring", [["2"], ["4"], ["2", "4"]])
def test_an_expired_token_begins_again_and_gives_no_record_twice(site: Site, expiring: list[str]) -> None:
    site.pages["/oai"] = oai(RECORDS, expiring=expiring)
    assert sorted(found.id for found in listed(site)) == sorted(RECORDS)


def test_what_the_archive_refuses_is_told(site: Site) -> None:
    with pytest.raises(SourceError, match="badArgument"):
        build(recipe(site, "set: nonsense"))
    with pytest.raises(SourceError, match="nothing that fits"):
        build(recipe(site, "set: empty"))
    site.pages["/oai"] = error("badResumptionToken")
    with pytest.raises(SourceError, match="expired 3 times"):
        listed(site)


@pytest.mark.parametrize(
    ("way", "told"),
    [("ids: [x1]", "pattern"), ("ids: ['2601.00001'], since: 2026-01-01", "is for `set`"), ("maths: keep", "exactly one of")],
)
def test_what_cannot_be_asked_is_a_fault(site: Site, way: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        build(recipe(site, way))


def test_a_plan_asks_nobody(site: Site, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(recipe(site, 'set: "cs:cs:CL"'))
    assert main(["r.yaml", "--plan"]) == 0
    assert not site.asked


def bulk() -> bytes:
    """A tar of many papers, as the archive's bulk store has them."""
    papers = {"2601/2601.00001.gz": eprint(1), "2601/2601.00002.gz": eprint(2), "2601/2601.00003.pdf": b"%PDF-1.5", "2601/2601.00004.gz": b"\x1f\x8b broken", "0309/hep-th0309136.gz": eprint(5)}  # fmt: skip
    return tar_of(papers)


METADATA = "\n".join(
    json.dumps({"id": number, "title": f"T {number}", "abstract": "x", "license": CC_BY if number != "2601.00002" else CLOSED})
    for number in ("2601.00001", "2601.00002", "2601.00003", "2601.00004", "hep-th/0309136")
)


def test_a_tar_of_many_papers_is_read_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "arXiv_src_2601_001.tar").write_bytes(bulk())
    rows, skips = read_all(Arxiv(path="x", metadata="m"), [str(tmp_path)], {"metadata": METADATA})
    assert [row["title"] for row in rows] == ["T 2601.00001", "T hep-th/0309136"]
    assert len({row["id"] for row in rows}) == 2
    assert {skip.place: skip.reason for skip in skips} == {
        "2601/2601.00002.gz": "licence LicenseRef-arXiv-nonexclusive-distrib",
        "2601/2601.00003.pdf": "PDF only",
        "2601/2601.00004.gz": "gzip is damaged",
    }
    (tmp_path / "arXiv_src_2601_001.tar").write_bytes(bulk()[:3000])
    rows, skips = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert len(rows) >= 1
    assert reasons(skips)["tar is damaged"] == 1


def test_a_bucket_whose_reader_pays_is_read_where_the_user_says_so(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = opened(s3.url("src"))
    assert "RequestPayer" not in fs.req_kw
    fs.pipe(f"{s3.bucket}/src/arXiv_src_2601_001.tar", bulk())
    monkeypatch.setenv("DARTBOARD_REQUESTER_PAYS", f"arxiv,{s3.bucket}")
    assert opened(s3.url("src"))[0].req_kw == {"RequestPayer": "requester"}
    rows, _ = read_all(Arxiv(path="x", metadata="m"), [s3.url("src/arXiv_src_*.tar")], {"metadata": METADATA})
    assert len(rows) == 2
