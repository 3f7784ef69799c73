"""`persona`: new pairs as many different people would ask for them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from tasks.errors import Fault
from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.reading import Refused
from tasks.growth.strategy import Row
from tasks.step import Context, InputFile, Names
from tasks.store.keys import draw

SHOTS = 3


class Persona(GrowingStep):
    """Grow new pairs evenly over personas: each call asks for an example as that person would write it; only the children come out.

    Ge et al. 2024 (arXiv 2406.20094): one prompt for all personas, temperature .7, three human examples. Personas are given in
    the recipe or in a file, one a line.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      people:
        use: persona
        model: writer
        rows: 12
        personas: [a retired sailor, a student who writes in haste, a nurse on night shift]
        budget: {tokens: 200000}
      all:   {use: dedup, from: [split, people], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    use: Literal["persona"] = "persona"
    personas: Annotated[Names, Field(min_length=1)] | None = None
    """Who asks."""
    file: InputFile | None = None
    """A file with personas, one a line."""

    def faults(self) -> Sequence[Fault]:
        """Personas stand in one place."""
        if (self.personas is None) == (self.file is None):
            rule = "personas are given either as `personas` or as `file`"
            return [*super().faults(), Fault("personas", rule, remedy="For instance `personas: [a nurse, a sailor]`.")]
        return super().faults()

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """A file without personas."""
        empty = "file" in files and not files["file"].split()
        return [*super().faults_in(files), *([Fault("file", "has no line with a persona")] if empty else [])]

    def cells(self, context: Context) -> Sequence[Mapping[str, str]]:
        """Give each persona once, in an order drawn by hash."""
        lines = self.personas or [line.strip() for line in context.files.get("file", "").splitlines()]
        names = dict.fromkeys(line for line in lines if line)
        return [{"persona": name} for name in sorted(names, key=lambda name: draw(context.seed, context.step, "persona", name))]

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Show examples and ask for one of the persona's."""
        return await self.one_more(lot, ask, context, SHOTS)
