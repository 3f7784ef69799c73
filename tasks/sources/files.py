"""`files` and `seeds`: texts and rows of the user's own files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from tasks.errors import Fault
from tasks.frames import DOCUMENTS, PAIRS, SCHEMAS, Kind, Skip, batches, frame_of
from tasks.names import ColumnName, own_names
from tasks.sources.charset import decode
from tasks.sources.dialogues import NotPair, Take, pairs_of
from tasks.sources.listing import list_files
from tasks.sources.opening import Unreadable, capped, is_tar, members, sealed, unpacked, whole
from tasks.sources.origin import attrs, origin, plain_text, spanned
from tasks.sources.tabular import Row, plain_name, read_rows, rows_in
from tasks.sources.webpage import charset_of, read_html
from tasks.step import Context, Reading, SourceStep, Unit

ROWS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PAGES = (".html", ".htm", ".xhtml")
FLUSH = 5000
SETTABLE = (
    "text", "input", "output", "rejected", "system", "turns", "tools",
    "title", "authors", "url", "licence", "language", "created", "group", "private",
)  # fmt: skip
"""The columns of the design that `columns` may fill from a record's field; the others are Dartboard's own."""
PUBLIC = ("", "false", "0", "no", "none", "null")
"""What a record may say in `private` to be none; anything else makes it private."""


class Files(SourceStep):
    """Read texts, Markdown, HTML, JSON lines, CSV and Parquet, compressed or in archives or not, from any store.

    As documents, each text file is one row, and each record with a `text`; as pairs, rows of
    prompt-completion, chat messages, Alpaca, ShareGPT and TRL are recognised. `columns` names their
    fields in ours (`{text: body}`); fields that are not used are kept in `attrs`. A bad line or
    file is skipped by name, and nothing beside it is lost. Of HTML the main part is read, without
    tables, figures, forms and navigation.

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
    def kind(self) -> Kind:
        """Documents or pairs."""
        return self.as_

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the rows of one file, or of each file in an archive."""
        try:
            if plain_name(unit.key).endswith(ROWS):
                yield from self._rows(unit, "", read_rows(unit), context)
            else:
                yield from self._files(unit, context)
        except Unreadable as error:
            yield self._nothing(unit, "", str(error))

    def _files(self, unit: Unit, context: Context) -> Iterator[Reading]:
        data = whole(unit)
        packed = data.startswith(b"PK\x03\x04") or (is_tar(data) and b"ustar" in data[:300])
        files = members(data) if packed else {"": data}
        office = sealed(files) if packed else ""
        if office:
            yield self._nothing(unit, "", office)
            return
        for name, member in files.items():
            content = b"".join(capped(unpacked(iter([member])))) if packed else member
            if plain_name(name).endswith(ROWS):
                yield from self._rows(unit, name, rows_in(plain_name(name), content), context)
            else:
                yield self._text(unit, name, content, context)

    def _text(self, unit: Unit, name: str, content: bytes, context: Context) -> Reading:
        closed = sealed({"": content})
        if closed:
            return self._nothing(unit, name, closed)
        page = (name or unit.key).lower().endswith(PAGES)
        text = decode(content, charset_of(content) if page else None).text
        title, text = read_html(text) if page else (None, text)
        if self.kind == "pairs" or not text.strip():
            return self._nothing(unit, name, "a text is no pair" if text.strip() else "no text in it")
        row = origin(context.step, self.use, unit, name) | {"title": title, "licence": self.licence, "private": self.private}
        return Reading(frame_of([spanned(row, text)], "documents"))

    def _nothing(self, unit: Unit, place: str, reason: str) -> Reading:
        return Reading(frame_of([], self.kind), (Skip(unit.key, place, reason),))

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
                made.extend(self._record(row, unit, context.step))
            except NotPair as error:
                skips.append(Skip(unit.key, row.place, str(error)))
            if len(made) >= FLUSH:
                yield from self._flush(made, skips)
                made, skips = [], []
        yield from self._flush(made, [*skips, ending] if ending else skips)

    def _flush(self, made: list[dict[str, Any]], skips: list[Skip]) -> Iterator[Reading]:
        frames = list(batches(made, self.kind)) or [frame_of([], self.kind)]
        yield Reading(frames[0], tuple(skips))
        yield from (Reading(frame) for frame in frames[1:])

    def _record(self, row: Row, unit: Unit, step: str) -> list[dict[str, Any]]:
        if row.fault:
            raise NotPair(row.fault)
        record = dict(row.value)
        if {"id", "source", "unit", "span", "attrs", "group"} <= set(record):
            return [_own(record, self.kind, self.columns)]
        for ours, theirs in self.columns.items():
            if theirs not in record:
                raise NotPair(f"no field {theirs}")
            record[ours] = record.pop(theirs)
        base = origin(step, self.use, unit, row.place)
        if self.kind == "documents":
            text = record.pop("text", None)
            if not isinstance(text, str) or not text.strip():
                raise NotPair("no text")
            return [spanned(base | self._about(record, used=()), text)]
        pairs = pairs_of(record, self.turns)
        about = self._about(record, used=_PAIR_FIELDS)
        several = len(pairs) > 1
        return [
            base | {"generator": "human"} | about | pair | ({"id": f"{base['id']}.{n}"} if several else {})
            for n, pair in enumerate(pairs, 1)
        ]

    def _about(self, record: dict[str, Any], used: Sequence[str]) -> dict[str, Any]:
        known = ("title", "url", "licence", "language", "created", "group", *(() if self.kind == "documents" else ("system", "rejected")))
        about: dict[str, Any] = {
            name: plain_text(record[name]) for name in known if record.get(name) not in (None, "") and name not in used
        }
        if isinstance(record.get("authors"), list | str):
            about["authors"] = (
                [record["authors"]] if isinstance(record["authors"], str) else [plain_text(name) for name in record["authors"]]
            )
        about["private"] = self.private or str(record.get("private") or "").strip().lower() not in PUBLIC
        about.setdefault("licence", self.licence)
        own = {
            name: plain_text(record[name]) for name in self.columns if name not in {**DOCUMENTS, **PAIRS} and record.get(name) is not None
        }
        left = {n: v for n, v in record.items() if n not in (*about, *own, *used, "authors", "private", "text")}
        return about | own | {"attrs": attrs(left)}


_PAIR_FIELDS = (
    "input", "output", "prompt", "completion", "chosen", "rejected", "messages", "conversations", "instruction", "system", "tools", "turns",
)  # fmt: skip


def _own(record: dict[str, Any], kind: Kind, columns: Mapping[str, str]) -> dict[str, Any]:
    """A row that `write` made without a layout: taken as it is, with the columns of the user's that are named."""
    if ("output" if kind == "pairs" else "text") not in record:
        raise NotPair(f"not a row of {kind}")
    return {name: record.get(name) for name in SCHEMAS[kind]} | {ours: record.get(theirs) for ours, theirs in columns.items()}


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
