"""Answers of OpenAI-compatible servers, whole or piece by piece: what they say, why they end, and what they cost."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import orjson

from tasks.clients.model import Answer, bulk

LONE = re.compile("[\ud800-\udfff]")
CUT = ("length", "max_tokens", "model_length", "max_output_tokens", "max_length")
FILTERS = ("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii", "image_safety", "sensitive", "refusal")
FAILED = ("error", "abort", "aborted", "cancelled", "canceled", "insufficient_system_resource")
"""Why answers end, by the names that servers have for it: no more room, a filter, a failure of their own."""
DONE: Mapping[str, Any] = {}
"""What stands for the end of a stream."""
Worst = tuple[int, int]
"""The most tokens that a question and its answer can have: booked where a server does not tell."""


class Unfinished(ValueError):
    """A stream that ended before its answer did."""


class Stopped(ValueError):
    """An answer that the server itself gave up."""


def answer_of(data: bytes, worst: Worst) -> Answer:
    """Read the body of an answer; ValueError where it is none, Stopped where the server failed in the middle of it."""
    body = _json(data)
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list) or not body["choices"]:
        raise ValueError("an answer without choices")
    choice = body["choices"][0]
    message = choice.get("message") or {} if isinstance(choice, dict) else None
    if isinstance(message, dict):
        return _answer(_text(message.get("content")), choice.get("finish_reason"), body.get("usage"), worst)
    raise ValueError("a choice without a message")


async def pieces_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[Mapping[str, Any]]:
    """Read the pieces of a stream of server-sent events, the last of them DONE where the server says so; ValueError where one is none."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            for piece in _pieces(line):
                yield piece


def _pieces(line: bytes) -> Iterator[Mapping[str, Any]]:
    """Give the piece in a line, if there is one."""
    kind, _, data = line.strip().partition(b":")
    if kind == b"data" and data.strip() == b"[DONE]":
        yield DONE
    elif kind == b"data" and data.strip():
        piece = _json(data)
        if not isinstance(piece, dict):
            raise ValueError("a piece of a stream that is none")
        yield piece


async def streamed(pieces: AsyncIterator[Mapping[str, Any]], worst: Worst) -> Answer:
    """Gather an answer from its pieces; Unfinished where the end is missing, Stopped where the server failed.

    The end is a finish reason or, after text, what says that no more comes: the mark of the end, or the sum of tokens.
    """
    words: list[str] = []
    finish, usage, ended = None, None, False
    async for piece in pieces:
        if piece.get("error"):
            raise Stopped("a stream that ended with an error")
        usage = piece.get("usage") or usage
        choices = piece.get("choices") or ()
        ended = ended or (not choices and (piece is DONE or bool(usage)))
        for choice in choices:
            text, finish = _part(choice, finish)
            words.append(text)
    if finish is None and not (ended and any(words)):
        raise Unfinished("a stream that ended before its answer did")
    return _answer("".join(words), finish, usage, worst)


def _part(choice: Any, finish: Any) -> tuple[str, Any]:
    """Give the words of a piece, and why the answer ends, as far as it is known."""
    if not isinstance(choice, dict):
        raise ValueError("a piece of a stream that is none")  # noqa: TRY004  of what a server sent
    delta = choice.get("delta")
    return _text(delta.get("content")) if isinstance(delta, dict) else "", choice.get("finish_reason") or finish


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:  # it refuses halves of surrogate pairs, which stand where a server cut an emoji in two
        try:
            return json.loads(data)
        except RecursionError as error:
            raise ValueError("an answer that is nested too deep") from error


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
    told = max((_count(getattr(response.usage, name, None)) for name in ("prompt_tokens", "total_tokens")), default=0)
    spent = told or bulk([{"content": text} for text in texts]).most
    return Answer(orjson.dumps(vectors).decode(), "stop", spent, told=bool(told))


def sound(text: str) -> str:
    """Join halves of surrogate pairs; one that stands alone, and could not be written as UTF-8, becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if LONE.search(text) else text


def _answer(text: str, finish: Any, usage: Any, worst: Worst) -> Answer:
    reason = _reason(finish)
    if reason in FAILED:
        raise Stopped(f"an answer that ended with {reason}")
    asked, said, told = counted(usage, worst, silent=not text)
    return Answer(sound(text), reason, asked, said, told=told)


def _reason(finish: Any) -> str:
    """Give why an answer ends in the words of OpenAI."""
    reason = str(finish or "stop").strip().casefold().replace("-", "_")
    return "length" if reason in CUT else "content_filter" if reason in FILTERS else reason


def counted(usage: Any, worst: Worst, *, silent: bool = False) -> tuple[int, int, bool]:
    """Give the tokens of a question and its answer, and whether the server told them; what it does not tell is the worst.

    Tokens of thinking that stand in the total alone belong to the answer; only a `silent` one may have none.
    """
    told = usage if isinstance(usage, dict) else {}
    asked, said, both = (_count(told.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    if said and not asked:
        asked = max(both - said, 0)
    if asked:
        said = max(said, both - asked)
    spoke = said > 0 or (silent and told.get("completion_tokens") == 0)
    return asked or worst[0], said if spoke else worst[1], bool(asked) and spoke


def _count(value: Any) -> int:
    """Read a count of tokens, as a whole number of any kind; 0 where it is none."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value > 0 and float(value).is_integer()
    return int(value) if whole else 0
