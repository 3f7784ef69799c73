"""Rows that trainers use, recognised and read as pairs."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
}
Take = Literal["last", "every"]


class NotPair(ValueError):
    """A record that is no pair; its text is the skip's reason."""


class Pairs(NamedTuple):
    """The pairs of a record, and which of its fields they are made of."""

    pairs: list[dict[str, Any]]
    used: tuple[str, ...]


SPOKEN = ("messages", "conversations")
PROMPTED = ("prompt", "completion", "chosen", "rejected", "system", "tools")
ALPACA = ("instruction", "input", "output", "system", "tools")
PLAIN = ("input", "output", "system", "rejected", "turns", "tools")


def pairs_of(record: Mapping[str, Any], take: Take) -> Pairs:
    """Read a record as pairs: `input`, `output`, and `system`, `turns`, `rejected`, `tools` where it has them.

    Recognised: input/output, prompt/completion (texts or messages), prompt/chosen/rejected, chat
    messages, Alpaca, ShareGPT. Of a conversation the last assistant turn becomes a pair, or every one.
    Null fields count as absent.
    """
    record = {name: value for name, value in record.items() if value is not None}
    shared = {"tools": _tools(record.get("tools"))}
    spoken = next((name for name in SPOKEN if name in record), None)
    if "chosen" not in record and spoken:
        told = {"system": _text(record, "system")}
        made = [pair if pair["system"] is not None else pair | told for pair in _conversation(_messages(record[spoken]), take)]
        return Pairs([shared | pair for pair in made], (spoken, "system", "tools"))
    if "completion" in record or "chosen" in record:
        return Pairs([shared | _prompted(record)], PROMPTED)
    if "instruction" in record:
        return Pairs([shared | _alpaca(record)], ALPACA)
    if not isinstance(record.get("input"), str) or not isinstance(record.get("output"), str):
        raise NotPair("no input and output")
    known = {"input": record["input"], "output": record["output"], "system": _text(record, "system"), "rejected": _text(record, "rejected")}
    return Pairs([shared | known | {"turns": _messages(record.get("turns") or [])}], PLAIN)


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise NotPair(f"{name} is no text")
    return value


def _alpaca(record: Mapping[str, Any]) -> dict[str, Any]:
    parts = [_text(record, "instruction"), _text(record, "input")]
    output = _text(record, "output")
    if output is None:
        raise NotPair("no output")
    return {"input": "\n\n".join(part for part in parts if part), "output": output, "system": _text(record, "system")}


def _prompted(record: Mapping[str, Any]) -> dict[str, Any]:
    prompt, answer, rejected = record.get("prompt"), record.get("completion", record.get("chosen")), record.get("rejected")
    if isinstance(prompt, str) and isinstance(answer, str):
        return {"system": _text(record, "system"), "input": prompt, "output": answer, "rejected": _text(record, "rejected")}
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else _messages(prompt or [])
    answered = _messages(answer)
    alone = answered[len(asked) :] if asked and answered[: len(asked)] == asked else answered
    (pair,) = _conversation([*asked, *alone], "last")
    system = {"system": _text(record, "system")} if pair["system"] is None else {}
    return pair | system | {"rejected": _last(rejected)}


def _last(rejected: Any) -> str | None:
    """Give the worse answer: a text, or the last of its messages."""
    if rejected is None or isinstance(rejected, str):
        return rejected
    return _messages(rejected)[-1]["content"] if rejected else None


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise NotPair("messages are no list")
    return [_message(message) for message in value]


def _message(message: Any) -> dict[str, str]:
    if not isinstance(message, Mapping):
        raise NotPair("a message is no object")
    role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
    if not isinstance(role, str) or role not in ROLES:
        raise NotPair(f"unknown role {role!r}"[:60])
    if message.get("tool_calls") or message.get("function_call"):
        raise NotPair("a message that calls a tool")
    if not isinstance(content, str):
        raise NotPair("a message without text")
    return {"role": ROLES[role], "content": content}


def _conversation(messages: list[dict[str, str]], take: Take) -> list[dict[str, Any]]:
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    turns = messages[1:] if system is not None else messages
    if any(turn["role"] == "system" for turn in turns):
        raise NotPair("a system message in the middle")
    if any(one["role"] == other["role"] == "assistant" for one, other in pairwise(turns)):
        raise NotPair("two answers in a row")
    answers = [n for n, turn in enumerate(turns) if turn["role"] == "assistant" and n]
    chosen = answers if take == "every" else answers[-1:]
    if not chosen:
        raise NotPair("no answer in the conversation")
    if any(turns[n - 1]["role"] != "user" for n in chosen):
        raise NotPair("an answer to a tool")
    return [{"system": system, "turns": turns[: n - 1], "input": turns[n - 1]["content"], "output": turns[n]["content"]} for n in chosen]


def _tools(value: Any) -> str | None:
    """Give the tools as JSON; a text that is none makes the record no pair."""
    if value in (None, "", []):
        return None
    try:
        held = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise NotPair("tools are no JSON") from error
    if not isinstance(held, list | dict):
        raise NotPair("tools are no list")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
