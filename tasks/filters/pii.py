"""Rules of personal data: how much of each kind a text may hold."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from tasks.filters.rule import Profile, Rule, RuleSet
from tasks.text.wordlists import PII_KINDS, PiiKind


class Pii(RuleSet):
    """Drop texts with personal data: addresses, numbers and keys that look the part and pass their checksums.

    Addresses by RFC 5321, 4291 and 6890 (local ones do not count), cards by ISO/IEC 7812, IBANs by ISO 13616,
    telephone numbers by E.164 and the commonest national forms, keys by their providers' prefixes. The step `redact`
    puts marks in their place instead.
    """

    needs: ClassVar[tuple[str, ...]] = ("pii",)

    kinds: Annotated[tuple[PiiKind, ...], Field(min_length=1, strict=False)] = PII_KINDS
    max: Annotated[int, Field(ge=0)] = 0
    """Finds of each kind that a text may hold."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule a kind."""
        del profile
        return [Rule(kind, pl.col(f"pii_{kind}"), high=self.max) for kind in self.kinds]
