"""Bytes of units: decompressed, with archives read member by member, within limits."""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

import fsspec
import pyarrow as pa

from tasks.errors import DartboardError
from tasks.step import Unit
from tasks.store.place import FRESH, plainly

CHUNK = 1 << 20
FREE_BYTES = 10 << 20
MAX_RATIO = 200
MAX_FILE_BYTES = 256 << 20
MAX_MEMBERS = 10_000


class Unreadable(DartboardError):
    """A file whose bytes cannot be used; its text is the skip's reason."""


def raw(unit: Unit) -> Iterator[bytes]:
    """Yield a unit's bytes as they are stored."""
    with plainly("reading", unit.url):
        fs, path = fsspec.core.url_to_fs(unit.url, **FRESH)
        with fs.open(path, "rb", **({} if fs.protocol in ("file", ("file", "local")) else {"block_size": 4 * CHUNK})) as stream:
            while chunk := stream.read(CHUNK):
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
    whole = _chain(first, stream)
    if first[:2] == b"\x1f\x8b":
        yield from _bounded(whole, lambda: zlib.decompressobj(wbits=31), "gzip")
    elif first[:3] == b"BZh":
        yield from _bounded(whole, bz2.BZ2Decompressor, "bz2")
    elif first[:6] == b"\xfd7zXZ\x00":
        yield from _bounded(whole, lzma.LZMADecompressor, "xz")
    elif first[:4] == b"\x28\xb5\x2f\xfd":
        yield from _zstd(whole)
    else:
        yield from whole


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _bounded(stream: Iterator[bytes], make, name: str) -> Iterator[bytes]:  # type: ignore[no-untyped-def]  # three unrelated classes
    read = given = 0
    decoder = make()
    begun = False
    for chunk in stream:
        read += len(chunk)
        while chunk:
            try:
                data = decoder.decompress(chunk)
            except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
                raise Unreadable(f"{name} is damaged") from error
            begun = True
            given += len(data)
            if given > FREE_BYTES and given > MAX_RATIO * read:
                raise Unreadable(f"{name} swells more than {MAX_RATIO} times")
            if data:
                yield data
            chunk = b""
            if decoder.eof:
                chunk, decoder, begun = decoder.unused_data.lstrip(b"\0"), make(), False
                if chunk and not _continues(chunk, name):
                    return
    if begun:
        raise Unreadable(f"{name} ends too early")


def _continues(chunk: bytes, name: str) -> bool:
    return chunk.startswith({"gzip": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ"}[name])


def _zstd(stream: Iterator[bytes]) -> Iterator[bytes]:
    data = b"".join(_capped(stream))
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


def _capped(stream: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in stream:
        total += len(chunk)
        if total > MAX_FILE_BYTES:
            raise Unreadable(f"larger than {MAX_FILE_BYTES} bytes")
        yield chunk


def whole(unit: Unit) -> bytes:
    """Read a unit as one decompressed piece of at most MAX_FILE_BYTES."""
    return b"".join(_capped(chunks(unit)))


def members(data: bytes) -> dict[str, bytes]:
    """Read the files of a tar or zip archive held in memory, by name; links, devices and odd names are left out.

    Nothing is ever extracted to a path. Unreadable where the archive is damaged.
    """
    found: dict[str, bytes] = {}
    total = 0
    for name, content in _tar(data) if not data.startswith(b"PK") else _zip(data):
        total += len(content)
        if total > MAX_FILE_BYTES or len(found) >= MAX_MEMBERS:
            raise Unreadable("archive is too large")
        path = PurePosixPath(name.replace("\\", "/"))
        if not path.is_absolute() and ".." not in path.parts and not path.name.startswith("._") and ":" not in path.parts[0]:
            found[str(path)] = content
    return found


def _tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is not None:
                    content = stream.read()
                    if len(content) != member.size:
                        raise Unreadable("tar ends too early")
                    yield member.name, content
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Unreadable("tar is damaged") from error


def _zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                if info.file_size > FREE_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
                    raise Unreadable(f"zip swells more than {MAX_RATIO} times")
                yield info.filename, archive.read(info)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise Unreadable("zip is damaged") from error


def is_tar(data: bytes) -> bool:
    """Tell a tar archive by its magic, or by a header with a right checksum."""
    if data[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(data[:512], "utf-8", "replace")
    except (tarfile.TarError, ValueError):
        return False
    return True
