"""Rows joined by pairs: laws that hold whatever the pairs, pairs of one row with itself among them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.joining import components, keepers, spanning
from tests.texts import EXAMPLES

SIZE = 8
PAIRS = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=12)


@settings(max_examples=EXAMPLES)
@given(pairs=PAIRS, order=st.permutations(range(SIZE)), strict=st.booleans())
def test_each_row_is_kept_or_named_with_a_pair_that_leads_to_a_kept_one(
    pairs: list[tuple[int, int]], order: list[int], *, strict: bool
) -> None:
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    of = keepers(np.array(order), left, right, strict=strict)
    together = components(SIZE, left, right)
    known = {frozenset(pair) for pair in pairs}
    place = {row: n for n, row in enumerate(order)}
    for row in range(SIZE):
        if of[row] != row:
            assert frozenset((row, int(of[row]))) in known
            assert not strict or of[of[row]] == of[row]
        kept, steps = row, 0
        while of[kept] != kept:
            kept, steps = int(of[kept]), steps + 1
            assert steps <= SIZE
        assert together[kept] == together[row]
        assert place[kept] <= place[row]
        if not strict:
            assert all(place[kept] <= place[other] for other in range(SIZE) if together[other] == together[row])
        if strict and of[row] == row:
            assert not any(
                frozenset((row, other)) in known and place[other] < place[row] and of[other] == other
                for other in range(SIZE)
                if other != row
            )


@given(st.integers(2, 30).flatmap(lambda size: st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))), st.integers(0, 60))
def test_a_spanning_forest_joins_the_same_rows_by_the_first_pairs_that_do(pairs: list[tuple[int, int]], some: int) -> None:
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    joins = spanning(left, right)
    whole = components(30, left, right)
    assert whole.tolist() == components(30, left[joins], right[joins]).tolist()
    assert joins.sum() == 30 - len(set(whole.tolist()))
    part = spanning(left[:some], right[:some])
    rest = np.concatenate([np.flatnonzero(part), np.arange(min(some, len(left)), len(left))])
    assert rest[spanning(left[rest], right[rest])].tolist() == np.flatnonzero(joins).tolist()
