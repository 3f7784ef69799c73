"""Surveys of filters: how the scores of each rule are spread over rows, and the rows nearest to its bound."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from flows.work.job import Job
from tasks.shards import columns_of, groups
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place

BINS = 16
NEAREST = 10
"""Rows shown on each side of a bound."""
Scores = npt.NDArray[np.float32]
CANDIDATES = {"row": pl.UInt32, "id": pl.String, "ok": pl.Boolean, "score": pl.Float32}


def survey(job: Job, steps: list[Step]) -> Done:
    """Count the live rows of a shard by bins of each rule's scores, and find the rows nearest to its bound."""
    del steps
    work = Place.at(job.work)
    live = columns_of(work, job.shards[0]).select("row", "keep")
    found: dict[str, _Found] = {rule: _Found() for rule in job.extra["ranges"]}
    for verdicts in groups(work, job.parts[0]):
        rows = verdicts.join(live, on="row", maintain_order="left").filter("keep")
        for rule, (low, high) in job.extra["ranges"].items():
            scored = rows.select("row", "id", ok=rule, score=f"{rule}.score").filter(pl.col("score").is_finite())
            found[rule].add(scored, low, high, job.extra["bounds"][rule] if rule in job.extra["failed"] else None)
    rows = pl.concat([rule.candidates for rule in found.values()]) if found else pl.DataFrame(schema={"row": pl.UInt32})
    shown = _excerpts(work, job, rows["row"].unique()) if job.extra["shown"] else None
    return commit(work, job.key, {}, {"rules": {rule: each.told(shown) for rule, each in found.items()}})


class _Found:
    """What was found of one rule so far: rows by bins, how many failed on either side, and the rows that may be nearest to a bound."""

    def __init__(self) -> None:
        self.bins = [[0, 0] for _ in range(BINS)]
        self.candidates = pl.DataFrame(schema=CANDIDATES)
        self._below = self._failing = 0

    def add(self, rows: pl.DataFrame, low: float, high: float, bounds: Sequence[float | None] | None) -> None:
        """Add the scores of some rows; with `bounds` those nearest to each of them are kept."""
        for total, more in zip(self.bins, bins(rows, low, high), strict=True):
            total[0], total[1] = total[0] + more[0], total[1] + more[1]
        if bounds is None:
            return
        scores, ok = rows["score"].to_numpy(), rows["ok"].to_numpy()
        self._failing += int((~ok).sum())
        self._below += 0 if bounds[0] is None else int((scores[~ok] < bounds[0]).sum())
        named = [bound for bound in bounds if bound is not None] or [0.0]
        close = np.flatnonzero(np.logical_or.reduce([_close(scores, side, bound) for bound in named for side in (ok, ~ok)]))
        held = pl.concat([self.candidates, rows[close].select(pl.col(name).cast(dtype) for name, dtype in CANDIDATES.items())])
        nearby = [nearest(held, bound, NEAREST) for bound in named]
        self.candidates = pl.concat(nearby).drop("far").unique("row", maintain_order=True)

    def told(self, excerpts: pl.DataFrame | None) -> dict[str, Any]:
        """Give what was found as plain data, with how the texts of rows begin where that may be shown."""
        near = self.candidates if excerpts is None else self.candidates.join(excerpts, on="row", how="left", maintain_order="left")
        return {"bins": self.bins, "failing": self._failing, "below": self._below, "near": near.drop("row").to_dicts()}


def _close(scores: Scores, side: npt.NDArray[np.bool_], bound: float) -> npt.NDArray[np.bool_]:
    """Tell the rows of a side among which the NEAREST to a bound are: those no farther than the last of them."""
    far = np.abs(scores - bound)
    held = far[side]
    return side if len(held) <= NEAREST else side & (far <= np.partition(held, NEAREST - 1)[NEAREST - 1])


def _excerpts(work: Place, job: Job, rows: pl.Series) -> pl.DataFrame:
    """Give the excerpts of some rows, read from the features."""
    wanted, start, found = rows.implode(), 0, []
    for frame in groups(work, job.parts[1], ["excerpt"]):
        found.append(frame.with_row_index("row", start).filter(pl.col("row").is_in(wanted)))
        start += frame.height
    return pl.concat(found)


def nearest(rows: pl.DataFrame, bound: float, count: int) -> pl.DataFrame:
    """Give the rows nearest to a bound, so many kept and so many dropped, nearest first."""
    ranked = rows.with_columns(far=(pl.col("score") - bound).abs())
    sides = [ranked.filter(side).bottom_k(count, by=["far", "id"]).sort("far", "id") for side in (~pl.col("ok"), pl.col("ok"))]
    return pl.concat(sides)


def failing_bound(failing: int, below: int, low: float | None, high: float | None) -> float:
    """Give the bound that rows fail at: the upper one where there are both and more fail there."""
    return float(low if low is not None and (high is None or 2 * below >= failing) else high or 0)


def bins(rows: pl.DataFrame, low: float, high: float) -> list[list[int]]:
    """Count rows in BINS of equal width from `low` to `high`: kept and dropped of each."""
    width = (high - low) / BINS or 1.0
    places = np.clip(np.floor((rows["score"].to_numpy() - low) / width), 0, BINS - 1).astype(np.int64)
    ok = rows["ok"].to_numpy()
    kept, all_of_them = np.bincount(places[ok], minlength=BINS), np.bincount(places, minlength=BINS)
    return [[int(count), int(total - count)] for count, total in zip(kept, all_of_them, strict=True)]


def merged(surveys: Sequence[Mapping[str, Any]], ranges: Mapping[str, Sequence[float]], bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Put the surveys of all shards together, rules in the order of `bounds`."""
    told: dict[str, Any] = {}
    for rule in bounds:
        if rule not in ranges:
            continue
        low, high = ranges[rule]
        held = [each[rule] for each in surveys]
        total = [[sum(pair) for pair in zip(*(each["bins"][place] for each in held), strict=True)] for place in range(BINS)]
        failing, below = (sum(each[count] for each in held) for count in ("failing", "below"))
        bound = failing_bound(failing, below, *bounds[rule])
        near = sorted((row for each in held for row in each["near"]), key=lambda row: (abs(row["score"] - bound), row["id"]))
        sides = [[row for row in near if row["ok"] is side][:NEAREST] for side in (False, True)]
        told[rule] = {"low": low, "high": high, "bounds": bounds[rule], "bins": total, "near": [*sides[0], *sides[1]]}
    return told


def joined(ranges: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """Give the range of each rule's scores over all shards."""
    found: dict[str, list[float]] = {}
    for each in ranges:
        for rule, (low, high) in each.items():
            before = found.get(rule, [low, high])
            found[rule] = [min(low, before[0]), max(high, before[1])]
    return found
