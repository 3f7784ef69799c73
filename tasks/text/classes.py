"""Classes of Unicode code points, as one table that kernels look up."""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes
from tasks.text.kernel import kernel

SPACE, ALPHA, UPPER, DIGIT, WORD, END, ALONE = (1 << bit for bit in range(7))
"""Bits: white space, letter, capital, digit, part of a word, end of a sentence, a word by itself."""

LIMIT = 0x32400
"""Code points from here on have class 0: nothing but tags, selectors and private use lies there."""

Classes = npt.NDArray[np.uint8]
Lower = npt.NDArray[np.uint32]

_ENDS = ".!?…。！？؟।॥۔։"
_ALONE = ((0x2E80, 0x2FDF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


@functools.cache
def table() -> tuple[Classes, Lower]:
    """Give the class of each code point below LIMIT, and its simple lower case."""
    classes = np.zeros(LIMIT, np.uint8)
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
        classes[first : last + 1] |= np.where(classes[first : last + 1] & WORD, ALONE, 0).astype(np.uint8)
    return classes, lower


def _class_of(char: str) -> int:
    bits = 0
    if char.isalnum():
        bits |= WORD
        bits |= ALPHA if char.isalpha() else 0
        bits |= UPPER if char.isupper() else 0
        bits |= DIGIT if char.isdigit() else 0
    elif char.isspace():
        bits |= SPACE
    elif char in _ENDS:
        bits |= END
    elif unicodedata.category(char) in ("Mn", "Mc"):
        bits |= WORD
    return bits


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
