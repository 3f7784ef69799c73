"""A rule: a named score over the features, and the bounds between which a row is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, ValidationInfo, field_validator

from tasks.settings import Settings
from tasks.text.features import PEER

Profile = Literal["paper", "datatrove"]
PAPER_NAMES = {
    "counted_words": "words", "filled_lines": "lines", "split_lines": "lines", "filled_duplicate_chars": "duplicate_line_chars",
}  # fmt: skip
"""What datatrove counts in several ways and the papers in one."""
PEER_GROUPS = {"structure": "peer", "repetition": "peer", "lines": "peer_lines"}


class Varied(Settings):
    """A bound that differs by language or source, as in `{by: language, values: {de: 0.5, fr: 0.6}}`.

    `language` and `source` are the columns of the rows; `detected` is the language that the text is
    found to be in. Where a value has no bound of its own, `default` holds, or else the rule's usual one.
    """

    by: Literal["language", "source", "detected"]
    values: Annotated[dict[str, float], Field(min_length=1)]
    default: float | None = None

    @property
    def column(self) -> str:
        """The feature that tells which bound holds."""
        return f"{BY}{self.by}"

    def expression(self) -> pl.Expr:
        """Give the bound of each row; null where there is none."""
        names, bounds = list(self.values), list(self.values.values())
        return pl.col(self.column).replace_strict(names, bounds, default=self.default, return_dtype=pl.Float64)


Bound = float | Varied
Ratio = Annotated[float, Field(ge=0)] | Varied
BY = "by."
"""Before the names of the features, and of their groups, by which bounds vary."""


@dataclass(frozen=True)
class Rule:
    """Keep rows whose `score` lies between `low` and `high`, both included; None: no bound."""

    name: str
    score: pl.Expr
    low: Bound | None = None
    high: Bound | None = None

    @property
    def ok(self) -> pl.Expr:
        """True where the row is kept; null where there is no score."""
        sides = []
        if self.low is not None:
            sides.append(self.score >= self.low if not isinstance(self.low, Varied) else _passes(self.score, self.low, at_least=True))
        if self.high is not None:
            sides.append(self.score <= self.high if not isinstance(self.high, Varied) else _passes(self.score, self.high, at_least=False))
        return pl.all_horizontal(sides) if len(sides) > 1 else sides[0]

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The bounds as numbers; of one that varies, that of most rows."""
        low, high = (bound.default if isinstance(bound, Varied) else bound for bound in (self.low, self.high))
        return low, high

    @property
    def varies_by(self) -> frozenset[str]:
        """The features by which bounds differ."""
        return frozenset(bound.column for bound in (self.low, self.high) if isinstance(bound, Varied))


def _passes(score: pl.Expr, bound: Varied, *, at_least: bool) -> pl.Expr:
    held = bound.expression()
    return pl.when(score.is_not_null()).then((score >= held if at_least else score <= held).fill_null(value=True))


class RuleSet(Settings):
    """A group of rules that read the same features."""

    needs: ClassVar[tuple[str, ...]] = ("structure",)
    """The groups of features that the rules read."""

    @field_validator("*", mode="after")
    @classmethod
    def _usual_elsewhere(cls, value: Any, info: ValidationInfo) -> Any:
        """Give a bound that varies its rule's own default, where it names none."""
        usual = cls.model_fields[str(info.field_name)].default
        named = isinstance(value, Varied) and value.default is None and isinstance(usual, int | float)
        return value.model_copy(update={"default": float(usual)}) if named else value

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """Give the rules in the order in which the first failing one names the drop."""
        raise NotImplementedError

    def derived(self, profile: Profile = "paper") -> Sequence[pl.Expr]:
        """Give features that are made of others for the rules to read, each worked out once."""
        del profile
        return ()

    def cuts(self, profile: Profile = "paper") -> pl.Expr | None:
        """Give the spans to take out of rows that stay; None: nothing."""
        del profile
        return None

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """Name the groups of features that the rules read."""
        own = (PEER_GROUPS.get(group, group) if profile == "datatrove" else group for group in self.needs)
        return frozenset(own).union(*(rule.varies_by for rule in self.rules(profile)))


class Between(Settings):
    """Bounds of a score; an absent one does not bound."""

    min: Bound | None = None
    max: Bound | None = None

    @property
    def binds(self) -> bool:
        """Whether there is a bound."""
        return self.min is not None or self.max is not None


def between(name: str, score: pl.Expr, bounds: Between | None) -> list[Rule]:
    """Give the rule of bounds that were set; none where they were not."""
    return [Rule(name, score, bounds.min, bounds.max)] if bounds is not None and bounds.binds else []


def usually(bound: Bound | None, usual: float) -> Bound:
    """Give a bound, or what is usual where it, or its default, is absent."""
    if isinstance(bound, Varied):
        return bound if bound.default is not None else bound.model_copy(update={"default": usual})
    return usual if bound is None else bound


def feature(name: str, profile: Profile = "paper") -> pl.Expr:
    """Give a feature as the profile counts it."""
    return pl.col(f"{PEER}{name}" if profile == "datatrove" else PAPER_NAMES.get(name, name))


def ratio(part: str, whole: str, profile: Profile = "paper") -> pl.Expr:
    """Divide two features; nothing of nothing is 0."""
    below = feature(whole, profile)
    return pl.when(below > 0).then(feature(part, profile) / below).otherwise(0.0)
