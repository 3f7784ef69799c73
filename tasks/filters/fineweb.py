"""The rules that FineWeb added (Penedo et al. 2024, arXiv 2406.17557, section 3.5)."""

from collections.abc import Sequence

import polars as pl

from tasks.filters.rule import Ratio, Rule, RuleSet, ratio


class FineWeb(RuleSet):
    """Drop lists, menus and other texts that are not made of finished lines."""

    ended_lines: Ratio = 0.12
    """At least this share of lines ends in terminal punctuation."""
    short_lines: Ratio = 0.67
    """At most this share of lines has 30 characters or fewer."""
    duplicate_line_chars: Ratio = 0.1
    """At most this share of the lines' characters lies in duplicate lines (paper and FineWeb-2)."""
    newlines: Ratio = 0.3
    """At most this many line ends a word."""

    def rules(self) -> Sequence[Rule]:
        """Section 3.5, in its order."""
        return (
            Rule("lines", pl.col("lines"), low=1),
            Rule("ended_lines", ratio("ended_lines", "lines"), low=self.ended_lines),
            Rule("short_lines", ratio("short_lines", "lines"), high=self.short_lines),
            Rule("duplicate_line_chars", ratio("duplicate_line_chars", "line_chars"), high=self.duplicate_line_chars),
            Rule("newlines", ratio("newlines", "words"), high=self.newlines),
        )
