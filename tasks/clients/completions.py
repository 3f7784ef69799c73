"""What an OpenAI-compatible server says: whole or piece by piece, and its complaints."""

import email.utils
import json
import math
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from tasks.clients.model import Answer, Model, Request, estimate

OPTIONAL = ("response_format", "temperature", "top_p", "presence_penalty", "frequency_penalty", "stream_options")
"""Parameters without which a call still makes sense."""


LONE = re.compile("[\ud800-\udfff]")
WITHOUT_CREDIT = re.compile(r"insufficient[_ ](quota|funds|balance|credit)|credit balance is too low|out of credit", re.IGNORECASE)
QUOTA = re.compile(r"exceeded your current quota", re.IGNORECASE)
"""What some say of a month's money and others of a minute's calls; the latter tell when to come again."""
OF_A_SCHEMA = re.compile(r"json_schema|response_format|schema|structured|grammar|guided", re.IGNORECASE)


LEAST_WAIT = 0.05
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SAID_TO_WAIT = re.compile(r"(?:retry|try again) (?:in|after) ((?:[\d.]*\d\s*(?:ms|s|m|h))+)", re.IGNORECASE)


class CutStream(ValueError):
    """A stream that ended before its answer did."""


def answer_of(data: bytes, request: Request) -> Answer:
    """Read the body of an answer; ValueError where it is none."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:  # it refuses halves of surrogate pairs, which stand where a server cut an emoji in two
        body = json.loads(data)
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list) or not body["choices"]:
        raise ValueError("an answer without choices")
    choice = body["choices"][0]
    message = choice.get("message") or {} if isinstance(choice, dict) else None
    if isinstance(message, dict):
        return _answer(_text(message.get("content")), choice.get("finish_reason"), body.get("usage"), request)
    raise ValueError("a choice without a message")


async def streamed(chunks: AsyncIterator[Any], request: Request) -> Answer:
    """Gather an answer from its pieces; CutStream where the end is missing."""
    pieces, finish, usage = [], None, None
    try:
        async for chunk in chunks:
            usage = chunk.usage.model_dump() if chunk.usage else usage
            for choice in chunk.choices or ():
                pieces.append(_text(choice.delta.content) if choice.delta else "")
                finish = choice.finish_reason or finish
    except (AttributeError, TypeError) as error:
        raise ValueError("a piece of a stream that is none") from error
    if finish is None:
        raise CutStream("a stream that ended before its answer did")
    return _answer("".join(pieces), finish, usage, request)


def _text(content: Any) -> str:
    """Give the words of an answer: some servers send a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def vectors_of(response: Any, texts: Sequence[str]) -> Answer:
    """Read the vectors of texts, in order, as a JSON list; ValueError where they are not as many, or of different lengths."""
    try:
        vectors = [held.embedding for held in sorted(response.data, key=lambda held: held.index)]
        lengths = {len(vector) for vector in vectors}
    except (AttributeError, TypeError) as error:
        raise ValueError("an answer without vectors") from error
    if len(vectors) != len(texts) or len(lengths) != 1:
        raise ValueError("an answer with vectors missing, or of different lengths")
    spent = response.usage.prompt_tokens if response.usage else estimate([{"content": text} for text in texts])
    return Answer(orjson.dumps(vectors).decode(), "stop", spent)


def sound(text: str) -> str:
    """Join halves of surrogate pairs; one that stands alone, and could not be written as UTF-8, becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if LONE.search(text) else text


def _answer(text: str, finish: Any, usage: Any, request: Request) -> Answer:
    text = sound(text)
    told = usage if isinstance(usage, dict) else {}
    asked, said = told.get("prompt_tokens"), told.get("completion_tokens")
    return Answer(
        text,
        str(finish or "stop"),
        asked if isinstance(asked, int) else estimate(request.messages),
        said if isinstance(said, int) else len(text.encode()) // 3,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds or until a date; None where neither is told, or it is over."""
    told, exactly = headers.get("retry-after", ""), headers.get("retry-after-ms", "")
    if exactly.isdecimal():
        return max(int(exactly) / 1000, LEAST_WAIT)
    try:
        seconds = float(told)
    except ValueError:
        seconds = _until(told)
    return max(seconds, LEAST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None


def _until(date: str) -> float:
    """Give the seconds until a date; not a number where it is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return math.nan


def wait_of(headers: Mapping[str, str], complaint: str) -> float | None:
    """Give the seconds that a refusal tells to wait, by its headers or its words."""
    told = retry_after(headers)
    return wait_in(complaint) if told is None else told


def wait_in(complaint: str) -> float | None:
    """Read how long to wait, in seconds, from words such as "try again in 6m0s"; None where they tell nothing."""
    told = SAID_TO_WAIT.search(complaint)
    if told is None:
        return None
    return sum(float(count) * SECONDS[unit] for count, unit in re.findall(r"([\d.]*\d)\s*(ms|s|m|h)", told[1]))


def is_filtered(complaint: str) -> bool:
    """Tell whether a refused call was refused for what it says."""
    return bool(re.search(r"content[ _-]?(filter|policy|management)|moderat|safety system", complaint, re.IGNORECASE))


def is_unpaid(complaint: str, wait: float | None) -> bool:
    """Tell whether a call was refused because nothing is left to pay for it, so that waiting would not help; `wait` is what is told."""
    return bool(WITHOUT_CREDIT.search(complaint) or (QUOTA.search(complaint) and wait is None))


def _is_of_words(status: int, complaint: str) -> bool:
    """Tell whether a complaint may be of words that a server does not know; some fail where they meet a schema."""
    failed = status >= 500 and OF_A_SCHEMA.search(complaint)
    return bool(status in (400, 422) or failed) and not is_filtered(complaint)


class Reworded(Exception):
    """A call that the endpoint complained of, and that is to be sent again in other words."""


class Dialect:
    """Which parameters an endpoint takes: it is spoken to in full until it complains."""

    def __init__(self) -> None:
        self._names: dict[str, str | None] = {}
        self._proved = self._guessed = False

    def parameters(self, request: Request, model: Model) -> dict[str, Any]:
        """Give the parameters of a call as this endpoint wants them."""
        told: dict[str, Any] = dict(request.parameters) | (
            {"stream": True, "stream_options": {"include_usage": True}} if model.stream else {}
        )
        if "max_tokens" in told:
            told["max_tokens"] += model.thinking
        if request.schema is not None:
            told["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": request.schema}}
        named = {self._names.get(name, name): value for name, value in told.items()}
        return {name: value for name, value in named.items() if name is not None}

    def understood(self, sent: Mapping[str, Any]) -> None:
        """Note what an endpoint took without complaint."""
        if "response_format" in sent:
            self._proved = True
            self._take_back()

    def learnt(self, status: int, complaint: str, sent: Mapping[str, Any]) -> bool:
        """Learn from a complaint; tell whether the call is worth sending again, in other words.

        Where a form of answer was never taken, any complaint may be of a server that does not know what a schema is. That is a guess:
        it is taken back where the call fails without a form too, or another one has come through with it.
        """
        if not _is_of_words(status, complaint):
            return False
        if "max_tokens" in sent and "max_completion_tokens" in complaint:
            self._names["max_tokens"] = "max_completion_tokens"
            return True
        unknown = [name for name in OPTIONAL if name in sent and name in complaint]
        if not unknown and "response_format" in sent and (OF_A_SCHEMA.search(complaint) or not self._proved):
            unknown, self._guessed = ["response_format"], not OF_A_SCHEMA.search(complaint)
        elif not unknown:
            self._take_back()
        self._names |= dict.fromkeys(unknown)
        return bool(unknown)

    def _take_back(self) -> None:
        """Take a guess back: it was something else."""
        if self._guessed:
            self._guessed = False
            self._names.pop("response_format", None)
