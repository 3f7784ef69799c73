"""The longest common subsequence of one list of words with each of many, by bits (Hyyrö 2004)."""

import numpy as np
import numpy.typing as npt

from tasks.text.blocks import ones
from tasks.text.kernel import inlined, kernel

Codes = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
WORD = 64


@inlined
def _common(codes: Codes, first: int, last: int, places: Bits) -> int:
    """Count the words of a common subsequence with a text of at most 64 words."""
    row = ALL
    for at in range(first, last):
        met = row & places[codes[at]]
        row = (row + met) | (row - met)
    return ones(~row)


@inlined
def _common_of_long(codes: Codes, first: int, last: int, places: Bits, rows: Bits) -> int:
    """Count the words of a common subsequence with a text that has 64 words for each of `rows`."""
    blocks = len(rows)
    rows[:] = ALL
    for at in range(first, last):
        place = codes[at] * blocks
        carry = np.uint64(0)
        for block in range(blocks):
            row = rows[block]
            met = row & places[place + block]
            half = row + carry
            total = half + met
            carry = np.uint64((half < carry) | (total < met))
            rows[block] = total | (row - met)
    common = 0
    for block in range(blocks):
        common += ones(~rows[block])
    return common


@kernel
def nearest_f(codes: Codes, starts: Starts, count: int, places: Bits, length: int) -> float:
    """Give the highest 2 x LCS / (length + length of the other) of a text with any of `count` texts.

    `codes` holds the words of all texts as numbers, from `starts` on. `places` has for each word as many numbers of 64 bits as
    the text of `length` words needs, and in them a bit for each of its places there.
    """
    rows = np.empty(max((length + WORD - 1) // WORD, 1), np.uint64)
    best = 0.0
    for text in range(count):
        first, last = starts[text], starts[text + 1]
        words = last - first
        if words + length == 0:
            return 1.0
        if 2.0 * min(words, length) <= best * (words + length):
            continue
        common = _common(codes, first, last, places) if len(rows) == 1 else _common_of_long(codes, first, last, places, rows)
        best = max(best, 2.0 * common / (words + length))
    return best
