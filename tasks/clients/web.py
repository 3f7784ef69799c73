"""One client for public sites: in turn, patient, and never fooled by half an answer.

Unfetched (an address that cannot be had) and Stopped (a host that wants no more visits) are what
callers see; everything that patience mends is mended here.
"""

import asyncio
import contextlib
import email.utils
import gzip
import hashlib
import importlib.metadata
import json
import os
import random
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tasks.clients.hosts import is_public, manners_of
from tasks.clients.pace import Pace
from tasks.errors import SourceError, usage

if TYPE_CHECKING:
    import httpx

CONTACT = "DARTBOARD_CONTACT"
ATTEMPTS = 5
FIRST_BACKOFF_SECONDS = 0.5
MAX_WAIT_SECONDS = 3600.0
"""Waiting that one address may ask for, all told, before it is given up."""
MAX_PAGE_BYTES = 64 << 20
MAX_REDIRECTS = 8
SLOWEST_BYTES_PER_SECOND = 20_000
"""A body that comes slower than this for long is given up: a slow drip outlasts any timeout between two bytes."""
Result = TypeVar("Result")


class Unfetched(SourceError):
    """An address that could not be had; its text is the reason, fit for a skip."""


class Refused(Unfetched):
    """An address that the host refused for what was asked (a status of 400 and above but those that have a meaning of their own)."""


class Stopped(SourceError):
    """A host that answered 403: nothing more is asked of it."""


class _Again(Exception):
    """The host asks to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class _Broken(Exception):
    """An answer that another attempt may mend; its text is the reason."""


@dataclass(frozen=True)
class Wanted:
    """What a body must be, where the source says so: its bytes, its hash, the kinds it may be."""

    bytes: int | None = None
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    kinds: tuple[str, ...] = ()
    """As `sniff` names them; none: any."""
    max_bytes: int = 1 << 40


@dataclass(frozen=True)
class Fetched:
    """A body that is whole, in a local file."""

    url: str
    path: Path
    bytes: int
    sha256: str
    etag: str = ""
    modified: str = ""
    fresh: bool = True
    """Whether it was brought now; false: what was there is still so."""


def sniff(head: bytes) -> str:
    """Name the kind of a body by its first bytes; what a server calls it is not asked."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")) or b"<html" in start:
        return "html"
    if start.startswith(b"<?xml") or re.match(rb"<[a-z]", start):
        return "xml"
    if start.startswith((b"{", b"[")):
        return "json"
    return "binary" if b"\0" in head[:1000] and not head.startswith((b"\xff\xfe", b"\xfe\xff")) else "text"


_MAGIC = (
    (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"PK\x03\x04", "zip"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"%PDF-", "pdf"), (b"%!PS", "postscript"), (b"Rar!", "rar"), (b"PAR1", "parquet"),
)  # fmt: skip


@dataclass
class _Bucket:
    pace: Pace
    gate: asyncio.Semaphore
    stopped: str = ""


@dataclass
class Web:
    """The flow's one voice to public sites; use it inside `async with`.

    `contact` (by default what DARTBOARD_CONTACT says) goes into the User-Agent; without one no
    public host is asked. `told` is called with address, bytes so far and all bytes (0: not known).
    """

    contact: str = field(default_factory=lambda: os.environ.get(CONTACT, ""))
    turns: Path | None = None
    timeout_seconds: float = 60.0
    deadline_seconds: float = 300.0
    """What one attempt may take at most, besides a second for each SLOWEST_BYTES_PER_SECOND."""
    told: Callable[[str, int, int], None] = lambda _url, _bytes, _total: None
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _client: "httpx.AsyncClient | None" = None

    async def __aenter__(self) -> Self:
        import httpx

        version = importlib.metadata.version("dartboard")
        agent = f"dartboard/{version} ({self.contact}) httpx/{httpx.__version__}"
        self._client = httpx.AsyncClient(
            headers={"User-Agent": agent, "Accept-Encoding": "identity"},
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            timeout=httpx.Timeout(self.timeout_seconds, connect=20),
            event_hooks={"request": [self._may_be_asked]},
            trust_env=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def page(self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """Fetch a small answer whole into memory; Unfetched or Stopped where it cannot be had."""

        async def once() -> bytes:
            async with self._opened(url, dict(headers or {}), dict(params or {})) as response:
                data = b"".join([chunk async for chunk in self._body(response, MAX_PAGE_BYTES, 0)])
            return _decoded(data, response)

        return await self._patiently(url, once)

    async def part(self, url: str, start: int, stop: int) -> bytes:
        """Fetch the bytes from `start` to `stop` of a body; Unfetched where the host gives no ranges."""

        async def once() -> bytes:
            async with self._opened(url, {"Range": f"bytes={start}-{stop - 1}"}) as response:
                if response.status_code != 206:
                    raise Unfetched(f"{url}: no ranges are given")
                return b"".join([chunk async for chunk in self._body(response, stop - start, 0)])

        return await self._patiently(url, once)

    async def download(self, url: str, target: Path, wanted: Wanted = Wanted(), known: Fetched | None = None) -> Fetched:
        """Fetch a body into the file `target`, which appears when it is whole.

        What an attempt has brought is gone on with (Range, If-Range). With `known`, an earlier
        copy, the host is only asked whether it has changed.
        """

        async def once() -> Fetched:
            return await self._brought(url, target, wanted, known)

        return await self._patiently(url, once)

    async def _brought(self, url: str, target: Path, wanted: Wanted, known: Fetched | None) -> Fetched:
        part, note = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
        begun, validator = _begun(part, note, url)
        headers = {"Range": f"bytes={begun}-", "If-Range": validator} if begun else _conditions(known)
        async with self._opened(url, headers) as response:
            if response.status_code == 304 and known is not None:
                return Fetched(known.url, known.path, known.bytes, known.sha256, known.etag, known.modified, fresh=False)
            begun = begun if response.status_code == 206 and _starts_at(response, begun) else 0
            validator = _validator(response.headers)
            note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
            with part.open("ab" if begun else "wb") as stream:
                async for chunk in self._body(response, wanted.max_bytes, begun):
                    stream.write(chunk)
                stream.flush()
                os.fsync(stream.fileno())
        _unwrap(part, response)
        made = _checked(url, part, wanted, response)
        part.replace(target)
        note.unlink(missing_ok=True)
        return Fetched(url, target, made[0], made[1], response.headers.get("etag", ""), response.headers.get("last-modified", ""))

    async def _patiently(self, url: str, once: Callable[[], Awaitable[Result]]) -> Result:
        import httpx

        bucket = self._bucket(url)
        waited, attempt, why = 0.0, 0, ""
        while attempt < ATTEMPTS:
            try:
                async with bucket.gate:
                    if bucket.stopped:
                        raise Stopped(bucket.stopped)
                    await bucket.pace.turn()
                    return await once()
            except _Again as again:
                waited += again.seconds
                bucket.pace.shut(again.seconds)
                if waited > MAX_WAIT_SECONDS:
                    raise Unfetched(f"{url}: asks to wait for more than an hour") from again
                continue
            except httpx.TooManyRedirects as error:
                raise Unfetched(f"{url}: redirects without end") from error
            except (httpx.TransportError, TimeoutError, _Broken) as error:
                why = str(error) if isinstance(error, _Broken) else _reason(error)
                attempt += 1
            await asyncio.sleep(FIRST_BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1.0) if attempt < ATTEMPTS else 0)
        raise Unfetched(f"{url}: {why}, {ATTEMPTS} times")

    @contextlib.asynccontextmanager
    async def _opened(self, url: str, headers: dict[str, str], params: dict[str, str] | None = None) -> "AsyncIterator[httpx.Response]":
        assert self._client is not None
        async with (
            asyncio.timeout(self.deadline_seconds) as deadline,
            self._client.stream("GET", url, headers=headers, params=params or None) as response,
        ):
            length = int(response.headers.get("content-length") or 0)
            deadline.reschedule(asyncio.get_running_loop().time() + self.deadline_seconds + length / SLOWEST_BYTES_PER_SECOND)
            self._judge(url, response)
            yield response

    def _judge(self, url: str, response: "httpx.Response") -> None:
        status = response.status_code
        if status in (200, 206, 304):
            return
        if status == 403:
            bucket = self._bucket(url)
            bucket.stopped = f"{url}: the host answered 403 and is asked nothing more. See its rules for visitors, or use a mirror."
            raise Stopped(bucket.stopped)
        if status in (429, 503):
            raise _Again(retry_after(response.headers))
        if status == 416:
            raise _Broken("the range is none of the body's")
        if status >= 500:
            raise _Broken(f"answered {status}")
        if status in (404, 410):
            raise Unfetched(f"{url}: not found ({status})")
        raise Refused(f"{url}: refused ({status})")

    async def _body(self, response: "httpx.Response", max_bytes: int, begun: int) -> AsyncIterator[bytes]:
        """Yield the raw bytes of a body, and see that they are as many as the answer said."""
        length = response.headers.get("content-length")
        got = 0
        async for chunk in response.aiter_raw():
            got += len(chunk)
            if begun + got > max_bytes:
                raise Unfetched(f"{response.url}: longer than {max_bytes} bytes")
            self.told(str(response.url), begun + got, begun + int(length or 0))
            yield chunk
        if length is not None and got != int(length):
            raise _Broken(f"{got} bytes came of {length}")

    async def _may_be_asked(self, request: "httpx.Request") -> None:
        url = str(request.url)
        if not is_public(url):
            if "dartboard_public" in request.extensions:
                raise Unfetched(f"{url}: a public host redirects to a private address")
            return
        request.extensions["dartboard_public"] = True
        if not self.contact:
            rule = "is a public host, and it is not known whom it may write to"
            raise usage(rule, f"Set {CONTACT} to your mail address or page; it goes into the User-Agent.", value=request.url.host)

    def _bucket(self, url: str) -> _Bucket:
        manners = manners_of(url)
        if manners.bucket not in self._buckets:
            pace = Pace(manners.bucket, manners.seconds, self.turns)
            self._buckets[manners.bucket] = _Bucket(pace, asyncio.Semaphore(manners.at_once))
        return self._buckets[manners.bucket]


def retry_after(headers: Mapping[str, str]) -> float:
    """Give the seconds that `Retry-After` asks to wait, written as seconds or as a date; five where it says nothing."""
    told = headers.get("retry-after", "")
    try:
        return max(float(told), 0.05)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(told).timestamp() - time.time(), 0.05)
    except (ValueError, TypeError):
        return 5.0


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "took too long"
    return "broke off" if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) else f"{type(error).__name__}"


def _validator(headers: Mapping[str, str]) -> str:
    """Give what a body can be gone on with: a strong ETag, or the time of its last change."""
    etag = str(headers.get("etag", ""))
    return etag if etag and not etag.startswith("W/") else str(headers.get("last-modified", ""))


def _begun(part: Path, note: Path, url: str) -> tuple[int, str]:
    try:
        held: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        size = part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    return (size, held["validator"]) if held.get("url") == url and held.get("validator") else (0, "")


def _conditions(known: Fetched | None) -> dict[str, str]:
    if known is None or not known.path.exists():
        return {}
    told = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in told.items() if value}


def _starts_at(response: "httpx.Response", begun: int) -> bool:
    return str(response.headers.get("content-range", "")).startswith(f"bytes {begun}-")


def _decoded(data: bytes, response: "httpx.Response") -> bytes:
    if response.headers.get("content-encoding", "identity") in ("gzip", "x-gzip"):
        try:
            return gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise _Broken("the gzip encoding is cut") from error
    return data


def _unwrap(part: Path, response: "httpx.Response") -> None:
    """Undo a gzip encoding that was not asked for."""
    if response.headers.get("content-encoding", "identity") in ("gzip", "x-gzip"):
        data = part.read_bytes()
        part.unlink()
        part.write_bytes(_decoded(data, response))


def _checked(url: str, part: Path, wanted: Wanted, response: "httpx.Response") -> tuple[int, str]:
    """Give bytes and hash of a whole body; what is not as wanted is thrown away."""
    size, head, sums = _summed(part)
    told = str(response.headers.get("content-range", "")).rpartition("/")[2]
    if told.isdigit() and int(told) != size:
        raise _Broken(f"{size} bytes came of {told}")
    wrong = _wrong(wanted, size, sums)
    if not wrong and "content-length" not in response.headers and sniff(head) == "gzip" and not _ends(part):
        wrong = "its gzip is cut"
    if wrong:
        part.unlink()
        raise _Broken(wrong)
    if wanted.kinds and sniff(head) not in wanted.kinds:
        part.unlink()
        raise Unfetched(f"{url}: is {sniff(head)}, not {' or '.join(wanted.kinds)}")
    return size, sums["sha256"]


def _wrong(wanted: Wanted, size: int, sums: Mapping[str, str]) -> str:
    """Say in what a body differs from what the source says of it, or nothing."""
    if wanted.bytes is not None and wanted.bytes != size:
        return f"{size} bytes came of {wanted.bytes}"
    names = [name for name in sums if getattr(wanted, name) and sums[name] != getattr(wanted, name).lower()]
    return f"its {names[0]} is not what the source says" if names else ""


def _ends(path: Path) -> bool:
    """Tell whether a gzip file has its end: what an answer without a length does not tell."""
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except (EOFError, OSError, zlib.error):
        return False
    return True


def _summed(path: Path) -> tuple[int, bytes, dict[str, str]]:
    """Give a file's size, its first bytes and its hashes."""
    sums = {name: hashlib.new(name, usedforsecurity=False) for name in ("sha256", "sha1", "md5")}
    size, head = 0, b""
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            head = head or chunk[:4096]
            size += len(chunk)
            for total in sums.values():
                total.update(chunk)
    return size, head, {name: total.hexdigest() for name, total in sums.items()}
