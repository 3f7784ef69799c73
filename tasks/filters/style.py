"""Rules of style: how a text reads, how varied its words are, how modern it sounds, how like it is to exemplars."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import polars as pl

from tasks.filters.rule import Between, Bound, Profile, Rule, RuleSet, between, ratio
from tasks.settings import Settings
from tasks.step import InputFile
from tasks.text.wordlists import FUNCTION_WORDS, MARKS

LIKE = "like"
"""The group of features, and the feature, that compares with exemplars."""
Mark = Literal[",", ";", ":", "—", "?", "!", "(", '"', "'", "…", ".", "-"]
_MODERN: Mapping[str, tuple[float, float]] = {
    "archaic": (-1.2, 4), "dated": (-0.8, 6), "present": (0.8, 6), "contractions": (0.35, 4),
}  # fmt: skip
"""Weight of each word of a class in 100 words, and the most that count."""
_MODERN_MARKS: Mapping[Mark, tuple[float, float]] = {";": (-0.8, 3), ",": (-0.15, 20), "—": (-0.4, 20)}


def per_hundred(count: pl.Expr) -> pl.Expr:
    """Give a count by 100 words; nothing of nothing is 0."""
    return pl.when(pl.col("words") > 0).then(100 * count / pl.col("words")).otherwise(0.0)


def sign(mark: Mark) -> pl.Expr:
    """Count a sign of punctuation."""
    return pl.col("punctuation").arr.get(MARKS.index(mark))


def modern() -> pl.Expr:
    """Score how modern prose sounds, from 0 to 1: the logistic function of a sum over rates by 100 words.

    2.2, and for each word: archaic -1.2, dated -0.8, present-day +0.8, contraction +0.35; for each
    semicolon -0.8, comma -0.15, dash -0.4; for each mean word a sentence above 18 -0.03 (to 60). Old
    words, long sentences and heavy punctuation are the plainest differences between nineteenth-century and
    present prose (Biber and Finegan 1989); the weights are rounded from a logistic regression.
    """
    words = [weight * per_hundred(pl.col(name)).clip(upper_bound=most) for name, (weight, most) in _MODERN.items()]
    signs = [weight * per_hundred(sign(mark)).clip(upper_bound=most) for mark, (weight, most) in _MODERN_MARKS.items()]
    long = -0.03 * (ratio("words", "sentences").clip(upper_bound=60) - 18).clip(lower_bound=0)
    total = pl.sum_horizontal(*words, *signs, long) + 2.2
    return pl.when(pl.col("words") > 0).then(1 / (1 + (-total).exp())).otherwise(0.0)


def flesch() -> pl.Expr:
    """Score reading ease (Flesch 1948): about 100 is very easy, 30 is hard."""
    return 206.835 - 1.015 * ratio("words", "sentences") - 84.6 * ratio("syllables", "words")


def grade() -> pl.Expr:
    """Give the school grade that reads a text with ease (Kincaid et al. 1975)."""
    return 0.39 * ratio("words", "sentences") + 11.8 * ratio("syllables", "words") - 15.59


def spread() -> pl.Expr:
    """Give the standard deviation of the words of sentences."""
    mean = ratio("words", "sentences")
    return (ratio("sentence_squares", "sentences") - mean * mean).clip(lower_bound=0).sqrt()


class Like(Settings):
    """Closeness to the style of a handful of exemplars."""

    path: InputFile
    """A text file with the exemplars, parted by blank lines."""
    max: Bound = 0.35
    """The largest distance, 0 to 1."""


class Style(RuleSet):
    """Keep texts whose measured style lies within bounds, as in `modern: {min: 0.8}`; scores that are not named do not count.

    Rates are by 100 words. The features are of English: syllables, persons, passives and listed words
    are found by its spelling. Short texts scatter: below some 100 words scores say little.
    """

    needs: ClassVar[tuple[str, ...]] = ("style",)

    words: Between | None = None
    """Words of the text."""
    modern: Between | None = None
    """How modern the prose sounds, 0 to 1."""
    flesch: Between | None = None
    """Reading ease (Flesch 1948): 100 very easy, 30 hard."""
    grade: Between | None = None
    """School grade (Kincaid et al. 1975)."""
    sentence_words: Between | None = None
    """Mean words a sentence."""
    sentence_spread: Between | None = None
    """Standard deviation of the words of sentences."""
    dialogue: Between | None = None
    """Share of the characters inside double quotes."""
    type_token: Between | None = None
    """Share of different words among words; it falls with length."""
    mtld: Between | None = None
    """Mean length of stretches of various words (McCarthy and Jarvis 2010); 70 to 120 in most prose."""
    hard_words: Between | None = None
    """Words of three syllables or more."""
    passive: Between | None = None
    """Passives a sentence."""
    first_person: Between | None = None
    """Words such as I, my, we."""
    contractions: Between | None = None
    """Words such as don't."""
    function_words: Between | None = None
    """Words of grammar."""
    jargon: Between | None = None
    """Nominalisations (Biber 1988) and words of offices and papers."""
    archaic: Between | None = None
    """Words that were common before 1900 and are not now."""
    punctuation: dict[Mark, Between] = {}
    """Signs, as in `";": {max: 1}`; `—` is any dash, `(` any bracket, `"` any double quote."""
    grammar: dict[str, Between] = {}
    """Single words of grammar, as in `upon: {max: 0.1}`."""
    like: Like | None = None
    """Hellinger distance between the text's and exemplars' profiles of grammar and punctuation: 0.2 to 0.4 within an author."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """One rule a named score, the same in each profile."""
        del profile
        rates = ("hard_words", "first_person", "contractions", "function_words", "jargon", "archaic")
        scores = {
            "words": pl.col("words"),
            "modern": modern(),
            "flesch": flesch(),
            "grade": grade(),
            "sentence_words": ratio("words", "sentences"),
            "sentence_spread": spread(),
            "dialogue": ratio("quoted_chars", "chars"),
            "type_token": ratio("distinct_words", "words"),
            "mtld": pl.col("mtld"),
            "passive": ratio("passives", "sentences"),
            **{name: per_hundred(pl.col(name)) for name in rates},
        }
        signs = {f"punctuation.{mark}": (per_hundred(sign(mark)), bounds) for mark, bounds in self.punctuation.items()}
        words = {f"grammar.{word}": (_rate_of(word), bounds) for word, bounds in self.grammar.items()}
        held = {name: (score, getattr(self, name)) for name, score in scores.items()} | signs | words
        told = [rule for name, (score, bounds) in held.items() for rule in between(name, score, bounds)]
        return told + ([Rule(LIKE, pl.col(LIKE), high=self.like.max)] if self.like else [])

    def groups(self, profile: Profile = "paper") -> frozenset[str]:
        """Those of style, and the comparison with exemplars where there are any."""
        return super().groups(profile) | ({LIKE} if self.like else set())

    def unknown(self) -> list[str]:
        """Name the words of `grammar` that are not counted."""
        return [word for word in self.grammar if word not in FUNCTION_WORDS]


def _rate_of(word: str) -> pl.Expr:
    return per_hundred(pl.col("grammar").arr.get(FUNCTION_WORDS.index(word))) if word in FUNCTION_WORDS else pl.lit(0.0)
