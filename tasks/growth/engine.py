"""Asking a model for many rows; answers are used in order, whatever the order in which they come."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tasks.clients.llm import NO_ROOM
from tasks.clients.model import Request
from tasks.growth.asking import Asker, Read, together
from tasks.growth.reading import Refused, Unpaid
from tasks.growth.strategy import CompletingStep, Row
from tasks.step import Context

T = TypeVar("T")


@dataclass
class Grown:
    """What came of asking: rows, why others were dropped, traces of calls that failed, and what is missing (`partial`)."""

    rows: list[Row] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    quarantine: list[tuple[str, str, list[dict[str, str]]]] = field(default_factory=list)
    """Id, class and trace of each row for which a call failed for good."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Why rows that went on as they were have no answer."""
    passing: Counter[str] = field(default_factory=Counter)
    """Rows that a later run may complete, by the class of failure that kept them."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the report holds besides."""
    partial: str = ""

    def refuse(self, name: str, refused: Refused, *, kept: Row | None = None) -> None:
        """Note a row that was not made, or that goes on as it was."""
        if refused.trace:
            self.quarantine.append((name, str(refused), refused.trace))
        if refused.transient:
            self.passing[str(refused)] += 1
        self.leave(name, str(refused), kept=kept)

    def leave(self, name: str, reason: str, *, kept: Row | None = None) -> None:
        """Drop a row, or let it go on as it was."""
        if kept is None:
            self.dropped.append((name, reason))
        else:
            self.unanswered[reason] += 1
            self.rows.append(kept)

    def report(self, asking: Asker) -> Mapping[str, Any]:
        """Give cost, failures and the rest as plain data."""
        counts = {name: dict(sorted(count.items())) for name, count in (("failures", asking.failures), ("unanswered", self.unanswered))}
        return {"cost": asking.cost, **counts, "partial": self.partial, "quarantined": len(self.quarantine), "told": self.told}


async def complete(step: CompletingStep, rows: Sequence[Row], asking: Asker, context: Context) -> Grown:
    """Complete every row that may be shown; rows keep their order."""
    grown = Grown()
    made = await together(_finished(step, row, asking, context) for row in rows)
    for row, found in zip(rows, made, strict=True):
        kept = row if step.keeps else None
        if isinstance(found, dict):
            grown.rows.append(found)
        elif isinstance(found, Refused):
            grown.refuse(row["id"], found, kept=None if found.drop else kept)
        else:
            grown.leave(row["id"], found, kept=kept)
    if asking.unpaid:
        grown.partial = NO_ROOM
    elif (failed := Counter(str(found) for found in made if isinstance(found, Refused) and found.trace)).total() == len(made) > 0:
        grown.partial = f"not one row was answered ({', '.join(f'{kind} {count:,}' for kind, count in sorted(failed.items()))})"
    elif grown.passing:
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(grown.passing.items()))
        grown.partial = f"{grown.passing.total():,} rows without an answer ({told}); run again, and only they are asked for"
    grown.told = await step.conclude(rows, [found for found in made if isinstance(found, dict)], asking, context)
    return grown


async def _nobody(request: Request, read: Read[T], model: str = "") -> T:
    """What a private row asks by."""
    del request, read, model
    raise Refused("private")


async def _finished(step: CompletingStep, row: Row, asking: Asker, context: Context) -> Row | Refused | str:
    """Give a completed row, or why there is none."""
    try:
        return await step.finish(row, _nobody if row["private"] else asking, context)
    except Refused as refused:
        return refused
    except Unpaid:
        return NO_ROOM
