"""`any`: rows that pass all rules of at least one of several groups."""

from collections.abc import Sequence

import polars as pl
from pydantic import SerializeAsAny

from tasks.filters.rule import Profile, Rule, RuleSet


class Alternatives(RuleSet):
    """Keep rows that pass at least one of several groups of rule sets."""

    groups_of: tuple[tuple[SerializeAsAny[RuleSet], ...], ...]

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule: how many of the groups are passed, at least one."""
        groups = [[rule.ok.fill_null(value=False) for rules in group for rule in rules.rules(profile)] for group in self.groups_of]
        return [Rule("alternatives", pl.sum_horizontal([pl.all_horizontal(group).cast(pl.UInt32) for group in groups]), low=1)]

    def derived(self, profile: Profile = "paper") -> Sequence[pl.Expr]:
        """Those of all groups."""
        return [expression for group in self.groups_of for rules in group for expression in rules.derived(profile)]

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """Those of all groups."""
        empty: frozenset[str] = frozenset()
        return empty.union(*(rules.groups(profile) for group in self.groups_of for rules in group))
