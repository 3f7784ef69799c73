"""A rule: a named score over the features, and the bounds between which a row is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from tasks.settings import Settings

Ratio = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Rule:
    """Keep rows whose `score` lies between `low` and `high`, both included; None: no bound."""

    name: str
    score: pl.Expr
    low: float | None = None
    high: float | None = None

    @property
    def ok(self) -> pl.Expr:
        """True where the row is kept."""
        if self.low is not None and self.high is not None:
            return self.score.is_between(self.low, self.high)
        return self.score >= self.low if self.low is not None else self.score <= self.high


class RuleSet(Settings):
    """A group of rules that read the same features."""

    needs: ClassVar[tuple[str, ...]] = ("structure",)
    """The groups of features that the rules read."""

    def rules(self) -> Sequence[Rule]:
        """Give the rules in the order in which the first failing one names the drop."""
        raise NotImplementedError

    def cuts(self) -> pl.Expr | None:
        """Give the spans to take out of rows that stay; None: nothing."""
        return None


class Between(Settings):
    """Bounds of a score; an absent one does not bound."""

    min: float | None = None
    max: float | None = None


def ratio(part: str, whole: str) -> pl.Expr:
    """Divide two features; nothing of nothing is 0."""
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole)).otherwise(0.0)
