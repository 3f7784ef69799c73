"""New inputs from templates of seeds: all rows at once, no model."""

import polars as pl

from flows.work.job import Job
from tasks.frames import PAIRS, TYPES, conform
from tasks.growth.slots import Slots
from tasks.shards import read
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder


def fill_slots(job: Job, steps: list[Step]) -> Done:
    """Make the children of all shards' rows."""
    (step,) = steps
    assert isinstance(step, Slots)
    work = Place.at(job.work)
    rows = [row for shard in job.shards for frame in read(work, shard) for row in frame.drop("row").to_dicts()]
    made, templates = step.make(rows, job.context())
    extra = [name for name in job.extra["columns"] if name not in PAIRS and name != "cluster"]
    columns = {**PAIRS, **{name: TYPES.get(name, pl.String()) for name in extra}}
    frame = conform(pl.DataFrame([{name: row.get(name) for name in columns} for row in made], schema=columns), "pairs")
    with spool_folder() as folder:
        text = ParquetSpool(folder / "text.parquet")
        text.write(frame)
        few = len(made) < step.rows
        report = {
            "rows_in": len(rows),
            "rows_out": len(made),
            "dropped": {"seeds stay in their own branch": len(rows)},
            "templates": templates,
            "partial": f"the seeds have {templates:,} templates, which make {len(made):,} inputs" if few else "",
        }
        return commit(work, job.key, {"text.parquet": (text.path, text.finish())}, report)
