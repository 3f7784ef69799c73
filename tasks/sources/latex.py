"""LaTeX to prose: inputs flattened, macros expanded, sections kept, one scan over the tokens."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tasks.sources.elements import held_in, replaced
from tasks.sources.latexmacros import TOKEN, Macro, braced, delimited, ending, macros_in, without_definitions
from tasks.sources.latexsource import prepared
from tasks.sources.latexwords import ACCENTS, CITATIONS, HEADINGS, MATHS, NO_TEXT, REFS, SIGNS, SKIPPED
from tasks.sources.opening import Unreadable
from tasks.sources.outline import Outline

MAX_DEPTH = 40
MAX_TOKENS = 3_000_000
MAX_GROUP = 20_000
"""Tokens of an argument at most: a brace that is not closed within them is taken for a slip."""
MAX_ENDLESS = 20
"""After so many environments of a kind that do not end, no more are expected to."""
MAX_OPTIONAL = 300
"""Tokens of an argument in brackets at most; more is text with a bracket."""
_ABSTRACT = re.compile(r"\\begin\{(abstract)\}")
_END = r"\\end\{{{}\}}".format


@dataclass
class Paper:
    """A paper's prose, its abstract and title apart."""

    outline: Outline
    title: str = ""
    abstract: str = ""
    fallback: str = ""
    """Why its macros were not expanded, where they were not."""


@dataclass
class _State:
    macros: Mapping[str, Macro]
    maths: bool
    depth: int = 0
    spent: int = 0
    out: list[str] = field(default_factory=list)
    endless: Counter[str] = field(default_factory=Counter)
    """How often the end of an environment was looked for and not there."""


def read_latex(source: str, *, maths: bool = True) -> Paper:
    """Give the prose of a flattened source: `maths` keeps inline formulas as `$…$`, else they read `[formula]`.

    Figures, tables, display formulas, references and footnotes are left out; unknown commands
    cost their name, not their argument; `\\ref` and `\\cite` read as `[ref]`. Where macros make more than
    MAX_TOKENS, the paper is read again without them.
    """
    source = prepared(source)
    try:
        return _read(source, ending(macros_in(source)), maths=maths)
    except Unreadable as error:
        return replace(_read(source, {}, maths=maths), fallback=str(error))


def _read(source: str, macros: Mapping[str, Macro], *, maths: bool) -> Paper:
    _, begun, rest = source.partition("\\begin{document}")
    body = rest.partition("\\end{document}")[0] if begun else source
    title = _argument_of("title", source)
    abstract = held_in(source, _ABSTRACT, _END)
    inner = _argument_of("abstract", source) if abstract is None else abstract
    body = replaced(body, _ABSTRACT, _END, lambda _: "")
    plain = " ".join(_plain(title, macros, maths=maths).split())
    return Paper(_outline(_plain(body, macros, maths=maths)), plain, _tidy(_plain(inner, macros, maths=maths)))


def _argument_of(command: str, source: str) -> str:
    match = re.search(rf"\\{command}\s*(?:\[[^\]]*\])?\s*\{{", source)
    held = braced(source, match.end()) if match else None
    return held[0] if held else ""


def _plain(source: str, macros: Mapping[str, Macro], *, maths: bool) -> str:
    state = _State(macros, maths)
    tokens = _closed(delimited(TOKEN.findall(without_definitions(source)), macros))
    tokens.reverse()
    _scan(tokens, state)
    return "".join(state.out)


class _Slip(str):
    """A brace that is written as it is read, and begins no group."""

    __slots__ = ()


_SLIP = _Slip("{")


def _closed(tokens: list[str]) -> list[str]:
    """Mark each brace that is not closed within MAX_GROUP, so that nobody looks for its end."""
    opened: list[int] = []
    slips: set[int] = set()
    for at, token in enumerate(tokens):
        if token == "{":
            opened.append(at)
        elif token == "}" and opened and at - (begun := opened.pop()) >= MAX_GROUP:
            slips.add(begun)
    slips.update(opened)
    return [_SLIP if at in slips else token for at, token in enumerate(tokens)] if slips else tokens


def _scan(tokens: list[str], state: _State) -> None:
    """Consume `tokens` (the next one last) and write their words to `state.out`."""
    out = state.out
    while tokens:
        state.spent += 1
        if state.spent > MAX_TOKENS:
            raise Unreadable("macros without end")
        token = tokens.pop()
        if token.startswith("\\") and len(token) > 1:
            _command(token[1:].rstrip(" \t") or " ", tokens, state)
        elif token in ("$", "$$"):
            _math(token, tokens, state)
        elif token.startswith("\n") and len(token) > 1:
            out.append("\n\n")
        else:
            out.append(_BETWEEN.get(token, token))


_BETWEEN = {"{": "", "}": "", "~": " ", "&": " ", "\n": " "}


def _command(name: str, tokens: list[str], state: _State) -> None:
    bare = name.rstrip("*")
    if name in ("begin", "end"):
        _environment(name, tokens, state)
    elif bare in state.macros and state.depth < MAX_DEPTH:
        _expand(state.macros[bare], tokens, state)
    elif bare in HEADINGS:
        _heading(HEADINGS[bare], tokens, state)
    elif bare in NO_TEXT:
        _left_out(bare, tokens, state)
    elif bare in REFS or bare in SIGNS or _is_accent(bare, tokens):
        state.out.append(_shown(bare, tokens, state))
    elif name in ("(", "["):
        _until(tokens, ")" if name == "(" else "]", state)
    else:
        _other(name, bare, tokens, state)


def _other(name: str, bare: str, tokens: list[str], state: _State) -> None:
    """Read a command that is not known: its name goes, what it is applied to stays."""
    if len(name) == 1 and not name.isalpha():
        state.out.append(_CONTROL_SIGNS.get(name, name))
        if name == "\\":
            _without_start(tokens, _STAR)
            _length(tokens)
        return
    _optional(tokens)
    _without_start(tokens, _LENGTH)
    if bare in _SECOND_ARGUMENT:
        _group(tokens)
    while bare.startswith("index") and tokens[-1:] == ["{"]:
        _group(tokens)
    if bare.endswith("label") and tokens[-1:] == ["{"]:
        _group(tokens)


def _length(tokens: list[str]) -> None:
    """Drop the length in brackets that may follow a line break; other brackets are text."""
    if tokens[-1:] == ["["] and len(tokens) > 2 and tokens[-3] == "]" and _ONLY_LENGTH.fullmatch(tokens[-2]):
        del tokens[-3:]


def _without_start(tokens: list[str], pattern: re.Pattern[str]) -> None:
    """Cut off what a pattern matches at the start of the next token."""
    found = pattern.match(tokens[-1]) if tokens else None
    if found:
        tokens[-1] = tokens[-1][found.end() :]
        if not tokens[-1]:
            tokens.pop()


_STAR = re.compile(r"\*")
_ONLY_LENGTH = re.compile(r"\s*-?\d*\.?\d+\s*(?:pt|em|ex|cm|mm|in|sp|bp|pc)\s*")
_LENGTH = re.compile(
    r"[ \t]*=[ \t]*-?\d*\.?\d+[ \t]*(?:true)?(?:pt|em|ex|cm|mm|in|sp|bp|pc)\b(?:[ \t]*(?:plus|minus)[ \t]*-?\d*\.?\d+[ \t]*[a-z]{2,4}\b)*"
)
_SECOND_ARGUMENT = frozenset(
    ["href", "textcolor", "texorpdfstring", "colorbox", "parbox", "scalebox", "hyperref", "hyperlink", "foreignlanguage"]
)
_CONTROL_SIGNS = {"\\": "\n", ",": " ", ";": " ", ":": " ", "!": "", "-": "", "/": "", " ": " ", "@": "", "\n": " "}


def _shown(name: str, tokens: list[str], state: _State) -> str:
    """Give the words of a reference, a sign or an accented letter."""
    if name in REFS:
        _group(tokens)
        return "[ref]"
    if name == "item":
        return "\n" + "".join(f"{_inner(label, state).strip()} " for label in [_optional(tokens)] if label)
    return SIGNS[name] if name in SIGNS else _accented(name, tokens, state)


def _heading(level: int, tokens: list[str], state: _State) -> None:
    _optional(tokens)
    title = " ".join(_inner(_group(tokens), state).split())
    state.out.append(f"\n\n\x01{level}{title}\n\n")


def _left_out(name: str, tokens: list[str], state: _State) -> None:
    _drop(NO_TEXT[name], tokens)
    if name in CITATIONS:
        state.out.append("[ref]")
    elif name.startswith("footnote") and state.out:
        state.out[-1] = state.out[-1].rstrip(" ")


def _is_accent(name: str, tokens: list[str]) -> bool:
    return name in ACCENTS and (not name.isalpha() or _next_is_group(tokens))


def _environment(name: str, tokens: list[str], state: _State) -> None:
    kind = "".join(_group(tokens)).rstrip("*").strip()
    if name == "end":
        state.out.append("\n\n")
    elif kind in SKIPPED:
        _skip_environment(kind, tokens, state)
        state.out.append("\n\n")
    elif kind in MATHS:
        _skip_environment(kind, tokens, state)
        state.out.append(" [formula] " if not state.maths else " $…$ ")
    else:
        state.out.append("\n\n")
        if kind != "document":
            _optional(tokens)


def _skip_environment(kind: str, tokens: list[str], state: _State) -> None:
    """Drop the tokens up to the environment's end; one that never ends costs its name only."""
    depth, at = 1, -1 if state.endless[kind] > MAX_ENDLESS else len(tokens) - 1
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
    else:
        state.endless[kind] += 1


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
        if state.spent + len(body) > MAX_TOKENS:
            raise Unreadable("macros without end")
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
            if len(result) > MAX_TOKENS:
                raise Unreadable("macros without end")
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
    if token is _SLIP:
        tokens.append(" ")
        return []
    return _balanced(tokens, "{", "}", MAX_GROUP)


def _balanced(tokens: list[str], opening: str, closing: str, most: int) -> list[str]:
    depth, at = 1, len(tokens)
    while at > max(0, len(tokens) - most):
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
    return _balanced(tokens, "[", "]", MAX_OPTIONAL)


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
        state.spent = inner.spent
    return "".join(inner.out)


def _accented(sign: str, tokens: list[str], state: _State) -> str:
    import unicodedata

    letter = _inner(_group(tokens), state) or " "
    letter = {"ı": "i", "ȷ": "j"}.get(letter[0], letter[0]) + letter[1:]
    return unicodedata.normalize("NFC", letter[0] + ACCENTS[sign]) + letter[1:]


_SPACED = re.compile(r"\s+([,.;:!?)](?:\s|$))")
_SIGNS_AFTER_SPACE = tuple(f"{space}{sign}" for space in " \n" for sign in ",.;:!?)")
_TIDIED = (
    (re.compile(r"\[ref\](?:[\s,;–]*\[ref\])+"), "[ref]"),
    (re.compile(r"\([,;\s]*+\)"), ""),
    (re.compile(r"\[[,;\s]*+\]"), ""),
)


def _tidy(text: str) -> str:
    text = text.replace("``", "“").replace("''", "”").replace("---", "—").replace("--", "–")
    text = re.sub(r"[ \t]+", " ", text) if "  " in text or "\t" in text else text
    for pattern, instead in _TIDIED:
        text = pattern.sub(instead, text)
    if any(sign in text for sign in _SIGNS_AFTER_SPACE):
        text = _SPACED.sub(r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", _stripped(text)).strip()


def _stripped(text: str) -> str:
    """Take the spaces at both ends of each line."""
    return "\n".join(line.strip(" \t") for line in text.split("\n")) if "\n" in text else text


def _outline(text: str) -> Outline:
    outline = Outline()
    for block in re.split(r"\n{2,}", _stripped(text)):
        if block.startswith("\x01"):
            outline.heading(block[2:].strip(), int(block[1]))
        else:
            paragraph = _tidy(block)
            outline.add(paragraph if re.search(r"\w", paragraph.replace("$…$", "").replace("[ref]", "")) else "")
    return outline
