"""What a judge says of a pair by a rubric: a score from 1 to 5 with its reason."""

from typing import Annotated

from pydantic import Field

from tasks.clients.model import Answer, Request
from tasks.errors import Fault
from tasks.growth.prompting import TOLD_ONLY, request, shipped
from tasks.growth.reading import json_in, number_of, whole
from tasks.growth.strategy import Row, pair_of
from tasks.settings import Settings
from tasks.step import InputFile
from tasks.store.keys import digest

LOW, HIGH = 1.0, 5.0
RUBRICS = ("quality", "spirit")
"""Rubrics that come with Dartboard."""
VERDICT = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "score": {"type": "number", "minimum": LOW, "maximum": HIGH}},
    "required": ["reason", "score"],
    "additionalProperties": False,
}
FORM = 'Answer with one JSON object: {"reason": "one sentence", "score": a number from 1 to 5}.'


class Judge(Settings):
    """Who judges new rows, by what, and how good they must be."""

    model: str
    """Name of the judge's model in the recipe's `models`."""
    rubric: Annotated[str, Field(min_length=1)] = "quality"
    """`quality`, `spirit` (spirit over letter), or a file of your own."""
    min: Annotated[float, Field(ge=LOW, le=HIGH)] = 4.0
    """The least score of a row that is kept."""


def rubric_file(rubric: str) -> InputFile | None:
    """Give the file of a rubric that does not come with Dartboard."""
    return None if rubric in RUBRICS else rubric


def rubric_digest(rubric: str) -> str:
    """Hash a rubric that comes with Dartboard; a user's own is part of a step's files."""
    return digest(shipped("rubrics", rubric))


def rubric_faults(place: str, text: str) -> list[Fault]:
    """Name what is wrong with a rubric's text."""
    return (
        [] if text.strip() else [Fault(place, "is empty", remedy="Say what a good answer is like, and what each score from 1 to 5 means.")]
    )


def judged(rubric: str, own: str, row: Row, max_tokens: int = 512) -> Request:
    """Ask for the verdict on a pair: `own` is the text of a user's rubric."""
    text = shipped("rubrics", rubric) or own
    return request(f"{text.strip()}\n\n{FORM}", pair_of(row), {"max_tokens": max_tokens, "temperature": 0.0}, schema=VERDICT)


def verdict(answer: Answer, last: bool) -> tuple[float, str]:  # noqa: FBT001  the signature of a reader of answers
    """Read a verdict: the score and its reason; none where it repeats what was meant for the judge alone."""
    del last
    value = json_in(whole(answer))
    reason = str(value.get("reason") or "")
    return number_of(value, "score", LOW, HIGH), "" if TOLD_ONLY.search(reason) else reason
