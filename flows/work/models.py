"""Steps that ask a model; they run in the flow's own process, the one voice to the world."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from flows.work.job import Job
from tasks.clients.llm import NO_ROOM, Endpoint, Model
from tasks.frames import PAIRS, TYPES, conform
from tasks.growth.asking import Asking
from tasks.growth.batching import ask_beforehand
from tasks.growth.budget import Purse
from tasks.growth.engine import Grown, complete
from tasks.growth.growing import GrowingStep
from tasks.growth.herd import grow
from tasks.growth.ledger import Ledger
from tasks.growth.rehearsal import Rehearsal, missing_rows, rehearsed
from tasks.growth.strategy import CompletingStep, ModelStep, Row
from tasks.shards import read
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.keys import digest
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder


def ask_model(job: Job, steps: list[Step]) -> Done:
    """Ask for the rows of all shards; a result with something missing is not kept as the stage's, so that a rerun mends it."""
    (step,) = steps
    assert isinstance(step, ModelStep)
    work = Place.at(job.work)
    rows = [row for shard in job.shards for frame in read(work, shard) for row in frame.drop("row").to_dicts()]
    rehearsed = bool(job.extra.get("rehearsed"))
    grown, report = asyncio.run((_rehearse if rehearsed else _ask)(step, rows, job))
    known = job.key if not grown.partial else digest(job.key, [row["id"] for row in grown.rows], grown.dropped)
    key = known if not rehearsed else digest(known, "rehearsed", grown.rows)
    with spool_folder() as folder:
        files = {path.name: (path, info) for path, info in _spooled(folder, grown, _columns(job))}
        return commit(work, key, files, _counts(step, rows, grown) | dict(report))


def _columns(job: Job) -> dict[str, pl.DataType]:
    """Give the columns of the rows that come out, in order; a cluster is of rows as they were."""
    extra = [name for name in job.extra["columns"] if name not in PAIRS and name != "cluster"]
    return {**PAIRS, **{name: TYPES.get(name, pl.String()) for name in extra}}


def _spooled(folder: Path, grown: Grown, columns: dict[str, pl.DataType]) -> list[tuple[Path, Any]]:
    rows = pl.DataFrame([{name: row.get(name) for name in columns} for row in grown.rows], schema=columns)
    traces = [(name, reason, orjson.dumps(trace).decode()) for name, reason, trace in grown.quarantine]
    frames = {
        "text": conform(rows, "pairs"),
        "dropped": pl.DataFrame(grown.dropped, schema={"id": pl.String, "reason": pl.String}, orient="row"),
        "quarantine": pl.DataFrame(traces, schema={"id": pl.String, "class": pl.String, "trace": pl.String}, orient="row"),
    }
    spools = [(ParquetSpool(folder / f"{name}.parquet"), frame) for name, frame in frames.items()]
    for spool, frame in spools:
        spool.write(frame)
    return [(spool.path, spool.finish()) for spool, _ in spools]


async def _ask(step: ModelStep, rows: list[Row], job: Job) -> tuple[Grown, dict[str, Any]]:
    models = {name: Model.model_validate(plain) for name, plain in job.extra["models"].items()}
    assert step.budget is not None
    endpoints = {name: Endpoint(name, model, step.concurrency, step.timeout_seconds) for name, model in models.items()}
    ledger = Ledger(Place.at(job.extra["ledger"]))
    purse = Purse(ledger, job.extra["budget"], step.budget)
    asking = Asking(endpoints, step.model, ledger, purse)
    try:
        if isinstance(step, CompletingStep) and models[step.model].batch:
            await ask_beforehand(step, rows, endpoints[step.model], ledger, purse, job.context())
        if isinstance(step, GrowingStep):
            grown = await grow(step, rows, asking, job.context())
        else:
            assert isinstance(step, CompletingStep)
            grown = await complete(step, rows, asking, job.context())
        told = dict(grown.report(asking))
        return grown, told | ({"partial": purse.told()} if grown.partial == NO_ROOM else {})
    finally:
        ledger.close()
        for endpoint in endpoints.values():
            await endpoint.close()


async def _rehearse(step: ModelStep, rows: list[Row], job: Job) -> tuple[Grown, dict[str, Any]]:
    """Answer from the ledger alone; `missing` tells how many rows are still to come, `waiting` how many go on as they were for now."""
    models = {name: Model.model_validate(plain) for name, plain in job.extra["models"].items()}
    place = Place.at(job.extra["ledger"])
    ledger = Ledger(place) if not place.local or place.names("") else None
    asking = Rehearsal(models, step.model, ledger)
    try:
        grown = await rehearsed(step, rows, asking, job.context())
    finally:
        if ledger:
            ledger.close()
    return grown, dict(grown.report(asking)) | {
        "missing": missing_rows(step, rows, grown, asking),
        "waiting": grown.unanswered[grown.partial],
    }


def _counts(step: ModelStep, rows: Sequence[Row], grown: Grown) -> dict[str, Any]:
    reasons = dict(sorted(Counter(reason for _, reason in grown.dropped).items()))
    own = {"seeds stay in their own branch": len(rows)} if isinstance(step, GrowingStep) else {}
    return {"rows_in": len(rows), "rows_out": len(grown.rows), "dropped": {**reasons, **own}}
