"""`wikipedia`: articles of MediaWiki dumps, plain or compressed, multistream or not."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from lxml import etree
from pydantic import Field

from tasks.frames import Skip, batches, frame_of
from tasks.sources.charset import decode
from tasks.sources.fragments import Fragment, child, fragments, parse, text_of
from tasks.sources.listing import list_files
from tasks.sources.opening import chunks
from tasks.sources.origin import attrs, origin, spanned
from tasks.sources.wikitext import read_wikitext
from tasks.step import Context, Reading, SourceStep, Unit

LICENCE = "CC-BY-SA-4.0"
ROWS = 500

_REDIRECT = re.compile(r"^\s*#\s*[\w ]{2,20}\s*:?\s*\[\[", re.IGNORECASE)
_DISAMBIGUATION_NAMES = (
    r"[\w ]*disambig[\w ]*", "dab", "hndis", "geodis", "begriffsklärung", "homonymie", "desambiguación", "desambiguação", "desambiguació",
    "disambigua", "doorverwijspagina", "dp", "неоднозначность", "багатозначність", "曖昧さ回避", "消歧义页?", "消歧義頁?", "동음이의",
    "ujednoznacznienie", "rozcestník", "förgrening", "flertydig", "peker", "täsmennyssivu", "egyértelmű", "anlam ayrımı", "توضیح",
    "פירושונים", "αποσαφήνιση", "trang định hướng", "dezambiguizare", "пояснение", "višeznačna odrednica", "вишезначна одредница",
)  # fmt: skip
"""Templates by which Wikipedias mark pages that only tell names apart; `__DISAMBIG__` is for all."""
_DISAMBIGUATION = re.compile(rf"\{{\{{\s*(?:{'|'.join(_DISAMBIGUATION_NAMES)})\s*[|}}]|__DISAMBIG__", re.IGNORECASE)


class Wikipedia(SourceStep):
    """Read the articles of MediaWiki XML dumps, of any language and sister project.

    Markup becomes prose, headings become `sections`. Redirects, disambiguation pages, other
    namespaces and pages that are no wikitext are skipped by name; so is each damaged page, and only
    it. A file that is no XML is read as the wikitext of one page.

    ```yaml
    steps:
      wiki: {use: wikipedia, path: "samples/wikipedia/*.xml", min_words: 30}
      dataset: {use: write}
    ```
    """

    use: Literal["wikipedia"] = "wikipedia"
    min_words: Annotated[int, Field(ge=0)] = 0
    """Skip articles of fewer words."""
    namespaces: Annotated[tuple[int, ...], Field(strict=False)] = (0,)
    """Numbers of the namespaces to take; 0 holds the articles."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit a dump file; index files are left out."""
        return [unit for unit in list_files(patterns) if "-index" not in unit.key and not unit.key.endswith(".sql.gz")]

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the articles of one dump file in frames."""
        rows: list[dict[str, Any]] = []
        skips: list[Skip] = []
        pages = fragments(chunks(unit), "page")
        head = next(pages)
        site = _Site(head.data)
        if not site.is_dump:
            yield self._single(unit, head.data + b"".join(piece.data for piece in pages), context)
            return
        for piece in pages:
            row, skip = self._page(piece, unit, site, context.step)
            rows.extend([row] if row else [])
            skips.extend([skip] if skip else [])
            if len(rows) >= ROWS or len(skips) >= 100_000:
                yield from _readings(rows, skips)
                rows, skips = [], []
        yield from _readings(rows, skips)

    def _page(self, piece: Fragment, unit: Unit, site: "_Site", step: str) -> tuple[dict[str, Any] | None, Skip | None]:
        if piece.kind == "lost":
            return None, Skip(unit.key, "", piece.data.decode())
        page = parse(piece.data)
        if page is None:
            return None, Skip(unit.key, _title_in(piece.data), "broken XML")
        title = text_of(page, "title")
        revision = child(page, "revision")
        source = (getattr(child(revision, "text"), "text", None) or "") if revision is not None else ""
        reason = self._reason(page, source)
        if reason:
            return None, Skip(unit.key, title, reason)
        number = text_of(page, "id") or title
        outline = read_wikitext(source)
        text = outline.text()
        if len(text.split()) < max(self.min_words, 1):
            return None, Skip(unit.key, title, "too few words")
        row = origin(step, self.use, unit, number) | {
            "title": title,
            "url": site.address(title),
            "licence": LICENCE,
            "language": site.language,
            "created": text_of(revision, "timestamp") or None,
            "group": f"wikipedia:{site.name}:{number}",
            "sections": outline.sections(),
            "private": self.private,
            "attrs": attrs({"revision": text_of(revision, "id"), "wiki": site.name}),
        }
        return spanned(row, text), None

    def _reason(self, page: etree._Element, source: str) -> str:
        namespace = text_of(page, "ns") or "0"
        model = text_of(page, "revision", "model")
        if not namespace.lstrip("-").isdigit() or int(namespace) not in self.namespaces:
            return "other namespace"
        if child(page, "redirect") is not None or _REDIRECT.match(source):
            return "redirect"
        if model not in ("", "wikitext"):
            return "not wikitext"
        if _DISAMBIGUATION.search(source):
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
        row = origin(context.step, self.use, unit) | {
            "title": title,
            "licence": LICENCE,
            "sections": outline.sections(),
            "private": self.private,
        }
        return Reading(frame_of([spanned(row, text)], "documents"))


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
