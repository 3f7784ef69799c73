"""One client for OpenAI-compatible endpoints: one gate for all calls, retries by class of failure."""

import asyncio
import email.utils
import math
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import Field

from tasks.clients.rate import Rate, rate_of
from tasks.errors import ModelError, usage
from tasks.settings import Settings

if TYPE_CHECKING:
    import openai

ATTEMPTS = 6
FIRST_ATTEMPTS = 3
"""Attempts to connect after which an endpoint that never answered is given up."""
MAX_WAIT_SECONDS = 3600.0
"""An endpoint that tells to wait longer is given up for this build; what it answered is kept."""
REFUSED = "refused"
"""The class of a call that the endpoint would not answer however often it is sent."""
Price = Annotated[float, Field(ge=0)]


class Prices(Settings):
    """US dollars per million tokens."""

    input: Price = 0.0
    output: Price = 0.0


class Model(Settings):
    """A model behind an OpenAI-compatible endpoint, referred to by its name in the recipe.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
      critic: {model: gpt-5-mini, url: "https://api.openai.com/v1", key: OPENAI_API_KEY, price: {input: 0.25, output: 2.0}}
    ```

    All calls to one model take turns. A refused call (429) makes all wait until the time that the endpoint names, costs no attempt,
    and tells the rate that is kept from then on, unless one is given here.
    """

    model: Annotated[str, Field(min_length=1)]
    """The model's name at the endpoint."""
    url: Annotated[str, Field(pattern=r"^https?://")]
    """Base URL, as in `https://api.openai.com/v1`."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the key; never the key itself."""
    price: Prices | None = None
    """What tokens cost; needed for a budget in dollars."""
    context: Annotated[int, Field(ge=256)] | None = None
    """Tokens of the context window."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Requests that the endpoint allows in a minute; learnt from its refusals where it is not given."""
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Tokens of questions and answers that it allows in a minute."""

    @property
    def rate(self) -> Rate:
        """The turns that all calls of this process to the model take."""
        return rate_of(self.url, self.model, self.requests_per_minute, self.tokens_per_minute)


@dataclass(frozen=True)
class Request:
    """One call: messages and parameters; `sample` tells equal calls apart."""

    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    sample: int = 0


@dataclass(frozen=True)
class Answer:
    """What came back, or the class of the failure that no retry mended."""

    text: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    failure: str = ""


@dataclass
class Endpoint:
    """An endpoint in use: its calls take turns with all others to the same model, and none while a Retry-After lasts."""

    name: str
    model: Model
    concurrency: int = 8
    timeout_seconds: float = 120.0
    failures: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answered: bool = False
    _client: "openai.AsyncOpenAI | None" = None

    async def ask(self, request: Request) -> Answer:
        """Send one request; waiting at the gate uses up no attempt."""
        worst = estimate(request.messages) + int(request.parameters.get("max_tokens", 0))
        return await self._tried(lambda: self._send(request), worst)

    async def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of some texts: the answer's text is a JSON list of them, in order."""
        return await self._tried(lambda: self._send_texts(texts), estimate([{"content": text} for text in texts]))

    async def _tried(self, send: Callable[[], Awaitable[Answer]], tokens: int) -> Answer:
        import openai

        attempt, rate = 0, self.model.rate
        while True:
            turn = await rate.turn(tokens)
            try:
                answer = await send()
            except openai.RateLimitError as error:
                self.failures["rate limit"] += 1
                rate.refuse(turn, time.monotonic(), self._told_to_wait(error.response.headers))
                continue
            except (openai.APIError, TimeoutError, ValueError) as error:
                rate.answer(turn, time.monotonic())
                kind = self._class_of(error)
            else:
                rate.answer(turn, time.monotonic())
                return answer
            self.failures[kind] += 1
            attempt += 1
            if kind == REFUSED or self._given_up(kind, attempt):
                return Answer(failure=kind)
            await asyncio.sleep(min(0.5 * 2**attempt, 20) * random.uniform(0.7, 1.3))

    def _class_of(self, error: Exception) -> str:
        """Name the class of a failed call; ModelError where no other call would do better."""
        import openai

        if isinstance(error, (openai.APITimeoutError, TimeoutError)):
            return "timeout"
        if isinstance(error, openai.APIConnectionError):
            return "connection"
        if isinstance(error, openai.InternalServerError):
            return "server error"
        if not isinstance(error, openai.APIStatusError):
            return "broken answer"
        if error.status_code in (401, 403, 404):
            raise ModelError(
                f"models.{self.name}: {self.model.url} answered {error.status_code}. Check the url, the model's name and the key."
            ) from error
        return REFUSED

    def _given_up(self, kind: str, attempt: int) -> bool:
        """Tell whether a call is not tried again; ModelError where nothing has ever answered."""
        if kind == "connection" and not self.answered and attempt >= FIRST_ATTEMPTS:
            raise ModelError(f"models.{self.name}: nothing answers at {self.model.url}. Start the server, or correct the url.")
        return attempt >= ATTEMPTS

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _told_to_wait(self, headers: Mapping[str, str]) -> float | None:
        """Give the seconds of a refusal, None where it tells none; ModelError where they are too many to be waited for."""
        seconds = _retry_after(headers)
        if seconds is not None and seconds > MAX_WAIT_SECONDS:
            raise ModelError(
                f"models.{self.name}: {self.model.url} asks to wait {seconds:,.0f} seconds. Run again then: what was answered is kept."
            )
        return seconds

    async def _send(self, request: Request) -> Answer:
        self.requests += 1
        client = self._connected()
        plain: Any = list(request.messages)
        made: Any = client.chat.completions.create(model=self.model.model, messages=plain, **request.parameters)
        response = await asyncio.wait_for(made, self.timeout_seconds)
        self.answered = True
        if not response.choices:
            raise ValueError("an answer without choices")
        choice, spent = response.choices[0], response.usage
        text = choice.message.content or ""
        return Answer(
            text,
            choice.finish_reason or "stop",
            spent.prompt_tokens if spent else estimate(request.messages),
            spent.completion_tokens if spent else len(text) // 4,
        )

    async def _send_texts(self, texts: Sequence[str]) -> Answer:
        self.requests += 1
        made: Any = self._connected().embeddings.create(model=self.model.model, input=list(texts), encoding_format="float")
        response = await asyncio.wait_for(made, self.timeout_seconds)
        self.answered = True
        vectors = [held.embedding for held in sorted(response.data, key=lambda held: held.index)]
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            raise ValueError("an answer with vectors missing, or of different lengths")
        spent = response.usage.prompt_tokens if response.usage else estimate([{"content": text} for text in texts])
        return Answer(orjson.dumps(vectors).decode(), "stop", spent)

    def _connected(self) -> "openai.AsyncOpenAI":
        import openai

        if self._client is None:
            key = os.environ.get(self.model.key, "") if self.model.key else "none"
            if not key:
                raise usage(
                    "names an environment variable that is not set",
                    f"export {self.model.key}=…",
                    place=f"models.{self.name}.key",
                    value=self.model.key or "",
                )
            self._client = openai.AsyncOpenAI(base_url=self.model.url, api_key=key, max_retries=0, timeout=self.timeout_seconds)
        return self._client


def estimate(messages: Sequence[Mapping[str, str]]) -> int:
    """Estimate the tokens of messages from above: one for three bytes, and ten a message."""
    return sum(len(message["content"].encode()) // 3 + 10 for message in messages)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds or until a date; None where neither is told."""
    told, exactly = headers.get("retry-after", ""), headers.get("retry-after-ms", "")
    if exactly.isdecimal():
        return max(int(exactly) / 1000, 0.05)
    try:
        return max(float(told), 0.05) if math.isfinite(float(told)) else None
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(told).timestamp() - time.time(), 0.05)
    except ValueError:
        return None
