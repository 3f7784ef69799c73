"""An OpenAI-compatible server on loopback whose answers a test writes as a function of what is asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One call: the instructions, the data of the last turn, and the whole body."""

    told: str
    data: dict[str, Any]
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """An answer that is none: its status, what it complains of, and its headers."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Scripted:
    """A running server: its address and what it was asked."""

    url: str
    calls: list[Asked] = field(default_factory=list)
    tokens: int = 0
    """Tokens of all questions and answers, at four characters each."""


def read(body: dict[str, Any]) -> Asked:
    """Read a call; data stand fenced between two lines."""
    told = "\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system")
    users = [turn["content"] for turn in body["messages"] if turn["role"] == "user"]
    fenced = [text for text in users if text.startswith("<DATA-")]
    data = json.loads(fenced[-1].split("\n")[1]) if fenced else users[-1]
    return Asked(told, data if isinstance(data, dict) else {"text": data}, body)


@contextmanager
def scripted(answer: Callable[[Asked], Any]) -> Iterator[Scripted]:
    """Serve: what `answer` gives is the text, JSON of it where it is no text, or an HTTP status where it is a number or `Failed`.

    In a pair the finish reason stands before it.
    """
    held = Scripted("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            asked = read(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            asked.headers.update({name.lower(): value for name, value in self.headers.items()})
            with lock:
                held.calls.append(asked)
                said = answer(asked)
            finish, said = said if isinstance(said, tuple) else ("stop", said)
            failed = said if isinstance(said, Failed) else Failed(said) if isinstance(said, int) else Failed(200)
            said = "" if isinstance(said, Failed) else said
            text = said if isinstance(said, str) else json.dumps(said)
            message = {"role": "assistant", "content": text}
            said_in = sum(len(turn["content"]) // 4 + 4 for turn in asked.body["messages"])
            held.tokens += said_in + len(text) // 4 + 1
            value: Any = {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [{"index": 0, "finish_reason": finish, "message": message}],
                "usage": {"prompt_tokens": said_in, "completion_tokens": len(text) // 4 + 1, "total_tokens": said_in + len(text) // 4 + 1},
            }
            data = json.dumps(value if failed.status == 200 else {"error": {"message": failed.message}}).encode()
            self.send_response(failed.status)
            for name, told in failed.headers.items():
                self.send_header(name, told)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
