"""Units packed into shards so that new units touch few of them."""

from collections.abc import Sequence

from tasks.step import Unit
from tasks.store.keys import draw

BITS = 64


def pack(units: Sequence[Unit], max_bytes: int, seed: int = 0) -> list[list[Unit]]:
    """Pack units by the leading bits of their keys' hashes: a bucket above `max_bytes` is halved by the next bit.

    A new unit touches its own bucket only. Buckets, and units in them, are in order of hash: a
    sample in whatever order the units came.
    """
    hashed = (
        sorted(((draw(seed, unit.key), unit) for unit in units), key=lambda pair: (pair[0], pair[1].key))
        if len({unit.key for unit in units}) == len(units)
        else []
    )
    if not hashed and units:
        raise AssertionError("two units have one key")
    return [[unit for _, unit in bucket] for bucket in _halved(hashed, max_bytes, 0)]


def _halved(units: list[tuple[int, Unit]], max_bytes: int, depth: int) -> list[list[tuple[int, Unit]]]:
    if not units:
        return []
    if len(units) == 1 or depth == BITS or sum(unit.bytes for _, unit in units) <= max_bytes:
        return [units]
    bit = 1 << (BITS - 1 - depth)
    low = [pair for pair in units if not pair[0] & bit]
    high = [pair for pair in units if pair[0] & bit]
    return [*_halved(low, max_bytes, depth + 1), *_halved(high, max_bytes, depth + 1)]


def in_order(units: Sequence[Unit], max_bytes: int) -> list[list[Unit]]:
    """Pack units in order of name, for `pick: first`."""
    shards: list[list[Unit]] = []
    size = 0
    for unit in units:
        if not shards or size + unit.bytes > max_bytes:
            shards.append([])
            size = 0
        shards[-1].append(unit)
        size += unit.bytes
    return shards
