"""Bytes of units: decompressed, with archives read member by member, within limits."""

import bz2
import contextlib
import itertools
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.errors import DartboardError
from tasks.step import Unit
from tasks.store.place import opened, plainly

CHUNK = 1 << 20
FREE_BYTES = 10 << 20
MAX_RATIO = 200
MAX_FILE_BYTES = 256 << 20
MAX_TEXT_BYTES = 40 << 20
"""A text that is held several times while it is read: millions of words, more than any book has."""


class Unreadable(DartboardError):
    """A file whose bytes cannot be used; its text is the skip's reason."""


def raw(unit: Unit) -> Iterator[bytes]:
    """Yield a unit's bytes as they are stored: all, or its head and its range."""
    with plainly("reading", unit.url):
        fs, path = opened(unit.url)
        with fs.open(path, "rb", **({} if fs.protocol in ("file", ("file", "local")) else {"block_size": 4 * CHUNK})) as stream:
            if unit.head:
                yield stream.read(unit.head)
            if unit.start:
                stream.seek(unit.start)
            left = None if unit.end is None else unit.end - unit.start
            while chunk := stream.read(CHUNK if left is None else min(CHUNK, left)):
                left = None if left is None else left - len(chunk)
                yield chunk


def chunks(unit: Unit) -> Iterator[bytes]:
    """Yield a unit's bytes, decompressed when they are gzip, bz2, xz or zstd; Unreadable where that fails.

    What was good before the fault has been yielded by then.
    """
    yield from unpacked(raw(unit))


def unpacked(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress a stream of bytes by what its first bytes say."""
    first = next(stream, b"")
    while 0 < len(first) < 6 and (more := next(stream, b"")):
        first += more
    all_of_it = itertools.chain([first] if first else [], stream)
    packed = next((packed for packed in _PACKED if first.startswith(packed.magic)), None)
    if packed:
        yield from packed.decoded(all_of_it)
    elif first[:4] == b"\x28\xb5\x2f\xfd":
        yield from _zstd(all_of_it)
    else:
        yield from all_of_it


class _Damaged(Exception):
    """A member of a compressed stream whose bytes are not what was written."""


def _drained(stream: Iterator[bytes]) -> bytes:
    """Read a stream to its end for nothing."""
    for _ in stream:
        pass
    return b""


@dataclass
class _Size:
    """How many bytes were read packed and given unpacked: small ones that swell are bombs."""

    name: str
    read: int = 0
    given: int = 0

    def watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass pieces on until they are too many; Unreadable then."""
        for data in pieces:
            self.given += len(data)
            if self.given > FREE_BYTES and self.given > MAX_RATIO * self.read:
                raise Unreadable(f"{self.name} swells more than {MAX_RATIO} times")
            if data:
                yield data


class _Packed:
    """One compression: how its decoder is made, and how its data begins. Decoders give at most CHUNK bytes at once.

    `mark` is how a member begins beyond doubt, where members can be told apart in the middle of a file.
    """

    def __init__(self, name: str, magic: bytes, make: Callable[[], Any], mark: bytes | None = None) -> None:
        self.name = name
        self.magic = magic
        self.mark = re.compile(mark) if mark else None
        self._make = make

    def decoded(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Decompress a stream of one or more members; what follows the last and is none is left out.

        Of bz2 a damaged member is stepped over; that it was is raised at the end.
        """
        decoder, begun, lost = self._make(), False, 0
        size = _Size(self.name)
        for chunk in stream:
            size.read += len(chunk)
            rest = chunk
            while rest:
                fresh, begun = not begun, True
                try:
                    yield from size.watched(self._pieces(decoder, rest))
                except _Damaged:
                    lost += 1
                    rest, decoder, begun = self._next(rest, int(fresh), stream), self._make(), False
                    continue
                rest = decoder.unused_data.lstrip(b"\0") if decoder.eof else b""
                if decoder.eof:
                    decoder, begun = self._make(), False
                if rest and not rest.startswith(self.magic):
                    rest = _drained(stream)
        if lost:
            raise Unreadable(f"{self.name} is damaged" + (f": {lost} streams stepped over" if self.mark else ""))
        if begun:
            raise Unreadable(f"{self.name} ends too early")

    def _next(self, rest: bytes, start: int, stream: Iterator[bytes]) -> bytes:
        """Find the next member by its mark; nothing where there is none."""
        if self.mark is None:
            return _drained(stream)
        while True:
            found = self.mark.search(rest, start)
            if found:
                return rest[found.start() :]
            more = next(stream, b"")
            if not more:
                return b""
            rest, start = rest[-16:] + more, 0

    def _pieces(self, decoder: Any, chunk: bytes) -> Iterator[bytes]:
        before = decoder.copy() if hasattr(decoder, "copy") else None
        given = False
        try:
            data = decoder.decompress(chunk, CHUNK)
            given = True
            yield data
            while not decoder.eof and (data or self._waiting(decoder)):
                data = decoder.decompress(self._waiting(decoder), CHUNK)
                yield data
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            if before is not None and not given:
                yield from _until_damage(before, chunk)
            raise _Damaged(self.name) from error

    @staticmethod
    def _waiting(decoder: Any) -> bytes:
        """Give what a zlib decoder has not taken in yet; the others keep that themselves."""
        return bytes(getattr(decoder, "unconsumed_tail", b""))


def _until_damage(decoder: Any, chunk: bytes) -> Iterator[bytes]:
    """Unpack a chunk byte by byte, for all that stands before its damage."""
    with contextlib.suppress(zlib.error):
        for at in range(len(chunk)):
            yield decoder.decompress(chunk[at : at + 1])


_PACKED = (
    _Packed("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    _Packed("bz2", b"BZh", bz2.BZ2Decompressor, rb"BZh[1-9]1AY&SY"),
    _Packed("xz", b"\xfd7zXZ\x00", lzma.LZMADecompressor),
)


def _zstd(stream: Iterator[bytes]) -> Iterator[bytes]:
    data = b"".join(capped(stream))
    given = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as source:
            while chunk := source.read(CHUNK):
                given += len(chunk)
                if given > FREE_BYTES and given > MAX_RATIO * len(data):
                    raise Unreadable(f"zstd swells more than {MAX_RATIO} times")
                yield chunk
    except OSError as error:
        raise Unreadable("zstd is damaged") from error


def capped(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a stream's bytes; Unreadable where there are more than MAX_FILE_BYTES."""
    total = 0
    for chunk in stream:
        total += len(chunk)
        if total > MAX_FILE_BYTES:
            raise Unreadable(f"larger than {MAX_FILE_BYTES} bytes")
        yield chunk


def whole(unit: Unit) -> bytes:
    """Read a unit as one decompressed piece of at most MAX_FILE_BYTES."""
    return b"".join(capped(chunks(unit)))


def text_sized(data: bytes, most: int | None = None) -> bytes:
    """Give bytes that are read as one text; Unreadable where they are more than MAX_TEXT_BYTES."""
    most = MAX_TEXT_BYTES if most is None else most
    if len(data) > most:
        raise Unreadable(f"larger than {most} bytes: divide it")
    return data
