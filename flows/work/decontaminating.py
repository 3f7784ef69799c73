"""Looking for the items of one step in the rows of another."""

import polars as pl

from flows.work.job import Job
from tasks.abreast import abreast
from tasks.decontamination import Decontaminate, first_hits
from tasks.shards import read, whole
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder
from tasks.text.contamination import Known, known_runs

RUNS = {"hash": pl.UInt64(), "item": pl.UInt32(), "length": pl.UInt8()}


def gather_items(job: Job, steps: list[Step]) -> Done:
    """Give the runs of words by which the items of a shard are found, and the items' ids."""
    (step,) = steps
    assert isinstance(step, Decontaminate)
    work, rows = Place.at(job.work), 0
    with spool_folder() as folder:
        runs, ids = (ParquetSpool(folder / f"{name}.parquet") for name in ("runs", "ids"))
        for frame in read(work, job.shards[0]):
            runs.write(step.items(frame).with_columns(pl.col("item") + rows))
            ids.write(frame.select("id"))
            rows += frame.height
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish()) for spool in (runs, ids)}, {"rows": rows})


def join_items(job: Job, steps: list[Step]) -> Done:
    """Put the items of all shards into one table; a run that several items share is the first one's."""
    del steps
    work = Place.at(job.work)
    ids, runs, rows = [], [], 0
    for one, other in zip(job.parts[::2], job.parts[1::2], strict=True):
        runs.append(whole(work, one).with_columns(pl.col("item") + rows))
        ids.append(whole(work, other))
        rows += other.rows
    joined = pl.concat([pl.DataFrame(schema=RUNS), *runs]).sort("hash", "item").unique("hash", keep="first", maintain_order=True)
    with spool_folder() as folder:
        files = {}
        for name, frame in (("runs", joined), ("ids", pl.concat([pl.DataFrame(schema={"id": pl.String}), *ids]))):
            spool = ParquetSpool(folder / f"{name}.parquet")
            spool.write(frame)
            files[spool.path.name] = (spool.path, spool.finish())
        return commit(work, job.key, files, {"items": rows, "runs": joined.height})


def decontaminate(job: Job, steps: list[Step]) -> Done:
    """Look through the live rows of a shard; verdicts are laid beside all of its rows."""
    (step,) = steps
    assert isinstance(step, Decontaminate)
    work = Place.at(job.work)
    known, ids = known_runs(whole(work, job.parts[0])), whole(work, job.parts[1])["id"]

    rows, kept, hit = 0, 0, 0
    with spool_folder() as folder:
        spools = [ParquetSpool(folder / f"{name}.parquet") for name in ("columns", "verdicts", "hits")]
        frames = read(work, job.shards[0], step.reads(job.extra["columns"]), dead=True)
        for looked in abreast(lambda frame: _looked(step, frame, known, ids), frames):
            for spool, frame in zip(spools, looked, strict=True):
                spool.write(frame)
            verdicts = looked[1]
            rows, kept, hit = rows + verdicts.height, kept + int(verdicts["keep"].sum()), hit + len(verdicts["item"].drop_nulls())
        files = {spool.path.name: (spool.path, spool.finish()) for spool in spools}
        dropped = {"contaminated": rows - kept} if rows > kept else {}
        report = {"rows_in": rows, "rows_out": kept, "dropped": dropped, "hits": spools[2].rows, "rows_hit": hit}
        return commit(work, job.key, files, report)


def _looked(step: Decontaminate, frame: pl.DataFrame, known: Known, ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Give what is laid beside a frame's rows, the verdicts on its live ones, and every hit."""
    live = frame.filter("keep")
    hits = step.hits(live, known)
    told = step.judged(live, hits, ids)
    named = hits.with_columns(id=live["id"].gather(hits["row"]), item=ids.gather(hits["item"]))
    laid = frame.select("row").join(told.with_columns(live["row"]), on="row", how="left", maintain_order="left").drop("row")
    verdicts = pl.DataFrame([live["id"], told["keep"]]).hstack(first_hits(live, named.drop("id")).drop("row"))
    return laid.with_columns(pl.col("keep").fill_null(value=True)), verdicts, named.select("id", pl.all().exclude("id", "row"))
