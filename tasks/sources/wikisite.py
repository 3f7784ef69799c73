"""Where a wiki is asked: its API for titles and categories, and the dumps with their index of streams."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import orjson

from tasks.errors import SourceError
from tasks.step import Unit

DUMPS = "https://dumps.wikimedia.org"
RANGE_BYTES = 4_000_000
"""Streams of a dump are gathered into units of about this many bytes."""
PAGE_BYTES = 30_000
"""What the export of one page has about, before it is fetched."""
_PROJECTS = ("wiktionary", "wikibooks", "wikinews", "wikiquote", "wikisource", "wikiversity", "wikivoyage")
_SPECIAL = {"commonswiki": "commons.wikimedia.org", "specieswiki": "species.wikimedia.org", "metawiki": "meta.wikimedia.org"}


def api_of(wiki: str) -> str:
    """Give the address of a wiki's API by its database name.

    >>> api_of("simplewiki"), api_of("dewikisource")
    ('https://simple.wikipedia.org/w/api.php', 'https://de.wikisource.org/w/api.php')
    """
    if wiki in _SPECIAL:
        return f"https://{_SPECIAL[wiki]}/w/api.php"
    for project in _PROJECTS:
        if wiki.endswith(project):
            return f"https://{wiki.removesuffix(project).replace('_', '-')}.{project}.org/w/api.php"
    return f"https://{wiki.removesuffix('wiki').replace('_', '-')}.wikipedia.org/w/api.php"


def page_unit(api: str, title: str) -> Unit:
    """Give the unit of one page: its export has the form of a dump."""
    query = {"action": "query", "titles": title, "redirects": "1", "export": "1", "exportnowrap": "1", "maxlag": "5"}
    return Unit(title, f"{api}?{urlencode(query)}", PAGE_BYTES, "")


def members_query(category: str, kinds: str, following: Mapping[str, str]) -> dict[str, str]:
    """Give the parameters that ask for the members of a category."""
    name = category if ":" in category else f"Category:{category}"
    asked = {"action": "query", "list": "categorymembers", "cmtitle": name, "cmtype": kinds, "cmlimit": "500", "format": "json"}
    return asked | {"formatversion": "2", "maxlag": "5"} | dict(following)


def members_in(answer: bytes) -> tuple[list[tuple[int, str]], dict[str, str]]:
    """Read namespaces and titles of a category's members, and what asks for the next of them."""
    held = _json(answer)
    if "error" in held:
        raise SourceError(f"the wiki's API answered: {held['error'].get('info', held['error'])}")
    found = [(int(member["ns"]), str(member["title"])) for member in held.get("query", {}).get("categorymembers", ())]
    return found, {name: str(value) for name, value in held.get("continue", {}).items()}


def dates_in(listing: bytes) -> list[str]:
    """Read the days of a wiki's dumps off its page, newest first."""
    return sorted(set(re.findall(r'href="(\d{8})/"', listing.decode("utf-8", "replace"))), reverse=True)


def dump_files(status: bytes) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Read the multistream dumps of a day and their indexes off dumpstatus.json; none while they are not done."""
    job = _json(status).get("jobs", {}).get("articlesmultistreamdump", {})
    if job.get("status") != "done":
        return []
    files = {name: {"name": name, **about} for name, about in job.get("files", {}).items()}
    return [(about, files[index_of(name)]) for name, about in sorted(files.items()) if index_of(name) != name and index_of(name) in files]


def index_of(name: str) -> str:
    """Give the name of a multistream dump's index; the name itself for what is no such dump."""
    return re.sub(r"-multistream(\d*)\.xml", r"-multistream-index\1.txt", name)


def offsets_in(index: Iterable[bytes]) -> list[tuple[int, int]]:
    """Read where each stream begins, and how many pages it holds, off an index (`offset:id:title` a line)."""
    found: list[tuple[int, int]] = []
    for offset, lines in groupby(line.partition(b":")[0] for line in index):
        if offset.isdigit():
            found.append((int(offset), sum(1 for _ in lines)))
    return sorted(found)


def lines_of(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Give the lines of a stream of bytes."""
    held = b""
    for chunk in stream:
        *lines, held = (held + chunk).split(b"\n")
        yield from lines
    yield held


def ranges(dump: Unit, offsets: list[tuple[int, int]]) -> list[Unit]:
    """Divide a dump into units of whole streams, each with the pages that it must hold; the head stands before all."""
    if not offsets or offsets[-1][0] >= dump.bytes:
        raise SourceError(f"{dump.key}: its index does not fit it. Give the index of the same day and part.")
    units: list[Unit] = []
    ends = [*(offset for offset, _ in offsets[1:]), dump.bytes]
    start, pages = offsets[0][0], 0
    for (_, count), end in zip(offsets, ends, strict=True):
        pages += count
        if end - start >= RANGE_BYTES or end == dump.bytes:
            key = f"{dump.key}@{start}"
            units.append(Unit(key, dump.url, end - start, dump.fingerprint, start, end, head=offsets[0][0], note=str(pages)))
            start, pages = end, 0
    return units


def _json(data: bytes) -> dict[str, Any]:
    try:
        held = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SourceError("the wiki answered no JSON") from error
    return held if isinstance(held, dict) else {}
