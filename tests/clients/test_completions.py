"""Answers as servers send them: whole, in pieces, cut, and in the words that they know."""

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tasks.clients.complaints import Complaint, wait_in
from tasks.clients.llm import Answer, Endpoint, Model, Request
from tasks.growth.ledger import request_key

ASKED = Request(({"role": "user", "content": "hello"},), {"max_tokens": 50, "temperature": 0.7})
WHOLE = {"choices": [{"message": {"content": "hey"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}


@contextmanager
def server(*replies: tuple[int, str, bytes]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answer each call with the next reply, the last one again and again; give the address and what was asked."""
    seen: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, kind, data = replies[min(len(seen), len(replies)) - 1]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)

    held = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=held.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{held.server_port}/v1", seen
    finally:
        held.shutdown()
        held.server_close()


def said(url: str, request: Request = ASKED, **settings: Any) -> tuple[Answer, Endpoint]:
    endpoint = Endpoint("w", Model(model="m", url=url, **settings))

    async def ask() -> Answer:
        try:
            return await endpoint.ask(request)
        finally:
            await endpoint.close()

    return asyncio.run(ask()), endpoint


def sent(value: object) -> tuple[int, str, bytes]:
    return 200, "application/json", json.dumps(value).encode()


def pieces(*chunks: object, end: bytes = b"data: [DONE]\n\n") -> tuple[int, str, bytes]:
    return 200, "text/event-stream", b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + end


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def test_a_streamed_answer_is_put_together_and_its_tokens_are_the_server_s() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
    with server(pieces(piece("he"), piece("y", "stop"), usage)) as (url, seen):
        answer, _ = said(url, stream=True)
    assert answer == Answer("hey", "stop", 7, 2)
    assert seen[0]["stream"] is True


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (pieces(piece("he"), end=b""), "cut stream"),
        (pieces(piece("he"), end=b"data: {broken\n\n"), "broken answer"),
    ],
)
def test_a_stream_that_ends_too_soon_is_no_answer(reply: tuple[int, str, bytes], kind: str) -> None:
    with server(reply, pieces(piece("hey", "stop"))) as (url, _):
        answer, endpoint = said(url, stream=True)
    assert answer.text == "hey"
    assert endpoint.failures == {kind: 1}


@pytest.mark.parametrize("reply", [(200, "text/html", b"<html>"), sent({}), sent([]), sent({"choices": [None]}), sent({"choices": []})])
def test_what_is_no_answer_is_asked_for_again(reply: tuple[int, str, bytes]) -> None:
    with server(reply, sent(WHOLE)) as (url, _):
        answer, endpoint = said(url)
    assert answer == Answer("hey", "stop", 3, 1)
    assert endpoint.failures == {"broken answer": 1}


def test_content_in_parts_and_usage_that_is_missing() -> None:
    value = {"choices": [{"message": {"content": [{"type": "text", "text": "he"}, {"type": "text", "text": "y"}]}}], "usage": None}
    with server(sent(value)) as (url, _):
        answer, _ = said(url)
    assert (answer.text, answer.finish) == ("hey", "stop")
    assert answer.input_tokens > 0
    assert answer.output_tokens > 0


def complaint(text: str) -> tuple[int, str, bytes]:
    return 400, "application/json", json.dumps({"error": {"message": text}}).encode()


def test_an_endpoint_is_spoken_to_in_the_words_that_it_knows() -> None:
    refusals = (
        complaint("Use 'max_completion_tokens' instead."),
        complaint("'temperature' is not supported"),
        complaint("response_format?"),
    )
    asked = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})
    with server(*refusals, sent(WHOLE)) as (url, seen):
        answer, endpoint = said(url, asked, thinking=100)
    assert answer.text == "hey"
    assert seen[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert {name: value for name, value in seen[-1].items() if name not in ("model", "messages")} == {"max_completion_tokens": 150}
    assert endpoint.failures == {"refused": 3}


def test_a_call_refused_for_what_it_says_is_sent_once() -> None:
    with server(complaint("blocked by content_filter")) as (url, seen):
        answer, _ = said(url)
    assert answer.failure == "filtered"
    assert len(seen) == 1


def test_the_form_of_an_answer_is_part_of_its_key() -> None:
    model = Model(model="m", url="http://127.0.0.1:1/v1")
    other = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})
    assert request_key("w", model, ASKED) != request_key("w", model, other)


def test_a_complaint_of_something_else_takes_no_form_away() -> None:
    """A first call that is refused for its length says nothing of schemas: it is tried without one, and the guess is taken back."""
    asked = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})
    too_long = complaint("maximum context length exceeded")
    with server(too_long, too_long, sent(WHOLE), too_long) as (url, seen):

        async def both() -> tuple[Answer, Answer, Answer]:
            endpoint = Endpoint("w", Model(model="m", url=url))
            try:
                return await endpoint.ask(asked), await endpoint.ask(asked), await endpoint.ask(asked)
            finally:
                await endpoint.close()

        first, second, third = asyncio.run(both())
    assert (first.failure, second.text, third.failure) == ("refused", "hey", "refused")
    assert ["response_format" in body for body in seen] == [True, False, True, True]


def test_a_server_that_fails_where_it_meets_a_schema_is_asked_without() -> None:
    failed = (500, "application/json", b'{"error": {"message": "failed to parse grammar"}}')
    asked = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})
    with server(failed, sent(WHOLE)) as (url, seen):
        answer, endpoint = said(url, asked)
    assert answer.text == "hey"
    assert ["response_format" in body for body in seen] == [True, False]
    assert endpoint.failures == {"server error": 1}


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Rate limit reached. Please try again in 250ms.", 0.25),
        ("You exceeded your current quota. Please retry in 34.07s.", 34.07),
        ("please try again in 1h2m3.5s, or later", 3723.5),
        ("Retry after 2 s", 2.0),
        ("try again in a while", None),
        ("retry in 5 minutes", 300.0),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_from_words(told: str, seconds: float | None) -> None:
    assert wait_in(told) == (pytest.approx(seconds) if seconds is not None else None)


def test_a_call_in_other_words_takes_a_turn_of_its_own() -> None:
    asked = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})
    with server(complaint("max_completion_tokens"), complaint("temperature"), complaint("json_schema?"), sent(WHOLE)) as (url, seen):
        begun = time.monotonic()
        answer, _ = said(url, asked, requests_per_minute=120)
        spent = time.monotonic() - begun
    assert answer.text == "hey"
    assert len(seen) == 4
    assert spent >= 3 * 0.5, "four turns at two a second"


@pytest.mark.parametrize(
    ("told", "wait", "unpaid"),
    [
        ("insufficient_quota", None, True),
        ("Your credit balance is too low", 1.0, True),
        ("You exceeded your current quota, please check your plan and billing details.", None, True),
        ("You exceeded your current quota, please check your plan and billing details.", 3.0, False),
        ("Rate limit reached. You can increase it by adding a payment method: see account/billing.", None, False),
    ],
)
def test_a_quota_of_a_minute_is_waited_for_and_one_of_money_is_not(told: str, wait: float | None, *, unpaid: bool) -> None:
    assert Complaint(429, told).unpaid(wait) is unpaid
