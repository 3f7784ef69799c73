"""One client for OpenAI-compatible endpoints: one gate for all calls, retries by class of failure."""

import asyncio
import email.utils
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import Field

from tasks.errors import ModelError, usage
from tasks.settings import Settings

if TYPE_CHECKING:
    import openai

ATTEMPTS = 6
FIRST_ATTEMPTS = 3
"""Attempts to connect after which an endpoint that never answered is given up."""
MAX_WAIT_SECONDS = 120.0
Price = Annotated[float, Field(ge=0)]


class Prices(Settings):
    """US dollars per million tokens."""

    input: Price = 0.0
    output: Price = 0.0


class Model(Settings):
    """A model behind an OpenAI-compatible endpoint."""

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
    """An endpoint in use: its gate is shut for every call until a Retry-After has passed."""

    name: str
    model: Model
    concurrency: int = 8
    timeout_seconds: float = 120.0
    failures: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answered: bool = False
    _open_at: float = 0.0
    _client: "openai.AsyncOpenAI | None" = None

    async def ask(self, request: Request) -> Answer:
        """Send one request; waiting at the gate uses up no attempt."""
        return await self._tried(lambda: self._send(request))

    async def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of some texts: the answer's text is a JSON list of them, in order."""
        return await self._tried(lambda: self._send_texts(texts))

    async def _tried(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        import openai

        attempt = 0
        while True:
            await self._gate()
            try:
                return await send()
            except openai.RateLimitError as error:
                self.failures["rate limit"] += 1
                self._shut(_retry_after(error.response.headers))
                continue
            except (openai.APITimeoutError, TimeoutError):
                kind = "timeout"
            except openai.APIConnectionError:
                kind = "connection"
            except openai.InternalServerError:
                kind = "server error"
            except openai.APIStatusError as error:
                if error.status_code in (401, 403, 404):
                    raise ModelError(
                        f"models.{self.name}: {self.model.url} answered {error.status_code}. Check the url, the model's name and the key."
                    ) from error
                self.failures["refused"] += 1
                return Answer(failure="refused")
            except (openai.APIError, ValueError):
                kind = "broken answer"
            self.failures[kind] += 1
            attempt += 1
            if self._given_up(kind, attempt):
                return Answer(failure=kind)
            await asyncio.sleep(min(0.5 * 2**attempt, 20) * random.uniform(0.7, 1.3))

    def _given_up(self, kind: str, attempt: int) -> bool:
        """Tell whether a call is not tried again; ModelError where nothing has ever answered."""
        if kind == "connection" and not self.answered and attempt >= FIRST_ATTEMPTS:
            raise ModelError(f"models.{self.name}: nothing answers at {self.model.url}. Start the server, or correct the url.")
        return attempt >= ATTEMPTS

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def _gate(self) -> None:
        while (wait := self._open_at - time.monotonic()) > 0:  # noqa: ASYNC110  the gate is a time, not an event
            await asyncio.sleep(wait + random.uniform(0, 0.05))  # other calls may shut it again meanwhile

    def _shut(self, seconds: float) -> None:
        self._open_at = max(self._open_at, time.monotonic() + min(seconds, MAX_WAIT_SECONDS))

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


def _retry_after(headers: Mapping[str, str]) -> float:
    told = headers.get("retry-after", "")
    try:
        return max(float(told), 0.05)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(told).timestamp() - time.time(), 0.05)
    except ValueError:
        return 1.0
