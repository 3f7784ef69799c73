"""Papers found by a search of the archive's API: a feed of entries, slice by slice."""

import re

from tasks.clients.web import Refused, Unfetched, Web
from tasks.errors import SourceError
from tasks.sources.papers import Record, records

API = "https://export.arxiv.org/api/query"
SLICE = 100
"""Entries a request; the archive gives 2,000 at most."""
MOST = 30_000
"""Entries that the archive gives of one search, slices together."""
TRIES = 3
"""How often a slice is asked for that comes without its end or without its entries."""
_TOTAL = re.compile(rb"<(?:\w+:)?totalResults[^>]*>\s*(\d+)")
_REFUSED = re.compile(rb"/api/errors")


async def search(web: Web, base: str, query: str, results: int) -> list[Record]:
    """Give the newest papers that fit a search, `results` at most; their licences are not in the feed.

    SourceError where the archive refuses the search, Unfetched where a slice never comes whole.
    """
    found: dict[str, Record] = {}
    at, total = 0, 1
    while at < min(total, results):
        page, total = await _slice(web, base, query, at, min(SLICE, results - at))
        found |= {record.id or f"entry {at + place}": record for place, record in enumerate(page)}
        at += len(page) or SLICE
    return list(found.values())


async def _slice(web: Web, base: str, query: str, start: int, size: int) -> tuple[list[Record], int]:
    """Ask for a slice; the archive at times answers with none of the entries that it counts."""
    asked = {"search_query": query, "start": str(start), "max_results": str(size), "sortBy": "submittedDate", "sortOrder": "descending"}
    for _ in range(TRIES):
        try:
            page = await web.page(base, asked)
        except Refused as error:
            raise _wrong(base, query) from error
        if _REFUSED.search(page):
            raise _wrong(base, query)
        total = _TOTAL.search(page)
        entries = list(records(iter([page])))
        if total and b"</feed>" in page and (entries or int(total[1]) <= start):
            return entries, int(total[1])
    raise Unfetched(f"{base}: a slice of the search came without its end or its entries, {TRIES} times")


def _wrong(base: str, query: str) -> SourceError:
    return SourceError(f"{base}: the archive refused the search {query!r}. Correct `search`, as in `cat:cs.CL AND abs:punctuation`.")
