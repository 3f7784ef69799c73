"""Reading a source without a build."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.frames import Skip
from tasks.step import Context, SourceStep


def read_all(step: SourceStep, patterns: Sequence[str], files: dict[str, str] | None = None) -> tuple[list[dict[str, Any]], list[Skip]]:
    """Give all rows and skips of what matches."""
    frames: list[pl.DataFrame] = []
    skips: list[Skip] = []
    for unit in step.units(patterns):
        for reading in step.read(unit, Context("s", files=files or {})):
            frames.append(reading.rows)
            skips.extend(reading.skips)
    return [row for frame in frames for row in frame.to_dicts()], skips


def reasons(skips: Sequence[Skip]) -> Counter[str]:
    return Counter(skip.reason for skip in skips)
