"""The quality and repetition rules of Gopher (Rae et al. 2021, arXiv 2112.11446, Table A1)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from tasks.filters.rule import Profile, Ratio, Rule, RuleSet, Varied, feature, ratio

Count = Annotated[int, Field(ge=0)] | Varied


class GopherQuality(RuleSet):
    """Keep texts that look like prose: enough words of usual length, few symbols, some stop words.

    Words are words: punctuation is not counted among them, but in the profile `datatrove`.
    """

    min_words: Count = 50
    max_words: Count = 100_000
    min_word_length: Ratio = 3
    max_word_length: Ratio = 10
    hashes: Ratio = 0.1
    """At most this many `#` a word."""
    ellipses: Ratio = 0.1
    """At most this many ellipses a word."""
    bullet_lines: Ratio = 0.9
    ellipsis_lines: Ratio = 0.3
    alphabetic: Ratio = 0.8
    """At least this share of words with a letter."""
    stop_words: Count = 2
    """At least this many different ones of: the, be, to, of, and, that, have, with."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """Table A1, top half."""
        return (
            Rule("words", feature("counted_words", profile), self.min_words, self.max_words),
            Rule("word_length", ratio("word_chars", "counted_words", profile), self.min_word_length, self.max_word_length),
            Rule("hashes", ratio("hashes", "words", profile), high=self.hashes),
            Rule("ellipses", ratio("ellipses", "words", profile), high=self.ellipses),
            Rule("bullet_lines", ratio("bullet_lines", "lines", profile), high=self.bullet_lines),
            Rule("ellipsis_lines", ratio("ellipsis_lines", "lines", profile), high=self.ellipsis_lines),
            Rule("alphabetic", ratio("alphabetic", "words", profile), low=self.alphabetic),
            Rule("stop_words", feature("stop_words", profile), low=self.stop_words),
        )


class GopherRepetition(RuleSet):
    """Drop texts that repeat themselves in lines, paragraphs or word n-grams.

    Shares of characters are of all characters of the text.
    """

    needs: ClassVar[tuple[str, ...]] = ("repetition", "structure")

    lines: Ratio = 0.3
    line_chars: Ratio = 0.2
    paragraphs: Ratio = 0.3
    paragraph_chars: Ratio = 0.2
    top_2: Ratio = 0.20
    top_3: Ratio = 0.18
    top_4: Ratio = 0.16
    duplicate_5: Ratio = 0.15
    duplicate_6: Ratio = 0.14
    duplicate_7: Ratio = 0.13
    duplicate_8: Ratio = 0.12
    duplicate_9: Ratio = 0.11
    duplicate_10: Ratio = 0.10

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """Table A1, bottom half."""
        grams = ("top_2", "top_3", "top_4", *(f"duplicate_{n}" for n in range(5, 11)))
        return (
            *([Rule("empty", feature("chars", profile), low=1)] if profile == "datatrove" else []),
            Rule("duplicate_paragraphs", ratio("duplicate_paragraphs", "paragraphs", profile), high=self.paragraphs),
            Rule("duplicate_paragraph_chars", ratio("duplicate_paragraph_chars", "chars", profile), high=self.paragraph_chars),
            Rule("duplicate_lines", ratio("duplicate_lines", "split_lines", profile), high=self.lines),
            Rule("duplicate_line_chars", ratio("duplicate_line_chars", "chars", profile), high=self.line_chars),
            *(Rule(f"{name}_grams", ratio(name, "chars", profile), high=getattr(self, name)) for name in grams),
        )
