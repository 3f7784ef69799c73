"""Surveys of filters: how the scores of each rule are spread over rows, and the rows nearest to its bound."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from flows.work.job import Job
from tasks.shards import columns_of, whole
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place

BINS = 16
NEAREST = 10
"""Rows shown on each side of a bound."""


def survey(job: Job, steps: list[Step]) -> Done:
    """Count the live rows of a shard by bins of each rule's scores, and find the rows nearest to its bound."""
    del steps
    work = Place.at(job.work)
    live = columns_of(work, job.shards[0]).select("row", "keep")
    verdicts = whole(work, job.parts[0]).join(live, on="row", maintain_order="left").filter("keep")
    excerpts = whole(work, job.parts[1], ["excerpt"]).with_row_index("row") if job.extra["shown"] else None
    told = {}
    for rule, (low, high) in job.extra["ranges"].items():
        rows = verdicts.select("row", "id", ok=rule, score=f"{rule}.score").filter(pl.col("score").is_finite())
        near = nearest(rows, job.extra["bounds"][rule], NEAREST) if rule in job.extra["failed"] else rows.head(0)
        if excerpts is not None:
            near = near.join(excerpts, on="row", how="left", maintain_order="left")
        told[rule] = {"bins": bins(rows, low, high), "near": near.drop("row").to_dicts()}
    return commit(work, job.key, {}, {"rules": told})


def nearest(rows: pl.DataFrame, bounds: Sequence[float | None], count: int) -> pl.DataFrame:
    """Give the rows nearest to the bound at which most fail, so many kept and so many dropped, nearest first."""
    bound = failing_bound(rows, *bounds)
    ranked = rows.with_columns(far=(pl.col("score") - bound).abs())
    sides = [ranked.filter(side).bottom_k(count, by=["far", "id"]).sort("far", "id") for side in (~pl.col("ok"), pl.col("ok"))]
    return pl.concat(sides)


def failing_bound(rows: pl.DataFrame, low: float | None, high: float | None) -> float:
    """Give the bound that rows fail at: the upper one where there are both and more fail there."""
    failing = rows.filter(~pl.col("ok"))["score"]
    below = 0 if low is None else (failing < low).sum()
    return float(low if low is not None and (high is None or 2 * below >= len(failing)) else high or 0)


def bins(rows: pl.DataFrame, low: float, high: float) -> list[list[int]]:
    """Count rows in BINS of equal width from `low` to `high`: kept and dropped of each."""
    width = (high - low) / BINS or 1.0
    table = rows.with_columns(bin=((pl.col("score") - low) / width).floor().clip(0, BINS - 1).cast(pl.Int64))
    counts = {place: (kept, rows) for place, kept, rows in table.group_by("bin").agg(pl.col("ok").sum(), pl.len()).iter_rows()}
    return [[counts.get(place, (0, 0))[0], counts.get(place, (0, 0))[1] - counts.get(place, (0, 0))[0]] for place in range(BINS)]


def merged(surveys: Sequence[Mapping[str, Any]], ranges: Mapping[str, Sequence[float]], bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Put the surveys of all shards together, rules in the order of `bounds`."""
    told: dict[str, Any] = {}
    for rule in bounds:
        if rule not in ranges:
            continue
        low, high = ranges[rule]
        held = [each[rule] for each in surveys]
        total = [[sum(pair) for pair in zip(*(each["bins"][place] for each in held), strict=True)] for place in range(BINS)]
        near = sorted((row for each in held for row in each["near"]), key=lambda row: (row["far"], row["id"]))
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
