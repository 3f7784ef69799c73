"""Metadata of papers over OAI-PMH: records page by page, as far as the resumption tokens lead."""

import re
from collections.abc import AsyncIterator, Mapping

from tasks.clients.web import Unfetched, Web
from tasks.errors import SourceError
from tasks.sources.papers import Record, records

OAI = "https://oaipmh.arxiv.org/oai"
FILES = "https://export.arxiv.org"
TRIES = 3
"""How often a page is asked for that comes without its end, or whose token has expired."""
_TOKEN = re.compile(rb"<resumptionToken[^>]*>([^<]*)</resumptionToken>")
_NOTHING = ("OAI error noRecordsMatch",)


async def list_records(web: Web, base: str, asked: Mapping[str, str]) -> AsyncIterator[Record]:
    """Yield the records of a set and time; faults are records too. SourceError where the archive refuses the question.

    A token that has expired meanwhile makes the list begin again; records that came before are not given twice.
    """
    seen: set[str] = set()
    for attempt in range(TRIES):
        query = {"verb": "ListRecords", "metadataPrefix": "arXiv", **asked}
        expired = False
        while query:
            page = await _page(web, base, query)
            for record in records(iter([page])):
                if record.fault == "OAI error badResumptionToken":
                    expired = True
                elif record.fault.startswith("OAI error ") and record.fault not in _NOTHING:
                    raise SourceError(
                        f"{base}: the archive answered {record.fault.removeprefix('OAI error ')}. Correct `set`, `since` or `until`."
                    )
                elif record.fault not in _NOTHING and (not record.id or record.id not in seen):
                    seen.add(record.id)
                    yield record
            token = _TOKEN.search(page)
            query = {"verb": "ListRecords", "resumptionToken": token[1].decode()} if token and token[1] and not expired else {}
        if not expired:
            return
        if attempt == TRIES - 1:
            raise SourceError(f"{base}: the resumption token expired {TRIES} times. Ask for a shorter time.")


async def get_record(web: Web, base: str, identifier: str) -> Record:
    """Give the record of one paper; its `fault` says why there is none."""
    query = {"verb": "GetRecord", "metadataPrefix": "arXiv", "identifier": f"oai:arXiv.org:{identifier}"}
    found = list(records(iter([await _page(web, base, query)])))
    return found[0]._replace(id=identifier) if found else Record(identifier, fault="no record")


async def _page(web: Web, base: str, query: Mapping[str, str]) -> bytes:
    for _ in range(TRIES):
        page = await web.page(base, query)
        if b"</OAI-PMH>" in page:
            return page
    raise Unfetched(f"{base}: an answer came without its end, {TRIES} times")
