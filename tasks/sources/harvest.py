"""Metadata of papers over OAI-PMH: records page by page, as far as the resumption tokens lead."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence

from tasks.clients.web import Unfetched, Web
from tasks.errors import SourceError
from tasks.sources.papers import Record, records

OAI = "https://oaipmh.arxiv.org/oai"
FILES = "https://export.arxiv.org"
TRIES = 3
"""How often a page is asked for that comes without its end, or whose token has expired."""
_TOKEN = re.compile(rb"<resumptionToken[^>]*>([^<]*)</resumptionToken>")
NOTHING = ("OAI error noRecordsMatch",)
EXPIRED = "OAI error badResumptionToken"


async def list_records(web: Web, base: str, asked: Mapping[str, str]) -> AsyncIterator[Record]:
    """Yield the records of a set and time; faults are records too. SourceError where the archive refuses the question.

    A token that has expired meanwhile makes the list begin again; records that came before are not given twice.
    """
    seen: set[str] = set()
    for _ in range(TRIES):
        query = {"verb": "ListRecords", "metadataPrefix": "arXiv", **asked}
        while query:
            page = await _page(web, base, query)
            found = [record for record in records(iter([page])) if record.fault not in NOTHING]
            query = {} if _expired(base, found) else _following(page)
            new = [record for record in found if record.fault != EXPIRED and (not record.id or record.id not in seen)]
            seen.update(record.id for record in new)
            for record in new:
                yield record
        if not _expired(base, found):
            return
    raise SourceError(f"{base}: the resumption token expired {TRIES} times. Ask for a shorter time.")


def _expired(base: str, found: Sequence[Record]) -> bool:
    """Tell whether the archive refused the token; SourceError where it refused the question."""
    told = [record.fault for record in found if record.fault.startswith("OAI error ")]
    if told and told[0] != EXPIRED:
        code = told[0].removeprefix("OAI error ")
        raise SourceError(f"{base}: the archive answered {code}. Correct `set`, `since` or `until`.")
    return bool(told)


def _following(page: bytes) -> dict[str, str]:
    token = _TOKEN.search(page)
    return {"verb": "ListRecords", "resumptionToken": token[1].decode()} if token and token[1] else {}


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
