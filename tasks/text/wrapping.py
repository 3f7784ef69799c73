"""Paragraphs of plain text whose lines were broken at a width: found, told from verse and tables, and joined.

Everything works on UTF-8 bytes; widths are counted in code points.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Offsets
from tasks.text.kernel import kernel

NEWLINE, SPACE, TAB, FEED, BAR = 10, 32, 9, 12, 124
COLUMN_GAP = 3
"""So many spaces within a line part columns."""
NEARLY = 4
"""A line that would have been fuller by at most so much counts as full."""
LOW, FULL = 0.4, 0.7
"""Of unevenly broken prose so many lines begin with small letters, and so full are they on average."""
LONG = 40
"""Lines that are longer tell at which width a text is broken."""
Flags = npt.NDArray[np.bool_]
_PARTING = np.array([byte in (TAB, BAR) for byte in range(256)])
_WHITE = np.array([byte in (SPACE, TAB, FEED) for byte in range(256)])


class Lines(NamedTuple):
    """The lines of a text, blank ones too; what is white at their ends is not counted."""

    starts: Offsets
    """Where each begins, its indentation included."""
    firsts: Offsets
    """Where its first sign that is not white stands."""
    ends: Offsets
    widths: Offsets
    """Code points from the start to the end."""
    words: Offsets
    """Code points of its first word."""
    gaps: Flags
    """Whether columns show in it: a run of spaces, a tab or a bar."""


class Paragraphs(NamedTuple):
    """Runs of lines that are not blank: the number of the first line, and that after the last."""

    firsts: Offsets
    lasts: Offsets


def lines_of(data: Bytes) -> Lines:
    """Measure the lines of a text."""
    count = int(np.count_nonzero(data == NEWLINE)) + 1
    starts, firsts, ends, widths, words = np.zeros((5, count), np.int64)
    lines = Lines(starts, firsts, ends, widths, words, np.zeros(count, np.bool_))
    _measure(data, lines)
    return lines


def paragraphs_of(lines: Lines) -> Paragraphs:
    """Find the paragraphs: blank lines part them."""
    full = np.concatenate([[False], lines.ends > lines.firsts, [False]])
    edges = np.flatnonzero(full[1:] != full[:-1])
    return Paragraphs(edges[::2], edges[1::2])


def width_of(lines: Lines) -> int:
    """Give the width at which most lines were broken: the 95th percentile of the long ones; 0 where there are none."""
    long = lines.widths[lines.widths > LONG]
    return int(np.partition(long, int(0.95 * len(long)))[int(0.95 * len(long))]) if len(long) else 0


def joined(data: Bytes, lines: Lines, paragraphs: Paragraphs, kept: Flags, width: int) -> tuple[bytes, Offsets]:
    """Write the kept paragraphs, parted by empty lines, with the places where each begins or would begin.

    A break is a wrap where the next line's first word would not have fitted; a paragraph is prose
    when four fifths of its breaks are, or when it is broken unevenly but most lines are rather full
    and many begin with small letters. Its lines are joined; verse, lists and tables stay.
    """
    out = np.empty(len(data) + 2 * len(kept) + 2, np.uint8)
    starts = np.zeros(len(kept) + 1, np.int64)
    size = _write(data, lines, paragraphs, kept, width, out, starts)
    return out[: max(size - 2, 0)].tobytes(), starts


def unwrap(text: str, width: int) -> str:
    """Join the lines of one paragraph that was broken at `width`, if it is prose."""
    data = np.frombuffer(text.strip("\n").encode() or b" ", np.uint8)
    lines = lines_of(data)
    paragraphs = paragraphs_of(lines)
    return joined(data, lines, paragraphs, np.ones(len(paragraphs.firsts), np.bool_), width)[0].decode()


@kernel
def _measure(data: Bytes, lines: Lines) -> None:
    line, start, place = 0, 0, 0
    for byte in data:
        if byte == NEWLINE:
            _line(data, start, place, line, lines)
            line, start = line + 1, place + 1
        place += 1
    _line(data, start, place, line, lines)


@kernel
def _line(data: Bytes, start: int, end: int, line: int, lines: Lines) -> None:
    first = start
    while first < end and _WHITE[data[first]]:
        first += 1
    while end > first and _WHITE[data[end - 1]]:
        end -= 1
    width, spaces, gap = 0, 0, False
    for byte in data[first:end]:
        spaces = (spaces + 1) * (byte == SPACE)
        gap |= (spaces >= COLUMN_GAP) | _PARTING[byte]
        width += (byte & 0xC0) != 0x80
    for byte in data[start:first]:
        gap |= _PARTING[byte]
    lines.starts[line], lines.firsts[line], lines.ends[line] = start, first, end
    lines.widths[line], lines.gaps[line] = width + (first - start) * (width > 0), gap
    lines.words[line] = _word(data[first:end])


@kernel
def _word(line: Bytes) -> int:
    """Give the code points before the first space."""
    signs = 0
    for byte in line:
        if byte == SPACE:
            break
        signs += (byte & 0xC0) != 0x80
    return signs


@kernel
def _is_prose(data: Bytes, lines: Lines, first: int, last: int, width: int) -> bool:
    """Tell whether the lines of a paragraph were broken for want of room."""
    breaks = last - first - 1
    indented, gaps, wraps, low, total = 0, 0, 0, 0, 0
    for line in range(first, last):
        gaps += lines.gaps[line]
        if line > first:
            indented += lines.firsts[line] > lines.starts[line]
            wraps += lines.widths[line - 1] + lines.words[line] > width - NEARLY
            low += _begins_low(data, lines.firsts[line])
            total += lines.widths[line - 1]
    ragged = low >= LOW * breaks and total >= FULL * width * breaks
    plain = (wraps >= 0.8 * breaks or ragged) and gaps * 3 < breaks + 1 and indented * 2 < breaks + 1
    return plain or (indented == breaks and (wraps >= 0.9 * breaks or ragged) and gaps == 0)


@kernel
def _begins_low(data: Bytes, at: int) -> bool:
    """Tell whether a line begins with a small letter, as few lines of verse do."""
    return bool(97 <= data[at] <= 122)


@kernel
def _write(data: Bytes, lines: Lines, paragraphs: Paragraphs, kept: Flags, width: int, out: Bytes, starts: Offsets) -> int:
    at = 0
    for paragraph in range(len(kept)):
        first, last = paragraphs.firsts[paragraph], paragraphs.lasts[paragraph]
        if kept[paragraph]:
            prose = last - first == 1 or _is_prose(data, lines, first, last, width)
            for line in range(first, last):
                start = lines.firsts[line] if prose else lines.starts[line]
                for byte in data[start : lines.ends[line]]:
                    out[at] = byte
                    at += 1
                out[at] = SPACE if prose else NEWLINE
                at += 1
            out[at - 1 : at + 1] = NEWLINE
            at += 1
        starts[paragraph + 1] = at
    return at
