"""Copying byte ranges from one buffer to another."""

import numpy as np

from tasks.text.arrow import Bytes, Offsets
from tasks.text.eights import copy
from tasks.text.kernel import kernel


@kernel
def copy_ranges(data: Bytes, starts: Offsets, offsets: Offsets) -> Bytes:
    """Copy ranges of `data`: range i begins at `starts[i]` and fills `offsets[i]` to `offsets[i + 1]`."""
    out = np.empty(max(offsets[-1], 1), np.uint8)
    for i in range(len(starts)):
        length = offsets[i + 1] - offsets[i]
        copy(out, offsets[i], data, starts[i], length)
    return out


@kernel
def copy_outside(data: Bytes, offsets: Offsets, firsts: Offsets, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets]:
    """Copy each row without its cuts.

    Row i's cuts are `starts` and `ends` at `firsts[i]` to `firsts[i + 1]`, sorted; overlapping ones
    count once, and ends beyond the row are ignored.
    """
    out = np.empty(max(offsets[-1] - offsets[0], 1), np.uint8)
    ends_out = np.zeros(len(offsets), np.int64)
    total = 0
    for i in range(len(offsets) - 1):
        row, length = offsets[i], offsets[i + 1] - offsets[i]
        at = 0
        for cut in range(firsts[i], firsts[i + 1]):
            stop = min(starts[cut], length)
            if stop > at:
                copy(out, total, data, row + at, stop - at)
                total += stop - at
            at = max(at, min(ends[cut], length))
        copy(out, total, data, row + at, length - at)
        total += length - at
        ends_out[i + 1] = total
    return out, ends_out
