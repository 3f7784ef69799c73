"""What steps that ask a model share: their settings, and what becomes of a row."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from tasks.errors import Fault
from tasks.frames import PAIRS, Kind
from tasks.growth.asking import Ask, Asker
from tasks.growth.budget import Budget
from tasks.growth.prompting import parts_of, shipped
from tasks.growth.structure import schema_faults
from tasks.step import Context, Family, InputFile, Step
from tasks.store.keys import digest

Row = dict[str, Any]
UNANSWERED = "no output"
"""Why a pair is not judged, and nothing worse is written beside it."""


class Call(NamedTuple):
    """A call that a row takes: its model, about how many tokens its answer has, and, if it follows another, what its question weighs."""

    model: str
    output: float
    weight: float = 0.0


class ModelStep(Step):
    """A step that asks a model."""

    gives: ClassVar[Kind | None] = "pairs"
    draws: ClassVar[bool] = True
    temperature_by_default: ClassVar[float] = 0.7
    judge_place: ClassVar[str] = "judge"
    """The setting that names a second model."""

    model: str
    """Name of the model in the recipe's `models`."""
    budget: Budget | None = None
    """Cap on what the step may spend over all its runs; a build without one is refused, and one is proposed."""
    prompt: InputFile | None = None
    """File with a prompt of your own for the system message, beside the recipe. Where the prompt that comes with Dartboard has parts
    (`# name`), yours may have any of them."""
    max_tokens: Annotated[int, Field(ge=16)] = 1024
    """Tokens that an answer may have."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely the model draws its words; the strategy's own unless given."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(default=8, json_schema_extra={"identity": False})
    """Calls under way at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(default=120.0, json_schema_extra={"identity": False})
    """Seconds after which a call is given up and sent again."""

    def models(self) -> tuple[str, ...]:
        """Name the models that the step asks, its own first."""
        return (self.model,)

    def identity(self) -> dict[str, Any]:
        """The settings, and the instructions that come with Dartboard."""
        return super().identity() | {"instructions": digest(shipped("prompts", self.use))}

    def instructions(self, context: Context, part: str = "") -> str:
        """Give what the model is told: a part of the user's own file, where it has it, or else of the one that comes with Dartboard."""
        ours = parts_of(shipped("prompts", self.use) or "")
        own = parts_of(context.files.get("prompt", ""), [name for name in ours if name])
        return own.get(part) or ours.get(part, "")

    def parameters(self, **more: Any) -> dict[str, Any]:
        """Give the parameters of a call."""
        return {"max_tokens": self.max_tokens, "temperature": self.temperature_by_default, **more} | (
            {} if self.temperature is None else {"temperature": self.temperature}
        )

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A pair's columns, and what the rows carry."""
        return frozenset(PAIRS) | (before - {"text", "sections"})

    def faults(self) -> Sequence[Fault]:
        """A budget is in one unit."""
        if self.budget is not None and (self.budget.usd is None) == (self.budget.tokens is None):
            return [Fault("budget", "is given either in `usd` or in `tokens`", remedy="For instance `budget: {tokens: 500000}`.")]
        return ()

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """An empty prompt: the model would be told nothing."""
        empty = "prompt" in files and not files["prompt"].strip()
        return [Fault("prompt", "is empty", self.prompt or "", "Write what the model must know, or take it out.")] if empty else []

    def model_faults(self, models: Mapping[str, Any]) -> Sequence[Fault]:
        """Name what does not fit the recipe's models."""
        absent = [
            Fault(place, f"is not among the models ({', '.join(models) or 'none'})", name)
            for name, place in zip(self.models(), ("model", self.judge_place), strict=False)
            if name not in models
        ]
        free = [name for name in self.models() if name in models and models[name].price is None]
        if self.budget and self.budget.usd is not None and free:
            remedy = "Give `price: {input: …, output: …}` in dollars per million tokens."
            return [*absent, Fault("budget.usd", f"models.{free[0]} has no price", remedy=remedy)]
        return absent


class CompletingStep(ModelStep):
    """A step that completes rows: ids stay, and so does every word that a human wrote."""

    family: ClassVar[Family] = "complete"

    async def finish(self, row: Row, ask: Ask, context: Context) -> Row:
        """Complete one row; Refused says why it cannot be."""
        raise NotImplementedError

    @property
    def keeps(self) -> bool:
        """Whether a row that the model did not complete, or must not see, goes on as it was; otherwise it is dropped, by name."""
        return False

    def expects(self, rows: Sequence[Row], context: Context) -> Sequence[Call]:
        """Give the calls that a row takes, on average."""
        del rows, context
        return [Call(self.model, 60)]

    async def conclude(self, rows: Sequence[Row], made: Sequence[Row], asking: Asker, context: Context) -> dict[str, Any]:
        """Give what the report should hold besides: `warned`, a list of sentences, or data of the step's own."""
        del rows, made, asking, context
        return {}


def made_by(step: ModelStep) -> str:
    """Say who made a row."""
    return f"model:{step.model}"


def is_human(row: Row) -> bool:
    """Tell whether no model wrote a row."""
    return not str(row.get("generator") or "").startswith("model:")


def before(row: Row) -> Row:
    """Give what stands before a pair's input and belongs to it: its system message and the earlier turns, where there are some."""
    return {name: row[name] for name in ("system", "turns") if row.get(name)}


def pair_of(row: Row) -> Row:
    """Give a pair as a model is shown it."""
    return {**before(row), "input": row["input"], "output": row["output"]}


def paired(row: Row, **texts: Any) -> Row:
    """Make a pair of a document's row, or change one."""
    return {name: value for name, value in row.items() if name not in ("text", "sections")} | texts


def licences(rows: Sequence[Row]) -> str | None:
    """Join the distinct licences of parents: all of them hold for the child."""
    names = sorted({name for row in rows if row.get("licence") for name in _licences_in(str(row["licence"]))})
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None


def _licences_in(text: str) -> list[str]:
    """Give the licences that were joined before; one with an alternative in it stays whole."""
    if " AND " not in text or " OR " in text:
        return [text]
    return [name[1:-1] if name.startswith("(") and name.endswith(")") else name for name in text.split(" AND ")]


def schema_step_faults(schema: Mapping[str, Any] | None) -> list[Fault]:
    """Name what is wrong with a step's `schema`."""
    return [] if schema is None else schema_faults("schema", schema)
