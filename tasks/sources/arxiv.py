"""`arxiv`: papers from e-print archives, LaTeX folders, and metadata records."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from tasks.frames import Skip, frame_of
from tasks.sources.charset import decode
from tasks.sources.eprint import read_eprint
from tasks.sources.latex import Paper, read_latex
from tasks.sources.latexsource import flatten, main_file
from tasks.sources.listing import folders, list_files
from tasks.sources.opening import Unreadable, chunks
from tasks.sources.origin import attrs, origin, spanned
from tasks.sources.papers import OPEN, Record, records, spdx
from tasks.step import Context, Names, Reading, SourceStep, Unit

_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?[/_]?\d{7})(?:v\d+)?")


class Arxiv(SourceStep):
    """Read papers from e-prints (tar.gz, gz, LaTeX files or folders of them), or abstracts from metadata records.

    Inputs are flattened, macros expanded; figures, tables, display formulas and bibliographies left
    out; headings become `sections`; the abstract is in `attrs.abstract`. `metadata` (OAI or Atom XML, JSON
    lines) gives titles, licences and dates by id; papers whose licence is not in `licences` are
    skipped by name. A metadata file as `path` gives one document a record: its abstract.

    ```yaml
    steps:
      papers: {use: arxiv, path: samples/arxiv/26*, metadata: samples/arxiv/metadata.jsonl}
      dataset: {use: write}
    ```
    """

    use: Literal["arxiv"] = "arxiv"
    metadata: Annotated[str, ...] | None = None
    """File with the metadata of the papers, relative to the recipe."""
    licences: Names | Literal["any"] = OPEN
    """SPDX names of the licences to take, or `any`."""
    maths: Literal["keep", "placeholder"] = "keep"
    """Keep inline formulas as `$…$`, or write `[formula]`."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """One unit an archive, single file or folder of loose files."""
        return folders(list_files(patterns))

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Give the paper of one unit, or the records of a metadata file."""
        name = unit.key.lower()
        if name.endswith((".xml", ".jsonl", ".json")):
            yield self._abstracts(unit, context)
            return
        known = _known(context.files.get("metadata", ""))
        identifier = _ID.search(unit.key)
        record = known.get(identifier[1], Record()) if identifier else Record()
        licence = spdx(record.licence)
        if self.licences != "any" and licence not in self.licences:
            yield _skipped(unit, "", f"licence {licence or 'unknown'}")
            return
        try:
            files = read_eprint(unit)
        except Unreadable as error:
            yield _skipped(unit, "", str(error))
            return
        yield self._paper(unit, context.step, files, record._replace(id=identifier[1] if identifier else ""))

    def _paper(self, unit: Unit, step: str, files: Mapping[str, bytes], record: Record) -> Reading:
        texts = {
            name: decode(data).text for name, data in files.items() if name.lower().endswith((".tex", ".ltx", ".latex")) or "." not in name
        }
        main = main_file(texts)
        if main is None:
            return _skipped(unit, "", "no LaTeX in it")
        try:
            paper = read_latex(flatten(main, texts), maths=self.maths == "keep")
        except Unreadable as error:
            return _skipped(unit, main, str(error))
        text = paper.outline.text()
        if len(text.split()) < 20:
            return _skipped(unit, main, "too few words")
        row = origin(step, self.use, unit) | _about(record, paper) | {"private": self.private, "sections": paper.outline.sections()}
        return Reading(frame_of([spanned(row, text)], "documents"))

    def _abstracts(self, unit: Unit, context: Context) -> Reading:
        rows, skips = [], []
        for number, record in enumerate(records(chunks(unit)), 1):
            licence = spdx(record.licence)
            reason = record.fault or ("no abstract" if not record.abstract else "")
            if not reason and self.licences != "any" and licence not in self.licences:
                reason = f"licence {licence or 'unknown'}"
            if reason:
                skips.append(Skip(unit.key, record.id or str(number), reason))
                continue
            row = origin(context.step, self.use, unit, record.id) | _about(record, None) | {"private": self.private}
            rows.append(spanned(row, record.abstract))
        return Reading(frame_of(rows, "documents"), tuple(skips))

    def input_files(self) -> dict[str, str]:
        """The metadata, where it is given."""
        return {"metadata": self.metadata} if self.metadata else {}


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
        "attrs": attrs({"abstract": abstract if paper else None, "categories": record.categories}),
    }
    if record.id:
        about |= {"url": f"https://arxiv.org/abs/{record.id}", "group": f"arxiv:{record.id}"}
    return about
