"""What steps that ask a model share: their settings, and how requests and answers look."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.clients.llm import Answer, Request
from tasks.errors import Fault
from tasks.frames import PAIRS, Kind
from tasks.growth.budget import Budget
from tasks.step import InputFile, Step
from tasks.store.keys import digest

Row = dict[str, Any]


class Refused(ValueError):
    """An answer that cannot be used; its text is the reason, and `again` what may help: more room, or to be told."""

    def __init__(self, reason: str, again: Literal["longer", "told"] | None = None) -> None:
        super().__init__(reason)
        self.again = again


class ModelStep(Step):
    """A step that asks a model."""

    gives: ClassVar[Kind | None] = "pairs"
    draws: ClassVar[bool] = True

    model: str
    """Name of the model in the recipe's `models`."""
    budget: Budget | None = None
    """Cap on what the step may spend."""
    prompt: InputFile | None = None
    """File with a prompt of your own for the system message."""
    max_tokens: Annotated[int, Field(ge=16)] = 1024
    """Tokens that an answer may have."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(default=8, json_schema_extra={"identity": False})
    """Calls under way at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(default=120.0, json_schema_extra={"identity": False})
    """Seconds after which a call is given up and sent again."""

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A pair's columns, and what the rows carry."""
        return frozenset(PAIRS) | (before - {"text", "sections"})

    def faults(self) -> Sequence[Fault]:
        """A model without a budget is refused: nobody should find out what it cost afterwards."""
        if self.budget is None or (self.budget.usd is None) == (self.budget.tokens is None):
            return [
                Fault(
                    "budget",
                    "a step that asks a model needs a budget, in `usd` or in `tokens`",
                    remedy="For instance `budget: {tokens: 500000}`.",
                )
            ]
        return ()

    def model_faults(self, models: Mapping[str, Any]) -> Sequence[Fault]:
        """Name what does not fit the recipe's models."""
        if self.model not in models:
            return [Fault("model", f"is not among the models ({', '.join(models) or 'none'})", self.model)]
        if self.budget and self.budget.usd is not None and models[self.model].price is None:
            return [
                Fault(
                    "budget.usd",
                    f"models.{self.model} has no price",
                    remedy="Give `price: {input: …, output: …}` in dollars per million tokens.",
                )
            ]
        return ()


def fenced(value: object) -> str:
    """Write data for a prompt: as JSON inside a fence that its text cannot contain."""
    text = json.dumps(value, ensure_ascii=False)
    mark = f"DATA-{digest(text)[:12]}"
    return f"<{mark}>\n{text}\n</{mark}>"


def request(system: str, data: object, parameters: Mapping[str, Any], sample: int = 0) -> Request:
    """Make a call: instructions as system message, data as fenced user message."""
    messages = ({"role": "system", "content": system}, {"role": "user", "content": fenced(data)})
    return Request(messages, parameters, sample)


def spoken(text: str) -> str:
    """Give an answer without the thinking that some models write before it."""
    return re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.DOTALL).strip()


def whole(answer: Answer) -> str:
    """Give what an answer says, without its thinking; Refused where it was cut off, or says nothing."""
    if answer.finish == "length":
        raise Refused("cut by length", "longer")
    text = spoken(answer.text)
    if not text:
        raise Refused("empty answer", "told")
    return text


def json_in(text: str) -> dict[str, Any]:
    """Read the JSON object of an answer, fenced or among words, its syntax mended where it is broken; Refused where there is none."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        value = _mended(text[start:]) if start >= 0 else None
    if not isinstance(value, dict) or not value:
        raise Refused("broken JSON", "told")
    return value


def _mended(text: str) -> Any:
    """Read JSON whose quotes, commas or brackets are wrong; None where that does not help."""
    import json_repair

    try:
        return json_repair.loads(text)
    except (ValueError, RecursionError):
        return None


def once_more(request: Request, answer: Answer, refused: Refused) -> Request | None:
    """Give the request that asks again for what was refused; None where that would not help."""
    if refused.again == "longer":
        return replace(request, parameters={**request.parameters, "max_tokens": 2 * int(request.parameters["max_tokens"])})
    if refused.again == "told":
        said = (
            {"role": "assistant", "content": answer.text},
            {"role": "user", "content": f"That could not be used: {refused}. Answer again as you were asked, with nothing else."},
        )
        return replace(request, messages=(*request.messages, *said))
    return None


def licences(rows: Sequence[Row]) -> str | None:
    """Join the distinct licences of parents: all of them hold for the child."""
    names = sorted({str(row["licence"]) for row in rows if row.get("licence")})
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None
