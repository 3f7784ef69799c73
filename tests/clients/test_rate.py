"""Rates: limits of many kinds played in a time of their own, and what comes through in how long."""

import email.utils
import heapq
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tasks.clients.complaints import retry_after
from tasks.clients.rate import Rate, Turn

Limit = Callable[[float], float | None]
"""Given the time of a call, the seconds after which it may come again; None where it is answered."""


def sliding(count: int, window: float, wait: float | None = None) -> Limit:
    """Allow so many calls in any window; a refused one may come after `wait`, or when there is room."""
    held: deque[float] = deque()

    def asked(now: float) -> float | None:
        while held and held[0] <= now - window:
            held.popleft()
        if len(held) < count:
            held.append(now)
            return None
        return held[0] + window - now if wait is None else wait

    return asked


def fixed(count: int, window: float) -> Limit:
    """Allow so many calls in each window of the clock."""
    held = {"window": -1, "calls": 0}

    def asked(now: float) -> float | None:
        if now // window != held["window"]:
            held.update(window=int(now // window), calls=0)
        held["calls"] += 1
        return None if held["calls"] <= count else (held["window"] + 1) * window - now

    return asked


def bucket(rate: float, size: float, wait: float = 2.0) -> Limit:
    """Allow calls at a rate, and `size` of them at once after a rest."""
    held = {"tokens": size, "at": 0.0}

    def asked(now: float) -> float | None:
        held.update(tokens=min(size, held["tokens"] + (now - held["at"]) * rate), at=now)
        if held["tokens"] >= 1:
            held["tokens"] -= 1
            return None
        return wait

    return asked


def played(rate: Rate, limit: Limit, *, calls: int, at_once: int, latency: float = 0.02) -> tuple[float, int, int]:
    """Send calls by so many senders; the seconds until the last answer, the refusals, and the calls that came while the gate was shut."""
    waiting: list[tuple[float, int, Turn | None]] = [(0.0, sender, None) for sender in range(at_once)]
    left, now, refused, early, shut_until, told_at = calls, 0.0, 0, 0, 0.0, 0.0
    last = 0.0
    replies: dict[int, float | None] = {}
    while waiting:
        now, sender, turn = heapq.heappop(waiting)
        if turn is not None:
            reply = replies.pop(sender)
            if reply is None:
                rate.answer(turn, now)
                left, last = left - 1, now
            else:
                refused += 1
                rate.refuse(turn, now, reply)
                shut_until, told_at = max(shut_until, now + reply), now
            turn = None
        if left - len(replies) <= 0:
            continue
        taken = rate.take(now)
        if not isinstance(taken, Turn):
            heapq.heappush(waiting, (now + taken, sender, None))
            continue
        early += told_at <= now < shut_until - 1e-9
        replies[sender] = limit(now + latency / 2)
        heapq.heappush(waiting, (now + latency, sender, taken))
    return last, refused, early


@pytest.mark.parametrize(
    ("limit", "most_seconds", "most_refused"),
    [
        (lambda: sliding(20, 1.0, 2.0), 13.5, 16),
        (lambda: sliding(20, 1.0), 13, 16),
        (lambda: fixed(20, 1.0), 13, 24),
        (lambda: bucket(20, 20), 13, 16),
        (lambda: bucket(20, 5), 16.5, 24),
        (lambda: bucket(20, 1), 21, 16),
        (lambda: sliding(40, 2.0, 2.0), 15.5, 32),
    ],
)
@pytest.mark.parametrize("latency", [0.005, 0.1, 0.3])
def test_a_rate_that_nobody_told_is_learnt_from_few_refusals(
    limit: Callable[[], Limit], most_seconds: float, most_refused: int, latency: float
) -> None:
    spent, refused, early = played(Rate(), limit(), calls=200, at_once=8, latency=latency)
    assert early == 0
    assert refused <= most_refused
    assert spent <= most_seconds


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.5])
@pytest.mark.parametrize(
    "limit", [lambda wait: sliding(20, 1.0, wait), lambda wait: bucket(20, 20, wait), lambda wait: bucket(20, 5, wait)]
)
def test_waits_that_are_too_short_neither_fool_the_rate_nor_bring_refusal_upon_refusal(
    limit: Callable[[float], Limit], wait: float
) -> None:
    spent, refused, early = played(Rate(), limit(wait), calls=200, at_once=16, latency=0.1)
    assert early == 0
    assert refused <= 32
    assert spent <= 13


def test_refusals_at_random_without_a_wait_do_not_stop_a_run() -> None:
    drawn = Random(1)
    spent, _, _ = played(Rate(), lambda _: 0.0 if drawn.random() < 0.3 else None, calls=400, at_once=16, latency=0.2)
    assert spent < 30


@pytest.mark.parametrize("limit", [lambda: sliding(20, 1.0, 1.0), lambda: bucket(20, 20, 1.0)])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("latency", [0.05, 0.3])
def test_refusals_at_random_beside_a_limit_cost_little_more_than_their_waits(limit: Callable[[], Limit], seed: int, latency: float) -> None:
    drawn, limited, seen = Random(seed), limit(), Counter[str]()

    def asked(now: float) -> float | None:
        odd = drawn.random() < 0.04
        seen["odd"] += odd
        return 1.0 if odd else limited(now)

    spent, _, early = played(Rate(), asked, calls=200, at_once=16, latency=latency)
    assert early == 0
    assert spent <= 14 + 1.2 * seen["odd"]


@pytest.mark.parametrize("latency", [0.005, 0.1, 0.3])
def test_a_told_rate_is_kept_without_a_refusal(latency: float) -> None:
    spent, refused, early = played(Rate(1200), sliding(20, 1.0, 2.0), calls=200, at_once=8, latency=latency)
    assert (refused, early) == (0, 0)
    assert 9.9 <= spent <= 11.5


def test_a_told_rate_is_passed_by_no_lesson() -> None:
    rate, now, turns = Rate(60), 0.0, []
    for _ in range(12):
        while not isinstance(turn := rate.take(now), Turn):
            now += turn
        turns.append(turn)
    for turn in turns[:11]:
        rate.answer(turn, now + 3)
    rate.refuse(turns[11], now + 3, 1.0)
    assert rate.per_second is not None
    assert rate.per_second <= 1
    late = Rate(1)
    late.take(0.0)
    second = late.take(1.0)
    assert isinstance(second, float)
    assert second <= 60 / 0.9


def test_a_limit_of_a_minute_is_used_to_its_end() -> None:
    spent, refused, early = played(Rate(), sliding(60, 60.0), calls=300, at_once=8)
    assert early == 0
    assert spent <= 270
    assert refused <= 40


def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_stop_a_run() -> None:
    seen = iter(range(10**6))
    spent, refused, early = played(Rate(), lambda _: 0.2 if next(seen) % 5 == 4 else None, calls=200, at_once=8)
    assert early == 0
    assert refused == 49
    assert spent < 25


def test_where_nothing_is_refused_nothing_waits() -> None:
    spent, refused, _ = played(Rate(), lambda _: None, calls=400, at_once=16, latency=0.1)
    assert refused == 0
    assert spent == pytest.approx(2.5)


def test_tokens_of_a_minute_are_spread_too() -> None:
    rate, now, sent = Rate(tokens_per_minute=6000), 0.0, 0
    while now < 60:
        taken = rate.take(now, 500)
        now, sent = (now, sent + 1) if isinstance(taken, Turn) else (now + taken, sent)
    assert sent in (11, 12)


def test_a_busy_server_shuts_the_gate_and_teaches_no_rate() -> None:
    rate = Rate()
    turn = rate.take(0.0)
    assert isinstance(turn, Turn)
    rate.pause(turn, 0.1, 3.0)
    assert rate.take(0.1) == pytest.approx(3.0)
    assert isinstance(rate.take(3.1), Turn)
    assert rate.per_second is None


def test_calls_refused_together_shut_the_gate_once() -> None:
    rate = Rate()
    turns = [turn for turn in (rate.take(0.0) for _ in range(8)) if isinstance(turn, Turn)]
    assert len(turns) == 8
    for turn in turns:
        rate.refuse(turn, 0.1, None)
    assert rate.take(0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7), ({"retry-after": "0"}, 0.05), ({"retry-after-ms": "250", "retry-after": "1"}, 0.25), ({}, None), ({"retry-after": "soon"}, None), ({"retry-after": "inf"}, None), ({"retry-after-ms": "1500.5"}, 1.5005), ({"retry-after-ms": "9" * 5000, "retry-after": "2"}, 2), ({"retry-after": "-5"}, None), ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None), ({"retry-after": "Wed, 99 Oct 99999 07:28:00 GMT"}, None)],
)  # fmt: skip
def test_the_time_of_a_refusal_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_refusal_until_a_date_is_read() -> None:
    told = retry_after({"retry-after": email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90))})
    assert told == pytest.approx(90, abs=3)


def test_a_refusal_that_names_no_time_waits_longer_each_time() -> None:
    rate, now, waits = Rate(), 0.0, []
    for _ in range(9):
        taken = rate.take(now)
        if not isinstance(taken, Turn):
            now += taken
            taken = rate.take(now)
        assert isinstance(taken, Turn)
        rate.refuse(taken, now, None)
        again = rate.take(now)
        assert isinstance(again, float)
        waits.append(round(again))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
