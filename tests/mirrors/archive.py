"""An archive of papers on loopback: OAI-PMH with resumption, and e-prints."""

import gzip
from collections.abc import Mapping, Sequence

from tests.mirrors.site import Page, Reply
from tests.packing import tar_of
from tests.texts import prose

CC_BY = "http://creativecommons.org/licenses/by/4.0/"
CLOSED = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"


def record(identifier: str, licence: str = CC_BY, *, deleted: bool = False) -> str:
    status = ' status="deleted"' if deleted else ""
    head = f"<header{status}><identifier>oai:arXiv.org:{identifier}</identifier><datestamp>2026-02-03</datestamp><setSpec>cs</setSpec></header>"
    about = (
        f"<id>{identifier}</id><created>2026-01-02</created><authors><author><keyname>Reed</keyname><forenames>Ada</forenames></author></authors>"
        f"<title>Paper {identifier}</title><categories>cs.CL</categories><license>{licence}</license><abstract>{prose(len(identifier), 2)}</abstract>"
    )
    body = "" if deleted else f'<metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/">{about}</arXiv></metadata>'
    return f"<record>{head}{body}</record>"


def envelope(inner: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
    return f"{head}<responseDate>2026-02-04T00:00:00Z</responseDate>{inner}</OAI-PMH>".encode()


def error(code: str) -> bytes:
    return envelope(f'<error code="{code}">no</error>')


def eprint(seed: int) -> bytes:
    """Give a packed paper: a main file with an input."""
    main = f"\\documentclass{{article}}\\begin{{document}}\\section{{One}} {prose(seed, 6)}\\input{{more}}\\end{{document}}"
    return gzip.compress(tar_of({"main.tex": main.encode(), "more.tex": prose(seed + 500, 4).encode()}))


def oai(records: Mapping[str, str], each: int = 2, expiring: Sequence[str] = ()) -> Page:
    """Answer as an archive does, `each` records a page; tokens in `expiring` are refused once."""
    refused = list(expiring)

    def answer(query: Mapping[str, str]) -> Reply:
        if query["verb"] == "GetRecord":
            found = records.get(query["identifier"].removeprefix("oai:arXiv.org:"))
            return Reply(envelope(f"<GetRecord>{found}</GetRecord>") if found else error("idDoesNotExist"), "text/xml")
        token = query.get("resumptionToken", "")
        if token in refused:
            refused.remove(token)
            return Reply(error("badResumptionToken"), "text/xml")
        if not token and query.get("set") != "cs:cs:CL":
            return Reply(error("noRecordsMatch" if query.get("set") == "empty" else "badArgument"), "text/xml")
        start = int(token or 0)
        told = list(records.values())
        more = f"<resumptionToken>{start + each}</resumptionToken>" if start + each < len(told) else "<resumptionToken></resumptionToken>"
        return Reply(envelope(f"<ListRecords>{''.join(told[start : start + each])}{more}</ListRecords>"), "text/xml")

    return answer


def entry(identifier: str) -> str:
    about = f"<id>http://arxiv.org/abs/{identifier}v2</id><title>Found {identifier}</title><published>2026-01-02T00:00:00Z</published>"
    people = "<author><name>Ada Reed</name></author><author><name>Tom Old</name></author>"
    marks = '<category term="cs.CL" scheme="http://arxiv.org/schemas/atom"/><category term="cs.AI" scheme="http://arxiv.org/schemas/atom"/>'
    return f"<entry>{about}<summary>{prose(len(identifier), 2)}</summary>{people}{marks}</entry>"


def atom(identifiers: Sequence[str], empty: Sequence[int] = ()) -> Page:
    """Answer searches as the archive's API does; slices that start at a number in `empty` come once without entries."""
    holes = list(empty)

    def answer(query: Mapping[str, str]) -> Reply:
        if "(" in query["search_query"]:
            told = "<entry><id>http://arxiv.org/api/errors#malformed</id><title>Error</title><summary>malformed query</summary></entry>"
            return Reply(feed(told, 1), "application/atom+xml", 400)
        start, size = int(query["start"]), int(query["max_results"])
        if start in holes:
            holes.remove(start)
            return Reply(feed("", len(identifiers)), "application/atom+xml")
        return Reply(feed("".join(map(entry, identifiers[start : start + size])), len(identifiers)), "application/atom+xml")

    return answer


def feed(entries: str, total: int) -> bytes:
    spaces = 'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns="http://www.w3.org/2005/Atom"'
    head = f"<?xml version='1.0' encoding='UTF-8'?><feed {spaces}><title>arXiv Query</title>"
    return f"{head}<opensearch:totalResults>{total}</opensearch:totalResults>{entries}</feed>".encode()
