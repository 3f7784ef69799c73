"""`preference`: beside each output one that is worse, and judged to be."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.clients.model import likely, weight_of
from tasks.errors import Fault
from tasks.frames import Kind
from tasks.growth.asking import Ask
from tasks.growth.judging import judged, rubric_digest, rubric_faults, rubric_file, verdict
from tasks.growth.prompting import request, unrepeated
from tasks.growth.reading import Refused, whole
from tasks.growth.strategy import UNANSWERED, Call, CompletingStep, Row, before
from tasks.step import Context, Names
from tasks.store.keys import draw

FLAWS = (
    "it answers a slightly different question",
    "it leaves out the most important part",
    "it is vague where it should be concrete",
    "it is several times longer than it needs to be",
    "it ignores one of the constraints of the input",
    "it contains a plausible mistake of fact or of reasoning",
    "its tone does not suit whoever asks",
    "it clings to the letter of the input and misses what is meant",
)


class Preference(CompletingStep):
    """Give each pair a rejected output, for preference training; the output that is there stays the chosen one, byte for byte.

    After Rafailov et al. 2023 (DPO, arXiv 2305.18290) and Cui et al. 2023 (UltraFeedback, arXiv 2310.01377). The model answers with
    one flaw, drawn by hash, or with `flaws: []` as well as it can; a judge then scores both by a rubric, and only an output that
    differs and scores lower by `margin` is kept as `rejected`. Rows without one go on; a preference layout skips and counts them.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      pairs: {use: preference, model: writer, budget: {tokens: 100000}}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)
    temperature_by_default: ClassVar[float] = 1.0

    use: Literal["preference"] = "preference"
    judge: str | None = None
    """Name of the judge's model in the recipe's `models`; the writer itself unless given."""
    rubric: Annotated[str, Field(min_length=1)] = "quality"
    """`quality`, `spirit` (spirit over letter), or a file of your own."""
    margin: Annotated[float, Field(gt=0, le=4)] = 1.0
    """By how much the chosen output must score higher."""
    flaws: Names = FLAWS
    """What may be wrong with a rejected output, one of which the model is told; none: it is told to answer well."""

    def models(self) -> tuple[str, ...]:
        """The writer and the judge."""
        return tuple(dict.fromkeys((self.model, self.judge or self.model)))

    @property
    def keeps(self) -> bool:
        """A row that could not be completed goes on as it was."""
        return True

    def input_files(self) -> dict[str, str]:
        """A prompt and a rubric of the user's own."""
        rubric = rubric_file(self.rubric)
        return super().input_files() | ({"rubric": rubric} if rubric else {})

    def identity(self) -> dict[str, Any]:
        """The settings, the instructions, and the rubric."""
        return super().identity() | {"rubric": [self.rubric, rubric_digest(self.rubric)]}

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """An empty prompt, an empty rubric."""
        return [*super().faults_in(files), *(rubric_faults("rubric", files["rubric"]) if "rubric" in files else ())]

    def expects(self, rows: Sequence[Row], context: Context) -> Sequence[Call]:
        """A worse output, about as long as the one that is there, and a short verdict on each."""
        count = max(len(rows), 1)
        asked = [weight_of(judged(self.rubric, context.files.get("rubric", ""), row)) for row in rows]
        judge = Call(self.judge or self.model, 40, sum(asked) / count)
        return [Call(self.model, sum(likely(str(row["output"] or "")) for row in rows) / count), judge, judge]

    async def finish(self, row: Row, ask: Ask, context: Context) -> Row:
        """Write a worse output, and have both judged."""
        if row["rejected"]:
            return row
        if row["output"] is None:
            raise Refused(UNANSWERED)
        told = self.instructions(context, "" if self.flaws else "plainly")
        drawn = draw(context.seed, context.step, "flaw", row["input"], row["output"])
        data = {**before(row), "input": row["input"], **({"flaw": self.flaws[drawn % len(self.flaws)]} if self.flaws else {})}
        rejected = await ask(request(told, data, self.parameters()), lambda answer, _: unrepeated(whole(answer), told))
        if rejected.split() == str(row["output"]).split():
            raise Refused("the same as the output")
        own, judge = context.files.get("rubric", ""), self.judge or self.model
        low, _ = await ask(judged(self.rubric, own, row | {"output": rejected}), verdict, judge)
        high, _ = await ask(judged(self.rubric, own, row), verdict, judge)
        if high - low < self.margin:
            raise Refused("not judged worse")
        return row | {"rejected": rejected, "imputed": [*(row["imputed"] or []), "rejected"]}
