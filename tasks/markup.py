"""YAML as this project reads it: the 1.2 core schema, no aliases, no duplicate keys, no tags.

`no`, `on`, `12:30` and `2026-01-01` are texts; only `true` and `false` are booleans.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from tasks.errors import Fault

MAX_BYTES = 1 << 20
MAX_DEPTH = 50

Path = tuple[str | int, ...]

_RESOLVERS = {
    "tag:yaml.org,2002:null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "tag:yaml.org,2002:int": (r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
}


@dataclass
class Marked:
    """A value with the line of each of its places, and what was wrong with the text."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Give the line of a place, or of the nearest place around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Composer(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.found: list[tuple[int, str, str]] = []

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        """Compose a node as PyYAML does, but an alias as null, and only so deep."""
        if self.check_event(yaml.events.AliasEvent):
            event: Any = self.get_event()  # type: ignore[no-untyped-call]  # PyYAML
            self.found.append((event.start_mark.line + 1, f"*{event.anchor}", "aliases are not followed"))
            return yaml.ScalarNode("tag:yaml.org,2002:null", "", event.start_mark, event.end_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML
            raise yaml.composer.ComposerError(None, None, f"nested more than {MAX_DEPTH} deep", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, (_pattern, _firsts) in _RESOLVERS.items():
    for _first in _firsts:
        _Composer.yaml_implicit_resolvers.setdefault(_first, []).append((_tag, re.compile(_pattern)))


def read_yaml(text: str) -> Marked:
    """Read one YAML document; what is wrong with the text is in `faults`, with its line.

    >>> read_yaml("a: no\\nb: [1, 2.50]").value
    {'a': 'no', 'b': [1, 2.5]}
    """
    marked = Marked()
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        marked.faults.append(Fault("", f"is longer than {MAX_BYTES} bytes"))
        return marked
    composer = _Composer.__new__(_Composer)
    try:
        composer.__init__(text)  # type: ignore[misc]  # reading the text itself may raise
        node = composer.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error).splitlines()[0]
        marked.faults.append(Fault("", f"is not YAML: {why}", line=mark.line + 1 if mark else 1))
        return marked
    marked.faults.extend(Fault("", rule, value, "Write the value out.", line=line) for line, value, rule in composer.found)
    if node is not None:
        marked.value = _value(node, (), marked)
    return marked


def _value(node: yaml.Node, path: Path, marked: Marked) -> Any:
    marked.lines[path] = node.start_mark.line + 1
    if not str(node.tag).startswith("tag:yaml.org,2002:") or "python" in str(node.tag):
        marked.faults.append(Fault(dotted(path), "tags are not followed", str(node.tag), line=node.start_mark.line + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, place), marked) for place, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, marked)
    return _scalar(node, path, marked)


def _mapping(node: yaml.MappingNode, path: Path, marked: Marked) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        place = dotted((*path, key if key is not None else "?"))
        if key is None:
            marked.faults.append(Fault(place, "a key must be a text", line=line))
        elif key in result:
            marked.faults.append(Fault(place, "the key stands twice", key, "Keep one of them.", line=line))
        else:
            result[key] = _value(value_node, (*path, key), marked)
            marked.lines[(*path, key)] = line
    return result


def _scalar(node: yaml.Node, path: Path, marked: Marked) -> Any:
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    text = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text.lstrip("+-")[:2] in ("0x", "0o") else int(text)
    if kind == "float":
        number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if math.isfinite(number):
            return number
        marked.faults.append(Fault(dotted(path), "a number must be finite", text, line=node.start_mark.line + 1))
        return 0
    if kind != "str":
        marked.faults.append(Fault(dotted(path), "tags are not followed", str(node.tag), line=node.start_mark.line + 1))
    return text


def dotted(path: Path) -> str:
    """Write a place as `steps.books.limit` or `steps.all.from[1]`."""
    return "".join(_pieces(path)).lstrip(".")


def _pieces(path: Path) -> Iterator[str]:
    for piece in path:
        yield f"[{piece}]" if isinstance(piece, int) else f".{piece}"


class _Writer(yaml.SafeDumper):
    """Quotes what either this reader or one of YAML 1.1 would take for something other than a text."""

    yaml_implicit_resolvers = {first: list(found) for first, found in yaml.SafeDumper.yaml_implicit_resolvers.items()}


for _first, _found in _Composer.yaml_implicit_resolvers.items():
    _Writer.yaml_implicit_resolvers.setdefault(_first, []).extend(_found)


def write_yaml(value: Any) -> str:
    """Write plain data as YAML that `read_yaml` reads back."""
    return str(yaml.dump(value, Dumper=_Writer, allow_unicode=True, sort_keys=False, width=120))
