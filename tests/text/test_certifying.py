"""The certificate's search among sets, against plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.certifying import Sets, indexed, searched
from tests.texts import EXAMPLES

SETS = st.lists(st.sets(st.integers(0, 24), max_size=14), max_size=8)


def packed(sets: list[set[int]]) -> Sets:
    members = [np.array(sorted(held), np.uint64) * np.uint64(0x9E3779B97F4A7C15) for held in sets]
    ends = np.cumsum([0, *map(len, members)]).astype(np.int64)
    return np.concatenate([np.zeros(0, np.uint64), *(np.sort(held) for held in members)]), ends


@settings(max_examples=EXAMPLES)
@given(SETS, SETS, st.sampled_from([0.3, 0.5, 0.6, 0.72, 0.8, 1.0]), st.integers(1, 3))
def test_pairs_that_are_alike_are_found_and_no_others(held: list[set[int]], rows: list[set[int]], similarity: float, groups: int) -> None:
    ours, theirs = (np.arange(len(sets)) % groups for sets in (rows, held))
    left, right = searched(indexed(packed(held), theirs, similarity), packed(rows), ours, similarity)
    expected = {
        (i, j)
        for i, one in enumerate(rows)
        for j, other in enumerate(held)
        if one and other and ours[i] != theirs[j] and len(one & other) / len(one | other) >= similarity - 1e-9
    }
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert len(left) == len(expected)
