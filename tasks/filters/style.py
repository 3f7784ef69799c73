"""First rules of style: how modern prose sounds, how much of it is dialogue, how long its sentences are."""

from collections.abc import Sequence

import polars as pl

from tasks.filters.rule import Between, Profile, Rule, RuleSet, ratio

MODERN_SENTENCE = 18.0
"""Mean words a sentence up to which length costs nothing; present-day fiction lies at 10-16."""


def modern() -> pl.Expr:
    """Score how modern prose sounds, from 0 to 1.

    One minus 25 times the share of archaic words (4 % of them make 0), minus a fortieth for each
    mean word a sentence above MODERN_SENTENCE. Long sentences and old words are the two plainest
    differences between nineteenth-century and present prose (Biber and Finegan 1989).
    """
    old = ratio("archaic", "words") * 25
    length = (ratio("words", "sentences") - MODERN_SENTENCE).clip(lower_bound=0) / 40
    return (1 - old - length).clip(0, 1)


class Style(RuleSet):
    """Keep texts whose measured style lies within bounds; scores that are not named do not count."""

    modern: Between | None = None
    """How modern the prose sounds, 0 to 1."""
    dialogue: Between | None = None
    """Share of the characters inside double quotes."""
    sentence_words: Between | None = None
    """Mean words a sentence."""
    words: Between | None = None
    """Words of the text."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule a named score, the same in each profile."""
        del profile
        scores = {
            "modern": modern(),
            "dialogue": ratio("quoted_chars", "chars"),
            "sentence_words": ratio("words", "sentences"),
            "words": pl.col("words"),
        }
        bounds: dict[str, Between | None] = {name: getattr(self, name) for name in scores}
        return [Rule(name, scores[name], set_.min, set_.max) for name, set_ in bounds.items() if set_ and _binds(set_)]


def _binds(bounds: Between) -> bool:
    return bounds.min is not None or bounds.max is not None
