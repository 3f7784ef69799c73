"""A recipe: the whole dataset as one frozen value."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, StringConstraints

from tasks.clients.llm import Model
from tasks.settings import Settings
from tasks.step import Step
from tasks.store.keys import plain

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class Header(Settings):
    """What stands at the top of a recipe."""

    name: Name
    """The dataset's name: a folder below `--out`."""
    about: str = ""
    """One sentence: the task that the dataset teaches."""
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Changes every draw of the recipe, and nothing else."""
    models: dict[Name, Model] = {}
    """Models that steps refer to by name."""


class Recipe(Header):
    """A recipe whose steps have been read; `home` is the folder that its paths are relative to."""

    steps: dict[Name, SerializeAsAny[Step]]
    home: str = Field(default="", exclude=True)

    def parents(self, name: str) -> tuple[str, ...]:
        """Give the steps whose rows the step `name` takes; resolved recipes only."""
        return self.steps[name].parents

    def canonical(self) -> dict[str, Any]:
        """Give the recipe as plain data with explicit `from`, without defaults, keys sorted."""
        steps = {name: canonical_step(step) for name, step in self.steps.items()}
        head = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"steps"})
        return dict(_sorted(head | {"name": self.name, "steps": steps}))


def canonical_step(step: Step) -> dict[str, Any]:
    """Give a step as plain data without its defaults."""
    data = step.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data["use"] = step.use
    if step.parents:
        data["from"] = list(step.parents)
    return plain_step(data)


def plain_step(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give plain data with lists for tuples."""
    return dict(plain(dict(data)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
