"""`backtranslate`: a human text stays the output, the model writes the input that asks for it."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.clients.model import Request, weight_of
from tasks.frames import Kind
from tasks.growth.asking import Ask
from tasks.growth.judging import FORM, VERDICT, verdict
from tasks.growth.prompting import request, unrepeated
from tasks.growth.reading import Refused, whole
from tasks.growth.strategy import Call, CompletingStep, Row, made_by, paired
from tasks.step import Context

MAX_CHARS = 12_000


class Backtranslate(CompletingStep):
    """Let a model write the input of each human text; the text stays the output, byte for byte.

    Li et al. 2023 (Humpback, arXiv 2308.06259). Its second half, self-curation, is a second call for each row: with
    `curate: 4` the model scores from 1 to 5 how well the text answers the request that it wrote, and pairs below 4 are
    dropped. Of a text of more than 12,000 characters the model sees the beginning. Ids stay. Rows marked private are
    dropped as `private`: they go to no provider.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      notes: {use: files, path: "notes/*.txt"}
      pairs: {use: backtranslate, model: writer, curate: 4, budget: {tokens: 100000}}
      dataset: {use: write, layout: prompt-completion}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("documents",)

    use: Literal["backtranslate"] = "backtranslate"
    curate: Annotated[float, Field(ge=0, le=5)] = 0.0
    """The least score of a pair that is kept, from 1 to 5; 0 asks for no scores."""

    def expects(self, rows: Sequence[Row], context: Context) -> Sequence[Call]:
        """A request, and a verdict with curation."""
        curating = [weight_of(self._curating("", row["text"][:MAX_CHARS], context)) + 60 for row in rows if self.curate]
        return [Call(self.model, 60), *([Call(self.model, 40, sum(curating) / max(len(curating), 1))] if self.curate else [])]

    def _curating(self, asked: str, text: str, context: Context) -> Request:
        """Ask whether a text answers a request."""
        told = f"{self.instructions(context, 'curate')}\n\n{FORM}"
        return request(told, {"request": asked, "answer": text}, {"max_tokens": self.max_tokens, "temperature": 0.0}, schema=VERDICT)

    async def finish(self, row: Row, ask: Ask, context: Context) -> Row:
        """Ask for the input of a text, and whether the text answers it."""
        told = self.instructions(context)
        text = row["text"][:MAX_CHARS]
        asked = await ask(request(told, {"text": text}, self.parameters()), lambda answer, _: unrepeated(whole(answer), told))
        if asked.strip() == row["text"].strip():
            raise Refused("echo")
        if self.curate:
            score, _ = await ask(self._curating(asked, text, context), verdict)
            if score < self.curate:
                raise Refused("curated away")
        return paired(row, input=asked, output=row["text"], generator=made_by(self), imputed=["input"])
