"""Steps that ask a model; they run in the flow's own process, the one voice to the world."""

import asyncio
from collections import Counter

import polars as pl

from flows.work.job import Job
from tasks.clients.llm import Endpoint, Model
from tasks.frames import MARKS, PAIRS, conform
from tasks.growth.backtranslate import Backtranslate
from tasks.growth.budget import Purse
from tasks.growth.engine import Asking, Grown, complete, grow, summary
from tasks.growth.ledger import Ledger
from tasks.growth.self_instruct import SelfInstruct
from tasks.growth.strategy import ModelStep, Row
from tasks.shards import read
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.keys import digest
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder


def ask_model(job: Job, steps: list[Step]) -> Done:
    """Ask for the rows of all shards; a result with failures is not kept as the stage's, so that a rerun mends it."""
    (step,) = steps
    assert isinstance(step, ModelStep)
    work = Place.at(job.work)
    rows = [row for shard in job.shards for frame in read(work, shard) for row in frame.drop("row").to_dicts()]
    grown = asyncio.run(_ask(step, rows, job, work))
    whole = not grown.failures and not grown.partial
    key = job.key if whole else digest(job.key, [row["id"] for row in grown.rows], grown.dropped)
    schema = {**PAIRS, **({"split": MARKS["split"]} if any("split" in row for row in grown.rows) else {})}
    extra = sorted({name for row in grown.rows for name in row} - set(schema) - {"cluster"})
    frame = pl.DataFrame(
        [{name: row.get(name) for name in (*schema, *extra)} for row in grown.rows], schema={**schema, **dict.fromkeys(extra, pl.String)}
    )
    with spool_folder() as folder:
        text = ParquetSpool(folder / "text.parquet")
        text.write(conform(frame, "pairs"))
        lost = ParquetSpool(folder / "dropped.parquet")
        lost.write(pl.DataFrame(grown.dropped, schema={"id": pl.String, "reason": pl.String}, orient="row"))
        files = {"text.parquet": (text.path, text.finish()), "dropped.parquet": (lost.path, lost.finish())}
        return commit(work, key, files, _report(step, rows, grown))


async def _ask(step: ModelStep, rows: list[Row], job: Job, work: Place) -> Grown:
    model = Model.model_validate(dict(job.extra["model"]))
    assert step.budget is not None
    endpoint = Endpoint(step.model, model, step.concurrency, step.timeout_seconds)
    ledger = Ledger(work)
    asking = Asking(endpoint, ledger, Purse(step.budget, model))
    try:
        if isinstance(step, SelfInstruct):
            return await grow(step, rows, asking, job.context())
        assert isinstance(step, Backtranslate)
        return await complete(step, rows, asking, job.context())
    finally:
        ledger.close()
        await endpoint.close()


def _report(step: ModelStep, rows: list[Row], grown: Grown) -> dict[str, object]:
    growing = isinstance(step, SelfInstruct)
    reasons = dict(sorted(Counter(reason for _, reason in grown.dropped).items()))
    counts = {
        "rows_in": len(rows),
        "rows_out": len(grown.rows),
        "dropped": {**reasons, **({"seeds stay in their own branch": len(rows)} if growing else {})},
    }
    return counts | dict(summary(grown))
