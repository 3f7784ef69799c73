"""What models are told: prompts that stand in files, and data that cannot be taken for them.

A row's text reaches a prompt only as JSON inside a fence that it cannot contain, in the user's turn. The instructions carry a mark
that no answer may hold: an answer with the mark, the fence or a long run of the instructions in it repeats what it was told.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from tasks.clients.model import Request
from tasks.growth.fences import FENCE, fenced
from tasks.growth.reading import Refused
from tasks.store.keys import digest

TOLD_ONLY = re.compile(rf"mark-[0-9a-f]{{10}}|{FENCE.pattern}")
"""What stands in no answer: the marks of instructions, and fences."""
FORM = "The output has the form of this JSON Schema:"
RUN = 12
"""Words in a row that an answer shares with its instructions when it repeats them."""


def mark_of(system: str) -> str:
    """Give the mark that instructions carry."""
    return f"mark-{digest('canary', system)[:10]}"


def request(system: str, data: object, parameters: Mapping[str, Any], sample: int = 0, schema: Mapping[str, Any] | None = None) -> Request:
    """Make a call: instructions as system message, data as fenced user message."""
    return conversation(system, [("user", data)], parameters, sample, schema)


def conversation(
    system: str,
    turns: Sequence[tuple[str, object]],
    parameters: Mapping[str, Any],
    sample: int = 0,
    schema: Mapping[str, Any] | None = None,
) -> Request:
    """Make a call of several turns (role and content): what a user says is fenced, what an assistant said is given as it was."""
    told = f"{system.strip()}\n\n({mark_of(system)}: this mark is for us; never write it.)"
    said = [{"role": role, "content": fenced(value) if role == "user" else str(value)} for role, value in turns]
    return Request(({"role": "system", "content": told}, *said), parameters, sample, schema)


def formed(system: str, schema: Mapping[str, Any] | None) -> str:
    """Give instructions that also tell the form of the answer, for endpoints that know nothing of schemas."""
    if schema is None:
        return system
    return f"{system.strip()}\n\n{FORM}\n{json.dumps(schema, ensure_ascii=False)}"


def unrepeated(text: str, system: str, *, runs: bool = True) -> str:
    """Give a text of an answer; Refused as `canary` or `echo` where it repeats what the model was told.

    Without `runs` it may share runs of words with the instructions, where these hold what answers are made of; those of a schema,
    which may tell whole values, it always may.
    """
    if mark_of(system) in text or FENCE.search(text):
        raise Refused("canary")
    if runs and _runs(system.partition(FORM)[0]) & _runs(text):
        raise Refused("echo")
    return text


@functools.lru_cache(maxsize=256)
def _runs(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))


@functools.cache
def shipped(kind: str, name: str) -> str | None:
    """Give a prompt or a rubric that comes with Dartboard; None where there is none of that name."""
    found = files("tasks.growth") / kind / f"{name}.md"
    return found.read_text(encoding="utf-8") if found.is_file() else None


def parts_of(text: str, names: Iterable[str] | None = None) -> dict[str, str]:
    """Give the parts of a prompt file by their headings (`# name`); what stands before the first one is the part of no name.

    With `names` other headings are part of the text.
    """
    heading = r"(?m)^# +(.+?) *$" if names is None else rf"(?m)^# +({'|'.join(map(re.escape, names)) or '(?!)'}) *$"
    pieces = re.split(heading, text)
    named = {name: body.strip() for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    return {"": pieces[0].strip(), **named}
