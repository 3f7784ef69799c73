"""`wikipedia`: articles of MediaWiki dumps, plain or compressed, multistream or not."""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from tasks.clients.web import Unfetched, Wanted, Web
from tasks.errors import Fault, SourceError
from tasks.frames import Skip, batches, frame_of
from tasks.sources.charset import decode
from tasks.sources.fragments import Fragment, child, fields_of, fragments, parse
from tasks.sources.listing import list_files
from tasks.sources.opening import Unreadable, chunks, text_sized, whole
from tasks.sources.origin import attrs, origin, spanned
from tasks.sources.remote import RemoteStep
from tasks.sources.wikisite import (
    DUMPS,
    api_of,
    dates_in,
    dump_files,
    index_of,
    lines_of,
    members_in,
    members_query,
    offsets_in,
    page_unit,
    ranges,
)
from tasks.sources.wikitext import FILES, read_wikitext
from tasks.step import NO_IDENTITY, Context, Names, Reading, Unit

LICENCE = "CC-BY-SA-4.0"
ROWS = 500
CATEGORIES = 14
"""The namespace of categories."""

_REDIRECT = re.compile(r"\s*#[^\s\[\]#:]{2,20}(?: [^\s\[\]#:]{2,20})?[ \t]*:?[ \t]*\[\[")
_DISAMBIGUATION_NAMES = (
    r"[\w ]{0,40}?disambig[\w ]{0,40}",
    "dab", "hndis", "geodis", "begriffsklärung", "homonymie", "desambiguación", "desambiguação", "desambiguació",
    "disambigua", "doorverwijspagina", "dp", "неоднозначность", "багатозначність", "曖昧さ回避", "消歧义页?", "消歧義頁?", "동음이의",
    "ujednoznacznienie", "rozcestník", "förgrening", "flertydig", "peker", "täsmennyssivu", "egyértelmű", "anlam ayrımı", "توضیح",
    "פירושונים", "αποσαφήνιση", "trang định hướng", "dezambiguizare", "пояснение", "višeznačna odrednica", "вишезначна одредница",
)  # fmt: skip
"""Templates by which Wikipedias mark pages that only tell names apart; `__DISAMBIG__` is for all."""
_DISAMBIGUATION = re.compile(rf"\{{\{{\s*(?:{'|'.join(_DISAMBIGUATION_NAMES)})\s*[|}}]", re.IGNORECASE)


class Wikipedia(RemoteStep):
    """Read the articles of a wiki: from XML dumps in files, from its dump of a day, by titles, or by a category.

    Any language and sister project: `wiki` is its database name, as in `simplewiki` or `dewikisource`.
    A multistream dump with its index beside it is read in parallel, and with a `limit` only the ranges
    that are needed are read or fetched. Markup becomes prose, headings become `sections`. Redirects,
    disambiguation pages, other namespaces and pages that are no wikitext are skipped by name; so is
    each damaged page or stream, and only it. A file that is no XML is read as the wikitext of one page.

    ```yaml
    steps:
      wiki: {use: wikipedia, path: "samples/wikipedia/*.xml", min_words: 30}
      dataset: {use: write}
    ```
    """

    ways: ClassVar[tuple[str, ...]] = ("path", "titles", "category")

    use: Literal["wikipedia"] = "wikipedia"
    wiki: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Database name of the wiki whose dump, titles or category are asked for."""
    date: Literal["latest"] | Annotated[str, Field(pattern=r"^\d{8}$")] = Field(default="latest", json_schema_extra=NO_IDENTITY)
    """Day of the dump; `latest` is the newest that is whole."""
    titles: Annotated[Names, Field(min_length=1)] | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Titles of pages; for small lists."""
    category: Annotated[str, Field(min_length=1)] | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Name of a category, whose pages are read."""
    depth: Annotated[int, Field(ge=0, le=10)] = Field(default=0, json_schema_extra=NO_IDENTITY)
    """How many levels of categories below it are read too."""
    api: Annotated[str, Field(pattern=r"^https?://")] | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Address of the wiki's api.php, where it is none of Wikimedia's."""
    dumps: Annotated[str, Field(pattern=r"^https?://")] = Field(default=DUMPS, json_schema_extra=NO_IDENTITY)
    """Where dumps are fetched from, by the tree of Wikimedia's: the site or a mirror."""
    min_words: Annotated[int, Field(ge=0)] = 0
    """Skip articles of fewer words."""
    namespaces: Annotated[tuple[int, ...], Field(strict=False)] = (0,)
    """Numbers of the namespaces to take; 0 holds the articles."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit a dump file, or one a range of streams where its index lies beside it."""
        dumps = [unit for unit in list_files(patterns) if "-index" not in unit.key and not unit.key.endswith(".sql.gz")]
        return [part for unit in dumps for part in _parts(unit)]

    def faults(self) -> Sequence[Fault]:
        """One way in is needed; without files, titles or a category it is the dump of `wiki`."""
        given = [way for way in self.ways if getattr(self, way) is not None]
        if len(given) > 1:
            return super().faults()
        if not given and self.wiki is None:
            return [Fault("", "needs `path`, `titles`, `category` or `wiki`", remedy="For instance `wiki: simplewiki`.")]
        if self.titles is not None or self.category is not None:
            return [] if self.wiki or self.api else [Fault("wiki", "is needed to ask for pages", remedy="For instance `wiki: enwiki`.")]
        return []

    async def discover(self, web: Web, folder: Path) -> list[Unit]:
        """List pages, or the ranges of a dump."""
        api = self.api or api_of(self.wiki or "")
        if self.titles is not None:
            return [page_unit(api, title) for title in dict.fromkeys(self.titles)]
        if self.category is not None:
            return [page_unit(api, title) for title in await self._members(web, api, self.category)]
        return await self._ranges(web, folder)

    async def _members(self, web: Web, api: str, category: str) -> list[str]:
        """Walk a category and those below it; each is looked at once."""
        titles: dict[str, None] = {}
        seen, waiting = {category}, [(category, 0)]
        while waiting:
            name, level = waiting.pop(0)
            following: dict[str, str] = {}
            while True:
                kinds = "page|subcat" if level < self.depth else "page"
                found, following = members_in(await web.page(api, members_query(name, kinds, following)))
                titles.update((title, None) for namespace, title in found if namespace in self.namespaces)
                below = [title for namespace, title in found if namespace == CATEGORIES and title not in seen]
                seen.update(below)
                waiting.extend((title, level + 1) for title in below)
                if not following:
                    break
        return list(titles)

    async def _ranges(self, web: Web, folder: Path) -> list[Unit]:
        base = f"{self.dumps.rstrip('/')}/{self.wiki}"
        days = dates_in(await web.page(f"{base}/")) if self.date == "latest" else [self.date]
        for day in days:
            with contextlib.suppress(Unfetched):
                files = dump_files(await web.page(f"{base}/{day}/dumpstatus.json"))
                if files:
                    return [unit for dump, index in files for unit in await self._streams(web, folder, f"{base}/{day}", dump, index)]
        raise SourceError(f"{base}/: no day has a whole multistream dump. Name another day or mirror, or read files by `path`.")

    async def _streams(self, web: Web, folder: Path, base: str, dump: Mapping[str, Any], index: Mapping[str, Any]) -> list[Unit]:
        wanted = Wanted(bytes=index.get("size"), md5=index.get("md5", ""), sha1=index.get("sha1", ""))
        fetched = await web.download(f"{base}/{index['name']}", folder / index["name"], wanted)
        whole = Unit(dump["name"], f"{base}/{dump['name']}", int(dump["size"]), dump.get("sha1") or dump.get("md5") or "")
        return await asyncio.to_thread(lambda: ranges(whole, offsets_in(lines_of(chunks(Unit("index", str(fetched.path), 0, ""))))))

    def dated(self) -> bool:
        """What is in a category, what is the latest dump, and pages themselves change."""
        return not (self.path is None and self.titles is None and self.category is None and self.date != "latest")

    def listing(self) -> dict[str, object]:
        """What is asked for, and of whom."""
        return super().listing() | self.model_dump(mode="json", include={"wiki", "date", "depth", "namespaces", "api", "dumps"})

    def kinds(self) -> tuple[str, ...]:
        """Pages come as XML, ranges of dumps as bz2."""
        return ("xml", "bz2")

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the articles of one dump file in frames."""
        rows: list[dict[str, Any]] = []
        skips: list[Skip] = []
        pages = fragments(chunks(unit), "page")
        head = next(pages)
        site = _Site(head.data)
        if not site.is_dump:
            try:
                yield self._single(unit, text_sized(whole(unit)), context)
            except Unreadable as error:
                yield Reading(frame_of([], "documents"), (Skip(unit.key, "", str(error)),))
            return
        seen = 0
        for piece in pages:
            seen += piece.kind == "record"
            row, skip = self._page(piece, unit, site, context.step)
            rows.extend([row] if row else [])
            skips.extend([skip] if skip else [])
            if len(rows) >= ROWS or len(skips) >= 100_000:
                yield from _readings(rows, skips)
                rows, skips = [], []
        if unit.note and seen < int(unit.note):
            skips.append(Skip(unit.key, "", f"{int(unit.note) - seen} pages of the index are missing"))
        yield from _readings(rows, skips)

    def _page(self, piece: Fragment, unit: Unit, site: "_Site", step: str) -> tuple[dict[str, Any] | None, Skip | None]:
        if piece.kind == "lost":
            return None, Skip(unit.key, "", piece.data.decode())
        page = parse(piece.data)
        if page is None:
            return None, Skip(unit.key, _title_in(piece.data), "broken XML")
        about, revision = fields_of(page), fields_of(child(page, "revision"))
        title, source = about.get("title", ""), revision.get("text", "")
        reason = self._reason(about, revision, source)
        if reason:
            return None, Skip(unit.key, title, reason)
        number = about.get("id") or title
        outline = read_wikitext(source, site.files)
        text = outline.text()
        if len(text.split()) < max(self.min_words, 1):
            return None, Skip(unit.key, title, "too few words")
        row = origin(step, self.use, unit.key, number) | {
            "title": title,
            "url": site.address(title),
            "licence": LICENCE,
            "language": site.language,
            "created": revision.get("timestamp") or None,
            "group": f"wikipedia:{site.name}:{number}",
            "sections": outline.sections(),
            "private": self.private,
            "attrs": attrs({"revision": revision.get("id"), "wiki": site.name}),
        }
        return spanned(row, text), None

    def _reason(self, about: Mapping[str, str], revision: Mapping[str, str], source: str) -> str:
        namespace = about.get("ns") or "0"
        if not namespace.lstrip("-").isdigit() or int(namespace) not in self.namespaces:
            return "other namespace"
        if "redirect" in about or _REDIRECT.match(source):
            return "redirect"
        if revision.get("model", "") not in ("", "wikitext"):
            return "not wikitext"
        if "__DISAMBIG__" in source or _DISAMBIGUATION.search(source):
            return "disambiguation"
        return "" if source.strip() else "empty"

    def _single(self, unit: Unit, data: bytes, context: Context) -> Reading:
        source = decode(data).text
        outline = read_wikitext(source)
        text = outline.text()
        reason = (
            "redirect"
            if _REDIRECT.match(source)
            else "broken XML"
            if source.lstrip().startswith(("<?xml", "<mediawiki", "<!DOCTYPE", "<html"))
            else ""
        )
        if reason or len(text.split()) < max(self.min_words, 1):
            return Reading(frame_of([], "documents"), (Skip(unit.key, "", reason or "too few words"),))
        title = unit.key.rpartition("/")[2].partition(".")[0].replace("_", " ")
        row = origin(context.step, self.use, unit.key) | {
            "title": title,
            "licence": LICENCE,
            "sections": outline.sections(),
            "private": self.private,
        }
        return Reading(frame_of([spanned(row, text)], "documents"))


def _parts(dump: Unit) -> list[Unit]:
    """Divide a multistream dump by its index; any other dump is a unit by itself."""
    folder, _, name = dump.url.rpartition("/")
    if index_of(name) == name:
        return [dump]
    try:
        (index,) = list_files([f"{folder}/{index_of(name)}"])
    except SourceError:
        return [dump]
    try:
        return ranges(dump, offsets_in(lines_of(chunks(index))))
    except Unreadable as error:
        raise SourceError(f"{index.url}: the index cannot be read: {error}. Fetch it again, or take it away.") from error


class _Site:
    """What the head of a dump says of its wiki."""

    def __init__(self, head: bytes) -> None:
        self.is_dump = b"<mediawiki" in head
        text = head.decode("utf-8", "replace")
        found = {name: re.search(rf"<{name}>([^<]*)</{name}>", text) for name in ("dbname", "base", "sitename")}
        values = {name: match[1].strip() for name, match in found.items() if match}
        language = re.search(r'xml:lang="([\w-]+)"', text)
        self.language = language[1] if language else None
        self.name = values.get("dbname") or (f"{self.language}wiki" if self.language else "wiki")
        own = re.findall(r'<namespace key="(?:-2|6|14)"[^>]*>([^<]+)</namespace>', text)
        self.files = FILES | {name.strip().lower().replace(" ", "_") for name in own}
        self._base = values.get("base", "").rpartition("/")[0]

    def address(self, title: str) -> str | None:
        """Give the address of a page."""
        return f"{self._base}/{quote(title.replace(' ', '_'), safe=':/()')}" if self._base else None


def _title_in(data: bytes) -> str:
    found = re.search(rb"<title>([^<]{0,300})", data)
    return found[1].decode("utf-8", "replace") if found else ""


def _readings(rows: list[dict[str, Any]], skips: list[Skip]) -> Iterator[Reading]:
    frames = list(batches(rows, "documents")) or [frame_of([], "documents")]
    yield Reading(frames[0], tuple(skips))
    for frame in frames[1:]:
        yield Reading(frame)
