"""What phases that exchange rows by key share: how many partitions there are, and which row groups a job reads."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from flows.scene import Scene
from flows.work.job import Call, Job
from tasks.store.commit import Done, Part

PARTITION_KEYS = 2_000_000
"""Keys of rows that are sorted at once."""

Pairs = Generator[list[Job], list[Done], tuple[tuple[Part, ...], dict[str, Any]]]
"""A search: it gives the parts that hold pairs of rows, and what is told of it."""


def partitions(keys: int) -> int:
    """Give a power of two, so that a few more rows rarely change it, and with it every key."""
    count = 1
    while count * PARTITION_KEYS < keys:
        count *= 2
    return count


def by_partition(scene: Scene, call: Call, kind: str, dones: Sequence[Done], file: str, **told: Any) -> list[Job]:
    """Give a job for each partition that the files of some jobs have; it reads that partition of each, and knows what is `told`."""
    parts, groups = tuple(done.part(file) for done in dones), [done.report["groups"] for done in dones]
    hashes = [part.sha256 for part in parts]
    return [
        scene.site.job(
            kind, [call], [hashes, value, told], named=False, parts=parts, extra={"groups": only(groups, value), "partition": value, **told}
        )
        for value in sorted({value for group in groups for value in group}, key=int)
    ]


def only(groups: Sequence[Mapping[str, int]], *values: str) -> list[dict[str, int]]:
    """Give which row groups hold the partitions that a job reads."""
    return [{value: group[value] for value in values if value in group} for group in groups]
