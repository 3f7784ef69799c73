"""How fast one model of an endpoint is asked: told in the recipe, or learnt from the answers that refuse a call.

All calls of a run to one endpoint and model share a `Rate`, on whatever steps and threads they are made.
"""

import asyncio
import bisect
import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SPARE = 0.94
"""Of a rate that was learnt so much is used: servers count by clocks of their own."""
TOLD = 0.9
"""The same of a rate that was told: whoever tells it wants no refusals, which cost more than a slower pace."""
MADE_UP = 0.5
"""So much of a gap that was lost is made up for by the next call; of a rate that was told as much as keeps calls no closer than told."""
SLOWER = 0.7
"""By this a rate falls with each further refusal; one that was told does not the first time, when no lost gap is made up for any more."""
SURE_SECONDS = 60.0
"""What came through by sending and waiting as told is sure for so long; no lower rate is kept, since some refusals have other causes."""
CONNECTING_SECONDS = 0.2
"""What a connection may take to open."""
STEP, STEADY_SECONDS = 0.25, 10.0
"""After so many seconds without a refusal so much more is tried; refused, it is taken back, and the next try is half as bold."""
FEW, BOLD = 8, 1.0
"""A rate that fewer answers taught is little more than a guess: it is doubled every second until that is refused."""
SHORTEST_SECONDS = 1.0
"""Limits are of a second or of more: what was answered in less tells no higher rate than in so much."""
WITNESSES = 2
"""Calls that were sent later than one that was refused and answered all the same, by which its refusal has nothing to do with a rate."""
PLAIN, PROVED_SECONDS = 0.75, 10.0
"""A refusal is doubted where fewer calls than that share came through of late, of the most in one second of the last ten."""
SEEN_SECONDS = 3.0
"""What came through is counted over so long, whatever was refused in between."""
PATIENCE_SECONDS = 1.0
"""How often a call that waits looks whether it is still wanted."""
RETRY_SECONDS, LEAST_SECONDS, MOST_RETRY_SECONDS = 1.0, 0.1, 60.0
"""The wait after a refusal that names none, and the shortest; doubled by each time that not one call was answered since the last."""


@dataclass(frozen=True)
class Turn:
    """One call's leave to be sent."""

    number: int
    """Which call it is since the gate was last shut, from 1 on."""
    shut: int
    """How often the gate had been shut before."""
    sent: float
    """When it was given, in seconds of the clock."""


class Rate:
    """Turns for the calls of one endpoint and model.

    A refused call shuts the gate for all until the time that the server names, and tells how many calls were
    answered how fast before it: from then on they are spread over time. Until the first refusal nothing is spread, unless
    a rate is known: requests and tokens a minute.
    """

    def __init__(self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self._known = TOLD * requests_per_minute / 60 if requests_per_minute else None
        self._tokens = TOLD * tokens_per_minute / 60 if tokens_per_minute else None
        self._made_up = MADE_UP if self._known is None else 1 - TOLD
        self._lock = threading.Lock()
        self.per_second = self._known
        """Requests a second that are sent at most; None where nothing limits them yet."""
        self._first_at = math.inf
        self._open_at = self._next_at = self._try_at = self._began = 0.0
        self._shut = self._number = self._in_a_row = 0
        self._step, self._tried = STEP, False
        self._first, self._worth = 0, 0.0
        self._later = 0
        self._doubted: float | None = None
        """The rate that holds after all if calls that were sent later are answered: then no limit was used up. Infinity is no limit."""
        self._sure: list[tuple[float, float]] = []
        self._answers: deque[float] = deque()
        self._under_way: set[int] = set()

    def take(self, now: float, tokens: int = 0) -> Turn | float:
        """Take the turn that is free now; otherwise the seconds until there may be one."""
        with self._lock:
            free = max(self._open_at, self._next_at)
            if free > now:
                return free - now
            self._try_faster(now)
            gap = max(1 / self.per_second if self.per_second else 0.0, tokens / self._tokens if self._tokens else 0.0)
            self._first_at = min(self._first_at, now)
            if self._number == 0:
                self._began = self._next_at = now
                if self._known and self._shut == 0:
                    self._next_at += min(2 * gap, CONNECTING_SECONDS)  # the first call opens a connection, and comes late
            self._next_at = max(self._next_at, now - self._made_up * gap) + gap
            self._number += 1
            self._under_way.add(self._number)
            return Turn(self._number, self._shut, now)

    def _try_faster(self, now: float) -> None:
        if self.per_second is None or now < self._try_at:
            return
        faster = (1 + self._step) * self.per_second
        self.per_second, self._tried = self._as_told(faster), True
        self._try_at = now + self._steady_seconds()

    def _steady_seconds(self) -> float:
        return STEADY_SECONDS if self._step <= STEP else SHORTEST_SECONDS

    def refuse(self, turn: Turn, now: float, seconds: float | None) -> None:
        """Shut the gate for so many seconds; of several calls that were under way the first one tells the rate."""
        with self._lock:
            self._in_a_row += turn.shut == self._shut
            wait = self._wait(seconds)
            self._open_at = max(self._open_at, now + wait)
            if turn.shut == self._shut:
                self._learn(turn, now, wait)
                self._under_way.clear()
                self._shut, self._number, self._next_at = self._shut + 1, 0, 0.0
                self._try_at = self._open_at + self._steady_seconds()
            elif turn.shut == self._shut - 1 and turn.number > self._first:
                self._doubted = None
            elif turn.shut == self._shut - 1 and turn.number < self._first and self.per_second is not None:
                self.per_second = max(self.per_second - self._worth, self._least())

    def _wait(self, seconds: float | None) -> float:
        """Give what the server says, or a second; more where nothing was answered since the gate was shut before."""
        once = RETRY_SECONDS if seconds is None else max(seconds, LEAST_SECONDS)
        return max(once, min(once * 2.0 ** min(self._in_a_row - 1, 20), MOST_RETRY_SECONDS))

    def pause(self, turn: Turn, now: float, seconds: float) -> None:
        """Shut the gate for as long as a busy server says; that tells nothing of a rate."""
        with self._lock:
            self._open_at = max(self._open_at, now + seconds)
            self._under_way.discard(turn.number)

    def _learn(self, turn: Turn, now: float, wait: float) -> None:
        """Take what was answered for the rate; a call under way is counted, and taken back if it is refused too.

        Where the very first call after a wait is refused, the wait was too short, which tells nothing of the rate.
        """
        answered, spent = turn.number - 1, turn.sent - self._began
        under_way = sum(number < turn.number for number in self._under_way)
        lately = sum(at > now - SHORTEST_SECONDS for at in self._answers) + under_way
        most = SPARE * max(answered / max(spent, SHORTEST_SECONDS), lately / SHORTEST_SECONDS, 1 / max(wait, SHORTEST_SECONDS))
        self._sure = [(at, rate) for at, rate in self._sure if at > now - SURE_SECONDS] + [(now, self._seen(answered, spent, wait, now))]
        self._first, self._worth, self._doubted, self._later = turn.number, 0.0, None, 0
        if answered == 0:
            return
        if self.per_second is None:
            self._doubted = math.inf if spent < SHORTEST_SECONDS else None
            if answered < FEW:
                self._step, most = BOLD, max(most, SPARE * answered / max(spent + wait, LEAST_SECONDS))
            self.per_second, self._worth = most, SPARE / max(spent, SHORTEST_SECONDS)
        elif self._tried:
            self.per_second, self._step = self.per_second / (1 + self._step), min(self._step / 2, STEP)
        elif self._known and self._shut == 0:
            self._made_up = 0.0
        else:
            proved = self._proved(now)
            self._doubted = max(self.per_second, SPARE * proved) if lately < PLAIN * proved else None
            self.per_second = min(most, SLOWER * self.per_second)
        self.per_second = self._as_told(max(self.per_second, self._least()))
        self._tried = False

    def _as_told(self, rate: float) -> float:
        """Give a rate that is no higher than what the recipe tells."""
        return min(rate, self._known) if self._known else rate

    def _proved(self, now: float) -> float:
        """Give the most answers within a second of late."""
        times = [at for at in self._answers if at > now - PROVED_SECONDS]
        return max((place - bisect.bisect_right(times, at - SHORTEST_SECONDS) + 1 for place, at in enumerate(times)), default=0)

    def _seen(self, answered: int, spent: float, wait: float, now: float) -> float:
        """Give what came through a second: since the gate opened, the wait counted, or of late, across the waits."""
        of_late = min(now + wait - self._first_at, SEEN_SECONDS)
        came = sum(at > now - SEEN_SECONDS for at in self._answers)
        return SPARE * max(answered / max(spent + wait, SHORTEST_SECONDS), came / max(of_late, SHORTEST_SECONDS))

    def _least(self) -> float:
        return max(rate for _, rate in self._sure)

    def answer(self, turn: Turn, now: float) -> None:
        """Note that a call was not refused, whatever else became of it: the next refusal is the first in a row."""
        with self._lock:
            self._in_a_row = 0
            self._answers.append(now)
            while self._answers[0] <= now - PROVED_SECONDS:
                self._answers.popleft()
            if self._doubted is not None and turn.shut == self._shut - 1 and turn.number > self._first:
                self._later += 1
                if self._later == WITNESSES:
                    self.per_second, self._doubted = self._as_told(self._doubted) if self._doubted < math.inf else None, None
            if turn.shut == self._shut:
                self._under_way.discard(turn.number)

    async def turn(self, tokens: int = 0, given_up: Callable[[], bool] = lambda: False) -> Turn | None:
        """Wait for the next turn and take it; None where nobody wants it any more."""
        while not given_up():
            turn = self.take(time.monotonic(), tokens)
            if isinstance(turn, Turn):
                return turn
            await asyncio.sleep(min(turn, PATIENCE_SECONDS))
        return None


@functools.cache
def rate_of(url: str, model: str, requests_per_minute: float | None, tokens_per_minute: float | None) -> Rate:
    """Give the rate of a model at an endpoint, one for the whole process."""
    del url, model
    return Rate(requests_per_minute, tokens_per_minute)
