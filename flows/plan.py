"""Recipe to plan: the stages in order, with what each needs. Pure: nothing is opened or asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.decontamination import Decontaminate
from tasks.filters.sieve import Filter
from tasks.frames import Kind
from tasks.gate import Expect
from tasks.growth.slots import Slots
from tasks.growth.strategy import ModelStep
from tasks.published.sink import Write
from tasks.recipe import Recipe
from tasks.step import BarrierStep, RowStep, SourceStep, Step
from tasks.wiring import wire

StageKind = Literal["source", "rows", "features", "verdicts", "barrier", "decontaminate", "gate", "model", "slots", "sink"]


@dataclass(frozen=True)
class Stage:
    """What runs at once: a step, a chain of row-wise steps, or the feature half of a filter."""

    name: str
    kind: StageKind
    steps: tuple[str, ...]
    """The recipe's steps that it carries out, in order."""
    needs: tuple[str, ...]
    """The stages whose results it takes."""
    beside: tuple[str, ...] = ()
    """Those whose results it looks at besides: a decontamination's items."""


@dataclass(frozen=True)
class Plan:
    """The stages of a recipe in an order that works, and the columns that each step gives."""

    recipe: Recipe
    stages: tuple[Stage, ...]
    columns: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, Kind]

    def step(self, name: str) -> Step:
        """Give a step by its name."""
        return self.recipe.steps[name]


def plan_of(recipe: Recipe) -> Plan:
    """Plan a checked recipe: row-wise steps that only feed each other are one stage, a filter is two."""
    order = wire(recipe.steps, recipe.models).order
    chains = _chains(recipe, order)
    stages: list[Stage] = []
    giving: dict[str, str] = {}
    for name in order:
        chain = chains.get(name)
        if chain is None:
            continue
        needs = tuple(giving[parent] for parent in recipe.parents(chain[0]))
        beside = tuple(giving[other] for other in recipe.steps[chain[0]].others().values() if other in giving)
        made = _stages(recipe, chain, needs, beside)
        stages.extend(made)
        giving[chain[-1]] = made[-1].name
    columns, kinds = _columns(recipe, order)
    return Plan(recipe, tuple(stages), columns, kinds)


def _chains(recipe: Recipe, order: list[str]) -> dict[str, tuple[str, ...]]:
    """Give each chain by its last step: row-wise steps fuse where one is all that reads the other."""
    readers: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        for parent in (*recipe.parents(name), *recipe.steps[name].others().values()):
            readers[parent].append(name)
    held: dict[str, tuple[str, ...]] = {}
    for name in order:
        parents = recipe.parents(name)
        fused = (
            isinstance(recipe.steps[name], RowStep)
            and not getattr(recipe.steps[name], "wait", False)
            and len(parents) == 1
            and isinstance(recipe.steps[parents[0]], RowStep)
            and readers[parents[0]] == [name]
        )
        held[name] = (*held.pop(parents[0]), name) if fused else (name,)
    return held


def _stages(recipe: Recipe, chain: tuple[str, ...], needs: tuple[str, ...], beside: tuple[str, ...]) -> list[Stage]:
    step = recipe.steps[chain[0]]
    name = "+".join(chain)
    if isinstance(step, Filter):
        features = Stage(f"{name}.features", "features", chain, needs)
        return [features, Stage(name, "verdicts", chain, (features.name,))]
    return [Stage(name, _kind(step), chain, needs, beside)]


def _kind(step: Step) -> StageKind:
    kinds: tuple[tuple[type[Step], StageKind], ...] = (
        (SourceStep, "source"),
        (RowStep, "rows"),
        (BarrierStep, "barrier"),
        (Decontaminate, "decontaminate"),
        (Expect, "gate"),
        (ModelStep, "model"),
        (Slots, "slots"),
        (Write, "sink"),
    )
    return next(kind for base, kind in kinds if isinstance(step, base))


def _columns(recipe: Recipe, order: list[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, Kind]]:
    columns: dict[str, frozenset[str]] = {}
    kinds: dict[str, Kind] = {}
    for name in order:
        step, parents = recipe.steps[name], recipe.parents(name)
        columns[name] = step.columns_after(frozenset[str]().union(*(columns[parent] for parent in parents)))
        given = getattr(step, "kind", None) or step.gives
        kinds[name] = given or kinds[parents[0]]
    return {name: tuple(sorted(held)) for name, held in columns.items()}, kinds
