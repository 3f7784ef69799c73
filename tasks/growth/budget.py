"""Budgets: what a call may cost at worst is set aside before it is sent, and settled after.

What is spent and what is set aside stands in the ledger's database, so that it holds over resumes and over builds at once.
"""

import enum
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from tasks.clients.model import Answer, Model
from tasks.growth.ledger import Ledger
from tasks.settings import Settings

SPEND = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (budget, key) DO UPDATE SET cost = cost + excluded.cost"
TOTAL = "INSERT INTO totals VALUES (?, ?) ON CONFLICT (budget) DO UPDATE SET cost = cost + excluded.cost"
SCATTERED = """
DELETE FROM calls WHERE budget = ? AND owner IN (?, '')
AND EXISTS (SELECT 1 FROM gathered WHERE call = calls.rowid AND gathered.key = calls.key AND gathered.budget = calls.budget)
"""
FORGOTTEN = "DELETE FROM gathered WHERE budget = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE rowid = call AND key = gathered.key)"
ROUNDING = 1e-9
"""Sums of dollars are equal up to this."""


class Budget(Settings):
    """A cap on what a step may spend over all its runs: dollars or tokens."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None

    @property
    def cap(self) -> float:
        """The number, in the budget's unit."""
        return float(self.tokens or self.usd or 0)

    @property
    def unit(self) -> str:
        """`tokens` or `usd`."""
        return "tokens" if self.usd is None else "usd"

    def cost(self, model: Model, input_tokens: int, output_tokens: int) -> float:
        """Give the cost of a call in the budget's unit."""
        if self.usd is None or model.price is None:
            return float(input_tokens + output_tokens)
        return model.usd(input_tokens, output_tokens)


class Leave(enum.Enum):
    """What a purse says to a call."""

    GO = "go"
    WAIT = "wait"
    """Others have set aside what may come back, or ask the same."""
    KNOWN = "known"
    """The answer has come in the meantime."""
    NO = "no"
    """There is no room, and none will come."""


class Purse:
    """What is left of a step's budget; answers from the ledger count as spent, since they were paid for once.

    Each unit has an account of its own: tokens and dollars are never added up.

    A call that was lost with its build, or whose answer broke on its way, may be billed: it stays set aside at
    its worst until the same call is answered, and costs then what that answer cost.
    """

    def __init__(self, ledger: Ledger, name: str, budget: Budget) -> None:
        self._ledger = ledger
        self.name = name
        self.budget = budget
        self.wanted = 0.0
        """What there was no room for, the last time."""
        self._account = f"{name}/{budget.unit}"

    @property
    def spent(self) -> float:
        """What was spent over all runs."""
        row = self._ledger.database.execute("SELECT cost FROM totals WHERE budget = ?", (self._account,)).fetchone()
        return float(row[0]) if row else 0.0

    @property
    def set_aside(self) -> float:
        """What calls under way, and lost ones, may cost."""
        row = self._ledger.database.execute("SELECT sum(worst * sent) FROM calls WHERE budget = ?", (self._account,)).fetchone()
        return float(row[0] or 0)

    @property
    def left(self) -> float:
        """What may still be spent or set aside."""
        return self.budget.cap - self.spent - self.set_aside

    def told(self) -> str:
        """Say that the budget is reached, and how: what is spent, what lost calls may cost, and what there was no room for."""
        digits = 0 if self.budget.unit == "tokens" else 4
        lost = f", {self.set_aside:,.{digits}f} set aside for calls that were lost" if self.set_aside else ""
        needed = f"; the next call may take {self.wanted:,.{digits}f}" if self.wanted else ""
        return f"budget reached: {self.spent:,.{digits}f} of {self.budget.cap:,.{digits}f} {self.budget.unit} are spent{lost}{needed}"

    def reserve(self, key: str, worst: float) -> Leave:
        """Set the worst case of a call aside, unless there is no room for it, or somebody asks the same just now or has asked it."""
        with self._ledger.transaction():
            return self._reserved(key, worst)

    def _reserved(self, key: str, worst: float) -> Leave:
        database = self._ledger.database
        if self._ledger.get(key) is not None:
            return Leave.KNOWN
        if database.execute("SELECT 1 FROM calls WHERE key = ? AND owner != ''", (key,)).fetchone():
            return Leave.WAIT
        if not self._has_room(worst):
            self.wanted = worst
            return self._refused()
        database.execute("INSERT INTO calls VALUES (?, ?, ?, ?, 1)", (self._account, key, self._ledger.owner, worst))
        return Leave.GO

    def resend(self, key: str, worst: float) -> bool:
        """Set a call's worst case, as it is known now, aside once more, if there is room: what was sent may be billed all the same."""
        with self._ledger.transaction() as database:
            room = self._has_room(worst)
            if room:
                again = "UPDATE calls SET sent = sent + 1, worst = ? WHERE key = ? AND owner = ?"
                database.execute(again, (worst, key, self._ledger.owner))
        return room

    def gather(self, key: str, worst: float) -> Leave:
        """Set a call's worst case aside that a batch will hold: until the batch is there, it is known that nothing was sent."""
        with self._ledger.transaction() as database:
            leave = self._reserved(key, worst)
            if leave is Leave.GO:
                database.execute("INSERT INTO gathered VALUES (?, ?, last_insert_rowid())", (self._account, key))
        return leave

    def sent(self, keys: Iterable[str]) -> None:
        """Note that the batch is there that holds these calls."""
        gone = "DELETE FROM gathered WHERE budget = ? AND key = ?"
        with self._ledger.transaction() as database:
            database.executemany(gone, [(self._account, key) for key in keys])

    def scatter(self) -> None:
        """Give back what this build, or one that died, set aside for a batch that never came to be."""
        told = (self._account, self._ledger.owner)
        with self._ledger.transaction() as database:
            database.execute(SCATTERED, told)
            database.execute(FORGOTTEN, told[:1])

    def settle(self, key: str, model: Model, answer: Answer) -> None:
        """Keep an answer, and book what it cost for each time that it was asked for, in one commit."""
        cost = self.budget.cost(model, answer.input_tokens, answer.output_tokens)
        with self._ledger.transaction():
            self._ledger.keep(key, answer)
            self._book(key, cost * max(self._taken_back(key), 1))

    def let_go(self, key: str, *, lost: int, worst: float | None = None) -> None:
        """Give back what was set aside for a call that failed; `lost` times it may be billed all the same, at most at `worst`."""
        with self._ledger.transaction() as database:
            mine = "WHERE budget = ? AND key = ? AND owner = ?"
            told = (self._account, key, self._ledger.owner)
            if lost:
                change = "UPDATE calls SET owner = '', sent = ?, worst = coalesce(?, worst)"
                database.execute(f"{change} {mine}", (lost, worst, *told))
            else:
                database.execute(f"DELETE FROM calls {mine}", told)  # noqa: S608  a constant

    def release(self, key: str) -> None:
        """Give back what this build, or one that died, set aside for a call that is known to have failed."""
        told = (self._account, key, self._ledger.owner)
        self._ledger.database.execute("DELETE FROM calls WHERE budget = ? AND key = ? AND owner IN (?, '')", told)

    def known(self, key: str, model: Model, answer: Answer) -> None:
        """Book an answer that was in the ledger, if it is not among those booked, and each time that the same call was lost."""
        if self._is_booked(key) and not self._lost(key):
            return
        with self._ledger.transaction():
            times = self._taken_back(key, "AND owner = ''") or (not self._is_booked(key))
            self._book(key, times * self.budget.cost(model, answer.input_tokens, answer.output_tokens))

    def _is_booked(self, key: str) -> bool:
        booked = "SELECT 1 FROM spent WHERE budget = ? AND key = ?"
        return self._ledger.database.execute(booked, (self._account, key)).fetchone() is not None

    def _lost(self, key: str) -> bool:
        lost = "SELECT 1 FROM calls WHERE budget = ? AND key = ? AND owner = ''"
        return self._ledger.database.execute(lost, (self._account, key)).fetchone() is not None

    def _taken_back(self, key: str, whose: str = "") -> int:
        """Take back what was set aside for a call; give how often it was sent."""
        mine = f"FROM calls WHERE budget = ? AND key = ? {whose}"
        row = self._ledger.database.execute(f"SELECT sum(sent) {mine}", (self._account, key)).fetchone()
        self._ledger.database.execute(f"DELETE {mine}", (self._account, key))
        return int(row[0] or 0)

    def _book(self, key: str, cost: float) -> None:
        database = self._ledger.database
        database.execute(SPEND, (self._account, key, cost))
        database.execute(TOTAL, (self._account, cost))

    def _has_room(self, worst: float) -> bool:
        return self.spent + self.set_aside + worst <= self.budget.cap + ROUNDING

    def _refused(self) -> Leave:
        """Say whether room may come: from calls under way, here or in another build that lives."""
        pending = "SELECT 1 FROM calls WHERE budget = ? AND owner != '' LIMIT 1"
        return Leave.WAIT if self._ledger.database.execute(pending, (self._account,)).fetchone() else Leave.NO
