"""What servers say of calls that they refuse: why, of which parameter, and when to come again."""

import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = ("code", "type", "status", "param", "message", "msg")
"""Keys of an error under which its own words stand; others may hold what was asked."""
ECHO = re.compile(r"""\{.*\}|"[^"]{40,}"|(?<!\w)'[^']{40,}'""", re.DOTALL)
"""Parts of a message that may repeat what was asked: long quotations, and objects with what calls consist of."""
OF_A_CALL = re.compile(r"""['"](?:messages|prompt|input|content)['"]\s*:""")
MOST_WORDS = 600
"""Characters of a complaint that are read: what comes later repeats what was asked."""
WITHOUT_CREDIT = re.compile(r"insufficient[_ ](quota|funds|balance|credit)|credit balance is too low|out of credit", re.IGNORECASE)
QUOTA = re.compile(r"exceeded your current quota", re.IGNORECASE)
"""What some say of a month's money and others of a minute's calls; the latter tell when to come again."""
FILTER = re.compile(r"content[ _-]?(filter|policy|management)|moderat|safety system|responsibleai", re.IGNORECASE)
UNKNOWN = re.compile(r"support|unrecogni[sz]ed|unknown|unexpected|extra|permitted|allowed|deprecated|invalid param", re.IGNORECASE)
"""Words for a parameter that a server does not have, rather than one whose value is wrong."""
LEAST_WAIT = 0.05
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
NUMBER = r"\d+(?:\.\d+)?"
SAID_TO_WAIT = re.compile(rf"(?:retry|try again) (?:in|after) ((?:{NUMBER}\s*(?:ms|s|m|h))+)", re.IGNORECASE)


@dataclass(frozen=True)
class Complaint:
    """What a server says of a call that it refuses, without what it repeats of the call."""

    status: int
    words: str
    named: frozenset[str] = frozenset()
    """Parameters that it names in a field of their own."""

    @classmethod
    def read(cls, status: int, body: Any, message: str) -> "Complaint":
        """Read the body of a refusal: an object, or text, or nothing, where `message` stands for it."""
        inner = body.get("error") or body if isinstance(body, Mapping) else body
        if not isinstance(inner, Mapping):
            return cls(status, _own(str(inner or message)))
        told = list(_told(inner))
        named = {str(inner["param"])} if inner.get("param") else set()
        named |= {str(fault["loc"][-1]) for fault in _faults(inner) if isinstance(fault.get("loc"), list) and fault["loc"]}
        return cls(status, _own(" ".join(told) or message), frozenset(named))

    def names(self, parameter: str) -> bool:
        """Tell whether a parameter is named, other than with its value."""
        word = rf"""(?<![\w.]){parameter}(?!\w)(?!['"]?\s*:\s*[\d"'\[{{])"""
        return parameter in self.named or bool(re.search(word, self.words))

    @property
    def filtered(self) -> bool:
        """Whether the call was refused for what it says."""
        return bool(FILTER.search(self.words))

    def unpaid(self, wait: float | None) -> bool:
        """Tell whether nothing is left to pay for the call, so that waiting would not help; `wait` is what is told."""
        return bool(WITHOUT_CREDIT.search(self.words) or (QUOTA.search(self.words) and wait is None))

    def wait(self, headers: Mapping[str, str]) -> float | None:
        """Give the seconds that a refusal tells to wait, by its headers or its words."""
        told = retry_after(headers)
        return wait_in(self.words) if told is None else told


def _own(text: str) -> str:
    """Give the words of a complaint without what it repeats of the call; an error within an error stays."""
    return ECHO.sub(lambda part: part[0] if part[0].startswith("{") and not OF_A_CALL.search(part[0]) else "…", text)[:MOST_WORDS]


def _told(inner: Mapping[str, Any]) -> Iterator[str]:
    """Give what an error says in its own words."""
    deeper = inner.get("innererror")
    for held in (inner, *_faults(inner), deeper if isinstance(deeper, Mapping) else {}):
        yield from (str(held[name]) for name in FIELDS if isinstance(held.get(name), str | int))
    if isinstance(inner.get("detail"), str):
        yield inner["detail"]


def _faults(inner: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the single faults that some servers list."""
    detail = inner.get("detail")
    return [fault for fault in detail if isinstance(fault, Mapping)] if isinstance(detail, list) else []


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds or until a date; None where neither is told, or it is over."""
    exactly = _number(headers.get("retry-after-ms", "")) / 1000
    told = headers.get("retry-after", "")
    seconds = exactly if 0 <= exactly < math.inf else _number(told)
    if math.isnan(seconds):
        seconds = _until(told)
    return max(seconds, LEAST_WAIT) if 0 <= seconds < math.inf else None


def _number(text: str) -> float:
    """Read a number; not a number where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _until(date: str) -> float:
    """Give the seconds until a date; not a number where it is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return math.nan


def wait_in(words: str) -> float | None:
    """Read how long to wait, in seconds, from words such as "try again in 6m0s"; None where they tell nothing."""
    told = SAID_TO_WAIT.search(words)
    if told is None:
        return None
    return sum(float(count) * SECONDS[unit.lower()] for count, unit in re.findall(rf"({NUMBER})\s*(ms|s|m|h)", told[1], re.IGNORECASE))
