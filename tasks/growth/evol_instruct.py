"""`evol-instruct`: inputs that grow harder, or rarer, from generation to generation."""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.novelty import Novelty
from tasks.growth.prompting import request, unrepeated
from tasks.growth.reading import Refused, whole
from tasks.growth.strategy import Row, before, pair_of
from tasks.step import Context
from tasks.store.keys import draw

WAYS = ("constraints", "deepen", "concretise", "reasoning", "breadth")
LEAKED = re.compile(r"(given|rewritten|new|created) (prompt|input)\b|the examples? above", re.IGNORECASE)
GAINED = 0.1
"""An evolved input differs at least so much (1 - ROUGE-L F) from its parent."""
SORRY, SORRY_WORDS = "sorry", 80
"""An answer with this word and fewer words than that is an apology, unless seeds say it too."""


class EvolInstruct(GrowingStep):
    """Evolve inputs step by step, each answered by the model; only the children come out.

    Xu et al. 2023 (WizardLM, arXiv 2304.12244): in depth by another constraint, a deeper or more concrete question, more steps of
    reasoning, ten to twenty words longer; in breadth by a rarer input of the same kind; temperature 1, top_p .95. Seeds take turns.
    An eliminator takes out what gained nothing over its parent, repeats the instructions, or was answered with an apology (unless seeds
    say sorry too) or without a word: the parent returns to the pool and is evolved again. What is evolved is the last one of its line,
    until `accept.depth`.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      harder: {use: evol-instruct, model: writer, rows: 20, budget: {tokens: 200000}}
      all:   {use: dedup, from: [split, harder], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    rewords: ClassVar[bool] = True
    temperature_by_default: ClassVar[float] = 1.0

    use: Literal["evol-instruct"] = "evol-instruct"

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Evolve the last of a seed's line, and answer it."""
        root, turn = self._turn(lot, context)
        parent = self._head(lot, root, context)
        way = WAYS[draw(context.seed, context.step, "way", root["id"], turn) % len(WAYS)]
        told = f"{self.instructions(context)}\n\n{self.instructions(context, way)}"
        parameters = self.parameters(top_p=0.95)
        evolving = request(told, {**before(parent), "input": parent["input"]}, parameters, turn)
        evolved = await ask(evolving, lambda answer, _: self._evolved(unrepeated(whole(answer), told), parent))
        answering = self.told(context, "answer")
        asked = request(answering, {"example": pair_of(parent), "input": evolved}, parameters, turn, self.schema_)
        sorry = any(SORRY in str(row["output"]).lower() for row in lot.seeds)
        texts = await ask(asked, lambda answer, last: self._answered(unrepeated(whole(answer), answering), evolved, last=last, sorry=sorry))
        return [self.child(lot, [parent], context, texts)]

    def _turn(self, lot: Lot, context: Context) -> tuple[Row, int]:
        """Give the seed that is evolved, and how often it was before: calls are known by these, so one more seed changes no other's."""
        seeds = sorted(lot.seeds, key=lambda row: draw(context.seed, context.step, "turn", row["id"]))
        return seeds[lot.number % len(seeds)], lot.number // len(seeds)

    def _head(self, lot: Lot, root: Row, context: Context) -> Row:
        """Give the last of a seed's line; where the line is as deep as it may be, the seed again."""
        line = [row for row in lot.made() if str(row["id"]).startswith(f"{root['id']}/{context.step}#")]
        head = line[-1] if line else root
        depth = lot.depths.get(root["id"], 0) + str(head["id"]).removeprefix(str(root["id"])).count(f"/{context.step}#")
        return root if depth >= self.accept.depth else head

    def _evolved(self, text: str, parent: Row) -> str:
        """The eliminator's first half: what an input must be."""
        if LEAKED.search(text) and not LEAKED.search(parent["input"]):
            raise Refused("eliminated: repeats the instructions")
        if Novelty([parent["input"]]).of(text) < GAINED:
            raise Refused("eliminated: nothing gained")
        return text

    def _answered(self, text: str, evolved: str, *, last: bool, sorry: bool) -> dict[str, object]:
        """The eliminator's second half: what an answer must be."""
        if not sorry and SORRY in text.lower() and len(text.split()) < SORRY_WORDS:
            raise Refused("eliminated: an apology")
        if not re.search(r"\w", text):
            raise Refused("eliminated: no words")
        return {"input": evolved, "output": text} if self.schema_ is None else self.texts({"input": evolved, "output": text}, last=last)
