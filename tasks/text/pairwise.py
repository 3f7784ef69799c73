"""What input and output of pairs have in common, and outputs that break off."""

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.text.arrow import Bytes, Hashes, Offsets, buffers
from tasks.text.classes import Classes, Lower, table
from tasks.text.grams import gram, table_size
from tasks.text.kernel import kernel
from tasks.text.words import word_hashes

RUN = 8
"""Words of a run that is copied: shorter ones come again by chance."""
PROSE_MARKS = r"[.!?…。！？।॥؟۔][\"'”’»)\]]*\s"
BROKEN_END = r"[\p{L}\p{N},;:(\[{/\\–—-]$"
JSON = r'^(?:\{\s*["}]|\[\s*(?:["\[\]{\d-]|true|false|null))'
MARKUP = r"^<[?]?([A-Za-z][\w.:-]*)"
LISTED = r"\n[ \t]*(?:[-*•+]|\d+[.)])[ \t][^\n]*$"


@kernel
def _copied(left: Bytes, froms: Offsets, right: Bytes, tos: Offsets, classes: Classes, lower: Lower) -> npt.NDArray[np.float32]:
    """Give, for each pair, the share of the words on the right that lie in runs which stand on the left too."""
    out = np.zeros(len(froms) - 1, np.float32)
    largest = 0
    for row in range(len(out)):
        largest = max(largest, froms[row + 1] - froms[row], tos[row + 1] - tos[row])
    ours, theirs = np.empty(largest + 1, np.uint64), np.empty(largest + 1, np.uint64)
    keys, epochs = np.empty(table_size(largest), np.uint64), np.zeros(table_size(largest), np.uint32)
    for row in range(len(out)):
        count = word_hashes(left, froms[row], froms[row + 1], classes, lower, ours)
        words = word_hashes(right, tos[row], tos[row + 1], classes, lower, theirs)
        if count < RUN or words < RUN:
            continue
        mask, epoch = np.uint64(table_size(count) - 1), row + 1
        for place in range(count - RUN + 1):
            value = gram(ours, place, RUN)
            slot = _slot(keys, epochs, epoch, mask, value)
            keys[slot], epochs[slot] = value, epoch
        covered = total = 0
        for place in range(words - RUN + 1):
            if epochs[_slot(keys, epochs, epoch, mask, gram(theirs, place, RUN))] == epoch:
                total += place + RUN - max(covered, place)
                covered = place + RUN
        out[row] = total / words
    return out


@kernel
def _slot(keys: Hashes, epochs: npt.NDArray[np.uint32], epoch: int, mask: np.uint64, value: np.uint64) -> int:
    at = value & mask
    while epochs[at] == epoch and keys[at] != value:
        at = (at + np.uint64(1)) & mask
    return int(np.int64(at))


def copied(inputs: pl.Series, outputs: pl.Series) -> pl.Series:
    """Give the share of each output's words in runs of RUN that its input holds too; 0 where either is shorter."""
    left, right = buffers(inputs), buffers(outputs)
    return pl.Series("copied", _copied(left.data, left.offsets, right.data, right.offsets, *table()))


def breaks_off(text: pl.Expr) -> pl.Expr:
    """Tell a text that ends too early: an open code fence, data that is not closed, prose whose last sentence has no end."""
    bare = text.str.strip_chars()
    fence = bare.str.count_matches("(?m)^\\s*```") % 2 == 1
    data = bare.str.contains(JSON) & ~bare.str.contains(r"[}\]]$")
    tag = bare.str.extract(MARKUP, 1)
    markup = tag.is_not_null() & ~bare.str.contains(pl.format("</{}", tag), literal=True) & ~bare.str.ends_with(">")
    ended = (bare.str.count_matches(PROSE_MARKS) >= 2) & bare.str.contains(BROKEN_END)
    prose = ended & ~bare.str.contains(LISTED) & ~bare.str.contains(JSON) & tag.is_null()
    return fence | data | markup.fill_null(value=False) | prose


def pairwise(pairs: pl.DataFrame) -> pl.DataFrame:
    """Measure pairs: `input_chars`, `output_chars`, `same` but for white space, `copied`, and `truncated` outputs."""
    left, right = pl.col("input").fill_null(""), pl.col("output").fill_null("")
    told = pairs.select(
        input_chars=left.str.len_chars(),
        output_chars=right.str.len_chars(),
        same=left.str.strip_chars() == right.str.strip_chars(),
        truncated=breaks_off(right),
    )
    return told.with_columns(copied(pairs["input"], pairs["output"]))
