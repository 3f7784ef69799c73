"""Wikitext to plain prose: one pass over its brackets, then one over its lines."""

import html
import re
from typing import NamedTuple

from tasks.sources.elements import replaced
from tasks.sources.outline import Outline
from tasks.sources.wikitemplates import render

MAX_RENDERED_CHARS = 20_000
"""An inline template that would give more than this is taken for a box and left out."""

_VOID = "ref|references|gallery|timeline|math|chem|ce|score|source|syntaxhighlight|graph|mapframe|maplink|imagemap|hiero|templatestyles|inputbox|categorytree|table"
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_EMPTY_NOWIKI = re.compile(r"<(?:nowiki|pre)\b[^<>]*/>", re.IGNORECASE)
_NOWIKI = re.compile(r"<(nowiki|pre)\b[^<>]*>", re.IGNORECASE)
_SELF_CLOSED = re.compile(rf"<(?:{_VOID})\b[^<>]*?/\s*>", re.IGNORECASE)
_REMOVED = re.compile(rf"<({_VOID})\b[^<>]*>", re.IGNORECASE)
_END_TAG = r"</{}\s{{0,99}}>".format
_BREAK = re.compile(r"<(?:br|hr|p|/p|div|/div|blockquote|/blockquote|poem|/poem|li|/li)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*\b[^<>]*>")
_TOKEN = re.compile(r"(\{\{|\}\}|\{\||\|\}(?=(?:\}\})*(?!\}))|\[\[|\]\]|\|)")
"""A bar before an odd number of braces ends a table; before an even one it begins a last argument that is empty."""
_EXTERNAL = re.compile(
    r"\[(?:https?:|ftp:|mailto:)?//?[^\s\[\]<>]+(?:[ \t]++([^\[\]\n]*))?\]|\[(?:https?|ftp|mailto):[^\s\[\]]+(?:\s++([^\[\]\n]*))?\]"
)
_MAGIC = re.compile(r"__[A-Z]+__")
_HEADING = re.compile(r"^(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*$")
_CELL = re.compile(r"^\s*(?:\{\||\|\}|\|-|\|\+|!|\|)")
FUNCTIONS = frozenset(["formatnum", "uc", "lc", "ucfirst", "lcfirst"])
"""Functions that are written with a colon and read as what they are given."""
_MARK = r"\[\[[^\[\]|:\s]{2,40}:[^\[\]\s][^\[\]\n]*\]\]"
_MARKS = re.compile(rf"\n{_MARK}(?:[ \t]*{_MARK})*[ \t]*(?=\n|\Z)")
"""Lines of nothing but links with a prefix: categories and the same page in other languages, in any language."""
_VARIANTS = re.compile(r"-\{(?:([A-Za-z;\- ]{0,40})\|)?([^{}]*)\}-")
_FORM = re.compile(r"\s*[a-z]{2,3}(?:-[a-z]+)?:")
_MEDIA = re.compile(r"\.(?:jpe?g|png|svg|gif|tiff?|webp|og[gav]|oga|web[mp]|wav|mp[34]|pdf|djvu)\s*\Z", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*")
_RUNS = re.compile(r"[ \t\u00a0]{2,}")
HOLE = "\x01"
"""Stands where something was left out, so that what it leaves is closed there and nowhere else."""
_BLANKS = " \t\u00a0"
_PARTING = ",;:\u060c\u061b\u3001\uff0c\uff1b\uff1a"
"""Commas and their like in the larger scripts."""
_ENDING = ".!?\u3002\uff0e\uff01\uff1f\u061f\u06d4\u0964"
_BETWEEN = f"{_BLANKS}{_PARTING}/"
"""What joins the things in parentheses."""
_OPENED = {"(": ")", "[": "]", "\uff08": "\uff09"}
_FULL_STOPS = ".\u3002\uff0e\u06d4\u0964"
_JOINING = re.compile(r"(?:or|and)\b")
_SLIPS = tuple(
    (re.compile(seen), re.compile(pattern), instead)
    for seen, pattern, instead in (
        (r"\(\s*[,;\u060c\u061b\u3001\uff0c]", r"\(\s*(?:[,;\u060c\u061b\u3001\uff0c]\s*)+", "("),
        (r" \(\s*\)", r" +\(\s*\)", ""),
        (r",\s*[,;]", r"([,;])(?:\s*[,;])+", r"\1"),
        (r";\s*[,;]", r"([,;])(?:\s*[,;])+", r"\1"),
        (r" ,", r" +(,(?:\s|$))", r"\1"),
        (r" \)", r" +(\)(?:[\s.,;]|$))", r"\1"),
        (r" \.", r"(?<!\.) +(\.(?:\s|$))(?! *\.)", r"\1"),
    )
)
"""Slips of the pages' own authors that look like holes, and what they become; an ellipsis of spaced points is none, and spaces
before other signs are good French. A slip is looked for where the first pattern, which begins with a sign and is quick, finds it."""
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


def read_wikitext(source: str, files: frozenset[str] = FILES) -> Outline:
    """Give the prose of a page: paragraphs and list lines, with headings as sections.

    `files` are the wiki's prefixes of files and categories, in small letters. References, tables, files, categories, boxes and formulas are left out, links and inline
    templates read as their words, and the holes that templates leave are closed. Unclosed
    brackets cost the bracket, not the text after it.
    """
    held: list[str] = []
    text = _COMMENT.sub("", source.replace(HOLE, ""))
    text = _EMPTY_NOWIKI.sub(lambda _: _hold(held, ""), text)
    text = replaced(text, _NOWIKI, _END_TAG, lambda inner: _hold(held, inner))
    text = _SELF_CLOSED.sub(HOLE, text)
    text = replaced(text, _REMOVED, _END_TAG, lambda _: HOLE)
    text = _VARIANTS.sub(_variant, text) if "-{" in text else text
    text = _brackets(_MARKS.sub("", text), files)
    text = _EXTERNAL.sub(lambda match: match[1] or match[2] or HOLE, text)
    text = _TAG.sub("", _BREAK.sub("\n", text))
    text = _MAGIC.sub("", _unquoted(text))
    text = _repaired(html.unescape(html.unescape(text)))
    return _paragraphs(re.sub(r"\x00(\d+)\x00", lambda match: held[int(match[1])], text))


def _variant(found: re.Match[str]) -> str:
    """Read `-{zh-hans:a; zh-hant:b}-` as its first form, `-{a}-` as it stands; rules for the page (`-{H|…}-`) say nothing."""
    if found[1] and (set(found[1]) & set("HTAD") or found[1].strip() == "-"):
        return HOLE
    first = found[2].partition(";")[0]
    return first.partition(":")[2] if _FORM.match(first) else found[2]


def _unquoted(text: str) -> str:
    """Take out the marks of bold and italics: two to five apostrophes."""
    for marks in ("'''''", "''''", "'''", "''"):
        text = text.replace(marks, "")
    return text


def _hold(held: list[str], text: str) -> str:
    held.append(text)
    return f"\x00{len(held) - 1}\x00"


def _brackets(text: str, files: frozenset[str]) -> str:
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
            _close(stack, _OPENING[token], files)
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


def _close(stack: list[_Frame], kind: str, files: frozenset[str]) -> None:
    if stack[-1].kind != kind and not any(frame.kind == kind for frame in stack[-3:]):
        return
    while stack[-1].kind != kind:
        frame = stack.pop()
        if frame.kind != "{|":
            stack[-1].arguments[-1].append("|".join(frame.texts()))
    arguments = stack.pop().texts()
    if kind != "{|":
        stack[-1].arguments[-1].append(_link(arguments, files) if kind == "[[" else _template(arguments))


def _template(arguments: list[str]) -> str:
    name = arguments[0].strip()
    if len(name) > 60 or name.startswith("#"):
        return HOLE
    function, colon, value = name.partition(":")
    if colon and function.lower() in FUNCTIONS:
        return value.strip()
    rendered = render(name, arguments[1:])
    return rendered if rendered and len(rendered) <= MAX_RENDERED_CHARS else HOLE


def _link(arguments: list[str], files: frozenset[str]) -> str:
    target = arguments[0].strip()
    if ":" in target and not target.startswith(":"):
        prefix = target.partition(":")[0].strip().lower().replace(" ", "_")
        if prefix in files or _MEDIA.search(target) or (len(arguments) == 1 and _LANGUAGE.fullmatch(prefix)):
            return HOLE
    shown = arguments[-1].strip(f" \n\t{HOLE}") if len(arguments) > 1 else target.lstrip(":")
    return shown or target.lstrip(":").partition("(")[0].partition("#")[0].strip()


def _repaired(text: str) -> str:
    """Close the holes: spaces and signs around them that have nothing left to part, and parentheses with nothing in them."""
    before, *pieces = text.split(HOLE)
    done: list[str] = []
    for piece in pieces:
        left, right = before.rstrip(_BLANKS), piece.lstrip(_BLANKS)
        blank = (before[len(left) :] or piece[: len(piece) - len(right)])[:1]
        left, right, blank = _closed(left, right, blank)
        if not left and done:
            left, right, blank = _closed(done.pop(), right, blank)
        if left[-1:] in ("", "\n") or right[:1] == "\n":
            blank = ""
        if right:
            done.append(left)
            before = blank + right
        else:
            before = left + blank
    return _smooth("".join([*done, before]))


def _smooth(text: str) -> str:
    if "  " in text or "\t" in text or "\u00a0" in text:
        text = _RUNS.sub(" ", text)
    for seen, pattern, instead in _SLIPS:
        if seen.search(text):
            text = pattern.sub(instead, text)
    return text


def _closed(left: str, right: str, blank: str) -> tuple[str, str, str]:
    """Close one hole between two texts, and tell which blank is left there."""
    while True:
        if left[-1:] in _OPENED:
            right = right.lstrip(_BETWEEN)
            joining = _JOINING.match(right)
            right, blank = right[joining.end() :].lstrip(_BETWEEN) if joining else right, ""
        elif right[:1] in _OPENED.values():
            left, blank = left.rstrip(_BETWEEN), ""
        if not right or _OPENED.get(left[-1:]) != right[0]:
            break
        bare, after = left[:-1].rstrip(_BLANKS), right[1:].lstrip(_BLANKS)
        left, right, blank = bare, after, (left[len(bare) : -1] or right[1 : len(right) - len(after)])[:1]
    return _punctuated(left, right, blank)


def _punctuated(left: str, right: str, blank: str) -> tuple[str, str, str]:
    """Drop a sign after the hole that repeats the one before it, and the blank before any sign."""
    first, last = right[:1] or " ", left[-1:] or " "
    if first in _PARTING and first != ":" and last in _PARTING:
        return left, right[1:].lstrip(_BLANKS), blank
    if first in _FULL_STOPS and last in _ENDING:
        return left, right[1:], ""
    closes = (first in _PARTING or first in _ENDING) and not (first in ".,:;!?" and right[1:2].isalnum())
    return left, right, "" if closes else blank


def _parts(line: str, bare: str) -> bool:
    """Tell whether a line is no text, and so parts two paragraphs: blank, of a table, or a single sign."""
    return not bare or (bare[0] in "{|!" and _CELL.match(line) is not None) or bare in _PARTING or bare in _ENDING


def _paragraphs(text: str) -> Outline:
    outline = Outline()
    block: list[str] = []

    def flush() -> None:
        outline.add("\n".join(block))
        block.clear()

    for line in text.split("\n"):
        bare = line.strip()
        heading = _HEADING.match(bare) if bare[:1] == "=" else None
        if heading:
            flush()
            outline.heading(heading[2].strip("= "), len(heading[1]))
        elif _parts(line, bare):
            flush()
        elif line[0] in "*#:;":
            block.extend([shown] if (shown := bare.lstrip("*#:;").strip().lstrip(",; ")) else [])
        else:
            if block and not line.startswith(" "):
                flush()
            block.append(bare.lstrip(",; "))
    flush()
    return outline
