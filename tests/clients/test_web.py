"""The client against a site on loopback that can be told to fail."""

import asyncio
import gzip
import hashlib
import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.clients import web as module
from tasks.clients.hosts import Manners, is_public, manners_of
from tasks.clients.pace import Pace
from tasks.clients.web import Fetched, Stopped, Unfetched, Wanted, Web, retry_after, sniff
from tasks.errors import RecipeError
from tests.mirrors.site import Reply, Site, serving

BODY = random.Random(1).randbytes(200_000)
TEXT = ("A line of plain words.\n" * 4000).encode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(module, "SLOWEST_BYTES_PER_SECOND", 10**7)


def fetch(site: Site, path: str, target: Path, wanted: Wanted | None = None, known: Fetched | None = None) -> Fetched:
    async def run() -> Fetched:
        async with Web("", target.parent / "turns", timeout_seconds=1.0, deadline_seconds=2.0) as web:
            return await web.download(site.url + path, target, wanted or Wanted(), known)

    return asyncio.run(run())


MENDED = ["429", "503", "500", "reset", "half", "half chunked", "hang", "drip", "cut gzip"]
"""Faults that another attempt mends, whatever is known of the body."""


@pytest.mark.parametrize("fault", MENDED)
def test_a_fault_is_mended_and_the_body_is_whole(tmp_path: Path, fault: str) -> None:
    with serving({"/a": BODY}) as site:
        site.faults["/a"] = [fault]
        got = fetch(site, "/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == BODY
        assert (got.bytes, got.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())
        assert not list(tmp_path.glob("*.part*"))
        assert site.counts()["/a"] == 2


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(["429", "reset", "half", "half chunked", "cut gzip", "500"], 2)))
def test_faults_in_pairs_are_mended_too(tmp_path: Path, first: str, second: str) -> None:
    with serving({"/a": BODY}) as site:
        site.faults["/a"] = [first, second]
        fetch(site, "/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == BODY


def test_what_came_before_a_break_is_gone_on_with(tmp_path: Path) -> None:
    with serving({"/a": BODY}) as site:
        site.faults["/a"] = ["half"]
        fetch(site, "/a", tmp_path / "a")
        (_, _, headers) = site.asked[1]
        assert headers["Range"] == f"bytes={len(BODY) // 2}-"
        assert headers["If-Range"] == f'"{hashlib.md5(BODY).hexdigest()}"'


def test_a_body_that_changed_meanwhile_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    with serving({"/a": BODY}) as site:
        site.faults["/a"] = ["half"]
        changed = BODY[::-1] + b"more"

        def swap(_query: object) -> Reply:
            return Reply(changed if site.counts()["/a"] > 1 else BODY)

        site.pages["/a"] = swap
        fetch(site, "/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == changed


def test_a_body_without_a_length_is_judged_by_what_the_source_says(tmp_path: Path) -> None:
    wanted = Wanted(md5=hashlib.md5(BODY).hexdigest())
    with serving({"/a": BODY}) as site:
        site.faults["/a"] = ["half without length"]
        fetch(site, "/a", tmp_path / "a", wanted)
        assert (tmp_path / "a").read_bytes() == BODY
        site.faults["/a"] = ["half without length"] * 9
        with pytest.raises(Unfetched, match="its md5 is not what the source says, 5 times"):
            fetch(site, "/a", tmp_path / "b", wanted)
        assert not (tmp_path / "b").exists()
        with pytest.raises(Unfetched, match="100000 bytes came of 200000"):
            site.faults["/a"] = ["half without length"] * 9
            fetch(site, "/a", tmp_path / "b", Wanted(bytes=len(BODY)))


@pytest.mark.parametrize(
    ("fault", "why", "asked"),
    [
        ("gone", r"not found \(404\)", 1),
        ("wrong type", "is html, not gzip or bz2", 1),
        ("loop", "redirects without end", 9),
        ("500", "answered 500, 5 times", 5),
        ("reset", "broke off, 5 times", 5),
    ],
)
def test_what_cannot_be_had_says_why(tmp_path: Path, fault: str, why: str, asked: int) -> None:
    with serving({"/a": gzip.compress(BODY)}) as site:
        site.faults["*"] = [fault] * 5 if fault != "loop" else ["loop"]
        with pytest.raises(Unfetched, match=why):
            fetch(site, "/a", tmp_path / "a", Wanted(kinds=("gzip", "bz2")))
        assert site.counts()["/a"] == asked
        assert not (tmp_path / "a").exists()


def test_a_host_that_forbids_is_asked_nothing_more(tmp_path: Path) -> None:
    async def run(site: Site) -> list[BaseException | Fetched]:
        async with Web("", tmp_path / "turns") as web:
            first = await asyncio.gather(web.download(f"{site.url}/a", tmp_path / "a"), return_exceptions=True)
            later = await asyncio.gather(*(web.download(f"{site.url}/{n}", tmp_path / str(n)) for n in range(5)), return_exceptions=True)
            return [*first, *later]

    with serving({"/a": BODY, **{f"/{n}": BODY for n in range(5)}}) as site:
        site.faults["/a"] = ["403"]
        results = asyncio.run(run(site))
        assert all(isinstance(result, Stopped) for result in results)
        assert len(site.asked) == 1


def test_a_copy_that_is_still_so_is_not_fetched_again(tmp_path: Path) -> None:
    with serving({"/a": TEXT}) as site:
        first = fetch(site, "/a", tmp_path / "a")
        again = fetch(site, "/a", tmp_path / "new", known=first)
        assert (first.fresh, again.fresh, again.path) == (True, False, first.path)
        site.pages["/a"] = TEXT + b"more"
        newer = fetch(site, "/a", tmp_path / "new", known=first)
        assert newer.fresh
        assert newer.path.read_bytes() == TEXT + b"more"


def test_an_encoding_nobody_asked_for_is_undone(tmp_path: Path) -> None:
    with serving({"/a": TEXT}) as site:
        site.faults["/a"] = ["gzip"]
        fetch(site, "/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == TEXT


def test_pages_and_ranges_come_whole(tmp_path: Path) -> None:
    async def run(site: Site) -> tuple[bytes, bytes]:
        async with Web("", tmp_path / "turns", timeout_seconds=1) as web:
            return await web.page(f"{site.url}/q", {"a": "b c"}), await web.part(f"{site.url}/a", 100, 300)

    with serving({"/a": BODY, "/q": lambda query: Reply(query["a"].encode() * 1000)}) as site:
        site.faults = {"/q": ["half", "cut gzip", "half chunked"], "/a": ["half", "503"]}
        page, part = asyncio.run(run(site))
        assert page == b"b c" * 1000
        assert part == BODY[100:300]
        site.ranges = False
        with pytest.raises(Unfetched, match="no ranges"):
            asyncio.run(run(site))


def test_a_body_that_is_too_long_is_stopped(tmp_path: Path) -> None:
    with serving({"/a": BODY}) as site, pytest.raises(Unfetched, match="longer than 1000 bytes"):
        fetch(site, "/a", tmp_path / "a", Wanted(max_bytes=1000))


def test_no_public_host_is_asked_without_a_contact(tmp_path: Path) -> None:
    async def run() -> None:
        async with Web("", tmp_path / "turns") as web:
            await web.page("http://nobody.example/")

    with pytest.raises(RecipeError, match="DARTBOARD_CONTACT"):
        asyncio.run(run())


def test_the_contact_goes_into_the_user_agent(tmp_path: Path) -> None:
    async def run(site: Site) -> None:
        async with Web("me@example.org", tmp_path / "turns") as web:
            await web.page(f"{site.url}/a")

    with serving({"/a": TEXT}) as site:
        asyncio.run(run(site))
        agent = site.asked[0][2]["User-Agent"]
        assert agent.startswith("dartboard/")
        assert "(me@example.org)" in agent


def test_turns_are_kept_apart_by_two_runs_together(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tasks.clients.pace import Pace\n"
        "async def run():\n"
        "    pace = Pace('host', 0.2, Path(sys.argv[1]))\n"
        "    for _ in range(4):\n"
        "        print(await pace.turn(), flush=True)\n"
        "asyncio.run(run())"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    times = sorted(float(line) for run in runs for line in run.communicate(timeout=60)[0].split())
    assert len(times) == 8
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.1999


def test_a_turn_that_a_wrong_clock_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "host").write_text(repr(time.time() + 10**6))
    started = time.monotonic()
    asyncio.run(Pace("host", 0.0, tmp_path).turn())
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:80/", "inside"), ("http://localhost/", "inside"), ("http://10.0.0.5/x", "inside"), ("http://[::1]/", "inside"),
        ("https://www.gutenberg.org/x", "outside"), ("http://8.8.8.8/", "outside"), ("http://mirror.example/", "outside"),
        ("http://nas.local/", "inside"),
    ],
)  # fmt: skip
def test_hosts_outside_are_told_from_those_inside(url: str, where: str) -> None:
    assert is_public(url) is (where == "outside")


def test_hosts_that_share_a_rule_share_their_turns() -> None:
    first, second = manners_of("https://oaipmh.arxiv.org/oai"), manners_of("https://export.arxiv.org/api/query")
    assert first == second == Manners("arxiv", 3.0, 1)
    assert manners_of("https://export.arxiv.org/e-print/2601.00001").bucket == "arxiv-files"
    assert manners_of("https://de.wikisource.org/w/api.php") == manners_of("https://en.wikipedia.org/w/api.php")
    assert manners_of("http://127.0.0.1:1/").seconds == 0


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x1f\x8b\x08", "gzip"), (b"BZh9", "bz2"), (b"%PDF-1.5", "pdf"), (b"\xef\xbb\xbf<!DOCTYPE HTML>", "html"), (b"<mediawiki x>", "xml"),
        (b'<?xml version="1.0"?>', "xml"), (b"The Project", "text"), (b"\0\1\2", "binary"), (b'{"a": 1}', "json"), (b"", "text"),
        (b"x" * 257 + b"ustar", "tar"), (b"<?xml version='1.0'?><!DOCTYPE html><html>", "html"),
    ],
)  # fmt: skip
def test_bodies_are_known_by_their_first_bytes(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_both_forms_of_retry_after_are_read() -> None:
    assert retry_after({"retry-after": "7"}) == 7
    assert 3500 < retry_after({"retry-after": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))}) <= 3600
    assert retry_after({}) == retry_after({"retry-after": "soon"}) == 5
