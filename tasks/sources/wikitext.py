"""Wikitext to plain prose: one pass over its brackets, then one over its lines."""

import html
import re
from typing import NamedTuple

from tasks.sources.outline import Outline
from tasks.sources.wikitemplates import render

MAX_RENDERED_CHARS = 20_000
"""An inline template that would give more than this is taken for a box and left out."""

_VOID = "ref|references|gallery|timeline|math|chem|ce|score|source|syntaxhighlight|graph|mapframe|maplink|imagemap|hiero|templatestyles|inputbox|categorytree|table"
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NOWIKI = re.compile(r"<(nowiki|pre)\b[^>]*?(?:/>|>(.*?)</\1\s*>)", re.DOTALL | re.IGNORECASE)
_SELF_CLOSED = re.compile(rf"<(?:{_VOID})\b[^<>]*?/\s*>", re.IGNORECASE)
_REMOVED = re.compile(rf"<({_VOID})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|hr|p|/p|div|/div|blockquote|/blockquote|poem|/poem|li|/li)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*\b[^<>]*>")
_TOKEN = re.compile(r"(\{\{|\}\}|\{\||\|\}(?=(?:\}\})*(?!\}))|\[\[|\]\]|\|)")
"""A bar before an odd number of braces ends a table; before an even one it begins a last argument that is empty."""
_EXTERNAL = re.compile(
    r"\[(?:https?:|ftp:|mailto:)?//?[^\s\[\]<>]+(?:[ \t]+([^\[\]\n]*))?\]|\[(?:https?|ftp|mailto):[^\s\[\]]+(?:\s+([^\[\]\n]*))?\]"
)
_MAGIC = re.compile(r"__[A-Z]+__")
_HEADING = re.compile(r"^(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*$")
_LIST = re.compile(r"^[*#:;]+[ \t]*")
_CELL = re.compile(r"^\s*(?:\{\||\|\}|\|-|\|\+|!|\|)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*")
_HOLES = (
    (re.compile(r"\("), re.compile(r"\(\s*(?:(?:[,;:/]|\bor\b|\band\b)\s*)+"), "("),
    (re.compile(r"[,;:/]\s*\)"), re.compile(r"(?:\s*[,;:/])+\s*\)"), ")"),
    (re.compile(r"\(\s*\)|\[\s*\]"), re.compile(r"\s*\(\s*\)|\s*\[\s*\]"), ""),
    (re.compile(r"[,;]\s*[,;]"), re.compile(r"([,;])(?:\s*[,;])+"), r"\1"),
    (re.compile(r" [,.;:!?)]|\t"), re.compile(r"[ \t]+([,.;:!?)](?:\s|$))"), r"\1"),
    (re.compile(r"  |[\t\u00a0]"), re.compile(r"[ \t\u00a0]{2,}"), " "),
)
"""What templates that are left out leave, and what it becomes; where the first pattern, a quick one, finds nothing, there is none."""
FILES = frozenset(
    [
        "file",
        "image",
        "media",
        "category",
        "datei",
        "bild",
        "kategorie",
        "fichier",
        "catégorie",
        "archivo",
        "imagen",
        "categoría",
        "immagine",
        "categoria",
        "ficheiro",
        "imagem",
        "bestand",
        "afbeelding",
        "categorie",
        "plik",
        "grafika",
        "kategoria",
        "файл",
        "изображение",
        "категория",
        "ファイル",
        "画像",
        "カテゴリ",
        "文件",
        "分类",
        "ملف",
        "تصنيف",
        "fil",
        "kategori",
        "tiedosto",
        "luokka",
        "tập_tin",
        "thể_loại",
    ]
)
"""Link prefixes of files and categories in the larger languages; English ones work everywhere."""


class _Frame(NamedTuple):
    kind: str
    arguments: list[list[str]]

    def texts(self) -> list[str]:
        """Give the arguments."""
        return ["".join(pieces) for pieces in self.arguments]


def read_wikitext(source: str) -> Outline:
    """Give the prose of a page: paragraphs and list lines, with headings as sections.

    References, tables, files, categories, boxes and formulas are left out, links and inline
    templates read as their words, and the holes that templates leave are closed. Unclosed
    brackets cost the bracket, not the text after it.
    """
    held: list[str] = []
    text = _COMMENT.sub("", source)
    text = _NOWIKI.sub(lambda match: _hold(held, match[2] or ""), text)
    text = _SELF_CLOSED.sub("", text)
    text = _REMOVED.sub("", text)
    text = _brackets(text)
    text = _EXTERNAL.sub(lambda match: match[1] or match[2] or "", text)
    text = _TAG.sub("", _BREAK.sub("\n", text))
    text = _MAGIC.sub("", _unquoted(text))
    text = html.unescape(html.unescape(text))
    text = re.sub(r"\x00(\d+)\x00", lambda match: held[int(match[1])], text)
    return _paragraphs(_repaired(text))


def _unquoted(text: str) -> str:
    """Take out the marks of bold and italics: two to five apostrophes."""
    for marks in ("'''''", "''''", "'''", "''"):
        text = text.replace(marks, "")
    return text


def _hold(held: list[str], text: str) -> str:
    held.append(text)
    return f"\x00{len(held) - 1}\x00"


def _brackets(text: str) -> str:
    pieces = _TOKEN.split(text)
    stack = [_Frame("", [[pieces[0]]])]
    for place in range(1, len(pieces), 2):
        token, after = pieces[place], pieces[place + 1]
        kind, arguments = stack[-1]
        if token == "|" and (kind == "{{" or kind == "[["):
            arguments.append([])
        elif token == "[[" or token == "{{":
            stack.append(_Frame(token, [[]]))
        elif token in _OPENING:
            _close(stack, _OPENING[token])
        elif token == "{|" and _starts_line(pieces, place):
            stack.append(_Frame(token, [[]]))
        else:
            arguments[-1].append(token)
        if after:
            stack[-1].arguments[-1].append(after)
    return _unclosed(stack)


_OPENING = {"}}": "{{", "]]": "[[", "|}": "{|"}


def _starts_line(pieces: list[str], place: int) -> bool:
    """Tell whether a token stands at the beginning of a line, but for what may stand before a table."""
    for before in range(place - 1, -1, -1):
        _, newline, rest = pieces[before].rpartition("\n")
        if rest.strip(" \t:*#|"):
            return False
        if newline:
            break
    return True


def _unclosed(stack: list[_Frame]) -> str:
    while len(stack) > 1:
        frame = stack.pop()
        if frame.kind != "{|":
            stack[-1].arguments[-1].append(frame.texts()[0] if frame.kind == "[[" else _after_blank(frame))
    return "".join(stack[0].texts())


def _after_blank(frame: _Frame) -> str:
    """What stands after the first empty line of an unclosed template: the template ended there, most likely."""
    whole = "|".join(frame.texts())
    return whole.partition("\n\n")[2]


def _close(stack: list[_Frame], kind: str) -> None:
    if stack[-1].kind != kind and not any(frame.kind == kind for frame in stack[-3:]):
        return
    while stack[-1].kind != kind:
        frame = stack.pop()
        if frame.kind != "{|":
            stack[-1].arguments[-1].append("|".join(frame.texts()))
    arguments = stack.pop().texts()
    if kind != "{|":
        stack[-1].arguments[-1].append(_link(arguments) if kind == "[[" else _template(arguments))


def _template(arguments: list[str]) -> str:
    name = arguments[0].strip()
    if len(name) > 60 or name.startswith("#"):
        return ""
    rendered = render(name, arguments[1:])
    return rendered if len(rendered) <= MAX_RENDERED_CHARS else ""


def _link(arguments: list[str]) -> str:
    target = arguments[0].strip()
    if ":" in target and not target.startswith(":"):
        prefix = target.partition(":")[0].strip().lower().replace(" ", "_")
        if prefix in FILES or (len(arguments) == 1 and _LANGUAGE.fullmatch(prefix)):
            return ""
    shown = arguments[-1].strip() if len(arguments) > 1 else target.lstrip(":")
    return shown or target.lstrip(":").partition("(")[0].partition("#")[0].strip()


def _repaired(text: str) -> str:
    for seen, pattern, replacement in _HOLES:
        if seen.search(text):
            text = pattern.sub(replacement, text)
    return text


def _paragraphs(text: str) -> Outline:
    outline = Outline()
    block: list[str] = []

    def flush() -> None:
        outline.add("\n".join(block))
        block.clear()

    for line in text.split("\n"):
        heading = _HEADING.match(line.strip())
        if heading:
            flush()
            outline.heading(heading[2].strip("= "), len(heading[1]))
        elif not line.strip() or _CELL.match(line):
            flush()
        elif _LIST.match(line):
            block.extend([shown] if (shown := _LIST.sub("", line).strip().lstrip(",; ")) else [])
        else:
            if block and len(block[-1]) > 0 and not line.startswith(" "):
                flush()
            block.append(line.strip().lstrip(",; "))
    flush()
    return outline
