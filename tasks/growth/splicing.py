"""Values written into the text of a JSON object: what was there stays as it was written, numbers, escapes and blanks too."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tasks.growth.structure import form_of

BLANK = re.compile(r"[ \t\n\r]*")
DECODER = json.JSONDecoder()


class Member(NamedTuple):
    """Where a member of an object stands in its text: from its name to the end of its value."""

    name: str
    start: int
    value: int
    end: int


def members(text: str) -> Iterator[Member]:
    """Yield the members of an object whose text is known to be JSON."""
    at = _past_blanks(text, text.index("{") + 1)
    while text[at] != "}":
        name, after = DECODER.raw_decode(text, at)
        value = _past_blanks(text, _past_blanks(text, after) + 1)
        _, end = DECODER.raw_decode(text, value)
        yield Member(name, at, value, end)
        at = _past_blanks(text, end)
        at = _past_blanks(text, at + 1) if text[at] == "," else at


def spliced(text: str, values: Mapping[str, Any]) -> str:
    """Write values into an object's text, in place of those that are there or behind the last one, in the form of the text."""
    form = form_of(text)
    held = list(members(text))
    margin = text[text.index("{") + 1 : held[0].start] if held else ""
    there = {member.name: member for member in held}
    added = ""
    changes = []
    for name, value in values.items():
        new = json.dumps(value, allow_nan=False, **form).replace("\n", margin or "\n")
        if name in there:
            changes.append((there[name].value, there[name].end, new))
        else:
            added += (
                f"{_gap(form, margin) if held or added else ''}{json.dumps(name, ensure_ascii=form['ensure_ascii'])}{_colon(form)}{new}"
            )
    end = held[-1].end if held else text.index("{") + 1
    for start, stop, new in sorted([*changes, (end, end, added)], reverse=True):
        text = text[:start] + new + text[stop:]
    return text


def _gap(form: Mapping[str, Any], margin: str) -> str:
    """Give what parts a member from the one before it."""
    comma = (form["separators"] or (", ", ": "))[0]
    return f"{comma.rstrip()}{margin}" if "\n" in margin else comma


def _colon(form: Mapping[str, Any]) -> str:
    return str((form["separators"] or (", ", ": "))[1])


def _past_blanks(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at
