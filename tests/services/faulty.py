"""An OpenAI-compatible server with a plan of faults, in a process of its own; it counts what it did and what it would bill.

`python -m tests.services.faulty PORT PLAN` with PLAN as JSON: shares of calls by fault (`error` 500, `broken` no JSON, `length` cut off, `torn`
cut off and said to be whole, `drop` closed without a word, `lost` billed and closed without a word, `hang` no answer, `filter` refused for its
content, `half` a body that breaks off), `latency` in seconds, `per_second` with `retry_after`. `/stats` tells calls, the most under way at
once, what was billed (calls and tokens), how many were billed twice, and the faults by name.
"""

import hashlib
import json
import random
import sys
import threading
import time
from collections import Counter, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("error", "broken", "length", "drop", "hang", "filter", "half", "torn", "lost")
HANG_SECONDS = 30.0
WORDS = [f"{a}{b}" for a in ("ba", "ke", "lo", "mi", "nu", "ra", "si", "to") for b in ("bel", "dan", "fer", "gom", "hin", "jad")]


class State:
    """What the server has seen."""

    def __init__(self, plan: dict[str, float]) -> None:
        self.plan = plan
        self.lock = threading.Lock()
        self.seen: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.under_way = self.most = self.tokens = 0
        self.answered: deque[float] = deque()

    def fault(self) -> str:
        """Draw the fault of a call, by its number."""
        draw = random.Random(f"{self.plan.get('seed', 0)}/{self.seen['calls']}").random()
        for name in FAULTS:
            draw -= self.plan.get(name, 0)
            if draw < 0:
                return name
        return ""

    def within(self) -> bool:
        """Tell whether a call is within the limit."""
        now = time.monotonic()
        while self.answered and self.answered[0] <= now - 1:
            self.answered.popleft()
        if len(self.answered) >= self.plan.get("per_second", 1e9):
            return False
        self.answered.append(now)
        return True

    def told(self) -> dict[str, Any]:
        """Give the counts."""
        twice = sum(count - 1 for count in self.billed.values())
        counts = {"most": self.most, "tokens": self.tokens, "billed": self.billed.total(), "twice": twice}
        return {**{name: self.seen[name] for name in (*FAULTS, "calls", "limit")}, **counts}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    state: State
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Tell the counts."""
        with self.state.lock:
            self._send(200, self.state.told())

    def do_POST(self) -> None:
        """Answer a call, or do what the plan says."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.state
        with state.lock:
            state.seen["calls"] += 1
            if not state.within():
                state.seen["limit"] += 1
                self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": str(state.plan["retry_after"])})
                return
            fault = state.fault()
            state.seen[fault] += 1
            state.under_way += 1
            state.most = max(state.most, state.under_way)
        time.sleep(state.plan.get("latency", 0.02))
        try:
            self._carry_out(body, fault)
        finally:
            with state.lock:
                state.under_way -= 1

    def _carry_out(self, body: dict[str, Any], fault: str) -> None:
        if fault == "error":
            self._send(500, {"error": {"message": "oops"}})
        elif fault == "filter":
            self._send(400, {"error": {"message": "refused by the content filter", "code": "content_filter"}})
        elif fault in ("drop", "hang"):
            time.sleep(HANG_SECONDS if fault == "hang" else 0)
            self.close_connection = True
        else:
            said = completion(body, fault)
            self._bill(body, said["usage"]["total_tokens"])
            if fault == "lost":
                self.close_connection = True
            else:
                self._send(200, said, broken=fault == "half")

    def _bill(self, body: dict[str, Any], tokens: int) -> None:
        with self.state.lock:
            asked = [body["messages"], body.get("max_tokens"), body.get("seed")]
            self.state.billed[hashlib.sha256(json.dumps(asked).encode()).hexdigest()] += 1
            self.state.tokens += tokens

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None, *, broken: bool = False) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, held in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, held)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if broken else data)
        self.close_connection = self.close_connection or broken


def completion(body: dict[str, Any], fault: str) -> dict[str, Any]:
    """Write an answer: of the form that is asked for, or a sentence; the same for the same question."""
    draw = random.Random(json.dumps(body["messages"]))
    form = body.get("response_format", {}).get("json_schema", {}).get("schema")
    sentence = " ".join(draw.choice(WORDS) for _ in range(draw.randrange(8, 30)))
    text = json.dumps({name: f"{sentence} {name}" for name in form["properties"]}) if form else f"{sentence}?"
    text = {"broken": "no JSON at all", "length": text[: len(text) // 2], "torn": text[: len(text) // 2]}.get(fault, text)
    asked = sum(len(turn["content"]) // 4 + 4 for turn in body["messages"])
    said = len(text) // 4 + 1
    message = {"index": 0, "finish_reason": "length" if fault == "length" else "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [message], "usage": usage}


class Server(ThreadingHTTPServer):
    """A server for many connections at once."""

    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that go away."""


def main() -> None:
    """Serve until the process ends."""
    Handler.state = State(json.loads(sys.argv[2]))
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
