"""A rule: a named score over the features, and the bounds between which a row is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from tasks.settings import Settings
from tasks.text.features import PEER

Ratio = Annotated[float, Field(ge=0)]
Profile = Literal["paper", "datatrove"]
PAPER_NAMES = {
    "counted_words": "words", "filled_lines": "lines", "split_lines": "lines", "filled_duplicate_chars": "duplicate_line_chars",
}  # fmt: skip
"""What datatrove counts in several ways and the papers in one."""
PEER_GROUPS = {"structure": "peer", "repetition": "peer", "lines": "peer_lines"}


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
        return frozenset(PEER_GROUPS.get(group, group) if profile == "datatrove" else group for group in self.needs)


class Between(Settings):
    """Bounds of a score; an absent one does not bound."""

    min: float | None = None
    max: float | None = None


def feature(name: str, profile: Profile = "paper") -> pl.Expr:
    """Give a feature as the profile counts it."""
    return pl.col(f"{PEER}{name}" if profile == "datatrove" else PAPER_NAMES.get(name, name))


def ratio(part: str, whole: str, profile: Profile = "paper") -> pl.Expr:
    """Divide two features; nothing of nothing is 0."""
    below = feature(whole, profile)
    return pl.when(below > 0).then(feature(part, profile) / below).otherwise(0.0)
