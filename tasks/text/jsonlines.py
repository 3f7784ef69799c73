"""Strings of JSON objects, one a line, found and unescaped without making an object of each.

A line is read here when its fields asked for hold strings or null, each at most once, in sound
UTF-8 and sound escapes; everything else of it is copied as an object of its own. Whether that is
sound is not settled here: brackets are only counted. Where it parses as JSON, so does the line,
for in sound JSON the counted depth is the true one, and so members were cut where members end.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Offsets
from tasks.text.eights import first_marked, load8, store8, unplain
from tasks.text.kernel import kernel

ODD, FINE, BLANK = 0, 1, 2
NEWLINE, QUOTE, BACKSLASH, COMMA, COLON = 10, 34, 92, 44, 58
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
_SPACE = np.array([byte in (9, 13, 32) for byte in range(256)])
_ESCAPED = np.zeros(256, np.uint8)
_ESCAPED[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')
_NULL = np.frombuffer(b"null", np.uint8)
_HEX = np.full(256, -1, np.int64)
for _digits in (b"0123456789abcdef", b"0123456789ABCDEF"):
    _HEX[list(_digits)] = range(16)


class Found(NamedTuple):
    """What is found: for each name and line a string and whether it is there, and for each line its state.

    `text[k, starts[k, i]:starts[k, i + 1]]` is the string of name k on line i. `rest` is a JSON list of
    objects, one for each line that has other members: those of line i end before `rests[i + 1]`, and
    begin at `rests[i]` or are none where both are the same. Line i ends at the newline `ends[i]`.
    """

    ends: Offsets
    text: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    there: npt.NDArray[np.bool_]
    state: npt.NDArray[np.uint8]
    rests: Offsets
    rest: Bytes


def found(data: Bytes, lines: int, names: list[bytes]) -> Found:
    """Find the strings of `names` on each of so many lines, which end with newlines."""
    count = len(names)
    flat = np.frombuffer(b"".join(names) or b"\0", np.uint8)
    bounds = np.cumsum([0, *map(len, names)])
    held = Found(
        np.empty(lines, np.int64),
        np.empty((count, len(data)), np.uint8),
        np.zeros((count, lines + 1), np.int64),
        np.zeros((count, lines), np.bool_),
        np.zeros(lines, np.uint8),
        np.ones(lines + 1, np.int64),
        np.empty(len(data) + 2, np.uint8),
    )
    _read(data, flat, bounds, held)
    return held


@kernel
def newlines(data: Bytes) -> int:
    """Count the newlines."""
    count = 0
    for byte in data:
        count += byte == NEWLINE
    return count


@kernel
def _read(data: Bytes, names: Bytes, bounds: Offsets, held: Found) -> None:
    """Read all lines."""
    cursors = np.zeros(len(held.text), np.int64)
    before = cursors.copy()
    size, start = 1, 0
    for line in range(len(held.ends)):
        at = _space(data, start)
        if data[at] == NEWLINE:
            held.state[line] = BLANK
        else:
            before[:] = cursors
            at, more = _object(data, at, names, bounds, held, (line, size), cursors)
            held.state[line] = FINE if more > 0 else ODD
            if more > 0:
                size = more
            else:
                cursors[:] = before
                held.there[:, line] = False
                while data[at] != NEWLINE:
                    at += 1
        held.ends[line] = at
        held.starts[:, line + 1] = cursors
        held.rests[line + 1] = size
        start = at + 1
    held.rest[0] = OPEN_LIST
    held.rest[max(size, 2) - 1] = CLOSE_LIST


@kernel
def _object(
    data: Bytes, start: int, names: Bytes, bounds: Offsets, held: Found, place: tuple[int, int], cursors: Offsets
) -> tuple[int, int]:
    """Read the object that fills a line: the newline after it and the new length of `rest`, -1 where it must be read otherwise."""
    line, first = place
    size = first
    if data[start] != OPEN:
        return start, -1
    at = _space(data, start + 1)
    while data[at] == QUOTE:
        at, size = _member(data, at, names, bounds, held, (line, first, size), cursors)
        if at < 0:
            return start, -1
        at = _space(data, at)
        if data[at] != COMMA:
            break
        at = _space(data, at + 1)
        if data[at] != QUOTE:
            return start, -1
    if data[at] != CLOSE:
        return start, -1
    at = _space(data, at + 1)
    if data[at] != NEWLINE:
        return start, -1
    if size > first:
        held.rest[size] = CLOSE
        held.rest[size + 1] = COMMA
        size += 2
    return at, size


@kernel
def _member(
    data: Bytes, key: int, names: Bytes, bounds: Offsets, held: Found, place: tuple[int, int, int], cursors: Offsets
) -> tuple[int, int]:
    """Read a name and its value; the place after it, -1 where it must be read otherwise, and the new length of `rest` are given."""
    line, first, size = place
    end = _name_end(data, key + 1)
    at = _space(data, end + 1) if end > 0 else key
    if data[at] != COLON:
        return -1, size
    at = _space(data, at + 1)
    name = _which(data, key + 1, end, names, bounds)
    if name >= 0:
        return _field(data, at, held, name, line, cursors), size
    stop = _value_end(data, at)
    if stop >= 0:
        held.rest[size] = OPEN if size == first else COMMA
        size = _compact(data, key, stop, held.rest, size + 1)
    return stop, size


@kernel
def _compact(data: Bytes, at: int, end: int, out: Bytes, size: int) -> int:
    """Copy a member without the white space between its parts; the place after it is given."""
    quoted = False
    while at < end:
        byte = data[at]
        if quoted and byte == BACKSLASH:
            out[size] = byte
            at, size = at + 1, size + 1
            byte = data[at]
        elif byte == QUOTE:
            quoted = not quoted
        if quoted or not _SPACE[byte]:
            out[size] = byte
            size += 1
        at += 1
    return size


@kernel
def _space(data: Bytes, at: int) -> int:
    while _SPACE[data[at]]:
        at += 1
    return at


@kernel
def _name_end(data: Bytes, at: int) -> int:
    """Give the quote that ends a name; -1 where the name has escapes or does not end."""
    while data[at] != QUOTE:
        if data[at] == BACKSLASH or data[at] < 32:
            return -1
        at += 1
    return at


@kernel
def _which(data: Bytes, start: int, end: int, names: Bytes, bounds: Offsets) -> int:
    """Give the number of a name; -1 where it is none of those asked for."""
    for name in range(len(bounds) - 1):
        if bounds[name + 1] - bounds[name] == end - start:
            same = True
            for i in range(end - start):
                same = same and data[start + i] == names[bounds[name] + i]
            if same:
                return name
    return -1


@kernel
def _value_end(data: Bytes, at: int) -> int:
    """Give the place after a value of any kind, by its brackets; -1 where the line ends within it."""
    depth = 0
    while True:
        byte = data[at]
        if byte == NEWLINE:
            return -1
        if depth == 0 and (byte in (COMMA, CLOSE, CLOSE_LIST) or _SPACE[byte]):
            return at
        if byte == QUOTE:
            at = _string_end(data, at + 1)
            if at < 0:
                return -1
        depth += (byte in (OPEN, OPEN_LIST)) - (byte in (CLOSE, CLOSE_LIST))
        at += 1
        if depth == 0 and byte in (QUOTE, CLOSE, CLOSE_LIST):
            return at


@kernel
def _string_end(data: Bytes, at: int) -> int:
    """Give the quote that ends a string; -1 where the line ends within it."""
    while data[at] != QUOTE:
        at += data[at] == BACKSLASH
        if data[at] < 32:
            return -1
        at += 1
    return at


@kernel
def _field(data: Bytes, at: int, held: Found, name: int, line: int, cursors: Offsets) -> int:
    """Read a string into its column, or pass over null; the place after it is given, -1 where it is neither or comes again."""
    if held.there[name, line]:
        return -1
    if data[at] != QUOTE:
        return _null(data, at)
    end, cursor = _string(data, at + 1, held.text[name], cursors[name])
    if end < 0:
        return -1
    cursors[name] = cursor
    held.there[name, line] = True
    return end + 1


@kernel
def _string(data: Bytes, at: int, out: Bytes, cursor: int) -> tuple[int, int]:
    """Unescape a string; its last quote, -1 where it is not sound, and the place after what was written are given."""
    while data[at] != QUOTE:
        if at + 8 <= len(data) and cursor + 8 <= len(out):
            eight = load8(data, at)
            store8(out, cursor, eight)
            marks = unplain(eight)
            if not marks:
                at, cursor = at + 8, cursor + 8
                continue
            at, cursor = at + first_marked(marks), cursor + first_marked(marks)
        byte = data[at]
        if byte == BACKSLASH and _ESCAPED[data[at + 1]]:
            out[cursor] = _ESCAPED[data[at + 1]]
            at, cursor = at + 2, cursor + 1
        elif byte == BACKSLASH:
            at, cursor = _unicode(data, at + 1, out, cursor)
        elif byte >= 128:
            at, cursor = _wide(data, at, out, cursor)
        elif byte < 32:
            return -1, cursor
        elif byte != QUOTE:
            out[cursor] = byte
            at, cursor = at + 1, cursor + 1
        if at < 0:
            return -1, cursor
    return at, cursor


@kernel
def _null(data: Bytes, at: int) -> int:
    """Give the place after null; -1 where something else stands."""
    for i in range(4):
        if data[at + i] != _NULL[i]:
            return -1
    return at + 4


@kernel
def _unicode(data: Bytes, at: int, out: Bytes, cursor: int) -> tuple[int, int]:
    """Write the sign of an escape by number, whose backslash is before `at`; -1 where it is none."""
    if data[at] != 117:
        return -1, cursor
    code = _four(data, at + 1)
    at += 5
    if 0xD800 <= code < 0xDC00 and data[at] == BACKSLASH and data[at + 1] == 117:
        low = _four(data, at + 2)
        code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00 if 0xDC00 <= low < 0xE000 else -1
        at += 6
    if code < 0 or 0xD800 <= code < 0xE000:
        return -1, cursor
    return at, _encode(code, out, cursor)


@kernel
def _four(data: Bytes, at: int) -> int:
    """Read four hexadecimal digits; -1 where they are none."""
    code = 0
    for i in range(4):
        digit = _HEX[data[at + i]]
        if digit < 0:
            return -1
        code = code * 16 + digit
    return code


@kernel
def _encode(code: int, out: Bytes, cursor: int) -> int:
    """Write a code point in UTF-8; the place after it is given."""
    more = (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
    if more == 0:
        out[cursor] = code
        return cursor + 1
    out[cursor] = ((0xFF00 >> (more + 1)) & 0xFF) | (code >> (6 * more))
    for i in range(more):
        out[cursor + 1 + i] = 0x80 | ((code >> (6 * (more - 1 - i))) & 0x3F)
    return cursor + more + 1


@kernel
def _wide(data: Bytes, at: int, out: Bytes, cursor: int) -> tuple[int, int]:
    """Copy a sign of several bytes; -1 where it is no sound UTF-8."""
    lead = data[at]
    more = (lead >= 0xC2) + (lead >= 0xE0) + (lead >= 0xF0)
    if more == 0 or lead > 0xF4:
        return -1, cursor
    code = lead & (0x3F >> more)
    out[cursor] = lead
    for i in range(1, more + 1):
        byte = data[at + i]
        if byte & 0xC0 != 0x80:
            return -1, cursor
        code = (code << 6) | (byte & 0x3F)
        out[cursor + i] = byte
    least = 0x80 if more == 1 else 0x800 if more == 2 else 0x10000
    if code < least or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return -1, cursor
    return at + more + 1, cursor + more + 1
