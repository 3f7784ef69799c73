"""An OpenAI-compatible server on loopback with faults to order; a process of its own.

`python -m tests.services.llm_server PORT PLAN` where PLAN is JSON: `rate` (429 for every n-th call), `error` (500 for
every n-th), `length` (cut), `broken` (no JSON), `drop` (connection closed). With `per_second` more calls than that within any second
are refused, to come again after `retry_after` seconds. With `stale` the new inputs
differ in one word. `/stats` tells what was seen: of the limit the `refused`, those that
came `early`, while others were told to wait, and the `milliseconds` from the first call to the last answer.
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

VOCABULARY = [
    f"{a}{b}"
    for a in ["ba", "ke", "lo", "mi", "nu", "ra", "si", "to", "ve", "wu"]
    for b in ["bel", "dan", "fer", "gom", "hin", "jad", "lek", "mus", "ner", "pol"]
]
NOUNS = [
    "gutter",
    "ledger",
    "kettle",
    "fence",
    "invoice",
    "radiator",
    "timetable",
    "bicycle",
    "neighbour",
    "cupboard",
    "spreadsheet",
    "hinge",
]


LIMITS = ("per_second", "retry_after", "stale")


class Handler(BaseHTTPRequestHandler):
    plan: dict[str, int] = {}
    seen: Counter[str] = Counter()
    answered: deque[float] = deque()
    began = shut_until = 0.0
    lock = threading.Lock()
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._send(200, dict(self.seen))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.seen["calls"] += 1
            number = self.seen["calls"]
            if "per_second" in self.plan and not self._within():
                self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": str(self.plan["retry_after"])})
                return
        fault = next((name for name, every in self.plan.items() if name not in LIMITS and number % every == 0), "")
        self.seen[fault or "answered"] += 1
        if fault == "rate":
            self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.2"})
        elif fault == "error":
            self._send(500, {"error": {"message": "oops"}})
        elif fault == "drop":
            self.close_connection = True
            self.connection.close()
        else:
            self._send(200, vectors(body) if "input" in body else answer(body, fault))

    def _within(self) -> bool:
        """Tell whether a call of now is within the limit."""
        now, held, kind = time.monotonic(), self.answered, type(self)
        kind.began = self.began or now
        self.seen["early"] += now < self.shut_until
        while held and held[0] <= now - 1:
            held.popleft()
        if len(held) >= self.plan["per_second"]:
            self.seen["refused"] += 1
            kind.shut_until = now + self.plan["retry_after"]
            return False
        held.append(now)
        self.seen["milliseconds"] = round((now - self.began) * 1000)
        return True

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, held in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, held)
        self.end_headers()
        self.wfile.write(data)


def answer(body: dict[str, Any], fault: str) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()
    draw = random.Random(digest)
    made = {
        "input": " ".join(
            [*(["bakel"] * 11 if "stale" in Handler.plan else [draw.choice(VOCABULARY) for _ in range(11)]), draw.choice(VOCABULARY)]
        )
        + "?",
        "output": " ".join(draw.choice(VOCABULARY) for _ in range(20)) + ".",
    }
    a = digest[0] % 12
    text = said(body, made) or f"<think>hm</think>Tell me about the {NOUNS[a]} number {digest[7]}."
    text = "no json here" if fault == "broken" else text[:20] if fault == "length" else text
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "length" if fault == "length" else "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 40, "total_tokens": 90},
    }  # fmt: skip


def said(body: dict[str, Any], made: dict[str, str]) -> str:
    """Give the answer to a call that wants JSON: of the form that it asks for, or a pair; nothing for others."""
    form = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if form is not None:
        return json.dumps(fitting(form, random.Random(json.dumps(body["messages"])), made))
    asked = [message["content"] for message in body["messages"] if message["role"] == "user"]
    return json.dumps(made) if any("examples" in content for content in asked) else ""


def fitting(form: dict[str, Any], draw: random.Random, made: dict[str, str], name: str = "") -> Any:
    """Make a value of a JSON Schema; a probability is of the tail, a score high unless the text that is judged has a flaw."""
    kind = form.get("type", form.get("anyOf", [{}])[0].get("type"))
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {key: fitting(held, draw, made, key) for key, held in form.get("properties", {}).items()}
    if kind == "array":
        return [fitting(form["items"], draw, made) for _ in range(5)]
    if kind in ("number", "integer"):
        return 0.05 if name == "probability" else 5
    if name in made and "stale" in Handler.plan:
        return made[name]
    return " ".join(draw.choice(VOCABULARY) for _ in range(12)) + ("?" if name == "input" else ".")


def vectors(body: dict[str, Any]) -> dict[str, Any]:
    """Give vectors in which words of the same first letter have one direction."""
    data = []
    for index, text in enumerate(body["input"]):
        held = [0.0] * 27
        for word in text.lower().split():
            held[ord(word[0]) % 26] += 1.0
        data.append({"object": "embedding", "index": index, "embedding": held})
    used = sum(len(text.split()) for text in body["input"])
    return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": used, "total_tokens": used}}


def main() -> None:
    Handler.plan = json.loads(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
