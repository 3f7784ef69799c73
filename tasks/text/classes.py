"""Classes of Unicode code points, as one table that kernels look up."""

import functools
import hashlib
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes
from tasks.text.kernel import cache_folder, kernel

SPACE, ALPHA, UPPER, DIGIT, WORD, END, ALONE, LOWER, SYMBOL, STOP, PREFIX, SUFFIX, QUOTE, PUNCTUATION, BREAK, INNER = (
    1 << bit for bit in range(16)
)
"""Bits: white space, letter, capital, digit, part of a word, end of a sentence, a word by itself, small letter.

Those of the `datatrove` profile: no part of a word that counts, stop of a line, cut off before and
after a word, quote, punctuation by Unicode, end of a line. INNER marks the further bytes of a character.
"""

LIMIT = 0x32400
"""Code points from here on have class 0: nothing but tags, selectors and private use lies there."""

Classes = npt.NDArray[np.uint16]
Lower = npt.NDArray[np.uint32]

_ENDS = ".!?…。！？؟।॥۔։"
_STOPS = (
    "21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6 17D9-17DA 1803 1809 "
    "1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C 2E53-2E54 3002 A4FF A60E-A60F "
    "A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 "
    "10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 "
    "115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 "
    "16B37-16B38 16B44 16E98 1BC9F 1DA88"
)
"""Terminal punctuation of all scripts: FineWeb's, nearly Unicode's Sentence_Terminal."""
_SYMBOLS = (
    "0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002 3008-300D 3010-3011 FF01 FF05 "
    "FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E"
)
"""What datatrove does not take for a part of a word, beside the stops."""
_CUT_OFF = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉⟦⟧"
_CURRENCIES = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
_PICTURES = ((0x2190, 0x2C00), (0x1F000, 0x1FB00))
_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_ALONE = ((0x2E80, 0x2FDF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


@functools.cache
def table() -> tuple[Classes, Lower]:
    """Give the class of each code point below LIMIT, and its simple lower case; worked out once per machine and version of Unicode."""
    path = cache_folder() / f"classes-{unicodedata.unidata_version}"
    kept = _kept(path)
    if kept is not None:
        return kept
    classes, lower = _worked_out()
    data = classes.tobytes() + lower.tobytes()
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(hashlib.sha256(data).digest() + data)
        file.close()
        Path(file.name).replace(path)
    return classes, lower


def _kept(path: Path) -> tuple[Classes, Lower] | None:
    """Give the tables that a file keeps; None where there is none, or where it is not as it was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) != 32 + 6 * LIMIT or hashlib.sha256(data[32:]).digest() != data[:32]:
        return None
    return np.frombuffer(data, np.uint16, LIMIT, 32).copy(), np.frombuffer(data, np.uint32, LIMIT, 32 + 2 * LIMIT).copy()


def _worked_out() -> tuple[Classes, Lower]:
    classes = np.zeros(LIMIT, np.uint16)
    lower = np.arange(LIMIT, dtype=np.uint32)
    for point in range(LIMIT):
        if 0xD800 <= point < 0xE000:
            continue
        char = chr(point)
        classes[point] = _class_of(char)
        small = char.lower()
        if len(small) == 1 and ord(small) < LIMIT:
            lower[point] = ord(small)
    for first, last in _ALONE:
        classes[first : last + 1] |= np.where(classes[first : last + 1] & WORD, ALONE, 0).astype(np.uint16)
    _add_peer_classes(classes)
    return classes, lower


def _add_peer_classes(classes: Classes) -> None:
    """Add the bits of the `datatrove` profile."""
    for spans, bits in ((_STOPS, STOP | SYMBOL), (_SYMBOLS, SYMBOL)):
        for span in spans.split():
            first, _, last = span.partition("-")
            classes[int(first, 16) : int(last or first, 16) + 1] |= bits
    for low, high in _PICTURES:
        pictures = [point for point in range(low, high) if unicodedata.category(chr(point)) == "So"]
        classes[pictures] |= PREFIX | SUFFIX
    named = (
        (_CUT_OFF + _QUOTES + "—–", PREFIX | SUFFIX), (_CURRENCIES + "§%=", PREFIX), (_QUOTES, QUOTE), (_BREAKS, BREAK),
    )  # fmt: skip
    for signs, bits in named:
        classes[[ord(sign) for sign in signs]] |= bits


def _class_of(char: str) -> int:
    bits = 0
    if char.isalnum():
        bits |= WORD
        bits |= ALPHA if char.isalpha() else 0
        bits |= UPPER if char.isupper() else LOWER if char.islower() else 0
        bits |= DIGIT if char.isdigit() else 0
    elif char.isspace():
        bits |= SPACE
    elif char in _ENDS:
        bits |= END
    elif unicodedata.category(char) in ("Mn", "Mc"):
        bits |= WORD
    return bits | (PUNCTUATION if unicodedata.category(char)[0] == "P" else 0)


@kernel
def decode(data: Bytes, at: int) -> tuple[int, int]:
    """Read the code point at `at`: its value (LIMIT - 1 where none is classed) and its width in bytes."""
    first = int(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | int(data[at + 1]) & 0x3F, 2
    second = int(data[at + 1]) & 0x3F
    third = int(data[at + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, 3
    point = (first & 0x07) << 18 | second << 12 | third << 6 | int(data[at + 3]) & 0x3F
    return min(point, 0x32400 - 1), 4
