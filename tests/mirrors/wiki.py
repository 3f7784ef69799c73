"""A wiki on loopback: dumps in streams with their index, exports of pages, and categories."""

import bz2
import hashlib
import json
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from tests.mirrors.site import Page, Reply
from tests.texts import prose

HEAD = (
    '<mediawiki xml:lang="en"><siteinfo><sitename>Test</sitename><dbname>testwiki</dbname>'
    "<base>https://test.example/wiki/Main_Page</base></siteinfo>\n"
)


def page(number: int, title: str, text: str, namespace: int = 0) -> str:
    revision = f"<revision><id>{number + 1000}</id><timestamp>2026-01-02T03:04:05Z</timestamp><model>wikitext</model>"
    return f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>{revision}<text>{escape(text)}</text></revision></page>\n"


def articles(count: int) -> list[str]:
    return [page(n, f"Page {n}", f"'''Page {n}''' is here. {prose(n)}\n\n== More ==\n{prose(n + 1000)}") for n in range(1, count + 1)]


def multistream(pages: Sequence[str], each: int) -> tuple[bytes, bytes]:
    """Give a dump in streams of `each` pages, and its index."""
    data = bz2.compress(HEAD.encode())
    lines: list[str] = []
    for at in range(0, len(pages), each):
        lines += [f"{len(data)}:{n + 1}:Page {n + 1}" for n in range(at, min(at + each, len(pages)))]
        data += bz2.compress("".join(pages[at : at + each]).encode())
    return data + bz2.compress(b"</mediawiki>\n"), bz2.compress("\n".join(lines).encode() + b"\n")


def dump_pages(wiki: str, days: Mapping[str, tuple[bytes, bytes] | None]) -> dict[str, Page]:
    """Give the pages of a dump site; a day without a dump is not done yet."""
    made: dict[str, Page] = {f"/{wiki}/": "".join(f'<a href="{day}/">{day}/</a>' for day in days).encode()}
    for day, files in days.items():
        names = (f"{wiki}-{day}-pages-articles-multistream.xml.bz2", f"{wiki}-{day}-pages-articles-multistream-index.txt.bz2")
        told = {
            name: {"size": len(data), "url": f"/{wiki}/{day}/{name}", "sha1": hashlib.sha1(data).hexdigest()}
            for name, data in zip(names, files or (), strict=False)
        }
        status = {"jobs": {"articlesmultistreamdump": {"status": "done" if files else "in-progress", "files": told}}}
        made[f"/{wiki}/{day}/dumpstatus.json"] = json.dumps(status).encode()
        made |= {f"/{wiki}/{day}/{name}": data for name, data in zip(names, files or (), strict=False)}
    return made


def api(pages: Mapping[str, str], categories: Mapping[str, Sequence[tuple[int, str]]]) -> Page:
    """Answer as api.php does: exports of titles, members of categories two at a time."""

    def answer(query: Mapping[str, str]) -> Reply:
        if query.get("export"):
            return Reply(f"{HEAD}{pages.get(query['titles'], '')}</mediawiki>".encode(), "text/xml")
        members = [member for member in categories.get(query["cmtitle"], ()) if member[0] != 14 or "subcat" in query["cmtype"]]
        start = int(query.get("cmcontinue", "0"))
        following = {"continue": {"cmcontinue": str(start + 2), "continue": "-||"}} if start + 2 < len(members) else {}
        found = [{"ns": namespace, "title": title} for namespace, title in members[start : start + 2]]
        return Reply(json.dumps({**following, "query": {"categorymembers": found}}).encode(), "application/json")

    return answer
