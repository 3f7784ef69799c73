"""`files` and `seeds`: texts and rows of the user's own files."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.errors import Fault
from tasks.frames import DOCUMENTS, MAX_FRAME_ROWS, PAIRS, SCHEMAS, Kind, Skip, batches, frame_of
from tasks.names import ColumnName, own_names
from tasks.sources.archives import Member, is_tar, members, sealed, tar_members, zip_members, zip_names
from tasks.sources.charset import decode
from tasks.sources.columnwise import KNOWN, LINE, Asked, Origin, asked_of, documents
from tasks.sources.dialogues import NotPair, Take, pairs_of
from tasks.sources.jsonlines import Block, Row, blocks
from tasks.sources.listing import list_files
from tasks.sources.office import Document, is_document, read_parts, read_pdf
from tasks.sources.opening import Unreadable, capped, chunks, text_sized, unpacked
from tasks.sources.origin import attrs, origin, plain_text, spanned
from tasks.sources.tabular import plain_name, read_rows, rows_in
from tasks.sources.webpage import charset_of, read_html
from tasks.step import Context, Reading, SourceStep, Unit

LINES = (".jsonl", ".ndjson")
ROWS = (*LINES, ".json", ".csv", ".tsv", ".parquet")
ZIP, TAR_BLOCK = b"PK\x03\x04", 512
PAGES = (".html", ".htm", ".xhtml")
FLUSH = 5000
WRONG_TYPES = (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError)
SETTABLE = (
    "text", "input", "output", "rejected", "system", "turns", "tools",
    "title", "authors", "url", "licence", "language", "created", "group", "private",
)  # fmt: skip
"""The columns of the design that `columns` may fill from a record's field; the others are Dartboard's own."""
WHOLE = "*"
"""What `columns: {text: "*"}` names: the whole record."""
RECORD = frozenset({"text", "messages", "conversations", "prompt", "completion", "chosen", "instruction", "input", "output"})
PUBLIC = ("", "false", "0", "no", "none", "null")
"""What a record may say in `private` to be none; anything else makes it private."""


class Files(SourceStep):
    """Read texts, Markdown, HTML, EPUB, DOCX, PDF, JSON lines, CSV and Parquet, packed or in archives or not, from any store.

    As documents, each text file is one row, and each record with a `text`; as pairs, rows of
    prompt-completion, chat messages, Alpaca, ShareGPT and TRL are recognised. `columns` names their
    fields in ours (`{text: body}`); fields that are not used are kept in `attrs`. Inputs that wait for
    `answer` are pairs too: name `input` and no `output`. Of records that are texts themselves
    `{text: "*"}` takes the whole as JSON. A bad line or
    file is skipped by name, and nothing beside it is lost. Of HTML the main part is read, without
    tables, figures, forms and navigation; headings of EPUB and DOCX become `sections`. PDF needs the
    extra `documents`.

    ```yaml
    steps:
      faq: {use: files, path: "faq/*.jsonl", as: pairs, columns: {input: question, output: answer}}
      dataset: {use: write}
    ```
    """

    use: Literal["files"] = "files"
    as_: Literal["documents", "pairs"] = Field(default="documents", alias="as")
    """What each record is."""
    columns: dict[ColumnName, str] = {}
    """Our column to the record's field."""
    licence: str | None = None
    """SPDX expression for rows that name none."""
    turns: Take = "last"
    """Whether the last answer of a conversation becomes a pair, or every one."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit a file."""
        return list_files(patterns)

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """The columns of the kind, and those of the user's own."""
        return frozenset(SCHEMAS[self.kind]) | before | set(self.columns)

    def faults(self) -> Sequence[Fault]:
        """Columns that Dartboard fills itself cannot be set from a field."""
        return own_names(self.columns, {**DOCUMENTS, **PAIRS}.keys() - set(SETTABLE))

    @property
    def _fields(self) -> frozenset[str]:
        """The fields by which an object is known as a record, not as a wrapper around a list of them."""
        return frozenset() if self._whole else RECORD | frozenset(self.columns.values())

    @property
    def _whole(self) -> bool:
        """Whether each record is a text."""
        return self.kind == "documents" and self.columns.get("text") == WHOLE

    @property
    def kind(self) -> Kind:
        """Documents or pairs."""
        return self.as_

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the rows of one file, or of each file in an archive."""
        try:
            asked = self._by_columns
            if asked and plain_name(unit.key).endswith(LINES):
                yield from self._blocks(asked, blocks(chunks(unit)), self._shared(unit, "", context))
            elif plain_name(unit.key).endswith(ROWS):
                yield from self._rows(unit, "", read_rows(unit, self._fields), context)
            else:
                yield from self._files(unit, context)
        except Unreadable as error:
            yield self._nothing(unit, "", str(error))

    def _files(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Read a text, a document of many parts, or each file of an archive."""
        stream = chunks(unit)
        first = next(stream, b"")
        while 0 < len(first) < TAR_BLOCK and (more := next(stream, b"")):
            first += more
        data = itertools.chain([first], stream)
        if is_tar(first) and b"ustar" in first[:300]:
            yield from self._members(unit, tar_members(data), context)
        elif first.startswith(ZIP):
            yield from self._zip(unit, "", b"".join(capped(data)), context)
        else:
            yield from self._member(unit, "", b"".join(capped(data)), context)

    def _zip(self, unit: Unit, name: str, data: bytes, context: Context) -> Iterator[Reading]:
        names = zip_names(data)
        document = read_parts(members(data).files) if is_document(names) else None
        closed = sealed(dict.fromkeys(names, b""))
        if document is not None:
            yield self._document_of(unit, name, document, context)
        elif closed:
            yield self._nothing(unit, name, closed)
        else:
            yield from self._members(unit, zip_members(data), context)

    def _members(self, unit: Unit, found: Iterator[Member], context: Context) -> Iterator[Reading]:
        for member in found:
            if member.fault:
                yield self._nothing(unit, member.name, member.fault)
                continue
            try:
                content = b"".join(capped(unpacked(iter([member.content]))))
            except Unreadable as error:
                yield self._nothing(unit, member.name, str(error))
                continue
            yield from self._member(unit, member.name, content, context)

    def _member(self, unit: Unit, name: str, content: bytes, context: Context) -> Iterator[Reading]:
        """Read one file of an archive, or the file itself."""
        try:
            asked = self._by_columns
            if asked and plain_name(name).endswith(LINES):
                yield from self._blocks(asked, blocks(iter([content])), self._shared(unit, name, context))
            elif plain_name(name).endswith(ROWS):
                yield from self._rows(unit, name, rows_in(plain_name(name), content, self._fields), context)
            elif content.startswith(b"%PDF-"):
                yield self._document_of(unit, name, read_pdf(content), context)
            elif name and content.startswith(ZIP) and is_document(zip_names(content)):
                yield from self._zip(unit, name, content, context)
            else:
                yield self._text(unit, name, text_sized(content), context)
        except Unreadable as error:
            yield self._nothing(unit, name, str(error))

    def _document_of(self, unit: Unit, name: str, document: Document, context: Context) -> Reading:
        text = document.outline.text()
        if self.kind == "pairs" or not text.strip():
            return self._nothing(unit, name, "a text is no pair" if text.strip() else "no text in it")
        about = {
            "title": document.title,
            "authors": list(document.authors),
            "language": document.language,
            "sections": document.outline.sections(),
        }
        row = origin(context.step, self.use, unit.key, name) | about | {"licence": self.licence, "private": self.private}
        return Reading(frame_of([spanned(row, text)], "documents"))

    def _text(self, unit: Unit, name: str, content: bytes, context: Context) -> Reading:
        closed = sealed({"": content})
        if closed:
            return self._nothing(unit, name, closed)
        page = plain_name(name or unit.key).endswith(PAGES)
        text = decode(content, charset_of(content) if page else None).text
        title, text = read_html(text) if page else (None, text)
        if self.kind == "pairs" or not text.strip():
            return self._nothing(unit, name, "a text is no pair" if text.strip() else "no text in it")
        row = origin(context.step, self.use, unit.key, name) | {"title": title, "licence": self.licence, "private": self.private}
        return Reading(frame_of([spanned(row, text)], "documents"))

    def _nothing(self, unit: Unit, place: str, reason: str) -> Reading:
        return Reading(frame_of([], self.kind), (Skip(unit.key, place, reason),))

    @property
    def _by_columns(self) -> Asked | None:
        return asked_of(self.columns) if self.kind == "documents" and not self._whole else None

    def _shared(self, unit: Unit, member: str, context: Context) -> Origin:
        return Origin(context.step, self.use, unit.key, member, self.licence, self.private)

    def _blocks(self, asked: Asked, stream: Iterator[Block], shared: Origin) -> Iterator[Reading]:
        """Read JSON lines as documents: what is usual by columns, the rest line by line, in the order of the file."""
        for block in stream:
            usual, odd = documents(block, asked, shared)
            others, skips = self._others(block.first, odd, shared)
            rows = (pl.concat([usual, others], how="diagonal").sort(LINE) if others.height else usual).drop(LINE)
            frames = list(rows.iter_slices(MAX_FRAME_ROWS)) or [rows]
            yield Reading(frames[0], tuple(skips))
            yield from (Reading(frame) for frame in frames[1:])

    def _others(self, first: int, odd: Iterator[Row], shared: Origin) -> tuple[pl.DataFrame, list[Skip]]:
        """Read some lines by themselves; the rows have their line."""
        made: dict[int, dict[str, Any]] = {}
        skips: list[Skip] = []
        for row in odd:
            try:
                (made[int(row.place) - first],) = self._record(row._replace(place=shared.place(row.place)), shared.unit, shared.step)
            except (NotPair, RecursionError) as error:
                skips.append(Skip(shared.unit, shared.place(row.place), _why(error)))
        try:
            frame = frame_of(list(made.values()), self.kind)
        except WRONG_TYPES:
            good, more = self._sound(list(made.values()))
            held = set(map(id, good))
            made, skips = {line: row for line, row in made.items() if id(row) in held}, [*skips, *more]
            frame = frame_of(good, self.kind)
        return frame.with_columns(pl.Series(LINE, list(made), dtype=pl.Int64)), skips

    def _rows(self, unit: Unit, member: str, rows: Iterator[Row], context: Context) -> Iterator[Reading]:
        made: list[dict[str, Any]] = []
        skips: list[Skip] = []
        ending: Skip | None = None
        while True:
            try:
                row = next(rows, None)
            except Unreadable as error:
                row, ending = None, Skip(unit.key, member, str(error))
            if row is None:
                break
            row = row._replace(place=f"{member}#{row.place}" if member else row.place)
            try:
                made.extend(self._record(row, unit.key, context.step))
            except (NotPair, RecursionError) as error:
                skips.append(Skip(unit.key, row.place, _why(error)))
            if len(made) >= FLUSH:
                yield from self._flush(made, skips)
                made, skips = [], []
        yield from self._flush(made, [*skips, ending] if ending else skips)

    def _flush(self, made: list[dict[str, Any]], skips: list[Skip]) -> Iterator[Reading]:
        try:
            frames = list(batches(made, self.kind))
        except WRONG_TYPES:
            made, more = self._sound(made)
            frames, skips = list(batches(made, self.kind)), [*skips, *more]
        frames = frames or [frame_of([], self.kind)]
        yield Reading(frames[0], tuple(skips))
        yield from (Reading(frame) for frame in frames[1:])

    def _sound(self, made: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Skip]]:
        """Part rows that a frame can hold from those with a field of another type."""
        good: list[dict[str, Any]] = []
        skips: list[Skip] = []
        for row in made:
            try:
                frame_of([row], self.kind)
                good.append(row)
            except WRONG_TYPES:
                skips.append(Skip(str(row.get("unit")), str(row.get("id")), "a field of another type"))
        return good, skips

    def _record(self, row: Row, unit: str, step: str) -> list[dict[str, Any]]:
        """Give the rows of a record: one, or one for each answer of a conversation."""
        if row.fault:
            raise NotPair(row.fault)
        if self._whole:
            return self._record_of(row, unit, step)
        if {"id", "source", "unit", "span", "attrs", "group"} <= set(row.value):
            return [self._own(row.value)]
        absent = [theirs for theirs in self.columns.values() if theirs not in row.value]
        if absent:
            raise NotPair(f"no field {absent[0]}")
        named = {ours: row.value[theirs] for ours, theirs in self.columns.items()}
        rest = {name: value for name, value in row.value.items() if name not in self.columns.values()}
        base = origin(step, self.use, unit, row.place)
        return [self._document(base, named, rest)] if self.kind == "documents" else self._pairs(base, named, rest)

    def _record_of(self, row: Row, unit: str, step: str) -> list[dict[str, Any]]:
        """Give a record as a document whose text is the record; only what `columns` names is said of it."""
        whole = {"text": json.dumps(row.value, ensure_ascii=False, default=str)}
        named = {ours: row.value.get(theirs) for ours, theirs in self.columns.items() if theirs != WHOLE}
        return [self._document(origin(step, self.use, unit, row.place), named | whole, {})]

    def _document(self, base: dict[str, Any], named: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
        text = named.get("text", rest.get("text"))
        if not isinstance(text, str) or not text.strip():
            raise NotPair("no text")
        left = rest if "text" in named else {name: value for name, value in rest.items() if name != "text"}
        return spanned(base | self._about(named, left), text)

    def _pairs(self, base: dict[str, Any], named: dict[str, Any], rest: dict[str, Any]) -> list[dict[str, Any]]:
        whole = {"input", "output"} <= set(named)
        if "input" in named and "output" not in named and rest.get("output") is None:
            return [self._unanswered(base, named, rest)]
        pairs, used = pairs_of(named if whole else rest | named, self.turns)
        about = self._about(named, rest if whole else {name: value for name, value in rest.items() if name not in used})
        several = len(pairs) > 1
        return [
            base | {"generator": "human"} | about | pair | ({"id": f"{base['id']}.{n}"} if several else {})
            for n, pair in enumerate(pairs, 1)
        ]

    def _unanswered(self, base: dict[str, Any], named: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
        """Give half a pair, for a step that answers: `columns` names its input and no output, and the record has none."""
        (pair,) = pairs_of(named | {"output": ""}, self.turns).pairs
        return base | {"generator": "human"} | self._about(named, rest) | pair | {"output": None}

    def _about(self, named: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
        """Give what a record says of itself: columns of the design, of the user's own, and what is left as `attrs`."""
        record = left | named
        about: dict[str, Any] = {name: plain_text(record[name]) for name in KNOWN if record.get(name) not in (None, "")}
        if isinstance(record.get("authors"), list | str):
            names = [record["authors"]] if isinstance(record["authors"], str) else record["authors"]
            about["authors"] = [plain_text(name) for name in names if name is not None]
        about["private"] = self._private(record)
        about.setdefault("licence", self.licence)
        own = {
            name: plain_text(record[name]) for name in self.columns if name not in {**DOCUMENTS, **PAIRS} and record.get(name) is not None
        }
        return about | own | {"attrs": attrs({name: value for name, value in left.items() if name not in (*about, *own)})}

    def _private(self, record: Mapping[str, Any]) -> bool:
        return self.private or str(record.get("private") or "").strip().lower() not in PUBLIC

    def _own(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Take a row that `write` made without a layout as it is, with the columns of the user's that are named."""
        if not isinstance(record.get("output" if self.kind == "pairs" else "text"), str):
            raise NotPair(f"not a row of {self.kind}")
        row = {name: record.get(name) for name in SCHEMAS[self.kind]} | {ours: record.get(theirs) for ours, theirs in self.columns.items()}
        return row | {"private": self._private(record), "licence": record.get("licence") or self.licence}


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


class Seeds(Files):
    """Read a few human examples: the same files as `files` reads, as pairs of human make.

    Each row is a group of its own, so that it and all that is grown from it stay in one split.

    ```yaml
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}, licence: CC-BY-4.0}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    use: Literal["seeds"] = "seeds"  # type: ignore[assignment]  # each step has its own name
    as_: Literal["documents", "pairs"] = Field(default="pairs", alias="as")
