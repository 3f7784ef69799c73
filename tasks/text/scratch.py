"""Room for one text at a time: its bytes with some behind them, and the class of each character."""

from typing import NamedTuple

import numpy as np

from tasks.text.arrow import Bytes, Offsets
from tasks.text.blocks import BLOCK, NONE, high_bits, make_small, mark_ascii
from tasks.text.classes import INNER, SPACE, Classes, decode
from tasks.text.eights import copy
from tasks.text.kernel import kernel

PAD = 2 * BLOCK
"""Bytes behind a text that may be read: zeros, of the class SPACE."""


class Scratch(NamedTuple):
    """A text and the classes of its characters; INNER marks their further bytes."""

    text: Bytes
    marks: Classes


@kernel
def scratch_for(size: int) -> Scratch:
    """Make room for texts of at most so many bytes; what is not used takes no memory."""
    return Scratch(np.empty(size + PAD, np.uint8), np.empty(size + PAD, np.uint16))


@kernel
def load(data: Bytes, start: int, end: int, classes: Classes, room: Scratch) -> int:
    """Copy a text and class its characters; their number is given."""
    copy(room.text, 0, data, start, end - start)
    return classed(end - start, classes, room)


@kernel
def load_words(data: Bytes, start: int, end: int, classes: Classes, room: Scratch) -> None:
    """Copy a text, its ASCII letters as small ones, and class its characters as words ask for it: WORD, ALONE, SPACE and INNER."""
    copy(room.text, 0, data, start, end - start)
    classed(end - start, classes, room, words_alone=True)
    for at in range(0, end - start, BLOCK):
        make_small(room.text, at)


@kernel
def load_ascii(data: Bytes, start: int, end: int, room: Scratch) -> bool:
    """Copy a text, its ASCII letters as small ones, and tell whether it is all ASCII; nothing is classed."""
    size, text = end - start, room.text
    copy(text, 0, data, start, size)
    text[size : size + PAD] = 0
    high = NONE
    for at in range(0, size, BLOCK):
        high |= high_bits(text, at)
        make_small(text, at)
    return bool(high == NONE)


@kernel
def classed(size: int, classes: Classes, room: Scratch, words_alone: bool = False) -> int:  # noqa: FBT001, FBT002  kernels know no keywords alone
    """Class the characters of the text that stands in the room; their number is given."""
    text, marks = room.text, room.marks
    text[size : size + PAD] = 0
    further, at = 0, 0
    while at < size:
        if high_bits(text, at) == 0:
            if words_alone:
                mark_ascii(text, marks, at)
            else:
                for k in range(at, at + BLOCK):
                    marks[k] = classes[text[k]]
            at += BLOCK
            continue
        stop = min(at + BLOCK, size)
        while at < stop:
            byte = text[at]
            if byte < 128:
                marks[at] = classes[byte]
                at += 1
                continue
            point, width = decode(text, at)
            marks[at] = classes[point]
            for k in range(1, width):
                marks[at + k] = INNER
            further += width - 1
            at += width
    marks[size : size + PAD] = SPACE
    return size - further


@kernel
def after(marks: Classes, at: int) -> int:
    """Give the place of the next character."""
    at += 1
    while marks[at] & INNER:
        at += 1
    return at


@kernel
def before(marks: Classes, at: int) -> int:
    """Give the place of the character before."""
    at -= 1
    while marks[at] & INNER:
        at -= 1
    return at


@kernel
def stripped(marks: Classes, start: int, end: int) -> tuple[int, int]:
    """Give a range without the white space at its ends, of any kind."""
    while start < end and marks[start] & SPACE:
        start = after(marks, start)
    while end > start and marks[before(marks, end)] & SPACE:
        end = before(marks, end)
    return start, end


@kernel
def largest(offsets: Offsets) -> int:
    """Give the bytes of the longest text."""
    most = 0
    for i in range(len(offsets) - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    return int(most)
