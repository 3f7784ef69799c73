"""Wikitext to plain prose: one pass over its brackets, then one over its lines."""

import html
import re
from dataclasses import dataclass, field

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
_TOKEN = re.compile(r"\{\{|\}\}|\{\||\|\}|\[\[|\]\]|\|")
_EXTERNAL = re.compile(
    r"\[(?:https?:|ftp:|mailto:)?//?[^\s\[\]<>]+(?:[ \t]+([^\[\]\n]*))?\]|\[(?:https?|ftp|mailto):[^\s\[\]]+(?:\s+([^\[\]\n]*))?\]"
)
_QUOTES = re.compile(r"'{2,5}")
_MAGIC = re.compile(r"__[A-Z]+__")
_HEADING = re.compile(r"^(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*$")
_LIST = re.compile(r"^[*#:;]+[ \t]*")
_CELL = re.compile(r"^\s*(?:\{\||\|\}|\|-|\|\+|!|\|)")
_DROPPED_LINK = re.compile(r"^\s*:?\s*(?:[\w\- ]{2,30})\s*:", re.UNICODE)
_HOLES = (
    (re.compile(r"\(\s*(?:(?:[,;:/]|\bor\b|\band\b)\s*)+"), "("),
    (re.compile(r"(?:\s*[,;:/])+\s*\)"), ")"),
    (re.compile(r"\s*\(\s*\)|\s*\[\s*\]"), ""),
    (re.compile(r"([,;])(?:\s*[,;])+"), r"\1"),
    (re.compile(r"[ \t]+([,.;:!?)](?:\s|$))"), r"\1"),
    (re.compile(r"[ \t\u00a0]{2,}"), " "),
)
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


@dataclass
class _Frame:
    kind: str
    arguments: list[list[str]] = field(default_factory=lambda: [[]])

    def write(self, text: str) -> None:
        """Append to the argument under way."""
        self.arguments[-1].append(text)

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
    text = _MAGIC.sub("", _QUOTES.sub("", text))
    text = html.unescape(html.unescape(text))
    text = re.sub(r"\x00(\d+)\x00", lambda match: held[int(match[1])], text)
    return _paragraphs(_repaired(text))


def _hold(held: list[str], text: str) -> str:
    held.append(text)
    return f"\x00{len(held) - 1}\x00"


def _brackets(text: str) -> str:
    stack = [_Frame("")]
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() < at:
            continue
        stack[-1].write(text[at : match.start()])
        at = match.end()
        if match[0] == "|}" and stack[-1].kind == "{{" and text[at : at + 1] == "}":
            stack[-1].arguments.append([])  # the last argument is empty: `|}}`, not the end of a table
            _close(stack, "{{")
            at = match.start() + 3
        else:
            _token(match[0], stack, starts=_line_start(text, match.start()))
    stack[-1].write(text[at:])
    return _unclosed(stack)


def _token(token: str, stack: list[_Frame], *, starts: bool) -> None:
    if token in ("{{", "[[") or (token == "{|" and starts):
        stack.append(_Frame(token))
    elif token == "|" and stack[-1].kind in ("{{", "[["):
        stack[-1].arguments.append([])
    elif token in _OPENING:
        _close(stack, _OPENING[token])
    else:
        stack[-1].write(token)


_OPENING = {"}}": "{{", "]]": "[[", "|}": "{|"}


def _unclosed(stack: list[_Frame]) -> str:
    while len(stack) > 1:
        frame = stack.pop()
        if frame.kind != "{|":
            stack[-1].write("\n".join(frame.texts()[:1]) if frame.kind == "[[" else _after_blank(frame))
    return "".join(stack[0].texts())


def _line_start(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t:*#|")


def _after_blank(frame: _Frame) -> str:
    """What stands after the first empty line of an unclosed template: the template ended there, most likely."""
    whole = "|".join(frame.texts())
    return whole.partition("\n\n")[2]


def _close(stack: list[_Frame], kind: str) -> None:
    if not any(frame.kind == kind for frame in stack[-3:]):
        return
    while stack[-1].kind != kind:
        frame = stack.pop()
        if frame.kind != "{|":
            stack[-1].write("|".join(frame.texts()))
    frame = stack.pop()
    if kind == "{{":
        stack[-1].write(_template(frame.texts()))
    elif kind == "[[":
        stack[-1].write(_link(frame.texts()))


def _template(arguments: list[str]) -> str:
    name = arguments[0].strip()
    if len(name) > 60 or name.startswith("#"):
        return ""
    rendered = render(name, arguments[1:])
    return rendered if len(rendered) <= MAX_RENDERED_CHARS else ""


def _link(arguments: list[str]) -> str:
    target = arguments[0].strip()
    prefix = target.partition(":")[0].strip().lower().replace(" ", "_")
    if ":" in target and not target.startswith(":"):
        if prefix in FILES:
            return ""
        if len(arguments) == 1 and re.fullmatch(r"[a-z]{2,3}(?:-[a-z]+)*", prefix):
            return ""
    shown = arguments[-1].strip() if len(arguments) > 1 else target.lstrip(":")
    if shown:
        return shown
    return target.lstrip(":").partition("(")[0].partition("#")[0].strip()


def _repaired(text: str) -> str:
    for pattern, replacement in _HOLES:
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
