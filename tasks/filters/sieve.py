"""`filter`: keep the rows that pass every named rule set."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from tasks.errors import Fault
from tasks.filters.alternatives import Alternatives
from tasks.filters.c4 import C4
from tasks.filters.classifier import Classifier
from tasks.filters.fineweb import FineWeb
from tasks.filters.gopher import GopherQuality, GopherRepetition
from tasks.filters.language import Language
from tasks.filters.measuring import EXEMPLARS, MODEL, columns_read
from tasks.filters.pairs import Pairs
from tasks.filters.pii import Pii
from tasks.filters.rule import BY, Profile, Rule, RuleSet
from tasks.filters.style import Style
from tasks.filters.where import BEFORE, Where, fault_in
from tasks.frames import text_column
from tasks.names import ColumnName
from tasks.settings import Settings
from tasks.step import Family, Step
from tasks.text.wordlists import FUNCTION_WORDS


class Rules(Settings):
    """The rule sets to pass; an empty value means a set's defaults."""

    gopher_quality: GopherQuality | None = Field(default=None, alias="gopher-quality")
    gopher_repetition: GopherRepetition | None = Field(default=None, alias="gopher-repetition")
    c4: C4 | None = None
    fineweb: FineWeb | None = None
    language: Language | None = None
    classifier: Classifier | None = None
    style: Style | None = None
    pii: Pii | None = None
    pairs: Pairs | None = None
    where: dict[ColumnName, str] = {}
    """Expressions of one's own in SQL over a row's columns, by names: `long_title: "length(title) > 20"`."""
    any: tuple["Rules", ...] = ()
    """Groups of rule sets of which a row must pass at least one: `[{fineweb: {}}, {style: {dialogue: {min: 0.5}}}]`."""

    @field_validator("any", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value

    def sets(self) -> list[tuple[str, RuleSet]]:
        """Give the sets in use by their names, in the order of the catalogue."""
        named = {info.alias or name: getattr(self, name) for name, info in type(self).model_fields.items()}
        named["where"] = Where(expressions=self.where) if self.where else None
        groups = tuple(tuple(rules for _, rules in group.sets()) for group in self.any)
        named["any"] = Alternatives(groups_of=groups) if groups else None
        return [(name, rules) for name, rules in named.items() if rules is not None]

    def everywhere(self) -> list[tuple[str, "Rules"]]:
        """Give these rules and those inside `any`, by their places."""
        inner = ((f"any[{place}]", group) for place, group in enumerate(self.any))
        return [("", self), *((f"{at}.{below}".strip("."), rules) for at, group in inner for below, rules in group.everywhere())]


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
    decisions: Literal["all", "dropped", "sample"] = "all"
    """Of which rows every rule's verdict and score are kept: all, those that are dropped, or one in a hundred of both by their ids."""
    on: Literal["text", "input", "output"] | None = None
    """The column to judge: `text` of documents, `output` of pairs unless named."""

    @property
    def looks_for_personal_data(self) -> bool:
        """Whether a rule set is of personal data, so that no excerpt of its rows may be shown."""
        return any(rules.pii is not None for _, rules in self.rules.everywhere())

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
        reason = first_failing(self.verdicts(features.with_columns(self.derived())))
        return reason.is_null(), reason

    def verdicts(self, features: pl.DataFrame) -> pl.DataFrame:
        """Give the verdict of each rule, a column of true and false each, over features with what is derived of them."""
        return features.select(rule.ok.fill_null(value=False).alias(rule.name) for rule in self.all_rules())

    def cuts(self) -> pl.Expr | None:
        """Give the spans to take out of the rows that stay; None: nothing."""
        named = [rules.cuts(self.profile) for _, rules in self.rules.sets()]
        return next((cuts for cuts in named if cuts is not None), None)

    def input_files(self) -> dict[str, str]:
        """The exemplars that `style` compares with."""
        style = self.rules.style
        return {EXEMPLARS: style.like.path} if style and style.like else {}

    def model_files(self) -> dict[str, str]:
        """The model of `classifier`."""
        return {MODEL: self.rules.classifier.path} if self.rules.classifier else {}

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The judged column, where it is named, and those of rules that read others."""
        read: dict[str, tuple[str, ...]] = {"on": (self.on,)} if self.on else {}
        for at, rules in self.rules.everywhere():
            place = f"rules.{at}".rstrip(".")
            good = {name: text for name, text in rules.where.items() if not fault_in(text)}
            read |= {f"{place}.where.{name}": tuple(columns_read([f"{BEFORE}{name}={text}"], "")[1:]) for name, text in good.items()}
            read |= {f"{place}.pairs": ("input", "output")} if rules.pairs else {}
        varied = {group.removeprefix(BY) for group in self.needs() if group in (f"{BY}language", f"{BY}source")}
        return read | ({"rules": tuple(sorted(varied))} if varied else {})

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """Exemplars without a text compare with nothing."""
        empty = EXEMPLARS in files and not files[EXEMPLARS].strip()
        return [Fault(EXEMPLARS, "holds no text", remedy="Write the exemplars into it, with blank lines between them.")] if empty else []

    def faults(self) -> Sequence[Fault]:
        """A filter without rules keeps everything, which nobody means."""
        if not self.rules.sets():
            return [Fault("rules", "must name at least one rule set", remedy="For instance `gopher-quality:`.")]
        found = [fault for at, rules in self.rules.everywhere() for fault in _faults_of(f"rules.{at}".rstrip("."), rules, inside=bool(at))]
        if found:
            return found
        if self.on == "input" and self.cuts() is not None:
            return [Fault("on", "`c4` takes lines out of `text` or `output` only", "input", "Judge the input by another rule set.")]
        return []


def first_failing(verdicts: pl.DataFrame) -> pl.Series:
    """Give the name of the first column that is false in each row, as `reason`; null where none is."""
    failing = ~np.column_stack([held.to_numpy() for held in verdicts])
    names = pl.Series("reason", verdicts.columns, dtype=pl.String)
    return names.gather(failing.argmax(axis=1)).set(pl.Series(~failing.any(axis=1)), None)


def _faults_of(place: str, rules: Rules, *, inside: bool) -> list[Fault]:
    """Name what is wrong between the settings of a group of rule sets."""
    remedy = "Write it as in `length(title) > 20`."
    found = [Fault(f"{place}.where.{name}", fault_in(text), text, remedy) for name, text in rules.where.items() if fault_in(text)]
    if inside:
        found += _faults_inside(place, rules)
    if found:
        return found
    unknown = rules.style.unknown() if rules.style else []
    words = f"One of: {' '.join(FUNCTION_WORDS)}."
    found += [Fault(f"{place}.style.grammar.{word}", "is no word that is counted", word, words) for word in unknown]
    for name, held in rules.sets():
        bounds = [] if isinstance(held, Alternatives) else held.rules()
        if not bounds and not isinstance(held, Alternatives):
            found.append(Fault(f"{place}.{name}", "bounds nothing", remedy="Give a score a bound, as in `modern: {min: 0.8}`."))
        found += [Fault(f"{place}.{name}", told) for told in map(_crossed, bounds) if told]
    return found


def _faults_inside(place: str, rules: Rules) -> list[Fault]:
    """Name what cannot stand inside `any`."""
    lone = [name for name in ("c4", "classifier") if getattr(rules, name)]
    lone += ["style.like"] if rules.style and rules.style.like else []
    remedy = "Put it beside `any`, or into a filter of its own."
    found = [Fault(f"{place}.{name}", "cannot stand inside `any`", remedy=remedy) for name in lone]
    empty = [] if rules.sets() else [Fault(place, "must name at least one rule set", remedy="For instance `{fineweb: {}}`.")]
    return found + empty


def _crossed(rule: Rule) -> str:
    """Tell of bounds that let nothing through; nothing where they do."""
    low, high = rule.bounds
    crossed = low is not None and high is not None and low > high
    return f"asks {rule.name} to be at least {low:g} and at most {high:g}: no row can pass" if crossed else ""
