"""`self-instruct`: new pairs in the manner of a few human ones."""

from collections.abc import Mapping, Sequence
from typing import Literal

from tasks.growth.asking import Ask
from tasks.growth.growing import GrowingStep, Lot
from tasks.growth.novelty import count_words
from tasks.growth.prompting import request
from tasks.growth.reading import Refused
from tasks.growth.strategy import Row, pair_of
from tasks.step import Context

HUMAN_SHOTS, MADE_SHOTS = 6, 2
MIN_WORDS, MAX_WORDS = 3, 150


class SelfInstruct(GrowingStep):
    """Grow new pairs from human ones; only the children come out, so join them by `from: [split, grown]`.

    Wang et al. 2022 (arXiv 2212.10560): eight shots, six human and two made before; temperature .7,
    top_p .5, presence penalty 2; inputs of 4 to 150 words; ROUGE-L at most .7 against seeds and
    pool. Children carry the split, group and licences of their shots, which come from train where
    rows are split; rows marked private are never shown.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, test: 1}
      grown: {use: self-instruct, model: writer, rows: 50, budget: {tokens: 200000}}
      all:   {use: dedup, from: [split, grown], by: [input]}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    use: Literal["self-instruct"] = "self-instruct"

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Show eight examples, drawn by hash, and ask for a ninth."""
        made = lot.drawn(self._young(lot.made(), lot.depths), MADE_SHOTS, "made", context)
        human = lot.drawn(lot.humans, HUMAN_SHOTS + MADE_SHOTS - len(made), "human", context)
        shots = [pair_of(row) for row in (*human, *made)]
        told = self.told(context)
        parameters = self.parameters(top_p=0.5, presence_penalty=2)
        asked = request(told, {"examples": shots}, parameters, lot.number, self.form)
        texts = await ask(asked, lambda answer, last: self.pair(answer, last, told))
        words = count_words(str(texts["input"]))
        if not MIN_WORDS < words <= MAX_WORDS:
            raise Refused("too short" if words <= MIN_WORDS else "too long")
        return [self.child(lot, [*human, *made], context, texts)]

    def _young(self, made: Sequence[Row], known: Mapping[str, int]) -> list[Row]:
        """Give those of which a child is no more generations from a human than it may be."""
        depths = dict(known)
        for row in made:
            depths[row["id"]] = 1 + max(depths.get(parent, 0) for parent in row["parents"])
        return [row for row in made if depths[row["id"]] < self.accept.depth]
