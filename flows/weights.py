"""How heavy jobs are: which are done in the flow's own process, where starting workers would take longer."""

from flows.work.job import Job
from tasks.filters.classifier import GROUP as CLASSIFIER
from tasks.filters.language import GROUP as LANGUAGE
from tasks.filters.pairs import TOKENS
from tasks.filters.rule import BY
from tasks.sources.files import LINES
from tasks.sources.tabular import plain_name

SMALL_BYTES = 24_000_000
"""Jobs of fewer bytes together are done in this process."""
LIGHT = {"features": 8, "verdicts": 8, "survey": 16, "tally": 16, "file": 8, "source": 8}
"""Kinds of jobs that work so many times as fast as others, and outside the GIL, so that this process can use all cores for them."""
WITHIN = ("features", "file")
"""Those of them that use several cores by themselves."""
HELD = (LANGUAGE, f"{BY}detected", CLASSIFIER, TOKENS)
"""Features that are measured by libraries which hold the GIL."""


def lightness(job: Job) -> int:
    """Give how many times as fast as others a job is: 1 for those that hold the GIL."""
    if job.kind == "source" and not all(plain_name(unit["key"]).endswith(LINES) for unit in job.extra["units"]):
        return 1
    if job.kind == "features" and any(group.partition("=")[0] in HELD for group in job.extra["groups"]):
        return 1
    return LIGHT.get(job.kind, 1)


def threads_for(job: Job, workers: int) -> int:
    """Give how many jobs of a kind this process does at a time."""
    return workers if lightness(job) > 1 and job.kind not in WITHIN else 1
