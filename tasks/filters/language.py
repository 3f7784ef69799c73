"""The rule of language: what a text is written in, by fastText's lid.176."""

from collections.abc import Sequence
from typing import Annotated, Any

import polars as pl
from pydantic import Field, field_validator

from tasks.filters.rule import Profile, Ratio, Rule, RuleSet
from tasks.step import Names

PIECE = 100
"""Characters of each of three pieces that are looked at: the same 300 at the beginning say less about the whole."""
GROUP = "language"


class Language(RuleSet):
    """Keep texts in the named languages, as in `language: {is: en}`.

    The likeliest of 176 languages is told by fastText's lid.176 (Joulin et al. 2016, arXiv 1607.01759), which is installed
    and reads no network, from three pieces of a text: 100 characters of its beginning, its middle and its end.
    """

    is_: Annotated[str, Field(min_length=2)] | Annotated[Names, Field(min_length=1)] = Field(alias="is")
    """A language by its ISO 639 code, or several."""
    min: Ratio = 0.65
    """The least probability: .65 as in datatrove and DCLM (Li et al. 2024, arXiv 2406.11794).

    `{by: detected, values: {fr: 0.824}}` varies it by language, as FineWeb-2 does.
    """

    @field_validator("is_", mode="after")
    @classmethod
    def _small(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else tuple(name.lower() for name in value)

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule: the probability of the likeliest language, 0 where it is none of the named."""
        del profile
        named = [self.is_] if isinstance(self.is_, str) else list(self.is_)
        score = pl.when(pl.col("language_id").is_in(named)).then("language_score").otherwise(0.0)
        return [Rule("is", score, low=self.min)]

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """The language of the text."""
        return frozenset({GROUP}).union(*(rule.varies_by for rule in self.rules(profile)))
