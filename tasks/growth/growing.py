"""What steps that grow rows share: their settings, the lots that they are asked for, and the children that come of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tasks.clients.model import Answer
from tasks.errors import Fault
from tasks.frames import Kind
from tasks.growth.asking import Ask
from tasks.growth.judging import Judge, rubric_digest, rubric_faults, rubric_file
from tasks.growth.prompting import formed, request, unrepeated
from tasks.growth.reading import Refused, json_in, text_of, whole
from tasks.growth.strategy import ModelStep, Row, is_human, licences, made_by, pair_of, schema_step_faults
from tasks.growth.structure import fitted, paired, rewritten, written
from tasks.settings import Settings
from tasks.step import Context, Family, Names
from tasks.store.keys import draw

ROUND = 32
"""Lots that see the same history; a fixed number, so that a rerun asks the same."""


class Accept(Settings):
    """What a new row must be like to be counted, and when growing has gone far enough."""

    novelty: Annotated[float, Field(ge=0, le=1)] = 0.3
    """At least this far (1 - ROUGE-L F) from every seed's input and that of every row made before."""
    mean: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Growing stops when the mean novelty of the last 50 candidates, accepted or not, falls below this."""
    judge: Judge | None = None
    """A model that scores new rows by a rubric: `{model, rubric, min}`."""
    ratio: Annotated[float, Field(gt=0)] = 50.0
    """Rows made by models for each human one, at most."""
    depth: Annotated[int, Field(ge=1)] = 5
    """Generations between a human row and the last of its descendants, at most."""


@dataclass(frozen=True)
class Outcome:
    """What came of an earlier lot: candidates and refusals, before anything is accepted."""

    number: int
    made: tuple[Row | Refused, ...]


@dataclass(frozen=True)
class Lot:
    """One call to be made: its cell, its number there, the seeds that it may show, all of one split, and what came of earlier lots."""

    name: str
    """Unique among the lots of a step."""
    cell: Mapping[str, str]
    number: int
    seeds: Sequence[Row]
    history: Sequence[Outcome] = ()
    depths: Mapping[str, int] = field(default_factory=dict)
    """Generations of models between each seed and a human row."""

    @property
    def humans(self) -> Sequence[Row]:
        """The seeds that people wrote; all of them where there are none."""
        return [row for row in self.seeds if is_human(row)] or self.seeds

    def made(self) -> list[Row]:
        """Give the children of earlier lots that are of the split of these seeds."""
        own = self.seeds[0].get("split")
        return [row for outcome in self.history for row in outcome.made if isinstance(row, dict) and row.get("split") == own]

    def drawn(self, rows: Sequence[Row], count: int, about: str, context: Context) -> list[Row]:
        """Draw rows by hash: the same for the same lot, whatever else is asked."""
        ranked = sorted(rows, key=lambda row: draw(context.seed, context.step, about, dict(self.cell), self.number, row["id"]))
        return ranked[:count]


class GrowingStep(ModelStep):
    """A step that makes new rows of seeds; only the children come out."""

    family: ClassVar[Family] = "grow"
    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)
    judge_place: ClassVar[str] = "accept.judge.model"
    keeps_output: ClassVar[bool] = False
    """Whether a child has its parent's output, so that only its input must be new."""
    rewords: ClassVar[bool] = False
    """Whether a child's input is its parent's in other words, so that it needs what stands before that."""

    rows: Annotated[int, Field(ge=1)]
    """How many new rows to accept."""
    accept: Accept = Accept()
    """What a new row must be like."""
    grow: Annotated[Names, Field(min_length=1)] = ("train",)
    """Splits whose rows are seeds; children stay in the split of theirs."""
    schema_: Mapping[str, Any] | None = Field(default=None, alias="schema")
    """JSON Schema of the output, an object with `properties`; what does not fit is asked for once more, and then emptied and named."""

    def models(self) -> tuple[str, ...]:
        """The writer, and the judge if there is one."""
        return (self.model, *((self.accept.judge.model,) if self.accept.judge else ()))

    def input_files(self) -> dict[str, str]:
        """A prompt, and a rubric of the user's own."""
        rubric = rubric_file(self.accept.judge.rubric) if self.accept.judge else None
        return super().input_files() | ({"rubric": rubric} if rubric else {})

    def identity(self) -> dict[str, Any]:
        """The settings, the instructions, and the rubric."""
        return super().identity() | ({"rubric": rubric_digest(self.accept.judge.rubric)} if self.accept.judge else {})

    def faults(self) -> Sequence[Fault]:
        """A wrong budget, a wrong schema."""
        return [*super().faults(), *schema_step_faults(self.schema_)]

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """An empty prompt, an empty rubric."""
        rubric = rubric_faults("accept.judge.rubric", files["rubric"]) if "rubric" in files else ()
        return [*super().faults_in(files), *rubric]

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A pair's columns, the fields that had to be emptied where there is a schema, and the verdict where there is a judge."""
        told = {"emptied"} if self.schema_ is not None else set()
        return super().columns_after(before) | told | ({"score", "verdict"} if self.accept.judge else set())

    def cells(self, context: Context) -> Sequence[Mapping[str, str]]:
        """Give the cells over which rows are spread evenly; one without a name unless a strategy has some."""
        del context
        return ({},)

    async def candidates(self, lot: Lot, ask: Ask, context: Context) -> Sequence[Row | Refused]:
        """Make candidates by one lot; Refused where nothing came of it."""
        raise NotImplementedError

    @property
    def form(self) -> dict[str, Any]:
        """The JSON Schema of an answer that is a pair."""
        return paired(self.schema_)

    @property
    def each(self) -> int:
        """How many candidates a lot gives at most."""
        return 1

    def told(self, context: Context, part: str = "") -> str:
        """Give the instructions, with the form of the output where the recipe has one."""
        return formed(self.instructions(context, part), self.schema_)

    async def one_more(self, lot: Lot, ask: Ask, context: Context, shots: int) -> list[Row]:
        """Show examples, and what the cell says, and ask for one more."""
        human = lot.drawn(lot.humans, shots, "human", context)
        examples = [pair_of(row) for row in human]
        told = self.told(context)
        asked = request(told, {"examples": examples, "new": dict(lot.cell)}, self.parameters(), lot.number, self.form)
        return [self.child(lot, human, context, await ask(asked, lambda answer, last: self.pair(answer, last, told)))]

    def pair(self, answer: Answer, last: bool, told: str) -> dict[str, Any]:  # noqa: FBT001  the signature of a reader of answers
        """Read a pair from an answer to `told`: its texts, and `emptied` where fields did not fit; Refused says why there is none."""
        text = unrepeated(whole(answer), told)
        return self.texts(json_in(text), last=last)

    def texts(self, value: Mapping[str, Any], *, last: bool) -> dict[str, Any]:
        """Give the texts of a pair that was read."""
        source = text_of(value, "input")
        if self.schema_ is None:
            return {"input": source, "output": text_of(value, "output")}
        held, emptied = fitted(_parsed(value.get("output")), self.schema_, last=last)
        return {"input": source, "output": written(held), "emptied": ", ".join(emptied) or None}

    def child(self, lot: Lot, parents: Sequence[Row], context: Context, texts: Mapping[str, Any], place: int = 0) -> Row:
        """Make a child: it has the origin of its first parent, and the licences of all."""
        first = parents[0]
        form = {} if self.schema_ is None or self.keeps_output else {"output": rewritten(texts["output"], str(first["output"]))}
        return {
            "id": f"{first['id']}/{context.step}#{lot.name}{f'.{place}' if place else ''}",
            "source": first["source"],
            "unit": first["unit"],
            "licence": licences(parents),
            "language": first["language"],
            "group": first["group"],
            "parents": [row["id"] for row in parents],
            "system": first["system"],
            "generator": made_by(self),
            "split": first.get("split"),
            **({name: first.get(name) for name in ("turns", "tools")} if self.rewords else {}),
            **texts,
            **form,
        }


def _parsed(value: object) -> object:
    """Give an output that was written as text as the object that it is."""
    return json_in(value) if isinstance(value, str) else value
