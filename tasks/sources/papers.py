"""Metadata of papers: OAI-PMH and Atom XML, and the JSON lines of the arXiv snapshot."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from lxml import etree

from tasks.sources.fragments import fragments, local, parse, text_of

OPEN = ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0", "LicenseRef-public-domain")
"""Licences that let a text be passed on; the default of `licences`."""


class Record(NamedTuple):
    """One paper's metadata; `fault` says why it cannot be used."""

    id: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    abstract: str = ""
    licence: str = ""
    created: str = ""
    categories: str = ""
    fault: str = ""


def spdx(licence: str) -> str:
    """Give the SPDX name of a licence's address (http or https, any version); empty for none."""
    address = licence.strip().lower().rstrip("/")
    found = re.search(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)(?:/(\d\.\d))?", address)
    if found:
        name, version = found[1], found[2] or "4.0"
        if name in ("zero", "cc0"):
            return "CC0-1.0"
        return "LicenseRef-public-domain" if name in ("mark", "publicdomain") else f"CC-{name.upper()}-{version}"
    if "nonexclusive-distrib" in address:
        return "LicenseRef-arXiv-nonexclusive-distrib"
    return licence.strip()


def records(stream: Iterator[bytes]) -> Iterator[Record]:
    """Read the records of a metadata file, whichever of its forms it has; faults are records too."""
    first = next(stream, b"")
    whole = _chain(first, stream)
    if first.lstrip()[:1] in (b"{", b"["):
        yield from _json(whole)
        return
    tag = "entry" if b"<feed" in first[:2000] else "record"
    head = b""
    for piece in fragments(whole, tag):
        if piece.kind != "head":
            head = b""
        if piece.kind == "lost":
            yield Record(fault=piece.data.decode())
        elif piece.kind == "record":
            element = parse(piece.data, recover=True)
            yield _record(element) if element is not None else Record(fault="broken XML")
        elif (error := re.search(rb'<error[^>]*code="(\w+)"', piece.data)) is not None:
            yield Record(fault=f"OAI error {error[1].decode()}")
        else:
            head = piece.data
    if b"<" in head and b"</" not in head:
        yield Record(fault="broken XML")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _record(element: etree._Element) -> Record:
    deleted = next((inner for inner in element.iter() if local(inner) == "header" and inner.get("status") == "deleted"), None)
    if deleted is not None:
        return Record(_bare(text_of(deleted, "identifier")), fault="deleted")
    fields: dict[str, list[str]] = {}
    for inner in element.iter():
        text = " ".join((inner.text or "").split())
        if text:
            fields.setdefault(local(inner), []).append(text)
        if local(inner) == "category" and inner.get("term"):
            fields.setdefault("term", []).append(str(inner.get("term")))

    def first(*names: str) -> str:
        return next((fields[name][0] for name in names if name in fields), "")

    return Record(
        _bare(first("id", "identifier")),
        first("title"),
        _people(fields),
        first("abstract", "summary", "description"),
        first("license", "rights"),
        first("created", "published", "date", "datestamp"),
        first("categories") or " ".join(fields.get("term") or fields.get("setSpec", [])),
    )


def _people(fields: dict[str, list[str]]) -> tuple[str, ...]:
    last, given = fields.get("keyname", []), fields.get("forenames", [])
    if last and len(last) == len(given):
        return tuple(" ".join(pair) for pair in zip(given, last, strict=True))
    named = fields.get("creator") or fields.get("name") or last
    return tuple(named or re.split(r", | and ", fields["authors"][0]) if named or "authors" in fields else ())


def _bare(identifier: str) -> str:
    return re.sub(r"v\d+$", "", re.sub(r"^(?:oai:arXiv\.org:|https?://arxiv\.org/abs/)", "", identifier.strip(), flags=re.IGNORECASE))


def _json(stream: Iterator[bytes]) -> Iterator[Record]:
    for line in b"".join(stream).split(b"\n"):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield Record(fault="broken JSON")
            continue
        if not isinstance(value, dict) or not value.get("id"):
            yield Record(fault="no id")
            continue
        yield _snapshot(value)


def _snapshot(value: Mapping[str, Any]) -> Record:
    """Read a record of the arXiv snapshot, or one that this module has read before."""
    text = {name: " ".join(str(value.get(name) or "").split()) for name in ("title", "abstract", "categories")}
    licence, day = (
        str(value.get(first) or value.get(second) or "") for first, second in (("license", "licence"), ("update_date", "created"))
    )
    parsed = tuple(" ".join(filter(None, reversed(parts[:2]))) for parts in value.get("authors_parsed") or () if isinstance(parts, list))
    names = value.get("authors")
    people = parsed or (tuple(map(str, names)) if isinstance(names, list) else ())
    return Record(str(value["id"]), text["title"], people, text["abstract"], licence, day, text["categories"])
