"""The macros that a LaTeX source defines: found, and told from those that would never end."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"\\[a-zA-Z@]+\*?[ \t]*|\\.|\n[ \t]*\n\s*|\$\$|[{}$&~\[\]]|\n|[^\\{}$&~\[\]\n]+|\\", re.DOTALL)


@dataclass(frozen=True)
class Macro:
    """A user's macro: its number of arguments, the default of the first, and its body as tokens."""

    arguments: int
    default: list[str] | None
    body: list[str]


def braced(source: str, at: int) -> tuple[str, int] | None:
    """Give what stands from `at` to the brace that closes, and the place after it; None where none does within MAX_BRACED."""
    depth = 1
    for brace in _BRACE.finditer(source, at, at + MAX_BRACED):
        depth += (brace[0] == "{") - (brace[0] == "}")
        if depth == 0:
            return source[at : brace.start()], brace.end()
    return None


_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|providecommand|DeclareRobustCommand)\*?\s*+\{?\s*+\\([a-zA-Z@]++)\s*+\}?\s*+(?:\[(\d)\])?\s*+(?:\[([^\]]{0,2000})\])?\s*+\{"
    r"|\\[gex]?def\s*+\\([a-zA-Z@]++)\s*+((?:#\d)*+)\s*+\{"
    r"|\\DeclareMathOperator\*?\s*+\{?\s*+\\([a-zA-Z@]++)\s*+\}?\s*+\{"
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
MAX_BRACED = 20_000
"""A body or title of more signs is not one: a brace is not closed."""
MAX_UNCLOSED = 50
"""After so many definitions that do not end, a source is no longer searched for them."""


def definitions(source: str) -> Iterator[tuple[re.Match[str], str, int]]:
    """Yield each definition, its body and the place after it; one whose brace is not closed ends with its line."""
    unclosed = 0
    for match in _DEFINITION.finditer(source):
        held = braced(source, match.end())
        if held is None:
            unclosed += 1
            if unclosed > MAX_UNCLOSED:
                return
            end = source.find("\n", match.end())
            held = "", len(source) if end < 0 else end
        yield match, *held


def macros_in(source: str) -> dict[str, Macro]:
    """Find the definitions; of those of one name the last counts."""
    found: dict[str, Macro] = {}
    for match, body, _ in definitions(source):
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
    for match, _, end in definitions(source):
        if match.start() >= at:
            pieces.append(source[at : match.start()])
            at = end
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
