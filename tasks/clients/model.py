"""Models behind OpenAI-compatible endpoints: their settings, what they are asked, and what they answer."""

import math
import os
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, Field, model_validator

from tasks.clients.rate import Rate, rate_of
from tasks.settings import Settings

ALLOWED = "DARTBOARD_MODEL_URLS"
"""Environment variable with the base URLs that may be asked, separated by commas or blanks; where it is not set, all may."""
SHARE = 0.4
"""Tokens of a text as a share of its weight, where no answer tells: about one for four and a half bytes of English."""
SOFT = (string.ascii_letters + string.whitespace).encode()
NO_WORDS = re.compile(rb"[A-Za-z]{24,}")
"""Letters that are no word: keys, hashes, encoded bytes, of which tokens have few."""
Price = Annotated[float, Field(ge=0)]


def _web_address(url: str) -> str:
    if not re.match(r"https?://", url):
        raise ValueError("must begin with http:// or https://")
    parts = urlsplit(url)
    if "@" in url or parts.query or parts.fragment:
        raise ValueError("must hold no name, password or query: whatever lets you in comes from the variable that `key` names")
    return url


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("must be the name of an environment variable that holds the key, as in OPENAI_API_KEY, never the key itself")
    return name


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
      other:  {model: claude-haiku-4-5, vendor: anthropic, url: "https://api.anthropic.com", key: ANTHROPIC_API_KEY}
    ```

    All calls to one model take turns. A refused call (429) makes all wait until the time that the endpoint names, costs no attempt,
    and tells the rate that is kept from then on, unless one is given here. A parameter that the endpoint does not know
    (`response_format`, `temperature`, `max_tokens` where it wants `max_completion_tokens`) is left out or renamed after its first
    complaint. Where the environment variable `DARTBOARD_MODEL_URLS` is set, only endpoints at or below the base URLs
    in it, separated by commas or blanks, are asked.
    """

    model: Annotated[str, Field(min_length=1)]
    """The model's name at the endpoint."""
    url: Annotated[str, AfterValidator(_web_address)]
    """Base URL, as in `https://api.openai.com/v1`."""
    vendor: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] | None = None
    """Vendor with a protocol of its own, such as `anthropic`: a name of any-llm, which the extra `vendors` brings; `url` is its address."""
    key: Annotated[str, AfterValidator(_variable)] | None = None
    """Name of the environment variable that holds the key; never the key itself. In a flow run that lacks the variable, a Secret block
    of Prefect may hold it: `OPENAI_API_KEY` in the block `openai-api-key`."""
    price: Prices | None = None
    """What tokens cost; needed for a budget in dollars."""
    context: Annotated[int, Field(ge=256)] | None = None
    """Tokens of the context window; what was cut off is asked for once more with no more room than it leaves."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Requests that the endpoint allows in a minute; learnt from its refusals where it is not given."""
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Tokens of questions and answers that it allows in a minute."""
    batch: bool = False
    """Have the calls of completing steps answered by the endpoint's batch service first: within a day, at its price. What it does not
    answer is asked live, and so are judges and growing steps, whose calls depend on what came before."""
    stream: bool = False
    """Have answers sent piece by piece: for gateways that close connections over which nothing comes for long."""
    thinking: Annotated[int, Field(ge=0)] = 0
    """Tokens that the model may think with besides those of its answer. Where it is changed, what was cut off is asked for again."""

    @model_validator(mode="after")
    def _has_no_batches_of_a_vendor(self) -> "Model":
        if self.vendor and self.batch:
            raise ValueError("`batch` is for OpenAI-compatible endpoints: take it out, or `vendor`")
        return self

    @property
    def allowed(self) -> bool:
        """Whether the endpoint may be asked: its URL is one of ALLOWED, or below one."""
        told = os.environ.get(ALLOWED)
        bases = (told or "").replace(",", " ").split()
        return told is None or any(f"{self.url.rstrip('/')}/".startswith(f"{base.rstrip('/')}/") for base in bases)

    def usd(self, input_tokens: float, output_tokens: float) -> float:
        """Give the price of so many tokens in dollars; 0 without a price."""
        return (input_tokens * self.price.input + output_tokens * self.price.output) / 1e6 if self.price else 0.0

    def room(self, answer: "Answer") -> float:
        """Give the tokens that the context window leaves for another answer to the same question; no limit where that is not known."""
        return self.context - answer.input_tokens - self.thinking if self.context and answer.told else math.inf

    def least_seconds(self, calls: float, tokens: float) -> float:
        """Give how long so many calls, of so many tokens together, take at the pace that the recipe tells; 0 where it tells none."""
        limits = ((calls, self.requests_per_minute), (tokens, self.tokens_per_minute))
        return max(60 * count / limit if limit else 0.0 for count, limit in limits)

    @property
    def rate(self) -> Rate:
        """The turns that all calls of this process to the model take."""
        return rate_of(self.url, self.model, self.requests_per_minute, self.tokens_per_minute)


@dataclass(frozen=True)
class Request:
    """One call: messages and parameters; `sample` tells equal calls apart, `schema` is a JSON Schema of the answer."""

    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    sample: int = 0
    schema: Mapping[str, Any] | None = None
    again: bool = False
    """Whether it asks once more for what could not be used."""


@dataclass(frozen=True)
class Answer:
    """What came back, or the class of the failure that no retry mended."""

    text: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    failure: str = ""
    seconds: float = field(default=0.0, compare=False)
    """How long it took from the sending to the last word."""
    told: bool = field(default=True, compare=False)
    """Whether the server told the tokens; otherwise they are the most that there can be."""


@dataclass(frozen=True)
class Bulk:
    """How much there is in messages that can become tokens, in bytes by their kind."""

    soft: int
    """Letters of ASCII and blanks: words, of which tokens have several letters."""
    hard: int
    """Digits and signs of ASCII, and letters in rows too long for a word: with some models each is a token."""
    other: int
    """Bytes of all other letters."""
    messages: int

    @property
    def most(self) -> int:
        """Tokens that they cannot have more of: one a byte, and sixteen a message."""
        return self.soft + self.hard + self.other + 16 * self.messages

    @property
    def weight(self) -> float:
        """A measure that tokens follow, whatever the text is: a letter counts half."""
        return self.soft / 2 + self.hard + self.other + 16 * self.messages


def bulk(messages: Sequence[Mapping[str, str]]) -> Bulk:
    """Measure messages."""
    text = "".join(message["content"] for message in messages)
    ascii_only = text.encode("ascii", "ignore")
    soft = len(ascii_only) - len(ascii_only.translate(None, SOFT)) - sum(map(len, NO_WORDS.findall(ascii_only)))
    return Bulk(soft, len(ascii_only) - soft, len(text.encode()) - len(ascii_only), len(messages))


def bulk_of(request: Request) -> Bulk:
    """Measure a question, the form of its answer included."""
    form = ({"content": orjson.dumps(request.schema).decode()},) if request.schema else ()
    return bulk((*request.messages, *form))


def weight_of(request: Request) -> float:
    """Give the weight of a question, the form of its answer included."""
    return bulk_of(request).weight


def likely(text: str) -> float:
    """Estimate the tokens of a text as models of today count most: about one for four and a half bytes of English."""
    return SHARE * bulk([{"content": text}]).weight if text else 0.0


def estimate(messages: Sequence[Mapping[str, str]]) -> int:
    """Estimate the tokens of messages from above: one for three bytes, and ten a message."""
    return sum(len(message["content"].encode()) // 3 + 10 for message in messages)
