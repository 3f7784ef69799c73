"""How answers are read: what was cut, broken or besides the form is refused by name, and asked for once more where that helps."""

import itertools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from tasks.clients.completions import sound
from tasks.clients.llm import FILTERED
from tasks.clients.model import Answer, Request
from tasks.growth.fences import fenced

TRACED = 4000
"""Characters of a text that a trace keeps."""
REPEATED = ("canary", "echo")
"""Why an answer is refused that repeats what the model was told."""
SHOWN = 16_000
"""Characters of an answer that could not be read which are shown to the model again."""
MOST_MENDED, DEEPEST_MENDED = 20_000, 64
"""Characters of broken JSON, and how deep its brackets may stand, up to which it is mended: more of either takes minutes."""

STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:(?P<shut>")|\\?\Z)', re.DOTALL)


class Refused(ValueError):
    """An answer that cannot be used; its text is the reason, and `again` what may help: more room, or to be told."""

    def __init__(self, reason: str, again: Literal["longer", "told"] | None = None, *, detail: str = "", drop: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.detail = detail
        self.drop = drop
        """Whether the row is dropped also where a row without an answer would go on."""
        self.trace: list[dict[str, str]] = []
        """What was asked and said, where a call failed."""
        self.transient = False
        """Whether a later run may do better."""


class Unpaid(Exception):
    """A call that the budget had no room for."""


def spoken(text: str) -> str:
    """Give an answer without the thinking that some models write before it, with or without its opening tag."""
    return re.sub(r"^.*</think(?:ing)?>", "", text, count=1, flags=re.DOTALL).strip()


def whole(answer: Answer) -> str:
    """Give what an answer says, without its thinking; Refused where it was cut off, filtered, or says nothing."""
    if answer.finish == "length":
        raise Refused("cut by length", "longer")
    if answer.finish == "content_filter":
        raise Refused(FILTERED)
    text = spoken(answer.text)
    if not text or text.startswith("<think"):
        raise Refused("empty answer", "told")
    return text


def json_in(text: str) -> dict[str, Any]:
    """Read the JSON object of an answer, fenced or among words, its syntax mended where it is broken; Refused where there is none.

    What breaks off within a value is not mended: nobody knows how it would have gone on.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        raise Refused("broken JSON", "told", detail="there is no JSON object")
    try:
        value = _sound(json.loads(text[start : end + 1]))
    except (ValueError, RecursionError) as error:
        if _breaks_off(text[start:]):
            raise Refused("broken JSON", "told", detail="it breaks off within a value") from None
        value = _mended(text[start:])
        wrong = f"no JSON object could be read ({_place_of(error)})"
    else:
        wrong = "the JSON object is empty"
    if not isinstance(value, dict) or not value:
        raise Refused("broken JSON", "told", detail=wrong)
    return value


def _place_of(error: Exception) -> str:
    """Say what the reader of JSON found wrong first, and where."""
    return (
        f"{error.msg} at line {error.lineno}, column {error.colno}"
        if isinstance(error, json.JSONDecodeError)
        else "it is nested too deeply"
    )


def _breaks_off(text: str) -> bool:
    """Tell whether an object ends in the middle of a string, a number or a word; a closing bracket that was forgotten is another thing."""
    bare = text.strip().removesuffix("```").rstrip()
    strings = list(STRING.finditer(bare))
    if strings and not strings[-1]["shut"]:
        return not re.fullmatch(r'"\s*[\]}][\s\]}]*', strings[-1][0])
    bare = STRING.sub('"', bare)
    left = _left_open(bare)
    return bool(left) and (bare[-1] not in '"]}' or (left[-1] == "{" and re.search(r'[{,]\s*"$', bare) is not None))


def _left_open(bare: str) -> str:
    """Give the brackets of a text without strings that nothing closes."""
    left = ""
    for bracket in re.findall(r"[\[\]{}]", bare):
        left = left[:-1] if bracket in "]}" else left + bracket
    return left


def _mended(text: str) -> Any:
    """Read JSON whose quotes, commas or brackets are wrong; None where that does not help, or would take too long."""
    import json_repair

    if len(text) > MOST_MENDED or _depth(text) > DEEPEST_MENDED:
        return None
    try:
        return _sound(json_repair.loads(text))
    except (ValueError, RecursionError):
        return None


def _depth(text: str) -> int:
    """Give how deep brackets stand within brackets, strings among them."""
    steps = (1 if letter in "[{" else -1 for letter in re.findall(r"[\[\]{}]", text))
    return max(itertools.accumulate(steps), default=0)


def _sound(value: Any) -> Any:
    """Give a value that can be written again: no number that is none, no half of a surrogate pair."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {sound(str(name)): _sound(held) for name, held in value.items()}
    return [_sound(held) for held in value] if isinstance(value, list) else value


def text_of(value: Mapping[str, Any], name: str) -> str:
    """Give a field of an answer that must be a text with something in it; Refused otherwise."""
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise Refused("schema violation", "told", detail=f"`{name}` must be a text, and not empty")
    return text


def number_of(value: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Give a field of an answer that must be a number from `low` to `high`, as a number or as its digits; Refused otherwise."""
    found = value.get(name)
    if isinstance(found, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*%?\s*", found):
        found = float(found.strip(" %")) / (100 if "%" in found else 1)
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise Refused("schema violation", "told", detail=f"`{name}` must be a number from {low:g} to {high:g}")
    return float(found)


def once_more(request: Request, answer: Answer, refused: Refused, room: float = math.inf) -> Request | None:
    """Give the request that asks again for what was refused; None where that would not help, or a longer answer has no `room`."""
    if refused.again == "longer":
        before = int(request.parameters["max_tokens"])
        longer = int(min(2 * before, room))
        return replace(request, parameters={**request.parameters, "max_tokens": longer}, again=True) if longer > before else None
    if refused.again == "told":
        why = f"{refused}:\n{fenced(refused.detail)}\n" if refused.detail else f"{refused}."
        said = (
            {"role": "assistant", "content": answer.text[:SHOWN]},
            {"role": "user", "content": f"That could not be used: {why} Answer again as you were asked, with nothing else."},
        )
        return replace(request, messages=(*request.messages, *said), again=True)
    return None


def traced(request: Request, answer: Answer) -> list[dict[str, str]]:
    """Give what was asked and said, shortened, for the quarantine."""
    turns = [*request.messages, {"role": f"answer ({answer.finish or answer.failure})", "content": answer.text}]
    return [{"role": turn["role"], "content": turn["content"][:TRACED]} for turn in turns]
