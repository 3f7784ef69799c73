"""Rules of pairs: how input and output belong together."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from tasks.filters.rule import Between, Profile, Ratio, Rule, RuleSet, between

GROUP, TOKENS = "pair", "tokens"
Encoding = Literal["o200k_base", "cl100k_base"]


class Pairs(RuleSet):
    """Keep pairs whose sides belong together; for rows with `input` and `output` only.

    A pair that copies, runs over or breaks off teaches just that.
    """

    length_ratio: Ratio = 9
    """Characters of the longer side by those of the shorter, at most: 9, as parallel corpora are cleaned for Moses (Koehn et al. 2007)."""
    copied: Ratio = 1
    """At most this share of the output's words lies in runs of eight that stand in the input too.

    1, which lets all pass: restoring and rewriting copy much by their nature. Set it for tasks that must not.
    """
    same: bool = False
    """Whether pairs may stay whose output is the input; Self-Instruct drops them (Wang et al. 2022, arXiv 2212.10560)."""
    tokens: Between | None = None
    """Tokens of system, turns, input and output together, counted by an encoding that is installed."""
    encoding: Encoding = "o200k_base"
    truncated: bool = False
    """Whether outputs may stay that break off: an open code fence, JSON or markup that is not closed, prose without an end."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule a setting."""
        del profile
        longer, shorter = pl.max_horizontal("input_chars", "output_chars"), pl.min_horizontal("input_chars", "output_chars")
        return [
            Rule("output", pl.col("output_chars"), low=1),
            Rule("length_ratio", longer / pl.max_horizontal(shorter, 1), high=self.length_ratio),
            Rule("copied", pl.col("copied"), high=self.copied),
            *([] if self.same else [Rule("same", pl.col("same").cast(pl.UInt32), high=0)]),
            *([] if self.truncated else [Rule("truncated", pl.col("truncated").cast(pl.UInt32), high=0)]),
            *between("tokens", pl.col(f"{TOKENS}={self.encoding}"), self.tokens),
        ]

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """What both sides say together; tokens only where they are asked for."""
        counted = {f"{TOKENS}={self.encoding}"} if self.tokens else set()
        return frozenset({GROUP}).union(counted, *(rule.varies_by for rule in self.rules(profile)))
