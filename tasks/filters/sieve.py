"""`filter`: keep the rows that pass every named rule set."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import Field, field_validator

from tasks.errors import Fault
from tasks.filters.c4 import C4
from tasks.filters.fineweb import FineWeb
from tasks.filters.gopher import GopherQuality, GopherRepetition
from tasks.filters.rule import Profile, Rule, RuleSet
from tasks.filters.style import Style
from tasks.filters.where import Where, fault_in, parsed
from tasks.frames import text_column
from tasks.names import ColumnName
from tasks.settings import Settings
from tasks.step import Family, Step


class Rules(Settings):
    """The rule sets to pass; an empty value means a set's defaults."""

    gopher_quality: GopherQuality | None = Field(default=None, alias="gopher-quality")
    gopher_repetition: GopherRepetition | None = Field(default=None, alias="gopher-repetition")
    c4: C4 | None = None
    fineweb: FineWeb | None = None
    style: Style | None = None
    where: dict[ColumnName, str] = {}
    """Expressions of one's own in SQL over a row's columns, by names: `long_title: "length(title) > 20"`."""

    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value

    def sets(self) -> list[tuple[str, RuleSet]]:
        """Give the sets in use by their names, in the order of the catalogue."""
        named = {info.alias or name: getattr(self, name) for name, info in type(self).model_fields.items()}
        named["where"] = Where(expressions=self.where) if self.where else None
        return [(name, rules) for name, rules in named.items() if rules is not None]


class Filter(Step):
    """Keep the rows that pass every rule; the text itself is read once, for its features.

    The features and the verdict of every rule are kept for dropped rows too, so that a changed
    threshold reads no text. The first failing rule, in the order of the catalogue, names the drop.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      prose:
        use: filter
        rules:
          gopher-quality: {min_words: 20}
          gopher-repetition:
          style: {dialogue: {max: 0.6}}
          where: {not_a_list: "text NOT LIKE '- %'"}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "rules"

    use: Literal["filter"] = "filter"
    rules: Rules
    profile: Profile = "paper"
    """How features are counted: by the papers, or with the quirks of datatrove 0.10.1."""
    on: Literal["text", "input", "output"] | None = None
    """The column to judge: `text` of documents, `output` of pairs unless named."""

    def column(self, columns: Sequence[str]) -> str:
        """Name the column that is judged, given those of the rows."""
        return self.on or text_column(columns)

    def needs(self) -> tuple[str, ...]:
        """Name the groups of features that the rules read."""
        return tuple(sorted({group for _, rules in self.rules.sets() for group in rules.groups(self.profile)}))

    def all_rules(self) -> list[Rule]:
        """Give every rule with its set's name before its own."""
        named = [(name, rule) for name, rules in self.rules.sets() for rule in rules.rules(self.profile)]
        return [Rule(f"{name}.{rule.name}", rule.score, rule.low, rule.high) for name, rule in named]

    def derived(self) -> list[pl.Expr]:
        """Give what the rules read beside the measured features, each worked out once."""
        return [expression for _, rules in self.rules.sets() for expression in rules.derived(self.profile)]

    def keep(self) -> dict[str, pl.Expr]:
        """Give each reason to drop a row with the expression that is true where it does not apply."""
        return {rule.name: rule.ok for rule in self.all_rules()}

    def judged(self, features: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Give whether each row is kept by all rules, and the first rule that drops it; null where none does."""
        first = pl.coalesce(pl.when(~rule.ok.fill_null(value=False)).then(pl.lit(rule.name)) for rule in self.all_rules())
        reason = features.with_columns(self.derived()).select(reason=first)["reason"]
        return reason.is_null(), reason

    def cuts(self) -> pl.Expr | None:
        """Give the spans to take out of the rows that stay; None: nothing."""
        named = [rules.cuts(self.profile) for _, rules in self.rules.sets()]
        return next((cuts for cuts in named if cuts is not None), None)

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The judged column, where it is named."""
        read = {name: text for name, text in self.rules.where.items() if not fault_in(text)}
        roots = {f"rules.where.{name}": tuple(parsed(text).meta.root_names()) for name, text in read.items()}
        return ({"on": (self.on,)} if self.on else {}) | roots

    def faults(self) -> Sequence[Fault]:
        """A filter without rules keeps everything, which nobody means."""
        wrong = [(f"rules.where.{name}", fault_in(text), text) for name, text in self.rules.where.items() if fault_in(text)]
        if wrong:
            return [Fault(place, told, text, "Write it as in `length(title) > 20`.") for place, told, text in wrong]
        if self.on == "input" and self.cuts() is not None:
            return [Fault("on", "`c4` takes lines out of `text` or `output` only", "input", "Judge the input by another rule set.")]
        found = [
            Fault(f"rules.{name}", f"asks {rule.name} to be at least {rule.low:g} and at most {rule.high:g}: no row can pass")
            for name, rules in self.rules.sets()
            for rule in rules.rules(self.profile)
            if rule.low is not None and rule.high is not None and rule.low > rule.high
        ]
        empty = [name for name, rules in self.rules.sets() if not rules.rules()]
        found += [Fault(f"rules.{name}", "bounds nothing", remedy="Give a score a bound, as in `modern: {min: 0.8}`.") for name in empty]
        if not self.rules.sets():
            found.append(Fault("rules", "must name at least one rule set", remedy="For instance `gopher-quality:`."))
        return found
