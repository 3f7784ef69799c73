"""Filling splits with components: whole ones, in a drawn order, to shares or counts of rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.errors import GateError

SPLITS = ("train", "validation", "test")
Part = int | float


@dataclass(frozen=True)
class Wanted:
    """What is asked for of each split besides train, test first: a share (below 1) of the rows or a count of them."""

    parts: Mapping[str, Part]
    train: Part | None = None
    """Where train ends; None: it takes all that is left."""
    in_order: bool = False
    """Whether a split must be full before the next one gets anything: for components in order of time."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Rows that each split has from an earlier build."""

    def rows(self, name: str, total: int) -> float:
        """Give the rows that a split wants of so many."""
        part = self.train if name == "train" else self.parts[name]
        return part * total if isinstance(part, float) else float(part or 0)


def filled(wanted: Wanted, sizes: Sequence[int], strata: Sequence[int]) -> list[str | None]:
    """Give each component, of so many rows each, in drawn order, its split; None: beyond a train that has an end.

    A component goes to the first split that it brings nearer to what it wants, to train otherwise, so that a split misses its
    share by at most half the largest component. Of several strata each gives its part: they are filled one after
    the other, each up to what all so far should have given. GateError where there are too few components or rows.
    """
    total = sum(sizes) + sum(wanted.held.values())
    targets = {name: wanted.rows(name, total) for name in wanted.parts}
    _refuse(wanted, targets, len(sizes) + sum(wanted.held.values()), total)
    result: list[str | None] = ["train"] * len(sizes)
    taken = {name: float(wanted.held.get(name, 0)) for name in targets}
    begun = dict(taken)
    of = dict(Counter[int]())
    for size, stratum in zip(sizes, strata, strict=True):
        of[stratum] = of.get(stratum, 0) + size
    seen, places = 0, _by_stratum(strata)
    for stratum in sorted(places):
        seen += of[stratum]
        ends = {name: begun[name] + (targets[name] - begun[name]) * seen / max(sum(sizes), 1) for name in targets}
        _fill(wanted, result, sizes, places[stratum], taken, ends)
    _lend(wanted, result, sizes)
    return result if wanted.train is None else _ended(result, sizes, wanted.rows("train", total), wanted.held.get("train", 0))


def _by_stratum(strata: Sequence[int]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    return places


def _fill(
    wanted: Wanted,
    result: list[str | None],
    sizes: Sequence[int],
    places: Sequence[int],
    taken: dict[str, float],
    ends: Mapping[str, float],
) -> None:
    names = [name for name in ends if taken[name] < ends[name]]
    for place in places:
        size = sizes[place]
        for name in names:
            if taken[name] + size / 2 <= ends[name]:
                result[place], taken[name] = name, taken[name] + size
                break
            if wanted.in_order:
                names = names[1:]
        if not names:
            break


def _refuse(wanted: Wanted, targets: Mapping[str, float], components: int, total: int) -> None:
    if not total:
        raise GateError("split: no row reaches it. See above which step dropped or skipped them, and why.")
    if components < len(targets) + 1:
        raise GateError(
            f"split: {components} separate groups cannot fill {len(targets) + 1} splits. Add rows of other groups, ask for "
            "fewer splits, or hold less together: rows that share a group, a text or nearly so are never divided (`near`)."
        )
    if sum(targets.values()) >= total:
        told = ", ".join(f"{name} {part}" for name, part in wanted.parts.items())
        raise GateError(f"split: {told} leave nothing of {total} rows to train on. Ask for fewer, or add rows.")


def _lend(wanted: Wanted, result: list[str | None], sizes: Sequence[int]) -> None:
    """Give each split that got nothing the smallest component of a split that has others."""
    for name in (*wanted.parts, "train"):
        if name not in result and not wanted.held.get(name):
            counts = Counter(result)
            free = [place for place, split in enumerate(result) if counts[split] > 1 or (split and wanted.held.get(split))]
            if not free:
                raise GateError(
                    f"split: the rows are those of an earlier build, which had no {name}, and none is new. "
                    "Add rows, or draw afresh: --since none."
                )
            result[min(free, key=lambda place: (sizes[place], place))] = name


def _ended(splits: list[str | None], sizes: Sequence[int], end: float, taken: int) -> list[str | None]:
    for place, (split, size) in enumerate(zip(splits, sizes, strict=True)):
        if split == "train" and taken and taken + size / 2 > end:
            splits[place] = None
        elif split == "train":
            taken += size
    return splits
