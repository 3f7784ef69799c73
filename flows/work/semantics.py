"""Comparing what rows mean: their vectors, and the pairs that are near."""

from contextlib import ExitStack

import polars as pl

from flows.work.columns import model_paths
from flows.work.job import Job
from tasks.abreast import abreast
from tasks.dedup.comparison import places
from tasks.dedup.semantic import Semantic
from tasks.dedup.step import Dedup
from tasks.exchange import spool_partitions
from tasks.shards import groups, read, whole
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder
from tasks.text.hashing import hash_texts


def _asked(steps: list[Step]) -> Semantic:
    (step,) = steps
    assert isinstance(step, Dedup)
    assert step.semantic is not None
    return step.semantic


def embed(job: Job, steps: list[Step]) -> Done:
    """Give the vectors of a shard's live rows, and the keys by which near ones meet."""
    asked, work, columns = _asked(steps), Place.at(job.work), job.extra["compared"]
    with spool_folder() as folder, ExitStack() as stack:
        paths = model_paths(job, stack)

        def embedded(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
            rows = (
                frame.select("row", order=hash_texts(frame["id"])).with_columns(asked.vectors(frame, columns, paths)).drop_nulls("vector")
            )
            return rows.select("row", "vector"), asked.keys(rows)

        spool, keys = ParquetSpool(folder / "vectors.parquet"), []
        for rows, found in abreast(embedded, read(work, job.shards[0], ["row", "id", *columns])):
            spool.write(rows)
            keys.append(found)
        parted = pl.concat(keys).with_columns(partition=pl.col("key") % job.extra["partitions"]).sort("partition", maintain_order=True)
        info, told = spool_partitions(folder / "keys.parquet", parted, "partition")
        files = {"vectors.parquet": (spool.path, spool.finish()), "keys.parquet": (folder / "keys.parquet", info)}
        return commit(work, job.key, files, {"groups": told})


def near_in_meaning(job: Job, steps: list[Step]) -> Done:
    """Keep the pairs of rows that met whose vectors are near enough; only the vectors of such rows are held."""
    asked, work, count = _asked(steps), Place.at(job.work), job.extra["shards"]
    pairs = pl.concat(whole(work, part) for part in job.parts[count:]).select("left", "right").unique().sort("left", "right")
    wanted = pl.concat([pairs["left"], pairs["right"]]).unique().implode()
    held = [
        frame.select(places(number, frame["row"]), "vector").filter(pl.col("place").is_in(wanted))
        for number, part in enumerate(job.parts[:count])
        for frame in groups(work, part)
    ]
    kept = asked.alike(pairs, pl.concat(held).sort("place"), len(job.extra["compared"]))
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "alike.parquet")
        spool.write(kept)
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish())}, {"candidates": pairs.height, "alike": kept.height})
