"""`verbalized`: several pairs at once, each with how likely the model would have written it; the unlikely ones are kept."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.clients.model import Answer
from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.prompting import request, unrepeated
from tasks.growth.reading import Refused, json_in, number_of, whole
from tasks.growth.strategy import Row, pair_of
from tasks.growth.structure import SHARED, shared
from tasks.step import Context

SHOTS = 4


class Verbalized(GrowingStep):
    """Grow several pairs a call, each with its probability, and keep those from the tails; only the children come out.

    Zhang et al. 2025 (Verbalized Sampling, arXiv 2510.01171): five answers in one call, each with the probability that the model gives it;
    what is not below `tail` is what every call would give, and is refused as `likely`.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      rare:  {use: verbalized, model: writer, rows: 20, budget: {tokens: 200000}}
      all:   {use: dedup, from: [split, rare], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    temperature_by_default: ClassVar[float] = 1.0

    use: Literal["verbalized"] = "verbalized"
    answers: Annotated[int, Field(ge=2, le=20)] = 5
    """Pairs of one call."""
    tail: Annotated[float, Field(gt=0, le=1)] = 0.10
    """Pairs are kept whose probability is below this. The model is told it, as in the paper, so another value asks anew."""

    @property
    def each(self) -> int:
        """All of a call."""
        return self.answers

    @property
    def form(self) -> dict[str, Any]:
        """A list of pairs with probabilities."""
        pair = {name: held for name, held in super().form.items() if name not in SHARED}
        properties = {**pair["properties"], "probability": {"type": "number", "minimum": 0, "maximum": 1}}
        item = {**pair, "properties": properties, "required": [*pair["required"], "probability"]}
        return {
            "type": "object",
            "properties": {"examples": {"type": "array", "items": item, "minItems": 1}},
            "required": ["examples"],
            "additionalProperties": False,
            **shared(self.schema_ or {}),
        }

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Show examples and ask for several more."""
        human = lot.drawn(lot.humans, SHOTS, "human", context)
        shots = [pair_of(row) for row in human]
        told = self.told(context).replace("{answers}", str(self.answers)).replace("{tail}", f"{self.tail:.2f}")
        asked = request(told, {"examples": shots}, self.parameters(), lot.number, self.form)
        found = await ask(asked, lambda answer, last: self._several(answer, told, last=last))
        return [
            each if isinstance(each, Refused) else self.child(lot, human, context, each, place)
            for place, each in enumerate(found[: self.answers])
        ]

    def _several(self, answer: Answer, told: str, *, last: bool) -> list[dict[str, Any] | Refused]:
        """Read the pairs of an answer, each by itself; Refused where there is none."""
        held = json_in(unrepeated(whole(answer), told)).get("examples")
        if not isinstance(held, list) or not held:
            raise Refused("schema violation", "told", detail="`examples` must be a list, and not empty")
        found = [self._one(value, last=last) for value in held]
        wrong = [each for each in found if isinstance(each, Refused) and each.again]
        if wrong and not last:
            raise wrong[0]
        return found

    def _one(self, value: object, *, last: bool) -> dict[str, Any] | Refused:
        try:
            if not isinstance(value, dict):
                raise Refused("schema violation", "told", detail="each example must be an object")
            probability = number_of(value, "probability", 0, 1)
            texts = self.texts(value, last=last)
        except Refused as refused:
            return refused
        return texts if probability < self.tail else Refused("likely")
