"""Sources of papers before they are read: the main file chosen, inputs put in place, comments and unshown branches taken out."""

import re
from collections.abc import Mapping

from tasks.sources.elements import replaced
from tasks.sources.opening import Unreadable

_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|Verbatim|comment|filecontents|minted|alltt)\*?\}")
_END = r"\\end\{{{}\*?\}}".format
_VERB = re.compile(r"\\(?:verb\*?|lstinline(?:\[[^\]\n]*\])?)([^a-zA-Z\s*{\[])(.*?)\1")
_ADDRESS = re.compile(r"\\(?:url|href|path|nolinkurl)\s*\{[^{}\n]*\}")
_PERCENT = re.compile(r"(?<!\\)%")
_CONDITION = re.compile(r"\\newif\s*\\if[a-zA-Z@]+|\\(?:ifthenelse|iff|ifmmode)(?![a-zA-Z@])|\\(if[a-zA-Z@]*|else|fi)(?![a-zA-Z@])[ \t]*")
_ESCAPED = str.maketrans(
    {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", **{sign: f"\\{sign}" for sign in "{}$%&#_"}}
)
_INPUT = re.compile(r"\\(?:input|include|subfile|subfileinclude)\s*\{\s*([^{}]+?)\s*\}|\\input\s+([\w./-]+)")
MAX_SIGNS = 20_000_000
"""A paper with its inputs in their places."""
_MAIN = re.compile(r"\\document(?:class|style)\b")


def main_file(files: Mapping[str, str]) -> str | None:
    """Choose the main file: it has a document class and is not the input of another; of several, the best named or longest."""
    heads = [name for name, text in files.items() if "\\begin{document}" in text and _MAIN.search(uncommented(text))]
    if not heads:
        heads = [name for name, text in files.items() if _MAIN.search(text)]
    if not heads:
        tex = [name for name in files if name.lower().endswith((".tex", ".ltx")) or "." not in name]
        return max(tex, key=lambda name: (len(files[name]), name), default=None)
    named = ("main", "ms", "paper", "article", "manuscript")

    def rank(name: str) -> tuple[bool, int, str]:
        stem = name.rpartition("/")[2].partition(".")[0].lower()
        return stem in named, len(files[name]) + 10 * sum(len(files.get(other, "")) for other in _inputs(files[name], files)), name

    return max(heads, key=rank)


def uncommented(text: str) -> str:
    """Take out comments, each with its line's end and what is white after it; an empty line after one stays."""
    pieces, start, at = [], 0, text.find("%")
    while at >= 0:
        before = text[max(at - 50, start) : at]
        if (len(before) - len(before.rstrip("\\"))) % 2:
            at = text.find("%", at + 1)
            continue
        pieces.append(text[start:at])
        end = text.find("\n", at)
        start = len(text) if end < 0 else _after_end(text, end)
        at = text.find("%", start)
    return "".join([*pieces, text[start:]])


def _after_end(text: str, end: int) -> int:
    after = end + 1
    while text[after : after + 1] in (" ", "\t"):
        after += 1
    return end if text[after : after + 1] == "\n" else after


def _inputs(text: str, files: Mapping[str, str]) -> list[str]:
    return [name for match in _INPUT.finditer(text) if (name := _resolve(match[1] or match[2], files))]


def _resolve(name: str, files: Mapping[str, str]) -> str | None:
    name = name.strip().strip('"').removeprefix("./")
    candidates = (name, f"{name}.tex", f"{name}.ltx")
    return next((found for found in candidates if found in files), None)


def flatten(name: str, files: Mapping[str, str], above: tuple[str, ...] = ()) -> str:
    """Put the text of inputs in their places; a file that includes itself is left out there. Unreadable where that makes too much."""
    text = uncommented(_ADDRESS.sub(lambda match: _PERCENT.sub(r"\\%", match[0]), _VERB.sub(_spelt, files[name])))
    if len(above) > 20:
        return ""

    size = len(text)

    def put(match: re.Match[str]) -> str:
        nonlocal size
        found = _resolve(match[1] or match[2], files)
        put_in = "" if found is None or found in (*above, name) else f"\n{flatten(found, files, (*above, name))}\n"
        size += len(put_in)
        if size > MAX_SIGNS:
            raise Unreadable(f"inputs make more than {MAX_SIGNS} signs")
        return put_in

    return _INPUT.sub(put, text)


def _spelt(match: re.Match[str]) -> str:
    """Give the words of `\\verb` as text that means nothing else."""
    return match[2].translate(_ESCAPED)


def chosen(source: str) -> str:
    """Take out what a conditional does not show: all of `\\iffalse`, the `\\else` of any other, and their names.

    A source whose conditionals do not nest is given back as it is.
    """
    pieces: list[str] = []
    inside: list[tuple[str, bool]] = []
    at, shown = 0, True
    for match in _CONDITION.finditer(source):
        word = match[1]
        if word is None:
            continue
        pieces.append(source[at : match.start()] if shown else "")
        at = match.end()
        if word in ("else", "fi"):
            if not inside:
                return source
            opened, around = inside.pop()
            shown = around and (word == "fi" or opened == "iffalse")
            if word == "else":
                inside.append(("else", around))
        else:
            inside.append((word, shown))
            shown = shown and word != "iffalse"
    return source if inside else "".join([*pieces, source[at:]])


def prepared(source: str) -> str:
    """Give a flattened source without verbatim blocks and branches that are not shown."""
    return chosen(_VERB.sub(_spelt, replaced(source, _VERBATIM, _END, lambda _: "")))
