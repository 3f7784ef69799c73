"""The rules of C4 (Raffel et al. 2020, arXiv 1910.10683; thresholds of tensorflow_datasets' c4_utils)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from tasks.filters.rule import Rule, RuleSet

Count = Annotated[int, Field(ge=0)]


class C4(RuleSet):
    """Take out lines that are no sentences, and drop texts with too few sentences left.

    A line stays when it has enough words, none of them endless, ends in `.`, `?`, `!` or a closing
    quote and not in an ellipsis, and names neither JavaScript nor a policy. Blank lines stay, so
    that paragraphs do.
    """

    needs: ClassVar[tuple[str, ...]] = ("lines", "structure")

    line_words: Count = 5
    sentences: Count = 3
    longest_word: Count = 1000
    end_mark: bool = True
    """Take out lines that end in no terminal mark; FineWeb switched this off."""

    def _stays(self) -> pl.Expr:
        field = pl.element().struct.field
        good = (field("words") >= self.line_words) & (field("longest") <= self.longest_word) & ~field("policy")
        return good & field("ended") if self.end_mark else good

    def rules(self) -> Sequence[Rule]:
        """Over what is left of the text."""
        kept = pl.element().filter(self._stays()).struct.field("sentences").sum()
        return (
            Rule("lorem_ipsum", pl.col("lorem_ipsum").cast(pl.Float64), high=0),
            Rule("curly_bracket", pl.col("curly").cast(pl.Float64), high=0),
            Rule("sentences", pl.col("lines_of").list.eval(kept).list.first().fill_null(0), low=self.sentences),
        )

    def cuts(self) -> pl.Expr | None:
        """The lines that do not stay, as byte spans."""
        field = pl.element().struct.field
        bad = pl.element().filter(~self._stays() & ~field("blank"))
        spans = pl.struct(bad.struct.field("start"), bad.struct.field("end"))
        return pl.col("lines_of").list.eval(spans).alias("cuts")
