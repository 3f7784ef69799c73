"""`judge`: a model scores pairs by a rubric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.errors import Fault
from tasks.frames import Kind
from tasks.growth.asking import Ask, Asker
from tasks.growth.judging import HIGH, LOW, judged, rubric_digest, rubric_faults, rubric_file, verdict
from tasks.growth.reading import Refused
from tasks.growth.strategy import UNANSWERED, CompletingStep, Row
from tasks.step import Context


class Judge(CompletingStep):
    """Score each pair from 1 to 5 by a rubric: `score`, and `verdict` with the reason.

    Zheng et al. 2023 (arXiv 2306.05685). With `min` pairs below it are dropped, and so are those that nobody could judge: private ones
    (they are shown to nobody), those beyond the budget, those whose verdict could not be read. Without `min` they go on without a score.
    Two rubrics come with Dartboard, `quality` and `spirit` (spirit over letter); your own is a text file that says what a good output is
    like and what each score means.

    ```yaml
    models:
      critic: {model: gpt-5-mini, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      good:  {use: judge, model: critic, rubric: spirit, min: 4, budget: {tokens: 100000}}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)

    use: Literal["judge"] = "judge"
    rubric: Annotated[str, Field(min_length=1)] = "quality"
    """`quality`, `spirit` (spirit over letter), or a file of your own."""
    min: Annotated[float, Field(ge=LOW, le=HIGH)] | None = None
    """The least score of a pair that is kept."""

    @property
    def keeps(self) -> bool:
        """Whether a pair without a verdict goes on: not past a bar."""
        return self.min is None

    def input_files(self) -> dict[str, str]:
        """A rubric of the user's own."""
        rubric = rubric_file(self.rubric)
        return super().input_files() | ({"rubric": rubric} if rubric else {})

    def identity(self) -> dict[str, Any]:
        """The settings and the rubric."""
        return super().identity() | {"rubric": [self.rubric, rubric_digest(self.rubric)]}

    def faults(self) -> Sequence[Fault]:
        """What a judge is told is its rubric."""
        rule = Fault("prompt", "a judge is told what to do by its rubric", remedy="Name the file as `rubric`.")
        return [*super().faults(), *([rule] if self.prompt else [])]

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """An empty rubric."""
        return rubric_faults("rubric", files["rubric"]) if "rubric" in files else ()

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """Those before, the score and the verdict."""
        return super().columns_after(before) | {"score", "verdict"}

    async def finish(self, row: Row, ask: Ask, context: Context) -> Row:
        """Ask for the verdict."""
        if row["output"] is None:
            raise Refused(UNANSWERED)
        asked = judged(self.rubric, context.files.get("rubric", ""), row, self.max_tokens)
        score, reason = await ask(asked, verdict)
        if self.min is not None and score < self.min:
            raise Refused(f"judged below {self.min:g}", drop=True)
        return row | {"score": score, "verdict": reason}

    async def conclude(self, rows: Sequence[Row], made: Sequence[Row], asking: Asker, context: Context) -> dict[str, Any]:
        """Tell how many pairs have each score."""
        del rows, asking, context
        found = Counter(round(row["score"]) for row in made)
        return {"scores": {str(score): found[score] for score in range(int(LOW), int(HIGH) + 1)}}
