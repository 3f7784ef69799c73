"""LaTeX to prose: inputs flattened, macros expanded, sections kept, one scan over the tokens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.sources.opening import Unreadable
from tasks.sources.outline import Outline

MAX_DEPTH = 40
MAX_TOKENS = 3_000_000

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(\n[ \t]*(?!\n))?")
_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|Verbatim|comment|filecontents|minted|alltt)\*?\}.*?\\end\{\1\*?\}", re.DOTALL)
_VERB = re.compile(r"\\(?:verb\*?|lstinline(?:\[[^\]\n]*\])?)([^a-zA-Z\s*{\[])(.*?)\1")
_CONDITION = re.compile(r"\\newif\s*\\if[a-zA-Z@]+|\\(?:ifthenelse|iff|ifmmode)(?![a-zA-Z@])|\\(if[a-zA-Z@]*|else|fi)(?![a-zA-Z@])[ \t]*")
MAX_GROUP = 20_000
"""Tokens of an argument at most: a brace that is not closed within them is taken for a slip."""
_ESCAPED = str.maketrans(
    {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", **{sign: f"\\{sign}" for sign in "{}$%&#_"}}
)
_TOKEN = re.compile(r"\\[a-zA-Z@]+\*?[ \t]*|\\.|\n[ \t]*\n\s*|\$\$|[{}$&~\[\]]|\n|[^\\{}$&~\[\]\n]+|\\", re.DOTALL)
_INPUT = re.compile(r"\\(?:input|include|subfile|subfileinclude)\s*\{\s*([^{}]+?)\s*\}|\\input\s+([\w./-]+)")
_MAIN = re.compile(r"\\document(?:class|style)\b")
_SKIPPED = frozenset(
    [
        "figure",
        "table",
        "tabular",
        "tabularx",
        "longtable",
        "array",
        "wrapfigure",
        "subfigure",
        "sidewaystable",
        "sidewaysfigure",
        "tikzpicture",
        "picture",
        "thebibliography",
        "algorithm",
        "algorithmic",
        "algorithm2e",
        "pspicture",
        "landscape",
        "CCSXML",
        "tikzcd",
        "diagram",
        "teaserfigure",
        "SCfigure",
        "floatrow",
        "tabu",
        "supertabular",
        "code",
        "IEEEkeywords",
        "keywords",
        "nomenclature",
        "forest",
    ]
)
_MATHS = frozenset(
    [
        "equation",
        "align",
        "eqnarray",
        "gather",
        "multline",
        "displaymath",
        "math",
        "alignat",
        "flalign",
        "split",
        "gathered",
        "aligned",
        "dmath",
        "subequations",
        "IEEEeqnarray",
        "prooftree",
        "mathpar",
        "cases",
        "ceqn",
    ]
)
_HEADINGS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5, "subparagraph": 6}
_NO_TEXT = {
    "label": 1, "cite": 1, "citep": 1, "citet": 1, "citealp": 1, "citealt": 1, "citeauthor": 1, "citeyear": 1, "parencite": 1, "textcite": 1,
    "autocite": 1, "nocite": 1, "footnote": 1, "footnotetext": 1, "footnotemark": 0, "bibliography": 1, "bibliographystyle": 1, "includegraphics": 1,
    "vspace": 1, "hspace": 1, "setlength": 2, "addtolength": 2, "setcounter": 2, "addtocounter": 2, "input": 1, "include": 1, "pagestyle": 1,
    "thispagestyle": 1, "thanks": 1, "author": 1, "title": 1, "date": 1, "affiliation": 1, "email": 1, "address": 1, "institute": 1, "keywords": 1,
    "index": 1, "pagenumbering": 1, "caption": 1, "addcontentsline": 3, "hypersetup": 1, "color": 1, "definecolor": 3, "usepackage": 1,
    "fontsize": 2, "rule": 2, "phantom": 1, "hphantom": 1, "vphantom": 1, "newtheorem": 2, "theoremstyle": 1, "marginpar": 1, "todo": 1,
    "bibitem": 1, "newcounter": 1, "stepcounter": 1, "refstepcounter": 1, "pdfbookmark": 2, "markboth": 2, "markright": 1, "hyphenation": 1,
    "PACS": 1, "pacs": 1, "ead": 1, "orcid": 1, "subjclass": 1, "DeclareMathOperator": 2, "newenvironment": 3, "renewenvironment": 3, "graphicspath": 1,
    "captionsetup": 1, "raisebox": 1, "special": 1, "hskip": 0, "vskip": 0, "kern": 0, "preprint": 1, "received": 1, "numberwithin": 2,
}  # fmt: skip
_REFS = frozenset(["ref", "eqref", "autoref", "cref", "Cref", "pageref", "nameref", "vref", "secref", "figref", "subref", "thmref"])
_SIGNS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ",
    "ldots": "…", "dots": "…", "textellipsis": "…", "textendash": "–", "textemdash": "—", "textquoteleft": "‘", "textquoteright": "’",
    "textquotedblleft": "“", "textquotedblright": "”", "LaTeX": "LaTeX", "TeX": "TeX", "S": "§", "P": "¶", "copyright": "©", "pounds": "£",
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textdegree": "°", "degree": "°", "quad": " ", "qquad": " ", "space": " ",
    "textregistered": "®", "texttrademark": "™", "euro": "€", "texteuro": "€", "slash": "/", "textbar": "|", "textless": "<", "textgreater": ">",
    "newline": "\n", "linebreak": " ", "par": "\n\n", "item": "\n", "and": ", ", "textunderscore": "_", "textbullet": "•", "xspace": "",
}  # fmt: skip
_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
            "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a", "b": "\u0331", "d": "\u0323"}  # fmt: skip


@dataclass(frozen=True)
class Macro:
    """A user's macro: its number of arguments, the default of the first, and its body as tokens."""

    arguments: int
    default: list[str] | None
    body: list[str]


@dataclass
class Paper:
    """A paper's prose, its abstract and title apart."""

    outline: Outline
    title: str = ""
    abstract: str = ""


@dataclass
class _State:
    macros: Mapping[str, Macro]
    maths: bool
    depth: int = 0
    spent: int = 0
    out: list[str] = field(default_factory=list)


def main_file(files: Mapping[str, str]) -> str | None:
    """Choose the main file: it has a document class and is not the input of another; of several, the best named or longest."""
    heads = [name for name, text in files.items() if _MAIN.search(_COMMENT.sub(r"\1", text)) and "\\begin{document}" in text]
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


def _inputs(text: str, files: Mapping[str, str]) -> list[str]:
    return [name for match in _INPUT.finditer(text) if (name := _resolve(match[1] or match[2], files))]


def _resolve(name: str, files: Mapping[str, str]) -> str | None:
    name = name.strip().strip('"').removeprefix("./")
    candidates = (name, f"{name}.tex", f"{name}.ltx")
    return next((found for found in candidates if found in files), None)


def flatten(name: str, files: Mapping[str, str], above: tuple[str, ...] = ()) -> str:
    """Put the text of inputs in their places; a file that includes itself is left out there."""
    text = _COMMENT.sub(r"\1", _VERB.sub(_spelt, files[name]))
    if len(above) > 20:
        return ""

    def put(match: re.Match[str]) -> str:
        found = _resolve(match[1] or match[2], files)
        return "" if found is None or found in (*above, name) else f"\n{flatten(found, files, (*above, name))}\n"

    return _INPUT.sub(put, text)


def read_latex(source: str, *, maths: bool = True) -> Paper:
    """Give the prose of a flattened source: `maths` keeps inline formulas as `$…$`, else they read `[formula]`.

    Figures, tables, display formulas, references and footnotes are left out; unknown commands
    cost their name, not their argument; `\\ref` reads as `[ref]`.
    """
    source = chosen(_VERB.sub(_spelt, _VERBATIM.sub("", source)))
    macros = _macros(source)
    _, begun, rest = source.partition("\\begin{document}")
    body = rest.partition("\\end{document}")[0] if begun else source
    title = _argument_of("title", source)
    abstract = re.search(r"\\begin\{abstract\}(.*?)\\end\{abstract\}", source, re.DOTALL)
    inner = abstract[1] if abstract else _argument_of("abstract", source)
    body = re.sub(r"\\begin\{abstract\}.*?\\end\{abstract\}", "", body, flags=re.DOTALL)
    plain = " ".join(_plain(title, macros, maths=maths).split())
    return Paper(_outline(_plain(body, macros, maths=maths)), plain, _tidy(_plain(inner, macros, maths=maths)))


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


def _argument_of(command: str, source: str) -> str:
    match = re.search(rf"\\{command}\s*(?:\[[^\]]*\])?\s*\{{", source)
    return _braced(source, match.end())[0] if match else ""


def _braced(source: str, at: int) -> tuple[str, int]:
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


def _macros(source: str) -> dict[str, Macro]:
    found: dict[str, Macro] = {}
    for match in _DEFINITION.finditer(source):
        body, _ = _braced(source, match.end())
        name = match[1] or match[4] or match[6]
        count = int(match[2] or 0) if match[1] else len(match[5] or "") // 2
        default = _TOKEN.findall(match[3]) if match[3] is not None else None
        found[name] = Macro(count, default, _TOKEN.findall(body))
    return found


def _without_definitions(source: str) -> str:
    pieces, at = [], 0
    for match in _DEFINITION.finditer(source):
        if match.start() >= at:
            pieces.append(source[at : match.start()])
            _, at = _braced(source, match.end())
    pieces.append(source[at:])
    return "".join(pieces)


def _plain(source: str, macros: Mapping[str, Macro], *, maths: bool) -> str:
    state = _State(macros, maths)
    tokens = _TOKEN.findall(_without_definitions(source))
    tokens.reverse()
    _scan(tokens, state)
    return "".join(state.out)


def _scan(tokens: list[str], state: _State) -> None:
    """Consume `tokens` (the next one last) and write their words to `state.out`."""
    out = state.out
    while tokens:
        state.spent += 1
        if state.spent > MAX_TOKENS:
            raise Unreadable("macros without end")
        token = tokens.pop()
        if token.startswith("\\") and len(token) > 1:
            _command(token[1:].rstrip(" \t"), tokens, state)
        elif token in ("$", "$$"):
            _math(token, tokens, state)
        elif token in ("{", "}"):
            continue
        elif token == "~" or token == "&":
            out.append(" ")
        elif token.startswith("\n") and len(token) > 1:
            out.append("\n\n")
        elif token == "\n":
            out.append(" ")
        else:
            out.append(token)


def _command(name: str, tokens: list[str], state: _State) -> None:
    bare = name.rstrip("*")
    if name in ("begin", "end"):
        _environment(name, tokens, state)
    elif bare in state.macros and state.depth < MAX_DEPTH:
        _expand(state.macros[bare], tokens, state)
    elif bare in _HEADINGS:
        _heading(_HEADINGS[bare], tokens, state)
    elif bare in _NO_TEXT:
        _left_out(bare, tokens, state)
    elif bare in _REFS or bare in _SIGNS or _is_accent(bare, tokens):
        state.out.append(_shown(bare, tokens, state))
    elif name in ("(", "["):
        _until(tokens, ")" if name == "(" else "]", state)
    else:
        _other(name, bare, tokens, state)


def _other(name: str, bare: str, tokens: list[str], state: _State) -> None:
    """Read a command that is not known: its name goes, what it is applied to stays."""
    if len(name) == 1 and not name.isalpha():
        state.out.append(_CONTROL_SIGNS.get(name, name))
        return
    _optional(tokens)
    if bare in _SECOND_ARGUMENT:
        _group(tokens)


_SECOND_ARGUMENT = frozenset(
    ["href", "textcolor", "texorpdfstring", "colorbox", "parbox", "scalebox", "hyperref", "hyperlink", "foreignlanguage"]
)
_CONTROL_SIGNS = {"\\": "\n", ",": " ", ";": " ", ":": " ", "!": "", "-": "", "/": "", " ": " ", "@": "", "\n": " "}


def _shown(name: str, tokens: list[str], state: _State) -> str:
    """Give the words of a reference, a sign or an accented letter."""
    if name in _REFS:
        _group(tokens)
        return "[ref]"
    return _SIGNS[name] if name in _SIGNS else _accented(name, tokens, state)


def _heading(level: int, tokens: list[str], state: _State) -> None:
    _optional(tokens)
    title = " ".join(_inner(_group(tokens), state).split())
    state.out.append(f"\n\n\x01{level}{title}\n\n")


def _left_out(name: str, tokens: list[str], state: _State) -> None:
    _drop(_NO_TEXT[name], tokens)
    if name.startswith(("cite", "parencite", "footnote", "autocite")) and state.out:
        state.out[-1] = state.out[-1].rstrip(" ")


def _is_accent(name: str, tokens: list[str]) -> bool:
    return name in _ACCENTS and (not name.isalpha() or _next_is_group(tokens))


def _environment(name: str, tokens: list[str], state: _State) -> None:
    kind = "".join(_group(tokens)).rstrip("*").strip()
    if name == "end":
        state.out.append("\n\n")
    elif kind in _SKIPPED:
        _skip_environment(kind, tokens)
        state.out.append("\n\n")
    elif kind in _MATHS:
        _skip_environment(kind, tokens)
        state.out.append(" [formula] " if not state.maths else " $…$ ")
    else:
        state.out.append("\n\n")
        if kind != "document":
            _optional(tokens)


def _skip_environment(kind: str, tokens: list[str]) -> None:
    """Drop the tokens up to the environment's end; one that never ends costs its name only."""
    depth, at = 1, len(tokens) - 1
    while at >= 0 and depth:
        token = tokens[at].rstrip(" \t")
        at -= 1
        if token in ("\\begin", "\\end"):
            name = tokens[max(at - 4, 0) : at + 1][::-1]
            inner = "".join(name).partition("{")[2].partition("}")[0].rstrip("*").strip()
            if inner == kind:
                depth += 1 if token == "\\begin" else -1
    if depth == 0:
        del tokens[at + 1 :]
        _group(tokens)


def _math(opening: str, tokens: list[str], state: _State) -> None:
    held: list[str] = []
    while tokens and len(held) < 5000:
        token = tokens.pop()
        if token == opening:
            break
        if token.startswith("\n") and len(token) > 1 and opening == "$":
            tokens.append(token)
            break
        held.append(token)
    inline = " ".join("".join(held).split())
    if opening == "$$":
        state.out.append(" $…$ " if state.maths else " [formula] ")
    elif inline:
        state.out.append(f"${inline}$" if state.maths else "[formula]")


def _until(tokens: list[str], closing: str, state: _State) -> None:
    held: list[str] = []
    while tokens and len(held) < 5000:
        token = tokens.pop()
        if token == f"\\{closing}":
            break
        held.append(token)
    inline = " ".join("".join(held).split())
    shown = f"${inline}$" if closing == ")" else " $…$ "
    state.out.append(shown if state.maths else "[formula]")


def _expand(macro: Macro, tokens: list[str], state: _State) -> None:
    arguments: list[list[str]] = []
    if macro.default is not None:
        arguments.append(_optional(tokens) or macro.default)
    arguments.extend(_group(tokens) for _ in range(macro.arguments - len(arguments)))
    body: list[str] = []
    for token in macro.body:
        body.extend(_filled(token, arguments))
    inner = _State(state.macros, state.maths, state.depth + 1, state.spent, state.out)
    body.reverse()
    _scan(body, inner)
    state.spent = inner.spent


def _filled(token: str, arguments: list[list[str]]) -> list[str]:
    if "#" not in token:
        return [token]
    result: list[str] = []
    for piece in re.split(r"(#\d)", token):
        place = int(piece[1]) - 1 if re.fullmatch(r"#\d", piece) else -1
        if 0 <= place < len(arguments):
            result.extend(arguments[place])
        elif piece and place < 0:
            result.append(piece)
    return result


def _next_is(tokens: list[str], sign: str) -> bool:
    at = len(tokens) - 1
    while at >= 0 and not tokens[at].strip() and "\n\n" not in tokens[at]:
        at -= 1
    return at >= 0 and tokens[at] == sign


def _next_is_group(tokens: list[str]) -> bool:
    return _next_is(tokens, "{")


def _group(tokens: list[str]) -> list[str]:
    """Take the next braced group, or the next single character or command."""
    while tokens and not tokens[-1].strip():
        tokens.pop()
    if not tokens:
        return []
    token = tokens.pop()
    if token != "{":
        if len(token) > 1 and not token.startswith("\\"):
            tokens.append(token[1:])
            return [token[0]]
        return [token]
    return _balanced(tokens, "{", "}")


def _balanced(tokens: list[str], opening: str, closing: str) -> list[str]:
    depth, at = 1, len(tokens)
    while at > max(0, len(tokens) - MAX_GROUP):
        at -= 1
        depth += (tokens[at] == opening) - (tokens[at] == closing)
        if depth == 0:
            held = tokens[:at:-1]
            del tokens[at:]
            return held
    tokens.append(" ")
    return []


def _optional(tokens: list[str]) -> list[str] | None:
    if not _next_is(tokens, "["):
        return None
    while tokens.pop() != "[":
        pass
    return _balanced(tokens, "[", "]")


def _drop(count: int, tokens: list[str]) -> None:
    for _ in range(3):
        if _optional(tokens) is None:
            break
    for _ in range(count):
        if _next_is_group(tokens):
            _group(tokens)
        _optional(tokens)


def _inner(tokens: list[str], state: _State) -> str:
    inner = _State(state.macros, state.maths, state.depth + 1, state.spent)
    reversed_tokens = list(reversed(tokens))
    if inner.depth < MAX_DEPTH:
        _scan(reversed_tokens, inner)
    return "".join(inner.out)


def _accented(sign: str, tokens: list[str], state: _State) -> str:
    import unicodedata

    letter = _inner(_group(tokens), state) or " "
    letter = {"ı": "i", "ȷ": "j"}.get(letter[0], letter[0]) + letter[1:]
    return unicodedata.normalize("NFC", letter[0] + _ACCENTS[sign]) + letter[1:]


def _tidy(text: str) -> str:
    text = text.replace("``", "“").replace("''", "”").replace("---", "—").replace("--", "–")
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r"\(\s*[,;\s]*\)|\[\s*[,;\s]*\]", "", text)
    text = re.sub(r"\s+([,.;:!?)](?:\s|$))", r"\1", text)
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _outline(text: str) -> Outline:
    outline = Outline()
    for block in re.split(r"\n{2,}", re.sub(r"[ \t]*\n[ \t]*", "\n", text)):
        if block.startswith("\x01"):
            outline.heading(block[2:].strip(), int(block[1]))
        else:
            paragraph = _tidy(block)
            outline.add(paragraph if re.search(r"\w", paragraph.replace("$…$", "").replace("[ref]", "")) else "")
    return outline
