"""`arxiv`: papers from e-print archives, LaTeX folders, and metadata records."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import Field, Strict, StringConstraints

from tasks.clients.web import Web
from tasks.errors import Fault
from tasks.frames import Skip, frame_of
from tasks.sources.archives import tar_members
from tasks.sources.atom import API, MOST, search
from tasks.sources.charset import decode
from tasks.sources.eprint import files_of, is_bulk, read_eprint
from tasks.sources.harvest import FILES, OAI, get_record, list_records
from tasks.sources.latex import Paper, read_latex
from tasks.sources.latexsource import flatten, main_file
from tasks.sources.listing import LATEX, folders, list_files
from tasks.sources.opening import Unreadable, capped, chunks, raw, unpacked
from tasks.sources.origin import attrs, origin, spanned
from tasks.sources.papers import OPEN, Record, records, spdx
from tasks.sources.remote import RemoteStep
from tasks.step import NO_IDENTITY, Context, InputFile, Names, Reading, Unit

_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?[/_]?\d{7})(?:v\d+)?")


Identifier = Annotated[str, StringConstraints(pattern=r"^(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})$")]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
LISTED = {"set_", "search", "results", "since", "until", "licences", "abstracts", "oai", "api", "files"}
PAPER_BYTES = 1_000_000
"""What an e-print has about, before it is fetched."""


class Arxiv(RemoteStep):
    """Read papers: from e-prints in files (tar.gz, gz, LaTeX files or folders of them), by `ids`, of a `set`, or by a `search`.

    `ids` and `set` ask the archive for metadata first (OAI-PMH), `search` its API, and then for the
    licences of what was found; e-prints are fetched only of papers whose licence is in `licences`,
    and none with `abstracts`. Inputs are flattened, macros expanded;
    figures, tables, display formulas and bibliographies left out; headings become `sections`; the
    abstract is in `attrs.abstract`, and `attrs.fallback` says why a paper was read without its macros.
    With `path`, `metadata` (OAI or Atom XML, JSON lines) gives titles,
    licences and dates by id; papers whose licence is not taken are skipped by name, and a metadata
    file as `path` gives one document a record: its abstract.

    ```yaml
    steps:
      papers: {use: arxiv, path: samples/arxiv/26*, metadata: samples/arxiv/metadata.jsonl}
      dataset: {use: write}
    ```
    """

    ways: ClassVar[tuple[str, ...]] = ("path", "ids", "set", "search")

    use: Literal["arxiv"] = "arxiv"
    ids: Annotated[tuple[Identifier, ...], Field(min_length=1), Strict(strict=False)] | None = Field(
        default=None, json_schema_extra=NO_IDENTITY
    )
    """Papers by number, as in `2601.00001` or `math/0309136`."""
    set_: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="set", json_schema_extra=NO_IDENTITY)
    """A set of the archive, as in `cs:cs:CL`."""
    search: Annotated[str, Field(min_length=1)] | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """A search in the words of the archive's API, as in `cat:cs.CL AND abs:punctuation`."""
    results: Annotated[int, Field(ge=1, le=MOST)] = Field(default=200, json_schema_extra=NO_IDENTITY)
    """How many papers of a search, the newest first."""
    since: Day | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """First day of change, for `set`."""
    until: Day | None = Field(default=None, json_schema_extra=NO_IDENTITY)
    """Last day of change, for `set`."""
    abstracts: bool = False
    """Give abstracts only; no e-print is fetched."""
    oai: Annotated[str, Field(pattern=r"^https?://")] = Field(default=OAI, json_schema_extra=NO_IDENTITY)
    """Where metadata are asked for."""
    api: Annotated[str, Field(pattern=r"^https?://")] = Field(default=API, json_schema_extra=NO_IDENTITY)
    """Where searches are made."""
    files: Annotated[str, Field(pattern=r"^https?://")] = Field(default=FILES, json_schema_extra=NO_IDENTITY)
    """Where e-prints are fetched from."""
    metadata: InputFile | None = None
    """File with the metadata of the papers, relative to the recipe."""
    licences: Names | Literal["any"] = OPEN
    """SPDX names of the licences to take, or `any`."""
    maths: Literal["keep", "placeholder"] = "keep"
    """Keep inline formulas as `$…$`, or write `[formula]`."""

    def faults(self) -> Sequence[Fault]:
        """One way in, and times for a set only."""
        days = {name: day for name in ("since", "until") if (day := getattr(self, name)) is not None and self.set_ is None}
        return [*super().faults(), *(Fault(name, "is for `set`", day, "Name a set, or leave it out.") for name, day in days.items())]

    async def discover(self, web: Web, folder: Path) -> list[Unit]:
        """Ask for metadata; papers that are not taken are units without an address, and say why."""
        del folder
        if self.ids is not None:
            found = [await get_record(web, self.oai, identifier) for identifier in dict.fromkeys(self.ids)]
        elif self.search is not None:
            found = [await self._licensed(web, record) for record in await search(web, self.api, self.search, self.results)]
        else:
            times = {"from": self.since, "until": self.until}
            asked = {"set": self.set_ or "", **{name: day for name, day in times.items() if day}}
            found = [record async for record in list_records(web, self.oai, asked)]
        return [self._unit(record, number) for number, record in enumerate(found)]

    async def _licensed(self, web: Web, record: Record) -> Record:
        """Give the record with its licence, which the API does not tell."""
        if record.fault or self.licences == "any":
            return record
        told = await get_record(web, self.oai, record.id)
        return record._replace(licence=told.licence, fault=told.fault)

    def _unit(self, record: Record, number: int) -> Unit:
        reason = record.fault or self._refused(record) or ("no abstract" if self.abstracts and not record.abstract else "")
        if reason:
            return Unit(record.id or f"record {number + 1}", "", 0, "", note=reason)
        note = orjson.dumps(record._asdict()).decode()
        if self.abstracts:
            return Unit(f"{record.id}.json", "note:", len(note), "", note=note)
        return Unit(record.id, f"{self.files.rstrip('/')}/src/{record.id}", PAPER_BYTES, record.created, note=note)

    def _refused(self, record: Record) -> str:
        licence = spdx(record.licence)
        return "" if self.licences == "any" or licence in self.licences else f"licence {licence or 'unknown'}"

    def dated(self) -> bool:
        """A set grows each day."""
        return self.ids is None

    def listing(self) -> dict[str, object]:
        """What is asked for, and of whom."""
        return super().listing() | self.model_dump(mode="json", include=LISTED)

    def kinds(self) -> tuple[str, ...]:
        """An e-print is a tar or a single file, packed or not; some papers have a PDF only."""
        return ("gzip", "tar", "text", "pdf", "postscript", "zip", "html", "xml")

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit an archive, single file or folder of loose files."""
        return folders(list_files(patterns))

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the paper of one unit, or the records of a metadata file."""
        name = unit.key.lower()
        if name.endswith((".xml", ".jsonl", ".json")):
            yield self._abstracts(unit, context)
            return
        if is_bulk(unit):
            yield from self._bulk(unit, context)
            return
        number = _number(unit.key)
        record = _noted(unit) or _known(context.files.get("metadata", "")).get(number, Record())
        reason = self._refused(record)
        if reason:
            yield _skipped(unit, "", reason)
            return
        try:
            files = read_eprint(unit)
        except Unreadable as error:
            yield _skipped(unit, "", str(error))
            return
        yield self._paper(unit, context.step, files, record._replace(id=number))

    def _bulk(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the papers of a tar of many, each a row with its own id; each that is not taken is named."""
        known = _known(context.files.get("metadata", ""))
        try:
            for name, data, fault in tar_members(raw(unit)):
                number = _number(name.rpartition("/")[2])
                record = known.get(number, Record())
                reason = fault or self._refused(record) or ("PDF only" if data.startswith(b"%PDF") else "")
                if reason:
                    yield _skipped(unit, name, reason)
                    continue
                try:
                    files = files_of(b"".join(capped(unpacked(iter([data])))))
                except Unreadable as error:
                    yield _skipped(unit, name, str(error))
                    continue
                yield self._paper(unit, context.step, files, record._replace(id=number), name)
        except Unreadable as error:
            yield _skipped(unit, "", str(error))

    def _paper(self, unit: Unit, step: str, files: Mapping[str, bytes], record: Record, member: str = "") -> Reading:
        texts = {name: decode(data).text for name, data in files.items() if name.lower().endswith(LATEX) or "." not in name}
        main = main_file(texts)
        if main is None:
            return _skipped(unit, member, "no LaTeX in it")
        try:
            paper = read_latex(flatten(main, texts), maths=self.maths == "keep")
        except Unreadable as error:
            return _skipped(unit, member or main, str(error))
        text = paper.outline.text()
        if len(text.split()) < 20:
            return _skipped(unit, member or main, "too few words")
        row = (
            origin(step, self.use, unit.key, member)
            | _about(record, paper)
            | {"private": self.private, "sections": paper.outline.sections()}
        )
        return Reading(frame_of([spanned(row, text)], "documents"))

    def _abstracts(self, unit: Unit, context: Context) -> Reading:
        rows, skips = [], []
        for number, record in enumerate(records(chunks(unit)), 1):
            reason = record.fault or ("no abstract" if not record.abstract else "") or self._refused(record)
            if reason:
                skips.append(Skip(unit.key, record.id or str(number), reason))
                continue
            row = origin(context.step, self.use, unit.key, record.id) | _about(record, None) | {"private": self.private}
            rows.append(spanned(row, record.abstract))
        return Reading(frame_of(rows, "documents"), tuple(skips))


def _number(name: str) -> str:
    """Give the number of a paper in a name, old ones with the slash that file names leave out; nothing where there is none."""
    found = _ID.search(name)
    return re.sub(r"^([a-z-]+(?:\.[A-Z]{2})?)_?(\d{7})$", r"\1/\2", found[1]) if found else ""


def _noted(unit: Unit) -> Record | None:
    """Give the record that the archive's listing had of a unit."""
    if not unit.note:
        return None
    plain = orjson.loads(unit.note)
    return Record(**{**plain, "authors": tuple(plain["authors"])})


def _known(metadata: str) -> dict[str, Record]:
    return {record.id: record for record in records(iter([metadata.encode()])) if not record.fault} if metadata else {}


def _skipped(unit: Unit, place: str, reason: str) -> Reading:
    return Reading(frame_of([], "documents"), (Skip(unit.key, place, reason),))


def _about(record: Record, paper: Paper | None) -> dict[str, Any]:
    abstract = record.abstract or (paper.abstract if paper else "")
    about: dict[str, Any] = {
        "title": record.title or (paper.title if paper else "") or None,
        "authors": list(record.authors),
        "licence": spdx(record.licence) or None,
        "language": "en",
        "created": record.created or None,
        "attrs": attrs(
            {"abstract": abstract if paper else None, "categories": record.categories, "fallback": paper.fallback if paper else ""}
        ),
    }
    if record.id:
        about |= {"url": f"https://arxiv.org/abs/{record.id}", "group": f"arxiv:{record.id}"}
    return about
