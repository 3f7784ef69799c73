"""One client for OpenAI-compatible endpoints: one gate for all calls, retries by class of failure."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from tasks.clients.completions import (
    CutStream,
    Dialect,
    Reworded,
    answer_of,
    is_filtered,
    is_unpaid,
    streamed,
    vectors_of,
    wait_of,
)
from tasks.clients.model import Answer, Model, Prices, Request, bulk, estimate
from tasks.clients.rate import Turn
from tasks.errors import ModelError, usage

if TYPE_CHECKING:
    import openai

    from tasks.clients.vendors import Vendor

__all__ = ["Answer", "Endpoint", "Model", "Prices", "Request", "estimate"]

ATTEMPTS = 6
FIRST_ATTEMPTS = 3
"""Attempts to connect after which an endpoint that never answered is given up."""
MOST_TOLD = 300
"""Characters of a complaint that are shown."""
MAX_WAIT_SECONDS = 3600.0
"""An endpoint that tells to wait longer is given up for this build; what it answered is kept."""
FILTERED, REFUSED = "filtered", "refused"
"""Classes of calls that the endpoint would not answer however often they are sent."""
TIMEOUT, CONNECTION, CUT_STREAM, BROKEN = "timeout", "connection", "cut stream", "broken answer"
SERVER, RATE = "server error", "rate limit"
UNSURE = (TIMEOUT, CONNECTION, CUT_STREAM, BROKEN)
"""Classes of calls that may be billed though no answer came of them."""
NO_ROOM = "budget reached"
"""The failure of a call that was not sent again because it might have been billed twice."""
DEARER = 1.25
"""By this the tokens of later questions may exceed those of the dearest one seen, byte for byte."""


def _always() -> bool:
    return True


@dataclass
class Attempts:
    """What became of the attempts of one call, for whoever pays for them."""

    may_resend: Callable[[], bool] = _always
    """Asked before a call that may have been billed already is sent again."""
    lost: int = 0
    """Attempts that may be billed though no answer came of them."""
    under_way: bool = False
    """Whether one was sent of which nothing is known yet."""

    @property
    def unsure(self) -> int:
        """How often the call may be billed although it has no answer."""
        return self.lost + self.under_way


@dataclass
class Endpoint:
    """An endpoint in use: its calls take turns with all others to the same model, and none while a Retry-After lasts."""

    name: str
    model: Model
    concurrency: int = 8
    timeout_seconds: float = 120.0
    failures: Counter[str] = field(default_factory=Counter)
    """Failed calls by class, those that a retry mended among them."""
    requests: int = 0
    answered: bool = False
    understood: bool = False
    """Whether an answer has been one."""
    dialect: Dialect = field(default_factory=Dialect)
    dearest: float = 0.0
    """The highest tokens of a question that was answered, as a share of its weight."""
    _client: "openai.AsyncOpenAI | None" = None
    _vendor: "Vendor | None" = None

    def worst(self, request: Request) -> tuple[int, int]:
        """Give the most tokens that a question and its answer can have; the form of the answer is part of the question.

        Until an answer tells how this model counts, it is one for each byte. From then on letters beyond ASCII, digits and signs,
        which one text may have more of than another, still count in full.
        """
        form = ({"content": orjson.dumps(request.schema).decode()},) if request.schema else ()
        held = bulk((*request.messages, *form))
        share = min(DEARER * self.dearest, 2.0)
        asked = max(share * held.weight, float(held.hard + held.other)) if self.dearest else held.most
        return int(asked) + 1, int(request.parameters.get("max_tokens", 0)) + self.model.thinking

    async def ask(self, request: Request, attempts: Attempts | None = None) -> Answer:
        """Send one request; waiting at the gate uses up no attempt."""
        answer = await self._tried(lambda: self._send(request), sum(self.worst(request)), attempts or Attempts())
        if not answer.failure:
            self.learn(request.messages, answer)
        return answer

    def learn(self, messages: Sequence[Mapping[str, str]], answer: Answer) -> None:
        """Learn from an answer how many tokens this model makes of a question's bytes."""
        self.dearest = max(self.dearest, answer.input_tokens / max(bulk(messages).weight, 16))

    async def embed(self, texts: Sequence[str], attempts: Attempts | None = None) -> Answer:
        """Ask for the vectors of some texts: the answer's text is a JSON list of them, in order."""
        messages = [{"content": text} for text in texts]
        answer = await self._tried(lambda: self._send_texts(texts), estimate(messages), attempts or Attempts())
        if not answer.failure:
            self.learn(messages, answer)
        return answer

    async def _tried(self, send: Callable[[], Awaitable[Answer]], tokens: int, attempts: Attempts) -> Answer:
        import openai

        self._connect()
        attempt, rate = 0, self.model.rate
        broken: tuple[type[Exception], ...] = (openai.APIError, Reworded, *_transport(), TimeoutError, ValueError)
        while True:
            turn = await rate.turn(tokens)
            sent = time.monotonic()
            try:
                attempts.under_way = True
                answer = await send()
            except broken as error:
                attempts.under_way = False
                kind = self._class_of(error)
                self.failures[kind] += 1
                if self._comes_again(turn, error):
                    continue
            else:
                attempts.under_way = False
                rate.answer(turn, time.monotonic())
                self.understood = True
                return replace(answer, seconds=round(time.monotonic() - sent, 3))
            attempt += 1
            attempts.lost += kind in UNSURE
            if kind in (REFUSED, FILTERED) or self._given_up(kind, attempt):
                return Answer(failure=kind)
            if kind in UNSURE and not attempts.may_resend():
                return Answer(failure=NO_ROOM)
            await asyncio.sleep(min(0.5 * 2**attempt, 20) * random.uniform(0.7, 1.3))

    def _comes_again(self, turn: Turn, error: Exception) -> bool:
        """Tell the gate what came of a call, and whether it takes another turn without having used up an attempt."""
        import openai

        if isinstance(error, openai.APIStatusError) and _is_put_off(error):
            seconds = self._told_to_wait(error.response.headers, _complaint(error))
            if error.status_code == 429 or seconds is None:
                self.model.rate.refuse(turn, time.monotonic(), seconds)
            else:
                self.model.rate.pause(turn, time.monotonic(), seconds)
            return True
        self.model.rate.answer(turn, time.monotonic())
        return isinstance(error, Reworded)

    def _class_of(self, error: Exception) -> str:
        """Name the class of a failed call; ModelError where no other call would do better."""
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._class_of_status(error)
        classes: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
            ((openai.APITimeoutError, TimeoutError), TIMEOUT),
            ((openai.APIConnectionError,), CONNECTION),
            ((CutStream, *_transport()), CUT_STREAM),
            ((Reworded,), REFUSED),
        )
        return next((kind for types, kind in classes if isinstance(error, types)), BROKEN)

    def _class_of_status(self, error: "openai.APIStatusError") -> str:
        complaint = _complaint(error)
        if error.status_code < 400 and not self.understood:
            where = error.response.headers.get("location", "elsewhere")
            raise ModelError(f"models.{self.name}: {self.model.url} redirects to {where}. Name the address that answers itself.")
        if error.status_code in (408, 504):
            return TIMEOUT
        if error.status_code >= 500 or error.status_code in (409, 425):
            return SERVER
        if is_filtered(complaint):
            return FILTERED
        if error.status_code == 429 and is_unpaid(complaint, wait_of(error.response.headers, complaint)):
            raise ModelError(f"models.{self.name}: {self.model.url} has no credit left{self._told_of(error)}. Pay, or name another model.")
        if error.status_code in (401, 402, 403, 404):
            told = f"{self._told_of(error)}. Check the url, the model's name, the key and what is paid for."
            raise ModelError(f"models.{self.name}: {self.model.url} answered {error.status_code}{told}") from error
        return RATE if error.status_code == 429 else REFUSED

    def _told_of(self, error: "openai.APIStatusError") -> str:
        """Give what the endpoint says of a refused call, in one line and without the key."""
        body = error.body if isinstance(error.body, dict) else {}
        inner = body.get("error", body)
        text = str(inner.get("message") if isinstance(inner, dict) else inner or error.message)
        key = os.environ.get(self.model.key or "", "")
        words = " ".join((text.replace(key, "…") if key else text).split()).rstrip(".")
        return f": {words[:MOST_TOLD]}" if words and words != "None" else ""

    def _given_up(self, kind: str, attempt: int) -> bool:
        """Tell whether a call is not tried again; ModelError where nothing has ever answered."""
        if kind == CONNECTION and not self.answered and attempt >= FIRST_ATTEMPTS:
            raise ModelError(f"models.{self.name}: nothing answers at {self.model.url}. Start the server, or correct the url.")
        if kind == BROKEN and not self.understood and attempt >= FIRST_ATTEMPTS:
            told = "no chat completion is among its answers. Correct the url: most end in /v1"
            raise ModelError(f"models.{self.name}: {self.model.url} answers, but {told}.")
        return attempt >= ATTEMPTS

    async def close(self) -> None:
        """Close the connections."""
        for client in (self._client, self._vendor):
            if client is not None:
                await client.close()

    def _told_to_wait(self, headers: Mapping[str, str], complaint: str = "") -> float | None:
        """Give the seconds of a refusal, None where it tells none; ModelError where they are too many to be waited for."""
        seconds = wait_of(headers, complaint)
        if seconds is not None and seconds > MAX_WAIT_SECONDS:
            raise ModelError(
                f"models.{self.name}: {self.model.url} asks to wait {seconds:,.0f} seconds. Run again then: what was answered is kept."
            )
        return seconds

    async def _send(self, request: Request) -> Answer:
        """Send a call; Reworded where the endpoint complains of words that it does not know."""
        import openai

        told = self.dialect.parameters(request, self.model)
        try:
            answer = await asyncio.wait_for(self._sent(request, told), self.timeout_seconds)
        except openai.APIStatusError as error:
            self.answered = True
            if self.dialect.learnt(error.status_code, _complaint(error), told):
                raise Reworded from error
            raise
        self.dialect.understood(told)
        return answer

    async def _sent(self, request: Request, told: Mapping[str, Any]) -> Answer:
        self.requests += 1
        asked = {"model": self.model.model, "messages": list(request.messages), **told}
        if self._vendor is not None:
            answer = await self._vendor.answer(asked, request)
            self.answered = True
            return answer
        completions: Any = self.connected().chat.completions
        if self.model.stream:
            async with await completions.create(**asked) as chunks:
                self.answered = True
                return await streamed(aiter(chunks), request)
        raw = await completions.with_raw_response.create(**asked)
        self.answered = True
        return answer_of(raw.content, request)

    async def _send_texts(self, texts: Sequence[str]) -> Answer:
        if self.model.vendor:
            raise ModelError(f"models.{self.name}: vectors come from OpenAI-compatible endpoints only. Name a model without `vendor`.")
        self.requests += 1
        made: Any = self.connected().embeddings.create(model=self.model.model, input=list(texts), encoding_format="float")
        response = await asyncio.wait_for(made, self.timeout_seconds)
        self.answered = True
        return vectors_of(response, texts)

    def _connect(self) -> None:
        """Make the client, if there is none yet; RecipeError where the key is missing."""
        if not self.model.vendor:
            self.connected()
        elif self._vendor is None:
            from tasks.clients.vendors import Vendor

            self._vendor = Vendor(f"models.{self.name}.vendor", self.model.vendor, self.model.url, self._key(), self.timeout_seconds)

    def connected(self) -> "openai.AsyncOpenAI":
        """Give the client, made when it is first needed; it follows no redirect, which could lead beyond the allowed addresses."""
        import openai

        if self._client is None:
            self._client = openai.AsyncOpenAI(
                base_url=self.model.url,
                api_key=self._key(),
                max_retries=0,
                timeout=self.timeout_seconds,
                http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=self.timeout_seconds),
            )
        return self._client

    def _key(self) -> str:
        key = os.environ.get(self.model.key, "") if self.model.key else "none"
        if not key:
            raise usage(
                "names an environment variable that is not set",
                f"export {self.model.key}=…",
                place=f"models.{self.name}.key",
                value=self.model.key or "",
            )
        return key


def _transport() -> tuple[type[Exception], ...]:
    """Give the errors of a connection that breaks while an answer comes."""
    import httpx2

    return (httpx2.TransportError, httpx2.StreamError)


def _is_put_off(error: "openai.APIStatusError") -> bool:
    """Tell whether a call came too fast, or the server is busy and says for how long: it is sent again later, as often as it takes."""
    return error.status_code == 429 or (error.status_code == 503 and wait_of(error.response.headers, _complaint(error)) is not None)


def _complaint(error: "openai.APIStatusError") -> str:
    """Give what an endpoint says of a call that it refuses."""
    return f"{error.message} {error.body}"[:2000]
