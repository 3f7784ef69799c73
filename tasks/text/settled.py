"""What the rules of C4 leave of lines that were measured: which lines stay, and what is cut out of the text."""

from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.text.arrow import Offsets, Records, numbers, unpacked
from tasks.text.grams import PEER
from tasks.text.kernel import kernel
from tasks.text.lines import (
    BLANK,
    CURLY,
    ENDED,
    FIRST,
    FLAGS,
    LAST,
    LEAD,
    LONGEST,
    LOREM,
    PARTED,
    POLICY,
    SCRIPT,
    SENTENCES,
    START,
    STOPS_AT,
    WORDS,
    fields_by,
)  # fmt: skip

JUDGED = ("lorem_ipsum", "curly", "sentences")


class Limits(NamedTuple):
    """The thresholds of lines, and the rule by which they are read."""

    words: int
    longest: int
    end_mark: int
    rule: int


@kernel
def _stays(line: Records, limits: Limits) -> bool:
    """Tell whether a line stays, as far as `{` and `lorem ipsum` say nothing."""
    good = line[WORDS] >= limits.words and line[LONGEST] <= limits.longest
    return good and (line[FLAGS] & ENDED != 0 or not limits.end_mark)


@kernel
def _judge(lines: Records, firsts: Offsets, limits: Limits, out: Offsets) -> None:
    """Write what JUDGED names for each text: by the rule PEER only lines that stay speak, and the first that speaks decides."""
    for text in range(len(out)):
        for place in range(firsts[text], firsts[text + 1]):
            line, flags = lines[place], lines[place, FLAGS]
            heard = limits.rule != PEER or (_stays(line, limits) and out[text, 0] + out[text, 1] == 0)
            if heard and flags & LOREM:
                out[text, 0] = 1
            elif heard and flags & CURLY and (limits.rule != PEER or not flags & SCRIPT):
                out[text, 1] = 1
            if _is_kept(line, limits):
                out[text, 2] += line[SENTENCES]


@kernel
def _cut(lines: Records, firsts: Offsets, notes: Records, noted: Offsets, limits: Limits, cuts: Offsets, ends: Offsets) -> None:
    """Write the spans to cut out of each text, in order of their starts, and where those of each text end."""
    count = 0
    for text in range(len(ends) - 1):
        inside = lines[firsts[text] : firsts[text + 1]]
        last, first, owed, note = _last_kept(inside, limits), True, False, noted[text]
        for place in range(len(inside)):
            line, stays = inside[place], _is_kept(inside[place], limits)
            if limits.rule == PEER:
                cuts[count, 0], cuts[count, 1], owed = _before(line, (stays, first, owed), place < last)
                count += 1
            elif not stays and not line[FLAGS] & BLANK:
                cuts[count, 0], cuts[count, 1] = line[START], line[STOPS_AT]
                count += 1
            first &= not stays
            while note < noted[text + 1] and notes[note, 0] < line[STOPS_AT]:
                cuts[count] = notes[note]
                count, note = count + stays, note + 1
            if stays and limits.rule == PEER:
                parted = place < last and line[FLAGS] & PARTED != 0
                owed = place < last and not parted
                cuts[count, 0], cuts[count, 1] = line[LAST], line[STOPS_AT] - parted
                count += 1
        ends[text + 1] = count


@kernel
def _last_kept(lines: Records, limits: Limits) -> int:
    last = -1
    for place in range(len(lines)):
        last = place if _is_kept(lines[place], limits) else last
    return last


@kernel
def _is_kept(line: Records, limits: Limits) -> bool:
    return _stays(line, limits) and not line[FLAGS] & (SCRIPT | POLICY)


@kernel
def _before(line: Records, states: tuple[bool, bool, bool], more: int) -> tuple[int, int, bool]:
    """Give what is cut before the words of a line that stays, or the whole of one that does not but for a newline that is owed."""
    stays, first, owed = states
    if stays:
        return line[START], line[LEAD] if first else line[FIRST], False
    pays = owed and more and line[FLAGS] & PARTED != 0
    return line[START], line[STOPS_AT] - pays, owed and not pays


def judged(of: pl.Series, limits: tuple[int, int, int, int]) -> pl.Series:
    """Give JUDGED for texts, a struct each, by their lines: whether a page is to go for what a line holds, and sentences that stay."""
    lines, firsts = unpacked(of, len(fields_by(limits[-1])))
    out = np.zeros((len(of), 3), np.int64)
    _judge(lines, firsts, Limits(*limits), out)
    return pl.DataFrame(out, schema=list(JUDGED)).to_struct("judged")


def spans_cut(both: pl.Series, limits: tuple[int, int, int, int]) -> pl.Series:
    """Give the {start, end} in bytes to cut out of texts, by a struct of their `lines_of` and `notes_of`."""
    lines, firsts = unpacked(both.struct.field("lines_of"), len(fields_by(limits[-1])))
    notes, noted = unpacked(both.struct.field("notes_of"), 2)
    cuts, ends = np.zeros((2 * len(lines) + len(notes) + 1, 2), np.int64), np.zeros(len(both) + 1, np.int64)
    _cut(lines, firsts, notes, noted, Limits(*limits), cuts, ends)
    starts, stops = (numbers(cuts[: ends[-1], side]) for side in (0, 1))
    spans = pa.LargeListArray.from_arrays(numbers(ends), pa.StructArray.from_arrays([starts, stops], ["start", "end"]))
    return pl.Series("cuts", pl.from_arrow(spans))
