"""Gates: the expectations of a suite over all live rows."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from expectations.check import check
from expectations.suites import load
from flows.work.job import Job
from tasks.gate import Expect
from tasks.shards import read
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place


def run_gate(job: Job, steps: list[Step]) -> Done:
    """Check the rows; the report says what each expectation found, and whether all critical ones held."""
    (step,) = steps
    assert isinstance(step, Expect)
    work = Place.at(job.work)
    suite = load(step.suite, job.calls[0].files.get("suite"))
    report = check(suite, _rows(work, job))
    plain: dict[str, Any] = {
        "engine": report.engine,
        "rows": report.rows,
        "passed": report.passed,
        "expectations": [vars(found) | {"told": str(found)} for found in report.found],
    }
    return commit(work, job.key, {}, plain)


def _rows(work: Place, job: Job) -> Iterator[pl.DataFrame]:
    for shard in job.shards:
        for frame in read(work, shard):
            yield frame.drop("row")
