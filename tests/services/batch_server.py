"""An endpoint with a batch service, on loopback: batches that complete, that hold an error file only, that expire, that wait."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.services.scripted import Asked, read


@dataclass
class Service:
    """What the service holds, and what it does to the next batch: `completed`, `errors`, `expired`, `waits`, or `refused`."""

    url: str = ""
    fate: str = "completed"
    files: dict[str, bytes] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    live: list[Asked] = field(default_factory=list)
    waiting: threading.Event = field(default_factory=threading.Event)


def completion(text: str) -> dict[str, Any]:
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 40, "total_tokens": 90},
    }  # fmt: skip


def carried_out(service: Service, batch: dict[str, Any], answer: Callable[[Asked], Any]) -> None:
    """Answer a batch as its fate wants it: results in another order than the requests, some of them missing."""
    lines = [json.loads(line) for line in service.files[batch["input_file_id"]].splitlines()]
    good, bad = [], []
    for place, line in enumerate(reversed(lines)):
        failed = batch["fate"] == "errors" or (batch["fate"] == "expired" and place % 2)
        text = json.dumps(answer(read(line["body"])))
        told = {"status_code": 200, "request_id": "r", "body": completion(text)}
        result = {"id": f"b{place}", "custom_id": line["custom_id"], "response": None if failed else told, "error": None}
        if failed:
            result["error"] = {"code": "batch_expired" if batch["fate"] == "expired" else "server_error", "message": "no"}
        (bad if failed else good).append(json.dumps(result))
    for name, held in (("output_file_id", good), ("error_file_id", bad)):
        if held:
            batch[name] = f"file-{len(service.files)}"
            service.files[batch[name]] = "\n".join(held).encode()
    batch["status"] = "expired" if batch["fate"] == "expired" else "completed"


def taken(service: Service, data: bytes, boundary: bytes) -> dict[str, Any]:
    """Take a file that was sent as a form."""
    name = f"file-{len(service.files)}"
    part = next(part for part in data.split(b"--" + boundary) if b"filename=" in part)
    service.files[name] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    return {"id": name, "object": "file", "bytes": 1, "created_at": 0, "filename": "f", "purpose": "batch"}


def begun(service: Service, asked: dict[str, Any]) -> dict[str, Any]:
    """Begin a batch."""
    batch = {**asked, "id": f"batch-{len(service.batches)}", "object": "batch", "created_at": 0}
    service.batches.append({**batch, "status": "in_progress", "fate": service.fate})
    return service.batches[-1]


def shown(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name != "fate"}


def given(service: Service, path: str, answer: Callable[[Asked], Any]) -> Any:
    """Give what is asked for: a file, the list of batches, or one of them, which is carried out first."""
    if content := re.fullmatch(r"/files/(.+)/content", path):
        return service.files[content[1]]
    if path == "/batches":
        return {"object": "list", "data": [shown(batch) for batch in service.batches], "has_more": False}
    batch = next(batch for batch in service.batches if path == f"/batches/{batch['id']}")
    if batch["status"] == "in_progress" and batch["fate"] != "waits":
        carried_out(service, batch, answer)
    service.waiting.set()
    return shown(batch)


@contextmanager
def batch_service(answer: Callable[[Asked], Any]) -> Iterator[Service]:
    """Serve files, batches and single calls."""
    service = Service()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            with lock:
                self._send(given(service, self.path.partition("?")[0].removeprefix("/v1"), answer))

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                if self.path == "/v1/files":
                    boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
                    self._send(taken(service, data, boundary))
                elif self.path == "/v1/batches" and service.fate == "refused":
                    self._send({"error": {"message": "no batches for you"}}, 400)
                elif self.path == "/v1/batches":
                    self._send(shown(begun(service, json.loads(data))))
                else:
                    asked = read(json.loads(data))
                    service.live.append(asked)
                    self._send(completion(json.dumps(answer(asked))))

        def _send(self, value: Any, status: int = 200) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if not isinstance(value, bytes) else "application/octet-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
