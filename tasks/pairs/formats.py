"""JSON, YAML, XML and CSV to plain data and back, so that a round trip can be proved."""

import csv
import io
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from lxml import etree

from tasks.markup import read_yaml, write_yaml

Format = Literal["json", "yaml", "xml", "csv"]

csv.field_size_limit(64 << 20)
_NUMBER = re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")
_XML_NAME = re.compile(r"^[A-Za-z_][\w.-]*$")


class Unfit(ValueError):
    """A text that is not of its format."""


class Lossy(ValueError):
    """Data that a format cannot hold as it is."""


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_exact)


def _exact(text: str) -> float:
    """Read a number that a float holds as it is written, to the last digit."""
    number = float(text)
    if not math.isfinite(number) or Decimal(repr(number)) != Decimal(text):
        raise Lossy(f"{text} has more digits than a number keeps")
    return number


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
    value = json.loads(text) if _NUMBER.match(text) else text
    return value if isinstance(value, str) or json.dumps(value) == text else text


def _read_csv(text: str) -> Any:
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Unfit("rows of different lengths")
    if len(set(rows[0])) != len(rows[0]):
        raise Unfit("a column stands twice")
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
    """Read an element: `type` says list, object, number, boolean or null as this module writes them."""
    kind = element.get("type")
    text = element.text or ""
    if kind == "list" and len(element.attrib) == 1:
        if text.strip() or any(child.tag != "item" or (child.tail or "").strip() for child in element):
            raise Lossy("a list of other things than items")
        return [_value_of(child) for child in element]
    if kind in ("number", "boolean", "null") and len(element.attrib) == 1 and not len(element):
        return _typed(kind, text.strip() or "null")
    return _record_of(element, kind, text)


def _typed(kind: str, text: str) -> Any:
    value = _scalar_of(text)
    fits = {
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "null": value is None,
    }
    if not fits[kind]:
        raise Lossy(f"{text!r} is no {kind}")
    return value


def _record_of(element: etree._Element, kind: str | None, text: str) -> Any:
    empty = kind == "object" and len(element.attrib) == 1 and not text.strip() and not len(element)
    held: dict[str, Any] = {f"@{name!s}": value for name, value in element.items()}
    if empty or not (len(element) or held):
        return {} if empty else text
    if not len(element):
        return held | {"#text": text} if text else held
    if any(word.strip() for word in (text, *(child.tail or "" for child in element))):
        raise Lossy("text between elements, whose order would be lost")
    _add_children(held, element)
    return held


def _add_children(held: dict[str, Any], element: etree._Element) -> None:
    before = ""
    for child in element:
        if child.tag != before and str(child.tag) in held:
            raise Lossy("elements of one name apart from each other, whose order would be lost")
        before = str(child.tag)
        _add_child(held, before, _value_of(child))


def _add_child(held: dict[str, Any], tag: str, value: Any) -> None:
    """Put a child under its tag; a tag that comes again makes a list."""
    if tag not in held:
        held[tag] = value
    elif isinstance(held[tag], _Again):
        held[tag].append(value)
    else:
        held[tag] = _Again([held[tag], value])


class _Again(list[Any]):
    """A list made of elements that come again, apart from one that is written as a list."""


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
    made.encode()
    again = READ[write](made)
    if again != value and not (write == "xml" and again == {"record": value}):
        raise Lossy("no round trip")
    if json.dumps(again if again == value else again["record"]) != json.dumps(value):
        raise Lossy("types or order change")
    return made
