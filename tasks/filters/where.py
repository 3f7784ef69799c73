"""A user's own rules, as SQL expressions over the columns of a row."""

from collections.abc import Sequence

import polars as pl

from tasks.filters.rule import Profile, Rule, RuleSet
from tasks.names import ColumnName

BEFORE = "where."
"""Before the name of a group of features that is one expression, as `where.NAME=EXPRESSION`."""


class Where(RuleSet):
    """Keep rows of which each expression is true; where it is null, a row is dropped.

    An expression sees the columns of a row and Polars' SQL functions of them, and nothing else: it
    reads no file and asks no other row.
    """

    expressions: dict[ColumnName, str]

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule an expression."""
        del profile
        held = self.expressions.items()
        return [Rule(name, pl.col(f"{BEFORE}{name}={text}").cast(pl.Float64).fill_null(0.0), low=1) for name, text in held]

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """One group of features an expression, named by it: a changed one is measured anew."""
        del profile
        return frozenset(f"{BEFORE}{name}={text}" for name, text in self.expressions.items())


def parsed(expression: str) -> pl.Expr:
    """Read an expression."""
    return pl.sql_expr(expression)


def fault_in(expression: str) -> str:
    """Say what is wrong with an expression; nothing where it can be read."""
    try:
        parsed(expression)
    except pl.exceptions.PolarsError as error:
        return f"is no expression in SQL: {error}"
    return ""
