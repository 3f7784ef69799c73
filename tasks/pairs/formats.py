"""JSON, YAML, XML and CSV to plain data and back, so that a round trip can be proved."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any, Literal

from lxml import etree

from tasks.markup import read_yaml, write_yaml

Format = Literal["json", "yaml", "xml", "csv"]

_NUMBER = re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")
_XML_NAME = re.compile(r"^[A-Za-z_][\w.-]*$")


class Unfit(ValueError):
    """A text that is not of its format."""


class Lossy(ValueError):
    """Data that a format cannot hold as it is."""


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unfit("a key stands twice")
    return made


def _no_constant(name: str) -> Any:
    raise Unfit(f"{name} is not JSON")


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _read_yaml(text: str) -> Any:
    marked = read_yaml(text)
    if marked.faults:
        raise Unfit(str(marked.faults[0]))
    return marked.value


def _scalar_of(text: str) -> Any:
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return json.loads(text) if _NUMBER.match(text) else text


def _read_csv(text: str) -> Any:
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Unfit("rows of different lengths")
    return [dict(zip(rows[0], map(_scalar_of, row), strict=True)) for row in rows[1:]]


def _write_csv(value: Any) -> str:
    if not (isinstance(value, list) and value and all(isinstance(row, dict) and row for row in value)):
        raise Lossy("CSV holds a list of records")
    names = list(value[0])
    if any(list(row) != names or any(isinstance(cell, dict | list) for cell in row.values()) for row in value):
        raise Lossy("CSV holds flat records with the same fields")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[cell if isinstance(cell, str) else json.dumps(cell) for cell in row.values()] for row in value])
    return out.getvalue()


def _read_xml(text: str) -> Any:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(text.encode(), parser)
    return {str(root.tag): _value_of(root)}


def _value_of(element: etree._Element) -> Any:
    kind = element.get("type")
    text = element.text or ""
    if kind == "list":
        return [_value_of(child) for child in element]
    return _scalar_of(text.strip() or "null") if kind in ("number", "boolean", "null") else _record_of(element, kind, text)


def _record_of(element: etree._Element, kind: str | None, text: str) -> Any:
    plain = {f"@{name!s}": value for name, value in element.items() if name != "type" or kind != "object"}
    if not len(element) and not plain:
        return {} if kind == "object" else text
    held: dict[str, Any] = dict(plain)
    for child in element:
        _add_child(held, str(child.tag), _value_of(child))
    words = [text, *(child.tail or "" for child in element)]
    if any(word.strip() for word in words):
        held["#text"] = "".join(words).strip()
    return held


def _add_child(held: dict[str, Any], tag: str, value: Any) -> None:
    """Put a child under its tag; a tag that comes again makes a list."""
    if tag not in held:
        held[tag] = value
    elif isinstance(held[tag], list):
        held[tag].append(value)
    else:
        held[tag] = [held[tag], value]


def _write_xml(value: Any) -> str:
    single = isinstance(value, dict) and len(value) == 1 and not isinstance(next(iter(value.values())), list)
    (tag, content) = next(iter(value.items())) if single else ("record", value)
    root = _element_of(tag, content)
    etree.indent(root)
    return str(etree.tostring(root, encoding="unicode"))


def _element_of(tag: str, value: Any) -> etree._Element:
    if not _XML_NAME.match(tag):
        raise Lossy(f"{tag!r} is no XML name")
    element = etree.Element(tag)
    if isinstance(value, dict):
        if not value:
            element.set("type", "object")
        for name, child in value.items():
            if name.startswith("@"):
                element.set(name[1:], str(child))
            elif name == "#text":
                element.text = str(child)
            else:
                element.append(_element_of(name, child))
    elif isinstance(value, list):
        element.set("type", "list")
        element.extend(_element_of("item", child) for child in value)
    elif isinstance(value, str):
        element.text = value
    else:
        element.set("type", "null" if value is None else "boolean" if isinstance(value, bool) else "number")
        element.text = None if value is None else json.dumps(value)
    return element


READ: dict[Format, Callable[[str], Any]] = {"json": _read_json, "yaml": _read_yaml, "xml": _read_xml, "csv": _read_csv}
WRITE: dict[Format, Callable[[Any], str]] = {"json": _write_json, "yaml": write_yaml, "xml": _write_xml, "csv": _write_csv}


def convert(text: str, read: Format, write: Format) -> str:
    """Write the data of `text` in another format; Lossy where that loses anything, another ValueError where it cannot be read.

    The proof: the result is read again and must be the same data (for XML, under its single root).

    >>> convert('{"a": [1, true, "no"]}', "json", "yaml")
    "a:\\n- 1\\n- true\\n- 'no'\\n"
    """
    value = READ[read](text)
    if not isinstance(value, dict | list):
        raise Unfit("a record or a list is needed")
    made = WRITE[write](value)
    again = READ[write](made)
    if again != value and not (write == "xml" and again == {"record": value}):
        raise Lossy("no round trip")
    if json.dumps(again if again == value else again["record"]) != json.dumps(value):
        raise Lossy("types or order change")
    return made
