"""What can go wrong, as one tree.

DartboardError
├── RecipeError    the recipe or the command is wrong                    exit 2
├── SourceError    an input cannot be read at all                        exit 1
├── StoreError     a store refused: full, read-only, forbidden, absent   exit 1
├── CorruptError   stored bytes are not what was written                 exit 1
├── ModelError     a model endpoint cannot be used                       exit 1
└── GateError      an expectation, a leak or an empty split forbids it   exit 3
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class DartboardError(Exception):
    """Any error that a user can act on; its text is one paragraph."""

    exit_code: ClassVar[int] = 1


class SourceError(DartboardError):
    """An input cannot be read at all; single bad records are skips, not errors."""


class StoreError(DartboardError):
    """A store refused a read or a write."""


class CorruptError(DartboardError):
    """Stored bytes differ from what their marker or manifest says."""


class ModelError(DartboardError):
    """A model endpoint cannot be used."""


class GateError(DartboardError):
    """A gate refused the dataset; nothing was published."""

    exit_code: ClassVar[int] = 3


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a recipe: where, what, which rule, and the way out."""

    place: str
    rule: str
    value: str = ""
    remedy: str = ""
    file: str = ""
    line: int = 0
    shape: bool = False
    """Whether a key or value is of the wrong form, which the JSON Schema tells too."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        place = f"{self.place}: " if self.place else ""
        value = f"{'got ' if self.place else ''}{_harmless(self.value)}: " if self.value else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{where}{place}{value}{self.rule}.{remedy}"


def _harmless(value: str) -> str:
    """Take out of an address what may let somebody in."""
    return re.sub(r"([?#])[^\s\"]+", r"\1…", re.sub(r"://[^\s\"]*@", "://…@", value)) if "://" in value else value


class RecipeError(DartboardError):
    """Every fault of a recipe at once."""

    exit_code: ClassVar[int] = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def usage(rule: str, remedy: str = "", *, place: str = "", value: str = "") -> RecipeError:
    """Give the error of a command that is wrong, as a recipe error of one fault."""
    return RecipeError([Fault(place=place, value=value, rule=rule, remedy=remedy)])
