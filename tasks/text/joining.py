"""Rows joined by pairs: components by union-find, and the way from each row to its component's chosen one."""

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Offsets
from tasks.text.kernel import kernel

Bools = npt.NDArray[np.bool_]


@kernel
def _root(parents: Offsets, row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@kernel
def _components(size: int, left: Offsets, right: Offsets) -> Offsets:
    parents = np.arange(size)
    for pair in range(len(left)):
        a, b = _root(parents, left[pair]), _root(parents, right[pair])
        parents[max(a, b)] = min(a, b)
    for row in range(size):
        parents[row] = _root(parents, row)
    return parents


def components(size: int, left: Offsets, right: Offsets) -> Offsets:
    """Give each of `size` rows the smallest row that it is joined to, itself when it is alone."""
    return _components(size, np.array(left, np.int64), np.array(right, np.int64))


@kernel
def _joining(size: int, left: Offsets, right: Offsets) -> Bools:
    parents, joins = np.arange(size), np.zeros(len(left), np.bool_)
    for pair in range(len(left)):
        a, b = _root(parents, left[pair]), _root(parents, right[pair])
        joins[pair] = a != b
        parents[max(a, b)] = min(a, b)
    return joins


def spanning(left: Offsets, right: Offsets) -> Bools:
    """Tell which pairs join rows that no earlier ones do, at most one less than there are rows: the forest of Kruskal (1956).

    Of a part of the pairs in the same order those left out are left out of the whole.
    """
    rows, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    return _joining(len(rows), places[: len(left)].astype(np.int64), places[len(left) :].astype(np.int64))


@kernel
def _neighbours(size: int, left: Offsets, right: Offsets) -> tuple[Offsets, Offsets]:
    firsts = np.zeros(size + 1, np.int64)
    for pair in range(len(left)):
        firsts[left[pair] + 1] += 1
        firsts[right[pair] + 1] += 1
    firsts = np.cumsum(firsts)
    others, at = np.empty(2 * len(left), np.int64), firsts.copy()
    for pair in range(len(left)):
        a, b = left[pair], right[pair]
        others[at[a]], others[at[b]] = b, a
        at[a], at[b] = at[a] + 1, at[b] + 1
    return firsts, others


@kernel
def _keepers(order: Offsets, left: Offsets, right: Offsets, strict: int) -> Offsets:
    size = len(order)
    firsts, others = _neighbours(size, left, right)
    met, of, waiting = np.zeros(size, np.bool_), np.arange(size), np.empty(size, np.int64)
    for best in order:
        if met[best]:
            continue
        met[best], waiting[0], held, at = True, best, 1, 0
        while at < held:
            row = waiting[at]
            at += 1
            for place in range(firsts[row], firsts[row + 1]):
                other = others[place]
                if not met[other] and (row == best or not strict):
                    met[other], of[other], waiting[held] = True, row, other
                    held += 1
    return of


def keepers(order: Offsets, left: Offsets, right: Offsets, *, strict: bool = False) -> Offsets:
    """Give each row the next one on the shortest way over pairs to the row that is kept for it; a kept row gives itself.

    `order` names rows, the better ones first; a row is kept where no better one reaches it, or, `strict`, is paired
    with it. A row may be named again, and one that nothing names stays by itself; a pair of one row says nothing.
    """
    order, left, right = (np.array(side, np.int64) for side in (order, left, right))
    two = left != right
    return _keepers(order, left[two], right[two], int(strict))
