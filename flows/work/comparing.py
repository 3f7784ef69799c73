"""Comparing rows across shards: who meets whom, whose shingles go where, and which pairs are alike.

Keys are exchanged by hash, a partition at a time. `route` alone holds all pairs of rows that met, and no more than
them: it puts them into blocks of bounded text by the components they form, and their shingles are exchanged by block.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from flows.work.job import Job
from tasks.abreast import abreast
from tasks.dedup.comparison import PARTS, by_standing, met, of_places, places
from tasks.exchange import partition_of, spool_partitions
from tasks.shards import groups, read, whole
from tasks.step import BarrierStep, Comparing, Step
from tasks.store.commit import Done, Part, commit
from tasks.store.place import Place
from tasks.store.spool import FileInfo, ParquetSpool, spool_folder
from tasks.text.joining import components

BLOCK_BYTES = 24_000_000
"""Compared text of the rows whose shingles are held at once."""


def _comparison(job: Job, steps: list[Step]) -> Comparing:
    (step,) = steps
    assert isinstance(step, BarrierStep)
    comparison = step.comparison(job.extra["columns"])
    assert comparison is not None
    return comparison


def meet(job: Job, steps: list[Step]) -> Done:
    """Find the pairs of rows that share a key of one partition."""
    del steps
    work = Place.at(job.work)
    found = partition_of(work, _grouped(job), job.extra["partition"])
    keys = pl.concat(frame.select("key", places(number, frame["row"]), "order") for number, frame in found)
    report = {"large_buckets": 0, "large_bucket_rows": 0}
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "pairs.parquet", pl.Schema({"left": pl.UInt64, "right": pl.UInt64, "exact": pl.Boolean}))
        for piece in met(keys):
            spool.write(piece.pairs.filter(pl.min_horizontal("left", "right") < job.extra["own"] * PARTS))
            report["large_buckets"] += piece.large
            report["large_bucket_rows"] += piece.rows
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish())}, report)


def _grouped(job: Job) -> list[tuple[Part, dict[str, int]]]:
    return list(zip(job.parts, job.extra["groups"], strict=True))


def _spooled(folder: Path, name: str, rows: pl.DataFrame) -> dict[str, tuple[Path, FileInfo]]:
    spool = ParquetSpool(folder / f"{name}.parquet")
    spool.write(rows)
    return {spool.path.name: (spool.path, spool.finish())}


def route(job: Job, steps: list[Step]) -> Done:
    """Put the rows that met into blocks: those whose pairs hang together, as many as BLOCK_BYTES of text hold.

    Of equal rows one stands for all. Three files: `exact`, the pairs of equal rows; `near`, the others, by the blocks of
    their rows; `rows`, those whose shingles are needed, by shard, with their blocks.
    """
    del steps
    work, count = Place.at(job.work), job.extra["summaries"]
    pairs = pl.concat(whole(work, part) for part in job.parts[count:]).unique()
    near = by_standing(pairs)
    rows = _sizes(work, job.parts[:count], pl.concat([near["left"], near["right"]]).unique())
    blocks = rows.select("place", block=_blocks(rows, near))
    touched = blocks.select(**of_places(pl.col("place")), block="block")
    with spool_folder() as folder:
        files, report = _spooled(folder, "exact", pairs.filter("exact").sort("left", "right")), {}
        for name, frame, by in (("near", _between(near, blocks), "blocks"), ("rows", touched.sort("part", "row"), "part")):
            info, report[name] = spool_partitions(folder / f"{name}.parquet", frame, by)
            files[f"{name}.parquet"] = (folder / f"{name}.parquet", info)
        return commit(work, job.key, files, report)


def _sizes(work: Place, parts: Sequence[Part], touched: pl.Series) -> pl.DataFrame:
    """Give the places of rows, in order, and how large they are."""
    frames = [
        held.select(places(number, held["row"]), "size").filter(pl.col("place").is_in(touched.implode()))
        for number, part in enumerate(parts)
        for held in groups(work, part, ["row", "size"])
    ]
    return pl.concat(frames)


def _blocks(rows: pl.DataFrame, near: pl.DataFrame) -> pl.Series:
    """Give each row the number of its block: components end to end, cut where the next one would be too much; a larger one within."""
    held = rows["place"].to_numpy()
    label = components(rows.height, *(np.searchsorted(held, near[side].to_numpy()) for side in ("left", "right")))
    laid = rows.with_columns(label=pl.Series(label)).with_row_index("n").sort("label", "n")
    end = pl.col("size").cast(pl.Int64).cum_sum()
    within = laid.with_columns(end=end).with_columns(
        first=(pl.col("end") - pl.col("size")).min().over("label"), last=pl.col("end").max().over("label")
    )
    whole_one = pl.col("last") - pl.col("first") <= BLOCK_BYTES
    block = pl.when(whole_one).then("first").otherwise(pl.col("end") - 1) // BLOCK_BYTES
    return within.with_columns(block=block.cast(pl.Int64)).sort("n")["block"]


def _between(near: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """Name the two blocks of each pair, the lower first, and sort by them."""
    for side in ("left", "right"):
        near = near.join(blocks.rename({"block": f"{side}_block"}), left_on=side, right_on="place", how="left", maintain_order="left")
    low, high = pl.min_horizontal("left_block", "right_block"), pl.max_horizontal("left_block", "right_block")
    return near.select("left", "right", blocks=pl.format("{} {}", low, high)).sort("blocks", "left", "right")


def shingle(job: Job, steps: list[Step]) -> Done:
    """Give the shingles of a shard's rows that met others, by block; their texts are read again, some at a time."""
    comparison, work = _comparison(job, steps), Place.at(job.work)
    ((_, wanted),) = partition_of(work, _grouped(job), job.extra["number"])

    def shingled(frame: pl.DataFrame) -> pl.DataFrame:
        rows = frame.join(wanted, on="row", how="semi", maintain_order="left")
        return comparison.sets(rows).join(wanted, on="row", how="left", maintain_order="left")

    frames = list(abreast(shingled, read(work, job.shards[0], ["row", *comparison.columns])))
    with spool_folder() as folder:
        info, told = spool_partitions(folder / "sets.parquet", pl.concat(frames).sort("block", "row"), "block")
        return commit(work, job.key, {"sets.parquet": (folder / "sets.parquet", info)}, {"groups": told})


def verify(job: Job, steps: list[Step]) -> Done:
    """Keep the pairs between two blocks that are alike enough, by the exact similarity of their shingles."""
    comparison, work = _comparison(job, steps), Place.at(job.work)
    near, *sets = _grouped(job)
    ((_, pairs),) = partition_of(work, [near], job.extra["blocks"])
    numbers = job.extra["numbers"]
    found = [
        frame.select(places(numbers[number], frame["row"]), pl.all().exclude("row"))
        for block in sorted(set(job.extra["blocks"].split()))
        for number, frame in partition_of(work, sets, block)
    ]
    kept = comparison.alike(pairs, pl.concat(found).sort("place"))
    with spool_folder() as folder:
        return commit(work, job.key, _spooled(folder, "alike", kept), {"candidates": pairs.height, "alike": kept.height})
