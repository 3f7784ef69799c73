"""Inline templates that carry words of the sentence, and how each is read."""

import re
from collections.abc import Callable, Mapping

Arguments = list[str]

_NAMED = re.compile(r"^\s*+([\w\-](?:[\w\- ]{0,38}[\w\-])?)\s*+=")


def plain(arguments: Arguments) -> tuple[list[str], dict[str, str]]:
    """Part a template's arguments into those by place and those by name."""
    placed, named = [], {}
    for argument in arguments:
        match = _NAMED.match(argument)
        if match and match[1].isdigit():
            placed.append(argument[match.end() :].strip())
        elif match:
            named[match[1]] = argument[match.end() :].strip()
        else:
            placed.append(argument.strip())
    return placed, named


def _nth(place: int) -> Callable[[list[str]], str]:
    return lambda placed: placed[place] if len(placed) > place else ""


def _last(placed: list[str]) -> str:
    return placed[-1] if placed else ""


_POWERS = {"e3": "thousand", "e6": "million", "e9": "billion", "e12": "trillion"}
_POWER = re.compile(r"(e(?:3|6|9|12))(?=[a-zA-Z])")


def _convert(given: list[str]) -> str:
    placed = [_POWER.sub(lambda found: f"{_POWERS[found[1]]} ", part) if place else part for place, part in enumerate(given)]
    if len(placed) >= 4 and placed[1] in ("-", "–", "to", "and", "x", "by", "or"):
        joiner = "–" if placed[1] in ("-", "–") else f" {placed[1]} "
        return f"{placed[0]}{joiner}{placed[2]} {placed[3]}"
    return " ".join(placed[:2])


def _fraction(placed: list[str]) -> str:
    if len(placed) == 3:
        return f"{placed[0]} {placed[1]}/{placed[2]}"
    return "/".join(placed[:2]) if len(placed) > 1 else f"1/{_nth(0)(placed)}"


def _nihongo(placed: list[str]) -> str:
    extra = [part for part in placed[1:3] if part]
    return f"{_nth(0)(placed)} ({', '.join(extra)})" if extra else _nth(0)(placed)


def _spaced(word: str) -> Callable[[list[str]], str]:
    return lambda placed: f"{word} {_nth(0)(placed)}".strip()


def _fixed(text: str) -> Callable[[list[str]], str]:
    return lambda _placed: text


_FIRST = (
    "nowrap, nobr, small, smaller, big, large, abbr, abbrlink, sic, as written, ill, interlanguage link, iw2, formatnum, val, number, "
    "sortname, quote, blockquote, cquote, quotation, centered pull quote, pull quote, poemquote, verse translation, em, strong, "
    "strikethrough, uc, lc, ucfirst, smallcaps, sc, nobold, noitalic, no italic, not a typo, typo, var, mvar, math, bdi, keypress, key, "
    "pre, code, tt, kbd, samp, visible anchor, vanchor, font color, notatypo, proper name, first word, mono, sup, sub, e10, ship, hms, "
    "uss, flag, flagcountry, country, flagu, transl-ok, tooltip, hlist"
)
_FIRST_NAMES = frozenset(_FIRST.split(", "))

RENDER: Mapping[str, Callable[[list[str]], str]] = {
    **dict.fromkeys(_FIRST_NAMES, _nth(0)),
    **dict.fromkeys(("convert", "cvt"), _convert),
    **dict.fromkeys(("lang", "langx", "wikt-lang", "script", "color", "colour"), _nth(1)),
    **dict.fromkeys(("transl", "transliteration", "script/hebrew", "unicode", "rtl-lang", "audio"), _last),
    **dict.fromkeys(("nihongo", "nihongo2", "nihongo3"), _nihongo),
    **dict.fromkeys(("circa", "c.", "ca"), _spaced("c.")),
    **dict.fromkeys(("floruit", "fl."), _spaced("fl.")),
    **dict.fromkeys(("as of", "asof"), _spaced("As of")),
    **dict.fromkeys(("frac", "fraction", "sfrac"), _fraction),
    **dict.fromkeys(("ndash", "en dash", "endash"), _fixed("–")),
    **dict.fromkeys(("mdash", "em dash"), _fixed("—")),
    **dict.fromkeys(("snd", "spnd", "spaced ndash", "spaced en dash"), _fixed(" – ")),
    **dict.fromkeys(("nbsp", "space", "spaces", "thin space", "thinsp", "hair space"), _fixed(" ")),
    **dict.fromkeys(("'", "'-"), _fixed("'")),
    **dict.fromkeys(("'s", "-'s"), _fixed("'s")),
    **dict.fromkeys(("!", "pipe"), _fixed("|")),
    **dict.fromkeys(("·", "dot", "middot", "bullet", "•"), _fixed(" · ")),
    **dict.fromkeys(("us$", "usd"), lambda placed: f"US${_nth(0)(placed)}"),
    **dict.fromkeys(("gbp", "£"), lambda placed: f"£{_nth(0)(placed)}"),
    **dict.fromkeys(("eur", "€"), lambda placed: f"€{_nth(0)(placed)}"),
    "e": lambda placed: f"×10^{_nth(0)(placed)}",
    "=": _fixed("="),
}


def render(name: str, arguments: Arguments) -> str:
    """Give the words of an inline template, or nothing for one that is not read (boxes, notes, citations)."""
    name = " ".join(name.replace("_", " ").split()).lower()
    placed, named = plain(arguments)
    if name.startswith("lang-"):
        return _nth(0)(placed)
    reader = RENDER.get(name)
    if reader is None:
        return ""
    return reader(placed or [named.get("text") or named.get("quote") or ""])
