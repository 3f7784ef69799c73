"""Rows that trainers use, recognised and read as pairs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

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


def pairs_of(record: Mapping[str, Any], take: Take) -> list[dict[str, Any]]:
    """Read a record as pairs: `input`, `output`, and `system`, `turns`, `rejected`, `tools` where it has them.

    Recognised: input/output, prompt/completion (texts or messages), prompt/chosen/rejected, chat
    messages, Alpaca, ShareGPT. Of a conversation the last assistant turn becomes a pair, or every one.
    """
    shared = {"tools": _tools(record.get("tools"))}
    if "chosen" not in record and ("messages" in record or "conversations" in record):
        spoken = {"system": record.get("system")}
        return [
            shared | pair | ({} if pair["system"] is not None else spoken)
            for pair in _conversation(_messages(record.get("messages") or record.get("conversations")), take)
        ]
    if "completion" in record or "chosen" in record:
        return [shared | {"system": record.get("system")} | _prompted(record)]
    if "instruction" in record:
        record = _alpaca(record)
    if not isinstance(record.get("input"), str) or not isinstance(record.get("output"), str):
        raise NotPair("no input and output")
    known = {name: record.get(name) for name in ("input", "output", "system", "rejected")}
    return [shared | known | {"turns": _messages(record.get("turns") or [])}]


def _alpaca(record: Mapping[str, Any]) -> dict[str, Any]:
    parts = [str(record["instruction"] or ""), str(record.get("input") or "")]
    return {"input": "\n\n".join(part for part in parts if part), "output": record.get("output"), "system": record.get("system")}


def _prompted(record: Mapping[str, Any]) -> dict[str, Any]:
    prompt, answer, rejected = record.get("prompt"), record.get("completion", record.get("chosen")), record.get("rejected")
    if isinstance(prompt, str) and isinstance(answer, str):
        return {
            "system": record.get("system"),
            "input": prompt,
            "output": answer,
            "rejected": rejected if isinstance(rejected, str) else None,
        }
    pair = _conversation([*_messages(prompt or []), *_messages(answer)], "last")[0]
    return pair | {"rejected": _messages(rejected)[-1]["content"] if rejected else None}


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise NotPair("messages are no list")
    made = []
    for message in value:
        if not isinstance(message, Mapping):
            raise NotPair("a message is no object")
        role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
        if role not in ROLES:
            raise NotPair(f"unknown role {role!r}"[:60])
        if not isinstance(content, str):
            raise NotPair("a message without text")
        made.append({"role": ROLES[role], "content": content})
    return made


def _conversation(messages: list[dict[str, str]], take: Take) -> list[dict[str, Any]]:
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    turns = messages[1:] if system is not None else messages
    answers = [n for n, turn in enumerate(turns) if turn["role"] == "assistant" and n and turns[n - 1]["role"] != "assistant"]
    if not answers:
        raise NotPair("no answer in the conversation")
    if take == "last" and answers[-1] != len(turns) - 1:
        answers = answers[-1:]
    chosen = answers if take == "every" else answers[-1:]
    return [{"system": system, "turns": turns[: n - 1], "input": turns[n - 1]["content"], "output": turns[n]["content"]} for n in chosen]


def _tools(value: Any) -> str | None:
    if value in (None, "", []):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
