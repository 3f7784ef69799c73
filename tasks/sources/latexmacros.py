"""The macros that a LaTeX source defines: found, and told from those that would never end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"\\[a-zA-Z@]+\*?[ \t]*|\\.|\n[ \t]*\n\s*|\$\$|[{}$&~\[\]]|\n|[^\\{}$&~\[\]\n]+|\\", re.DOTALL)


@dataclass(frozen=True)
class Macro:
    """A user's macro: its number of arguments, the default of the first, and its body as tokens."""

    arguments: int
    default: list[str] | None
    body: list[str]


def braced(source: str, at: int) -> tuple[str, int]:
    """Give what stands from `at` to the brace that closes, and the place after it."""
    depth, start = 1, at
    while at < len(source) and depth:
        sign = source[at]
        at += 2 if sign == "\\" else 1
        depth += (sign == "{") - (sign == "}")
    return source[start : at - 1], at


_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|providecommand|DeclareRobustCommand)\*?\s*\{?\s*\\([a-zA-Z@]+)\s*\}?\s*(?:\[(\d)\])?\s*(?:\[([^\]]*)\])?\s*\{"
    r"|\\[gex]?def\s*\\([a-zA-Z@]+)\s*((?:#\d)*)\s*\{"
    r"|\\DeclareMathOperator\*?\s*\{?\s*\\([a-zA-Z@]+)\s*\}?\s*\{"
)


def macros_in(source: str) -> dict[str, Macro]:
    """Find the definitions; of those of one name the last counts."""
    found: dict[str, Macro] = {}
    for match in _DEFINITION.finditer(source):
        body, _ = braced(source, match.end())
        name = match[1] or match[4] or match[6]
        count = int(match[2] or 0) if match[1] else len(match[5] or "") // 2
        default = TOKEN.findall(match[3]) if match[3] is not None else None
        found[name] = Macro(count, default, TOKEN.findall(body))
    return found


def ending(macros: Mapping[str, Macro]) -> dict[str, Macro]:
    """Leave out the macros whose bodies lead back to themselves: they would never end."""
    names = {
        name: {called for token in macro.body if (called := token[1:].rstrip("* \t")) in macros and token[0] == "\\"}
        for name, macro in macros.items()
    }
    kept = dict(macros)
    for name in macros:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            following = names[waiting.pop()] - seen
            seen |= following
            waiting.extend(following)
        if name in seen:
            del kept[name]
    return kept


def without_definitions(source: str) -> str:
    """Take the definitions out of a source."""
    pieces, at = [], 0
    for match in _DEFINITION.finditer(source):
        if match.start() >= at:
            pieces.append(source[at : match.start()])
            _, at = braced(source, match.end())
    pieces.append(source[at:])
    return "".join(pieces)


def delimited(tokens: list[str], macros: Mapping[str, Macro]) -> list[str]:
    """Write out the macros that begin or end environments, so that both ends are seen together."""
    bodies = {
        name: macro.body
        for name, macro in macros.items()
        if not macro.arguments and any(token.rstrip() in ("\\begin", "\\end") for token in macro.body)
    }
    if not bodies:
        return tokens
    written: list[str] = []
    for token in tokens:
        body = bodies.get(token[1:].rstrip(" \t")) if token[0] == "\\" else None
        written.extend([token] if body is None else body)
    return written
