"""How people and machines get texts wrong: each kind of slip as a function of a text, a rate and a lot.

Rates are chances of a place to go wrong: of a word, a sign or a letter, as each function says.
"""

import math
import re
from collections.abc import Callable
from random import Random

Change = Callable[[re.Match[str], Random], str]

WORD = re.compile(r"[^\W\d_]+")
LETTER = re.compile(r"[^\W\d_]")
SIGN = re.compile(r"[.,;:!?…\"'’“”()–—-]+")
SPOKEN = re.compile(r"\S+")
MARKED = re.compile(r"</?[A-Za-z][^<>]*>|[&<>*_#`]| |(?m:^)(?=\w)")

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""The letters of a keyboard as they lie; each lower row half a key to the right."""
CONFUSED: dict[str, tuple[str, ...]] = {
    "rn": ("m",), "cl": ("d",), "vv": ("w",), "li": ("h",), "ri": ("n",), "nn": ("m",), "fi": ("ﬁ", "h"), "fl": ("ﬂ", "A"), "ff": ("ﬀ",),
    "m": ("rn", "nn"), "d": ("cl",), "w": ("vv",), "h": ("b", "li"), "l": ("1", "I"), "1": ("l", "I"), "I": ("l", "1"), "i": ("í", "j"),
    "O": ("0", "Q"), "0": ("O", "o"), "o": ("0", "c"), "S": ("5",), "5": ("S",), "B": ("8",), "8": ("B",), "Z": ("2",), "g": ("9", "q"),
    "e": ("c",), "c": ("e",), "u": ("ii", "n"), "n": ("u", "ri"), "a": ("o", "n"), "y": ("v",), "t": ("f", "l"), "f": ("t",),
    ",": (".",), ".": (",", " ."), ";": (":",), ":": (";",), "—": ("-",), "'": ("`", ""), "“": ("''", "<<"), "”": ("''",), "’": ("'",),
}  # fmt: skip
"""What a reader of scanned pages takes for what."""
SOUND_ALIKE = (
    "their there they're|your you're|its it's|to too two|than then|hear here|know no|knew new|right write|where were wear|"
    "weather whether|whose who's|by buy bye|one won|for four|ate eight|see sea|our hour are|would wood|affect effect|"
    "accept except|passed past|peace piece|plain plane|week weak|allowed aloud|brake break|cell sell|died dyed|fair fare|"
    "find fined|great grate|made maid|mail male|meet meat|pair pear|principal principle|role roll|sail sale|scene seen|"
    "some sum|son sun|steal steel|tail tale|threw through|wait weight|way weigh"
)
"""Words that a recogniser of speech takes for each other, in groups."""
FILLERS = ("um", "uh", "er", "you know", "like", "i mean")
STRAYS = (" <br> ", "&nbsp;", " <b>", " </p> ", " ** ", " </div>", "\t", " &#39; ", " <i")
OPENED = ("<p>", "## ", "> ", '<div class="">')
ENTITIES = {"&": "&amp;amp;", "<": "&lt;", ">": "&gt;"}
INSTEAD = (",", ".", ";", ":", "!", "?")


def _beside() -> dict[str, str]:
    """Give for each letter those that lie beside it on a keyboard."""
    at = {letter: (row, column + row / 2) for row, letters in enumerate(ROWS) for column, letter in enumerate(letters)}
    return {
        one: "".join(
            two for two, (row, column) in at.items() if two != one and abs(row - at[one][0]) <= 1 and abs(column - at[one][1]) <= 1
        )
        for one in at
    }


BESIDE = _beside()
HOMOPHONES = {
    word: [other for other in words if other != word] for group in SOUND_ALIKE.split("|") for words in [group.split()] for word in words
}
WESTERN = {byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
"""Characters of Windows-1252 where Latin-1 has none that show."""
READ = re.compile("|".join(re.escape(seen) for seen in sorted(CONFUSED, key=len, reverse=True)))


def changed(text: str, places: re.Pattern[str], rate: float, lot: Random, change: Change) -> str:
    """Give a text with `change` made at each place by the chance `rate`; between two of them the places are counted, not drawn for."""
    if rate <= 0:
        return text
    parts: list[str] = []
    last, skip = 0, _gap(rate, lot)
    for found in places.finditer(text):
        if skip:
            skip -= 1
            continue
        skip = _gap(rate, lot)
        parts += text[last : found.start()], change(found, lot)
        last = found.end()
    return "".join([*parts, text[last:]])


def _gap(rate: float, lot: Random) -> int:
    """Draw how many places stay right before the next wrong one (geometric)."""
    return 0 if rate >= 1 else int(math.log(1.0 - lot.random()) / math.log(1.0 - rate))


def case(text: str, rate: float, lot: Random) -> str:
    """Get the case of words wrong: all small, all capitals, or the first letter's."""
    return changed(text, WORD, rate, lot, _case)


def _case(found: re.Match[str], lot: Random) -> str:
    word = found[0]
    ways = [way for way in (word.lower(), word.upper(), word[0].swapcase() + word[1:]) if way != word]
    return lot.choice(ways) if ways else word


def punctuation(text: str, rate: float, lot: Random) -> str:
    """Leave signs out, take others for them, write them twice, or put a space before them."""
    return changed(text, SIGN, rate, lot, _punctuation)


def _punctuation(found: re.Match[str], lot: Random) -> str:
    sign = found[0]
    return lot.choice(("", "", lot.choice([other for other in INSTEAD if other != sign]), sign + sign, " " + sign))


def speech(text: str, rate: float, lot: Random) -> str:
    """Mishear words of what a speech recogniser wrote: words that sound alike, hesitation, words twice or broken off."""
    return changed(text, SPOKEN, rate, lot, _speech)


def _speech(found: re.Match[str], lot: Random) -> str:
    word = found[0]
    if word in HOMOPHONES:
        return lot.choice(HOMOPHONES[word])
    return lot.choice(
        (f"{word} {word}", f"{lot.choice(FILLERS)} {word}", word[: max(1, len(word) - 1)], f"{word[: len(word) // 2]} {word}")
    )


def keyboard(text: str, rate: float, lot: Random) -> str:
    """Mistype letters: the key beside, twice, or not at all."""
    return changed(text, LETTER, rate, lot, _keyboard)


def _keyboard(found: re.Match[str], lot: Random) -> str:
    letter = found[0]
    beside = BESIDE.get(letter.lower(), "")
    if beside and lot.random() < 0.5:
        other = lot.choice(beside)
        return other.upper() if letter.isupper() else other
    return lot.choice(("", letter + letter))


def ocr(text: str, rate: float, lot: Random) -> str:
    """Misread what looks alike on a scanned page, at the places where something can be misread."""
    return changed(text, READ, rate, lot, lambda found, drawn: drawn.choice(CONFUSED[found[0]]))


def markup(text: str, rate: float, lot: Random) -> str:
    """Break tags and entities, and leave strays between words."""
    return changed(text, MARKED, rate, lot, _markup)


def _markup(found: re.Match[str], lot: Random) -> str:
    mark = found[0]
    if mark.startswith("<") and len(mark) > 1:
        return lot.choice((mark[:-1], "", mark.replace("<", "&lt;").replace(">", "&gt;"), mark + mark))
    if mark in ENTITIES:
        return ENTITIES[mark]
    if mark == " ":
        return lot.choice(STRAYS)
    return lot.choice(("", mark * 2)) if mark else lot.choice(OPENED)


def mojibake(text: str, lot: Random) -> str:
    """Read the bytes of a text by the wrong encoding; a text of ASCII stays as it is."""
    if text.isascii():
        return text
    way = lot.randrange(4)
    if way == 0:
        return text.encode("ascii", "replace").decode()
    if way == 1:
        return text.encode("cp1252", "replace").decode("utf-8", "replace")
    once = _as_western(text)
    return once if way == 2 else _as_western(once)


def _as_western(text: str) -> str:
    """Read UTF-8 as Windows-1252, and the five bytes that it lacks as Latin-1."""
    return text.encode().decode("latin-1").translate(WESTERN)


def truncation(text: str, lot: Random) -> str:
    """Cut a text off, mostly at its end, and leave a quarter of it at least."""
    least = len(text) // 4
    keep = max(1, least + int(lot.random() * (len(text) - least)))
    return text[:keep] if lot.random() < 0.75 else text[len(text) - keep :]
