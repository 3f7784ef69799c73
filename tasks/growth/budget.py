"""Budgets: what a call may cost at worst is set aside before it is sent, and settled after."""

from typing import Annotated

from pydantic import Field

from tasks.clients.llm import Answer, Model
from tasks.settings import Settings


class Budget(Settings):
    """A cap on what a step may spend over all its runs: dollars or tokens."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None


class Purse:
    """What is left of a budget; answers from the ledger count as spent, since they were paid for once."""

    def __init__(self, budget: Budget, model: Model) -> None:
        self._tokens = budget.usd is None
        self._cap = float(budget.tokens or 0) if self._tokens else float(budget.usd or 0)
        self._price = model.price
        self.spent = 0.0
        self._set_aside = 0.0

    @property
    def pending(self) -> bool:
        """Whether a call is under way, whose settling may leave room for others."""
        return self._set_aside > 1e-12

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Give the cost of a call in the budget's unit."""
        if self._tokens or self._price is None:
            return float(input_tokens + output_tokens)
        return (input_tokens * self._price.input + output_tokens * self._price.output) / 1e6

    def reserve(self, worst: float) -> bool:
        """Set the worst case of a call aside; False when it does not fit."""
        if self.spent + self._set_aside + worst > self._cap + 1e-12:
            return False
        self._set_aside += worst
        return True

    def settle(self, worst: float, answer: Answer) -> None:
        """Book what a call cost instead of what was set aside for it."""
        self._set_aside -= worst
        self.spent += self.cost(answer.input_tokens, answer.output_tokens)
