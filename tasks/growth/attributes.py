"""`attributes`: new pairs for every combination of attributes."""

import heapq
import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.reading import Refused
from tasks.growth.strategy import Row
from tasks.step import Context, Names
from tasks.store.keys import draw

SHOTS = 3
MOST_CELLS = 10_000


class Attributes(GrowingStep):
    """Grow new pairs evenly over the combinations of attributes; only the children come out.

    Yu et al. 2023 (AttrPrompt, arXiv 2306.15895): each call names one value of each attribute, such as a length, a style and a topic,
    and shows three human examples. Cells with the fewest accepted rows come next, so that what was refused is made up for; the report
    tells the rows of each.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      spread:
        use: attributes
        model: writer
        rows: 24
        attributes: {length: [one line, a paragraph], tone: [curt, chatty], subject: [travel, tools, food]}
        budget: {tokens: 200000}
      all:   {use: dedup, from: [split, spread], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    temperature_by_default: ClassVar[float] = 1.0

    use: Literal["attributes"] = "attributes"
    attributes: Annotated[dict[str, Annotated[Names, Field(min_length=1)]], Field(min_length=1)]
    """What examples differ in: a name and its values, for each attribute."""

    def cells(self, context: Context) -> Sequence[Mapping[str, str]]:
        """Give the combinations in an order drawn by hash, so that the first ones are spread over all."""
        names = list(self.attributes)
        found = (dict(zip(names, values, strict=True)) for values in itertools.product(*self.attributes.values()))
        return heapq.nsmallest(MOST_CELLS, found, key=lambda cell: draw(context.seed, context.step, "cell", cell))

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Show examples and ask for one of the cell."""
        return await self.one_more(lot, ask, context, SHOTS)
