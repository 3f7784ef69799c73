"""The rules of C4 (Raffel et al. 2020, arXiv 1910.10683; thresholds of tensorflow_datasets' c4_utils)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from tasks.filters.rule import Profile, Rule, RuleSet, feature

Count = Annotated[int, Field(ge=0)]
JUDGED = "c4_judged"
SPAN = pl.Struct({"start": pl.Int64, "end": pl.Int64})


class C4(RuleSet):
    """Take out lines that are no sentences, and drop texts with too few sentences left.

    A line stays when it has enough words, none of them endless, ends in `.`, `?`, `!` or a closing
    quote and not in an ellipsis, and names neither JavaScript nor a policy. Citation marks such as
    `[1]` are taken out. Blank lines stay, so that paragraphs do; in the profile `datatrove` they go.
    """

    needs: ClassVar[tuple[str, ...]] = ("lines",)

    line_words: Count | None = None
    """Words of a line: 5; 3 in the profile `datatrove`."""
    sentences: Count | None = None
    """Sentences left: 3; 5 in the profile `datatrove`."""
    longest_word: Count = 1000
    end_mark: bool = True
    """Take out lines that end in no terminal mark; FineWeb switched this off."""

    def derived(self, profile: Profile = "paper") -> Sequence[pl.Expr]:
        """What lines say of their text, as {lorem_ipsum, curly, sentences}."""

        def judge(of: pl.Series) -> pl.Series:
            from tasks.text.settled import judged

            return judged(of, self._limits(profile))

        shape = pl.Struct({"lorem_ipsum": pl.Int64, "curly": pl.Int64, "sentences": pl.Int64})
        return (feature("lines_of", profile).map_batches(judge, return_dtype=shape).alias(JUDGED),)

    def _limits(self, profile: Profile) -> tuple[int, int, int, int]:
        few = 3 if profile == "datatrove" else 5
        return few if self.line_words is None else self.line_words, self.longest_word, int(self.end_mark), int(profile == "datatrove")

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """Over what is left of the text."""
        field = pl.col(JUDGED).struct.field
        few = 5 if profile == "datatrove" else 3
        return (
            Rule("lorem_ipsum", field("lorem_ipsum"), high=0),
            Rule("curly_bracket", field("curly"), high=0),
            Rule("sentences", field("sentences"), low=few if self.sentences is None else self.sentences),
        )

    def cuts(self, profile: Profile = "paper") -> pl.Expr | None:
        """The lines that do not stay and the citation marks of those that do, as byte spans."""

        def spans(both: pl.Series) -> pl.Series:
            from tasks.text.settled import spans_cut

            return spans_cut(both, self._limits(profile))

        both = pl.struct(feature("lines_of", profile).alias("lines_of"), feature("notes_of", profile).alias("notes_of"))
        return both.map_batches(spans, return_dtype=pl.List(SPAN)).alias("cuts")
