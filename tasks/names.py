"""Names of columns that users make: which are free, and which are taken."""

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import StringConstraints

from tasks.errors import Fault

ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
"""A name of a column; those that begin with `_` are the steps' own while they work."""

BESIDE = frozenset({"row", "part", "keep", "reason", "cuts", "split", "cluster", "duplicate_of"})
"""What column parts lay beside a row; a column of the user's by such a name would hide it."""


def own_names(names: Iterable[str], fixed: Collection[str], field: str = "columns") -> list[Fault]:
    """Name the columns that a user's `field` may not set: those laid beside rows, and those in `fixed`."""
    remedy = "Choose another name."
    beside = [Fault(f"{field}.{name}", "is a name that steps lay beside rows", name, remedy) for name in names if name in BESIDE]
    return beside + [Fault(f"{field}.{name}", "is a column that Dartboard fills itself", name, remedy) for name in names if name in fixed]
