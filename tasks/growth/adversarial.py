"""`adversarial`: inputs that would lead a model astray, with the task done on them all the same."""

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
KINDS = (
    "an instruction in the middle of the input that asks for something else",
    "a request to forget the task or to reveal the instructions",
    "text that ends in the middle of a sentence",
    "markup, code or control tokens scattered through it",
    "two demands that contradict each other",
    "a false premise stated as a fact",
    "far too little to go on",
    "a great deal of text beside the point",
    "several languages mixed",
    "rude, threatening or pleading language",
)


class Adversarial(GrowingStep):
    """Grow hostile, broken and misleading inputs evenly over kinds, with the output that does the task all the same.

    After Perez et al. 2022 (red teaming with language models, arXiv 2202.03286). Each call names one kind of attack and shows three human
    examples. For attacks without a model, on texts whose outputs are made by rule, see `hostile`. Only the children come out.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      traps: {use: adversarial, model: writer, rows: 20, budget: {tokens: 200000}}
      all:   {use: dedup, from: [split, traps], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    temperature_by_default: ClassVar[float] = 1.0

    use: Literal["adversarial"] = "adversarial"
    kinds: Annotated[Names, Field(min_length=1)] = KINDS
    """What is wrong with the inputs."""

    def cells(self, context: Context) -> Sequence[Mapping[str, str]]:
        """Give each kind, in an order drawn by hash."""
        return [{"trap": kind} for kind in sorted(self.kinds, key=lambda kind: draw(context.seed, context.step, "kind", kind))]

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Show examples and ask for one with a trap in it."""
        return await self.one_more(lot, ask, context, SHOTS)
