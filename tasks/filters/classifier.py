"""The rule of a classifier of the user's own: a fastText file."""

from collections.abc import Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from tasks.filters.rule import Profile, Ratio, Rule, RuleSet

GROUP = "classifier"


class Classifier(RuleSet):
    """Keep texts that a fastText model gives a label, as in `classifier: {path: good.ftz, label: good}`.

    `path` is a supervised model, `.bin` or `.ftz`, relative to the recipe. Source: Joulin et al. 2016, arXiv 1607.01759.
    """

    path: Annotated[str, Field(min_length=1)]
    """The model's file."""
    label: Annotated[str, Field(min_length=1)]
    """The label to keep, with or without `__label__`."""
    min: Ratio = 0.5
    """The least probability of the label."""
    chars: Annotated[int, Field(ge=1)] = 10_000
    """Characters of a text that are looked at."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule: the probability of the label."""
        del profile
        return [Rule("label", pl.col("classifier"), low=self.min)]

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """The label's probability; another label or length is measured anew."""
        varied = frozenset().union(*(rule.varies_by for rule in self.rules(profile)))
        return varied | {f"{GROUP}={self.chars} {self.label}"}
