"""What a step is: a frozen value with one verb."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol, get_args, get_type_hints

import polars as pl
from pydantic import Field, JsonValue, Strict

from tasks.errors import Fault
from tasks.frames import DOCUMENTS, Halves, Kind, Skip
from tasks.settings import Settings

Family = Literal["source", "edit", "pair", "rules", "complete", "grow", "barrier", "gate", "sink"]

Names = Annotated[tuple[str, ...], Strict(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Paths = Annotated[str, Field(min_length=1)] | Annotated[Names, Field(min_length=1)]
NO_IDENTITY: dict[str, JsonValue] = {"identity": False}
"""Marks fields that cannot change the rows which a unit gives, and so are no part of a key."""
INPUT_FILE = "input file"
InputFile = Annotated[str, Field(min_length=1), INPUT_FILE]
"""A small text file that a step reads, relative to the recipe; its content is part of the step's key."""


def _is_file(annotation: Any) -> bool:
    """Tell whether a field's type is InputFile, or a union with it."""
    return INPUT_FILE in getattr(annotation, "__metadata__", ()) or any(map(_is_file, get_args(annotation)))


EARLIER = {"order": pl.UInt64(), "same": pl.UInt64(), "split": pl.String()}
"""Hashes of a row's id and of its text or input, and its split."""


@dataclass(frozen=True)
class Context:
    """What a verb may know besides its frame."""

    step: str
    """The step's name in the recipe."""
    seed: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    """Contents of the step's input files, by field; of model files the sha256."""
    earlier: pl.DataFrame | None = None
    """For a split, the rows of an earlier build: the columns of EARLIER."""


class Step(Settings):
    """A node of the recipe: settings in its fields, its work in one verb."""

    family: ClassVar[Family]
    takes: ClassVar[tuple[Kind, ...]] = ("documents", "pairs")
    gives: ClassVar[Kind | None] = None
    """The kind of rows that come out; None: the kind that went in."""
    draws: ClassVar[bool] = False
    """Whether the recipe's seed can change the output."""
    may_be_absent: ClassVar[frozenset[str]] = frozenset()
    """The input files that need not be there: their content is empty then."""
    reads_lists: ClassVar[bool] = False
    """Whether the columns that the settings name may be other than texts."""

    use: str
    from_: str | Names | None = Field(default=None, alias="from")
    """The step or steps whose rows this one takes; the step above when absent."""

    @property
    def parents(self) -> tuple[str, ...]:
        """The names in `from`, as a tuple."""
        if self.from_ is None:
            return ()
        return (self.from_,) if isinstance(self.from_, str) else self.from_

    def identity(self) -> dict[str, Any]:
        """Give the fields that can change the output, as plain values: the step's part of its keys."""
        fields = type(self).model_fields
        skipped = {
            name
            for name, info in fields.items()
            if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("identity") is False
        }
        return self.model_dump(mode="json", by_alias=True, exclude=skipped | {"from_"})

    def input_files(self) -> dict[str, str]:
        """Name the files that the step reads besides its rows: field to path."""
        fields = get_type_hints(type(self), include_extras=True)
        named = [name for name in type(self).model_fields if _is_file(fields[name]) and getattr(self, name) is not None]
        return {name: getattr(self, name) for name in named}

    def model_files(self) -> dict[str, str]:
        """Name files of any kind that are opened where the work is done: field to path; their hashes are part of keys."""
        return {}

    def others(self) -> dict[str, str]:
        """Name other steps that this one refers to besides `from`: field to step."""
        return {}

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """Name the columns that the settings refer to: field to columns."""
        return {}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """Give the names of the columns that come out, given those that go in."""
        return before

    def faults(self) -> Sequence[Fault]:
        """Name what is wrong between the settings; places are relative to the step."""
        return ()

    def model_faults(self, models: Mapping[str, Any]) -> Sequence[Fault]:
        """Name what does not fit the recipe's models."""
        del models
        return ()

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """Name what is wrong in the step's input files, by field; those that are not at hand are absent."""
        del files
        return ()


@dataclass(frozen=True)
class Unit:
    """What a source can read alone: a book, an archive, a range of a dump."""

    key: str
    """Stable and unique within the source; never a path of one machine."""
    url: str
    bytes: int
    fingerprint: str
    """Changes when the content does."""
    start: int = 0
    end: int | None = None
    head: int = 0
    """Bytes of the file's beginning that stand before the range when it is read, as the head of a dump."""
    note: str = ""
    """What the listing says of the unit besides."""
    others: tuple[str, ...] = ()
    """Other addresses of the same, tried in order where there is nothing at `url`."""


def unit_of(plain: Mapping[str, Any]) -> Unit:
    """Make a unit again of its plain data."""
    return Unit(**{**plain, "others": tuple(plain["others"])})


@dataclass(frozen=True)
class Reading:
    """Rows read from a unit and what was skipped beside them."""

    rows: pl.DataFrame
    skips: tuple[Skip, ...] = ()


class RowStep(Step):
    """A step that treats each row by itself: an edit or a pairing."""

    counts: ClassVar[str | None] = None
    """A column that it adds, whose values are counted."""

    def told(self, counts: Mapping[str, int], dropped: Mapping[str, int]) -> Sequence[str]:
        """Say what is worth knowing of a run: by the values of the column that is counted, and by why rows were dropped."""
        del counts, dropped
        return ()

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Turn a frame of rows into those kept and those dropped."""
        raise NotImplementedError


class BarrierStep(Step):
    """A step that must see all rows: a summary a shard, then one settlement.

    `summarise` sees the live rows of one shard and gives one row for each, with a `row` column (its place in
    the shard) and what the settlement needs: hashes and numbers, never texts. `settle` sees all summaries, in
    order of `place` (part and row in one number), with `order`, a hash of the id, and gives a frame with `place`
    and the columns to lay beside the shards: `keep`, `reason`, `split`, `cluster` and the like.

    Where there is a `comparison`, `settle` is given the pairs of rows that are alike too: `left` and `right`
    (numbers of summaries), `exact` and `similarity`; with `paired_only` it sees only rows of pairs, and the others are kept.
    """

    family: ClassVar[Family] = "barrier"
    carries: ClassVar[bool] = False
    """Whether what it settles is carried over to later builds: its summaries have `same` then, a hash of what a row says."""

    @property
    def paired_only(self) -> bool:
        """Whether `settle` sees rows of pairs only."""
        return False

    def known(self) -> tuple[str, ...]:
        """Name earlier datasets whose rows are compared too, and kept: `settle` finds their name in the column `known`."""
        return ()

    def comparison(self, columns: Sequence[str]) -> "Comparing | None":
        """Give how rows are compared with each other, where they are."""
        del columns
        return None

    def reads(self, columns: Sequence[str]) -> list[str]:
        """Name the columns of the rows that `summarise` and the comparison need, `id` among them."""
        raise NotImplementedError

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Reduce the rows of one shard to what the settlement needs."""
        raise NotImplementedError

    def told(self, settled: pl.DataFrame) -> dict[str, Any]:
        """Give what the report should hold of what was settled: `warned`, a list of sentences, or data of the step's own."""
        del settled
        return {}

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Decide over all rows at once."""
        raise NotImplementedError


class Comparing(Protocol):
    """How rows are compared: see `tasks.dedup.comparison.Comparison`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns compared."""
        ...

    @property
    def keys_a_row(self) -> int:
        """About how many keys a row has."""
        ...

    def keys(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give `key`, `row` and `order` for every key of every row."""
        ...

    def sets(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give `row` and the set of shingles of each column."""
        ...

    def alike(self, pairs: pl.DataFrame, sets: pl.DataFrame) -> pl.DataFrame:
        """Keep the pairs that are alike enough, with their `similarity`."""
        ...


class SourceStep(Step):
    """A step that brings documents in."""

    family: ClassVar[Family] = "source"
    gives: ClassVar[Kind | None] = "documents"
    takes: ClassVar[tuple[Kind, ...]] = ()

    path: Paths = Field(json_schema_extra=NO_IDENTITY)
    """URL, glob or list of them, on any store; relative to the recipe."""
    limit: Annotated[int, Field(ge=1)] | "Limit | None" = Field(default=None, json_schema_extra=NO_IDENTITY)
    """How many rows (or `{units: n}`) to take at most: a sample over all units."""
    pick: Literal["sample", "first"] = Field(default="sample", json_schema_extra=NO_IDENTITY)
    """Which units a limit takes: a seeded sample, or the first in order of name."""
    private: bool = False
    """Mark every row as private: it goes to no model provider, nor do its children."""

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """Those of documents."""
        return before | frozenset(DOCUMENTS)

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """List what can be read, in order of key; `patterns` are the absolute URLs of `path`."""
        raise NotImplementedError

    def read(self, unit: Unit, context: Context) -> Iterator[Reading]:
        """Read one unit as bounded frames; what cannot be read is skipped by name."""
        raise NotImplementedError


class Limit(Settings):
    """A limit other than a plain number of rows."""

    rows: Annotated[int, Field(ge=1)] | None = None
    units: Annotated[int, Field(ge=1)] | None = None


SourceStep.model_rebuild()
