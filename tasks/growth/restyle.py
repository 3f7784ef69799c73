"""`restyle`: the same human output, asked for in many styles."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.prompting import request, unrepeated
from tasks.growth.reading import Refused, whole
from tasks.growth.strategy import Row, before
from tasks.step import Context, Names
from tasks.store.keys import draw

EXTRACT = 1000
"""Characters of an input and an output that the model sees."""
STYLES = (
    "a hasty chat message with slips of the keyboard",
    "a formal letter",
    "a terse command",
    "a rambling story that comes to the point late",
    "a list of bullet points",
    "a spoken question, transcribed without punctuation",
)
AUDIENCES = ("an expert", "a beginner", "a child of ten", "someone who writes English as a second language")


class Restyle(GrowingStep):
    """Rewrite the inputs of human pairs in styles and for audiences; the human output stays, byte for byte. Only the children come out.

    After Cosmopedia (Ben Allal et al. 2024): style x audience on an extract of 1000 characters, temperature .6, top_p .95. Cells with the
    fewest accepted rows come next; `imputed` names the input.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      voices: {use: restyle, model: writer, rows: 12, budget: {tokens: 200000}}
      all:   {use: dedup, from: [split, voices], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    keeps_output: ClassVar[bool] = True
    rewords: ClassVar[bool] = True
    temperature_by_default: ClassVar[float] = 0.6

    use: Literal["restyle"] = "restyle"
    styles: Annotated[Names, Field(min_length=1)] = STYLES
    """How inputs are written."""
    audiences: Annotated[Names, Field(min_length=1)] = AUDIENCES
    """Who writes them."""

    def cells(self, context: Context) -> Sequence[Mapping[str, str]]:
        """Give each style for each audience, in an order drawn by hash."""
        found = [{"style": style, "writer": who} for style, who in itertools.product(self.styles, self.audiences)]
        return sorted(found, key=lambda cell: draw(context.seed, context.step, "cell", cell))

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Ask for a human input in other words."""
        (parent,) = lot.drawn(lot.humans, 1, "parent", context)
        told = self.instructions(context)
        data = {**before(parent), "input": parent["input"][:EXTRACT], "output": str(parent["output"])[:EXTRACT], **lot.cell}
        asked = request(told, data, self.parameters(top_p=0.95), lot.number)
        text = await ask(asked, lambda answer, _: unrepeated(whole(answer), told))
        if text == parent["output"]:
            raise Refused("echo")
        return [self.child(lot, [parent], context, {"input": text, "output": parent["output"], "imputed": ["input"]})]
