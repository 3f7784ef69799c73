"""JSON lines: a block of them at a time, or each by itself."""

import codecs
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from tasks.sources.charset import decode
from tasks.sources.opening import Unreadable, capped
from tasks.sources.origin import SORTED
from tasks.text.arrow import Buffers, ranges, strings

if TYPE_CHECKING:
    from tasks.text.jsonlines import Found

MAX_LINE_BYTES = 64 << 20
BLOCK_BYTES = 4 << 20
NEWLINE = 10
TOO_LONG = f"line of more than {MAX_LINE_BYTES} bytes"
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class Row(NamedTuple):
    """A record and its place in the file, or why there is none."""

    place: str
    value: dict[str, Any]
    fault: str = ""


class Strings(NamedTuple):
    """What a block's lines hold, a row a line."""

    columns: pl.DataFrame
    """A column for each field asked for, null where it is absent or null."""
    state: npt.NDArray[np.uint8]
    """Whether a line is FINE, BLANK, or ODD: to be read by itself."""
    rest: dict[int, dict[str, Any]]
    """The other members of the lines that have any."""
    told: pl.Series | None
    """What `rest` is written as, null where there is none, if it is written sorted and compact throughout the block."""
    ends: npt.NDArray[np.int64]
    """Where in the block the lines end."""


@dataclass(frozen=True)
class Block:
    """Whole lines of JSON, one after the other; None is a line that is too long to be held."""

    first: int
    """The number of its first line, from 1."""
    data: bytes | None

    @cached_property
    def newlines(self) -> int:
        """How many of its lines are ended."""
        from tasks.text.jsonlines import newlines

        return newlines(np.frombuffer(self.data or b"", np.uint8))

    def rows(self) -> Iterator[Row]:
        """Read each line by itself."""
        flat = np.frombuffer(self.data or b"", np.uint8)
        ends = np.append(np.flatnonzero(flat == NEWLINE), len(flat))
        yield from self.rows_at(range(len(ends)), ends)

    def rows_at(self, lines: Iterable[int], ends: npt.NDArray[np.int64]) -> Iterator[Row]:
        """Read some lines by themselves, counted from 0, where `ends` are the places at which lines end."""
        if self.data is None:
            yield Row(str(self.first), {}, TOO_LONG)
            return
        for place in lines:
            number, line = str(self.first + place), self.data[ends[place - 1] + 1 if place else 0 : ends[place]]
            if len(line) > MAX_LINE_BYTES:
                yield Row(number, {}, TOO_LONG)
            elif line.strip():
                yield row_of(number, line)

    def strings(self, names: Sequence[str]) -> Strings:
        """Find the strings of some fields on all lines at once."""
        from tasks.text.jsonlines import ODD, found

        data = self.data or b""
        unended = not data.endswith(b"\n")
        held = found(np.frombuffer(data + b"\n" if unended else data, np.uint8), self.newlines + unended, [name.encode() for name in names])
        others = np.flatnonzero(held.rests[1:] > held.rests[:-1])
        rest, broken = _parsed(held, others)
        state = held.state
        state[[*np.flatnonzero(np.diff(held.ends, prepend=-1) > MAX_LINE_BYTES), *broken]] = ODD
        columns = {name: strings(held.text[k], held.starts[k]).set(pl.Series(~held.there[k]), None) for k, name in enumerate(names)}
        return Strings(pl.DataFrame(columns), state, rest, _told(held, others, rest) if rest and not broken else None, held.ends)


def _parsed(held: "Found", others: npt.NDArray[np.int64]) -> tuple[dict[int, dict[str, Any]], list[int]]:
    """Parse the other members of the lines that have any: all at once, or line by line where one is broken."""
    try:
        return dict(zip(others.tolist(), orjson.loads(held.rest[: max(held.rests[-1], 2)].tobytes()), strict=True)), []
    except orjson.JSONDecodeError:
        rest: dict[int, dict[str, Any]] = {}
        broken = []
        for line in others.tolist():
            try:
                rest[line] = orjson.loads(held.rest[held.rests[line] : held.rests[line + 1] - 1].tobytes())
            except orjson.JSONDecodeError:
                broken.append(line)
        return rest, broken


def _told(held: "Found", others: npt.NDArray[np.int64], rest: dict[int, dict[str, Any]]) -> pl.Series | None:
    """Give the text of the other members on each line, if all are written as they would be here."""
    try:
        same = orjson.dumps(list(rest.values()), option=SORTED) == held.rest[: held.rests[-1]].tobytes()
    except TypeError:  # numbers of more than 64 bits, nesting too deep
        same = False
    if not same:
        return None
    written = ranges(Buffers(held.rest, held.rests), others, np.zeros(len(others), np.int64), np.diff(held.rests)[others] - 1)
    return pl.Series(None, [None], dtype=pl.String).new_from_index(0, len(held.state)).scatter(others, written)


def lines(stream: Iterator[bytes]) -> Iterator[Row]:
    """Read each line of a stream by itself."""
    for block in blocks(stream):
        yield from block.rows()


def blocks(stream: Iterator[bytes]) -> Iterator[Block]:
    """Cut a stream of lines, UTF-8 or not, into blocks of about BLOCK_BYTES; what is good before a fault comes before it."""
    held: list[bytes] = []
    number, size, unended, lost = 1, 0, 0, False
    try:
        for piece in _as_utf8(next(stream, b""), stream):
            chunk = piece
            if lost:
                _, newline, chunk = piece.partition(b"\n")
                if not newline:
                    continue
                yield Block(number, None)
                number, lost = number + 1, False
            end = chunk.rfind(b"\n") + 1
            size += len(chunk)
            unended = len(chunk) - end if end else unended + len(chunk)
            if end and size >= BLOCK_BYTES:
                yield (block := Block(number, b"".join([*held, chunk[:end]])))
                number, size = number + block.newlines, unended
                held, chunk = [], chunk[end:]
            held.append(chunk)
            lost = unended > MAX_LINE_BYTES
            if lost:
                yield (block := Block(number, b"".join(held)[: size - unended]))
                number, held, size, unended = number + block.newlines, [], 0, 0
    except Unreadable:
        yield Block(number, b"".join(held)[: size - unended])
        raise
    yield Block(number, None if lost else b"".join(held))


def _as_utf8(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Give the stream as it is, or as UTF-8 where its first bytes say UTF-16 or UTF-32."""
    if not first.startswith(WIDE) and b"\0" not in first[:4]:
        yield first
        yield from rest
        return
    yield decode(b"".join(capped(itertools.chain([first], rest)))).text.encode()


def row_of(place: str, line: bytes) -> Row:
    """Read one line, whatever its encoding."""
    line = line.removeprefix(codecs.BOM_UTF8) if place == "1" else line
    try:
        value = orjson.loads(line if is_utf8(line) else decode(line).text)
    except orjson.JSONDecodeError:
        return Row(place, {}, "broken JSON")
    return Row(place, value) if isinstance(value, dict) else Row(place, {}, "not an object")


def is_utf8(data: bytes) -> bool:
    """Tell whether bytes are sound UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
