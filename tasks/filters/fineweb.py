"""The rules that FineWeb added (Penedo et al. 2024, arXiv 2406.17557, section 3.5)."""

from collections.abc import Sequence

from tasks.filters.rule import Profile, Ratio, Rule, RuleSet, feature, ratio, usually


class FineWeb(RuleSet):
    """Drop lists, menus and other texts that are not made of finished lines."""

    ended_lines: Ratio = 0.12
    """At least this share of lines ends in terminal punctuation."""
    short_lines: Ratio = 0.67
    """At most this share of lines has 30 characters or fewer."""
    duplicate_line_chars: Ratio | None = None
    """At most this share of the lines' characters lies in duplicate lines: .1 (paper and FineWeb-2); .01 in the profile `datatrove`."""
    newlines: Ratio = 0.3
    """At most this many line ends a word."""

    def rules(self, profile: Profile = "paper") -> Sequence[Rule]:
        """Section 3.5, in its order."""
        most = usually(self.duplicate_line_chars, 0.01 if profile == "datatrove" else 0.1)
        return (
            Rule("lines", feature("filled_lines", profile), low=1),
            Rule("ended_lines", ratio("ended_lines", "filled_lines", profile), low=self.ended_lines),
            Rule("short_lines", ratio("short_lines", "filled_lines", profile), high=self.short_lines),
            Rule("duplicate_line_chars", ratio("filled_duplicate_chars", "line_chars", profile), high=most),
            Rule("newlines", ratio("newlines", "words", profile), high=self.newlines),
        )
