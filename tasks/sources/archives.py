"""Files inside tar and zip archives: nothing is ever extracted to a path, and one member at a time is held."""

import contextlib
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from tasks.sources.opening import FREE_BYTES, MAX_FILE_BYTES, MAX_RATIO, Unreadable

MAX_MEMBERS = 1_000_000
MAX_HELD_MEMBERS = 10_000
MAX_ARCHIVE_BYTES = 16 << 30
"""All members together, where they are read one after the other."""
MAX_HEADER_BYTES = 1 << 20
"""A long name or the extended header of a member; tarfile holds them whole."""
_ABOUT_THE_NEXT = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE
)  # fmt: skip
ENCRYPTED = 1
OUTSIDE = "a name that leads out of the archive"


class Member(NamedTuple):
    """A file in an archive, or why it is left out."""

    name: str
    content: bytes
    fault: str = ""


class Members(NamedTuple):
    """The files of an archive by name, and those that are left out, with the reason."""

    files: dict[str, bytes]
    odd: tuple[tuple[str, str], ...]


def members(data: bytes) -> Members:
    """Read all files of a small archive held in memory; Unreadable where one is damaged or all are more than MAX_FILE_BYTES.

    Its files belong together, as those of a document or a paper do: without one of them it is not whole.
    """
    found: dict[str, bytes] = {}
    odd: list[tuple[str, str]] = []
    total = 0
    for member in zip_members(data) if data.startswith(b"PK") else tar_members(iter([data])):
        total += len(member.content)
        if total > MAX_FILE_BYTES or len(found) >= MAX_HELD_MEMBERS:
            raise Unreadable("archive is too large")
        if member.fault and member.fault != OUTSIDE:
            raise Unreadable(member.fault)
        if member.fault:
            odd.append((member.name, member.fault))
        else:
            found[member.name] = member.content
    return Members(found, tuple(odd))


def zip_names(data: bytes) -> list[str]:
    """Give the names in a zip archive; Unreadable where it is damaged."""
    with _sound_zip(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def zip_members(data: bytes) -> Iterator[Member]:
    """Yield the files of a zip archive held in memory, each unpacked when its turn comes; Unreadable where it is damaged."""
    with _sound_zip(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = (info for info in archive.infolist() if not info.is_dir())
        yield from _checked((info.filename, info.file_size, lambda info=info: _unzipped(archive, info)) for info in files)  # type: ignore[misc]


def tar_members(stream: Iterator[bytes]) -> Iterator[Member]:
    """Yield the files of a tar as it comes; links and devices are not looked at. Unreadable where it is damaged."""
    try:
        with tarfile.open(fileobj=Pieces(stream), mode="r|", tarinfo=_Header) as archive:
            files = (info for info in archive if info.isreg())
            yield from _checked((info.name, info.size, lambda info=info: _untarred(archive, info)) for info in files)  # type: ignore[misc]
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise Unreadable("tar is damaged") from error


class _Header(tarfile.TarInfo):
    """A header in a tar; where there is a bad one, or none before the end mark, tarfile itself would take that for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; Unreadable where it is none."""
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the end mark
            raise
        except tarfile.HeaderError as error:
            raise Unreadable("tar is damaged" if len(buf) == tarfile.BLOCKSIZE else "tar ends too early") from error
        if header.type in _ABOUT_THE_NEXT and header.size > MAX_HEADER_BYTES:
            raise Unreadable(f"tar has a name or header of more than {MAX_HEADER_BYTES} bytes")
        return header


def _checked(files: Iterator[tuple[str, int, Callable[[], bytes]]]) -> Iterator[Member]:
    """Read each file whose name and size may be; a name that comes again gets a number."""
    seen: dict[str, int] = {}
    total = 0
    for count, (name, size, read) in enumerate(files):
        total += size
        if total > MAX_ARCHIVE_BYTES or count >= MAX_MEMBERS:
            raise Unreadable("archive is too large")
        path = PurePosixPath(name.replace("\\", "/"))
        if path.name.startswith("._"):
            continue
        if path.is_absolute() or ".." in path.parts or not path.parts or re.match(r"[A-Za-z]:[/\\]", name):
            yield Member(name, b"", OUTSIDE)
            continue
        key = str(path)
        while key in seen:
            seen[str(path)] += 1
            key = f"{path}~{seen[str(path)]}"
        seen[key] = 1
        yield _read(key, size, read)


def _read(name: str, size: int, read: Callable[[], bytes]) -> Member:
    if size > MAX_FILE_BYTES:
        return Member(name, b"", f"larger than {MAX_FILE_BYTES} bytes")
    try:
        return Member(name, read())
    except Unreadable as error:
        return Member(name, b"", str(error))


def _untarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(info)
    content = stream.read() if stream else b""
    if len(content) != info.size:
        raise Unreadable("tar ends too early")
    return content


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > FREE_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise Unreadable(f"zip swells more than {MAX_RATIO} times")
    if info.flag_bits & ENCRYPTED:
        raise Unreadable("encrypted")
    with _sound_zip():
        return archive.read(info)


@contextlib.contextmanager
def _sound_zip() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise Unreadable("zip is damaged") from error


class Pieces(io.RawIOBase):
    """Bytes that come in pieces, as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes, as many as were asked for while there are some."""
        held = [self._held]
        have = len(self._held)
        while size < 0 or have < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            held.append(piece)
            have += len(piece)
        data = b"".join(held)
        self._held = b"" if size < 0 else data[size:]
        return data if size < 0 else data[:size]


_SEALED = ((b"%!PS", "PostScript"), (b"\xd0\xcf\x11\xe0", "old office document"), (b"{\\rtf", "RTF"))
_OFFICE = {"[Content_Types].xml": "office document", "mimetype": "EPUB or OpenDocument"}


def sealed(files: Mapping[str, bytes]) -> str:
    """Tell why files hold no plain text: they are parts of an office document, or a form that is not read; else nothing."""
    for name, kind in _OFFICE.items():
        if name in files:
            return f"{kind}: save it as text or HTML"
    for content in files.values() if len(files) == 1 else ():
        kind = next((kind for magic, kind in _SEALED if content.startswith(magic)), "")
        if kind:
            return f"{kind}: save it as text or HTML"
        if b"\0" in content[:1000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "not a text"
    return ""


def is_tar(data: bytes) -> bool:
    """Tell a tar archive by its magic, or by a header with a right checksum."""
    if data[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(data[:512], "utf-8", "replace")
    except (tarfile.TarError, ValueError):
        return False
    return True
