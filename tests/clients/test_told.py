"""What is booked for answers whose tokens are told badly, and what is made of odd ends, refusals and complaints."""

import asyncio
from typing import Any

import pytest

from tasks.clients.complaints import Complaint
from tasks.clients.completions import answer_of, counted
from tasks.clients.dialect import Dialect
from tasks.clients.llm import Answer, Attempts, Endpoint, Model, Request
from tasks.errors import ModelError
from tests.clients.test_completions import ASKED, WHOLE, complaint, piece, pieces, said, sent, server

WORST = (90, 50)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 1}, (3, 1, True)),
        ({"prompt_tokens": 12.0, "completion_tokens": 4.0}, (12, 4, True)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 100}, (10, 90, True)),
        ({"completion_tokens": 5, "total_tokens": 100}, (95, 5, True)),
        ({"prompt_tokens": 10, "total_tokens": 30}, (10, 20, True)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (90, 50, False)),
        ({"prompt_tokens": -3, "completion_tokens": -1}, (90, 50, False)),
        ({"prompt_tokens": 10, "completion_tokens": 0}, (10, 50, False)),
        ({"prompt_tokens": "10", "completion_tokens": True}, (90, 50, False)),
        ({"prompt_tokens": 1.5, "completion_tokens": float("inf")}, (90, 50, False)),
        ([], (90, 50, False)),
        (None, (90, 50, False)),
    ],
)
def test_tokens_that_are_not_told_count_as_the_worst(usage: Any, tokens: tuple[int, int, bool]) -> None:
    assert counted(usage, WORST) == tokens


def test_an_answer_that_says_nothing_may_have_no_tokens() -> None:
    assert counted({"prompt_tokens": 10, "completion_tokens": 0}, WORST, silent=True) == (10, 0, True)


def test_an_answer_without_usage_is_booked_at_the_worst_and_teaches_nothing() -> None:
    with server(sent({"choices": WHOLE["choices"]})) as (url, _):
        answer, endpoint = said(url, thinking=30)
    assert (answer.input_tokens, answer.output_tokens) == endpoint.worst(ASKED)
    assert answer.output_tokens == 80
    assert endpoint.dearest == 0


@pytest.mark.parametrize(
    ("finish", "read"),
    [("MAX_TOKENS", "length"), ("model_length", "length"), ("SAFETY", "content_filter"), ("STOP", "stop"), (None, "stop")],
)
def test_ends_are_read_whatever_they_are_called(finish: str | None, read: str) -> None:
    with server(sent({**WHOLE, "choices": [{"message": {"content": "hey"}, "finish_reason": finish}]})) as (url, _):
        answer, _ = said(url)
    assert answer.finish == read


def test_an_answer_that_the_server_gave_up_is_asked_for_again() -> None:
    given_up = sent({**WHOLE, "choices": [{"message": {"content": "he"}, "finish_reason": "error"}]})
    with server(given_up, sent(WHOLE)) as (url, _):
        answer, endpoint = said(url)
    assert answer.text == "hey"
    assert endpoint.failures == {"server error": 1}


def test_a_call_that_never_reached_a_server_is_not_billed() -> None:
    async def ask(endpoint: Endpoint, attempts: Attempts) -> None:
        try:
            await endpoint.ask(ASKED, attempts)
        finally:
            await endpoint.close()

    with server(sent(WHOLE)) as (url, _):
        """A port that was free a moment ago."""
    attempts = Attempts()
    with pytest.raises(ModelError, match="nothing answers"):
        asyncio.run(ask(Endpoint("w", Model(model="m", url=url)), attempts))
    assert attempts.unsure == 0


@pytest.mark.parametrize(
    "reply",
    [
        pieces(piece("he"), piece("y")),
        pieces(piece("hey"), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}, end=b""),
        sent(WHOLE),
    ],
)
def test_streams_that_end_without_a_reason_are_answers(reply: tuple[int, str, bytes]) -> None:
    with server(reply) as (url, seen):
        answer, _ = said(url, stream=True)
    assert answer.text == "hey"
    assert len(seen) == 1


def test_a_stream_that_is_cut_while_sums_are_told_with_each_piece_is_no_answer() -> None:
    told = {**piece("he"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    with server(pieces(told, end=b""), pieces(piece("hey", "stop"))) as (url, _):
        answer, endpoint = said(url, stream=True)
    assert answer.text == "hey"
    assert endpoint.failures == {"cut stream": 1}


def test_a_body_that_is_nested_too_deep_is_no_answer() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        answer_of(b"[" * 200_000, WORST)


def several(url: str, *requests: Request) -> list[Answer]:
    async def ask() -> list[Answer]:
        endpoint = Endpoint("w", Model(model="m", url=url))
        try:
            return [await endpoint.ask(request) for request in requests]
        finally:
            await endpoint.close()

    return asyncio.run(ask())


def test_one_row_that_may_not_be_asked_ends_no_build() -> None:
    forbidden = (403, "application/json", b'{"error": {"message": "not this one"}}')
    with server(sent(WHOLE), forbidden, sent(WHOLE)) as (url, seen):
        first, second, third = several(url, ASKED, ASKED, ASKED)
    assert (first.text, second.failure, third.text) == ("hey", "refused", "hey")
    assert len(seen) == 3


def test_an_endpoint_that_asks_to_wait_for_a_day_is_left_alone() -> None:
    busy = b'{"error": {"message": "Rate limit reached. Please try again in 24h0m0s."}}'
    with server((429, "application/json", busy)) as (url, seen):
        answers = several(url, ASKED, ASKED)
    assert [answer.failure for answer in answers] == ["rate limit", "rate limit"]
    assert len(seen) == 1


FORMED = Request(ASKED.messages, ASKED.parameters, schema={"type": "object"})


@pytest.mark.parametrize(
    ("status", "calls"), [(500, [True, True, False]), (501, [True, False]), (415, [True, False]), (404, [True, False])]
)
def test_a_form_that_a_server_does_not_know_is_left_out_whatever_it_says(status: int, calls: list[bool]) -> None:
    refusals = [(status, "application/json", b'{"error": {"message": "no"}}')] * (len(calls) - 1)
    with server(*refusals, sent(WHOLE)) as (url, seen):
        answer, _ = said(url, FORMED)
    assert answer.text == "hey"
    assert ["response_format" in body for body in seen] == calls


def test_a_limit_of_another_name_is_found_without_a_hint() -> None:
    with server(complaint("Unsupported parameter: 'max_tokens'"), sent(WHOLE)) as (url, seen):
        answer, _ = said(url)
    assert answer.text == "hey"
    assert seen[-1]["max_completion_tokens"] == 50
    with server(complaint("max_tokens is too large: 50")) as (url, seen):
        answer, _ = said(url)
    assert answer.failure == "refused"
    assert len(seen) == 1


def test_what_was_left_out_in_vain_is_said_again() -> None:
    with server(complaint("'temperature' is odd"), complaint("no"), sent(WHOLE)) as (url, seen):
        first, second = several(url, ASKED, ASKED)
    assert (first.failure, second.text) == ("refused", "hey")
    assert ["temperature" in body for body in seen] == [True, False, True]


ECHOED = "The moderator said: keep to our content policy, whatever temperature it is."


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "context too long", "input": ECHOED}},
        {"error": {"message": f'invalid request {{"messages": [{{"content": "{ECHOED}"}}], "temperature": 0.7}}'}},
        {"detail": [{"loc": ["body", "messages"], "msg": "too long", "input": [{"content": ECHOED}]}]},
        {"error": {"message": "x" * 700 + ECHOED}},
    ],
)
def test_what_a_complaint_repeats_of_the_call_is_not_read(body: dict[str, Any]) -> None:
    heard = Complaint.read(400, body, str(body))
    assert not heard.filtered
    assert not Dialect().learnt(heard, {"temperature": 0.7})


def test_parameters_are_named_in_fields_of_their_own() -> None:
    listed = {"detail": [{"loc": ["body", "temperature"], "msg": "extra fields not permitted"}]}
    for body in (listed, {"error": {"message": "no", "param": "temperature"}}):
        assert Dialect().learnt(Complaint.read(422, body, ""), {"temperature": 0.7})
    assert Complaint.read(400, {"error": {"code": "content_filter", "message": "no"}}, "").filtered
