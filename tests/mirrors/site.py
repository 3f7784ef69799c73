"""A site on loopback: paths with bodies, the manners of a good HTTP server, and faults to order."""

import gzip
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MODIFIED = 1_700_000_000


@dataclass
class Reply:
    """What a path gives."""

    body: bytes
    type: str = "application/octet-stream"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Page = bytes | Reply | Callable[[Mapping[str, str]], Reply]


@dataclass
class Site:
    """The pages of a site, the faults that its next answers have, and what it was asked."""

    pages: dict[str, Page] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Faults of the next answers, by path; `*` for any."""
    asked: list[tuple[float, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    ranges: bool = True
    released: threading.Event = field(default_factory=threading.Event)

    def counts(self) -> Counter[str]:
        return Counter(path for _, path, _ in self.asked)

    def fault_of(self, path: str) -> str:
        waiting = self.faults.get(path) or self.faults.get("*") or []
        return waiting.pop(0) if waiting else ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.site.asked.append((time.monotonic(), self.path, dict(self.headers.items())))
        fault = self.site.fault_of(parts.path)
        held = self.site.pages.get(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        reply = Reply(b"nothing here", "text/plain", 404) if held is None else held(query) if callable(held) else held
        reply = Reply(reply) if isinstance(reply, bytes) else reply
        getattr(self, f"_{fault.replace(' ', '_')}", self._whole)(reply)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, reply: Reply) -> None:
        tag = f'"{hashlib.md5(reply.body).hexdigest()}"'
        headers = {"Content-Type": reply.type, "ETag": tag, "Last-Modified": formatdate(MODIFIED, usegmt=True), **reply.headers}
        if reply.status == 200 and self.headers.get("If-None-Match") == tag:
            self._head(304, headers)
            return
        start, stop = self._range(tag, len(reply.body)) if reply.status == 200 and self.site.ranges else (0, None)
        body = reply.body if stop is None else reply.body[start:stop]
        if stop is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(reply.body)}"
        self._head(206 if stop is not None else reply.status, headers | {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _range(self, tag: str, size: int) -> tuple[int, int | None]:
        asked = self.headers.get("Range", "")
        if not asked.startswith("bytes=") or self.headers.get("If-Range", tag) != tag:
            return 0, None
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first), min(int(last) + 1 if last else size, size)

    def _429(self, _reply: Reply) -> None:
        self._head(429, {"Retry-After": "1", "Content-Length": "0"})

    def _503(self, _reply: Reply) -> None:
        self._head(503, {"Retry-After": formatdate(time.time() + 1, usegmt=True), "Content-Length": "0"})

    def _500(self, _reply: Reply) -> None:
        self._head(500, {"Content-Length": "0"})

    def _403(self, _reply: Reply) -> None:
        self._head(403, {"Content-Length": "0"})

    def _reset(self, _reply: Reply) -> None:
        self.close_connection = True
        self.connection.close()

    def _half(self, reply: Reply) -> None:
        """Half of what was asked for, though its length was told."""
        tag = f'"{hashlib.md5(reply.body).hexdigest()}"'
        start, stop = self._range(tag, len(reply.body))
        body = reply.body[start:stop]
        told = {} if stop is None else {"Content-Range": f"bytes {start}-{stop - 1}/{len(reply.body)}"}
        self._head(200 if stop is None else 206, {"Content-Length": str(len(body)), "ETag": tag, **told})
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def _half_chunked(self, reply: Reply) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        piece = reply.body[: len(reply.body) // 2]
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.close_connection = True

    def _half_without_length(self, reply: Reply) -> None:
        self._head(200, {"Connection": "close"})
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.close_connection = True

    def _cut_gzip(self, reply: Reply) -> None:
        packed = gzip.compress(reply.body)[:-6]
        self._head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))})
        self.wfile.write(packed)

    def _gzip(self, reply: Reply) -> None:
        packed = gzip.compress(reply.body)
        self._head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))})
        self.wfile.write(packed)

    def _hang(self, _reply: Reply) -> None:
        self.site.released.wait(30)
        self.close_connection = True

    def _drip(self, reply: Reply) -> None:
        start, stop = self._range(f'"{hashlib.md5(reply.body).hexdigest()}"', len(reply.body))
        body = reply.body[start:stop]
        told = {} if stop is None else {"Content-Range": f"bytes {start}-{stop - 1}/{len(reply.body)}"}
        self._head(200 if stop is None else 206, {"Content-Length": str(len(body)), **told})
        for at in range(len(body)):
            if self.site.released.wait(0.05):
                break
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
        self.close_connection = True

    def _wrong_type(self, _reply: Reply) -> None:
        body = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"
        self._head(200, {"Content-Type": "text/html", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _loop(self, _reply: Reply) -> None:
        self._head(302, {"Location": self.path, "Content-Length": "0"})
        self.site.faults.setdefault(urlsplit(self.path).path, []).append("loop")

    def _gone(self, _reply: Reply) -> None:
        self._head(404, {"Content-Length": "0"})


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of visitors who left."""


@contextmanager
def serving(pages: Mapping[str, Page] | None = None) -> Iterator[Site]:
    """Serve pages on loopback until the block ends."""
    site = Site(dict(pages or {}))
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        server.shutdown()
        server.server_close()
