"""Barriers: a summary of each shard, then one settlement laid beside all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from flows.work.job import Job
from tasks.abreast import abreast
from tasks.dedup.comparison import PARTS, SAME, of_places, places
from tasks.exchange import spool_keys
from tasks.frames import MARKS
from tasks.shards import Shard, columns_of, counted, groups, read, whole
from tasks.step import EARLIER, BarrierStep, Comparing, Step
from tasks.store.commit import Done, Part, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder
from tasks.text.hashing import hash_texts


def summarise(job: Job, steps: list[Step]) -> Done:
    """Summarise the live rows of one shard: places, hashes and numbers; and their keys, where rows are compared."""
    (step,) = steps
    assert isinstance(step, BarrierStep)
    work, columns = Place.at(job.work), job.extra["columns"]
    comparison = step.comparison(columns)
    with spool_folder() as folder:
        spool, keys, rows = ParquetSpool(folder / "summary.parquet"), [], 0

        def summed_up(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
            marked = _with_marks(frame, step, job).with_columns(order=hash_texts(frame["id"]))
            summary = step.summarise(marked, job.context()).with_columns(marked["order"])
            return (summary.with_columns(size=_size(marked, comparison)), comparison.keys(marked)) if comparison else (summary, None)

        for summary, found in abreast(summed_up, read(work, job.shards[0], ["row", *step.reads(columns), *_hashes(comparison)])):
            spool.write(summary)
            keys += [] if found is None else [found]
            rows += summary.height
        files = {"summary.parquet": (spool.path, spool.finish())}
        report: dict[str, object] = {"rows": rows}
        if comparison:
            info, told = spool_keys(folder / "keys.parquet", pl.concat(keys), job.extra["partitions"])
            files["keys.parquet"] = (folder / "keys.parquet", info)
            report["groups"] = told
        return commit(work, job.key, files, report)


def _hashes(comparison: Comparing | None) -> list[str]:
    """Name the columns that an index has beside those compared."""
    return [f"{SAME}{name}" for name in comparison.columns] if comparison else []


def _size(rows: pl.DataFrame, comparison: Comparing) -> pl.Series:
    """Give about how many bytes of text each row compares."""
    texts, sets = ([name for name in comparison.columns if rows.schema[name] == dtype] for dtype in (pl.String, pl.Binary))
    sizes = [pl.col(name).str.len_bytes().fill_null(0).cast(pl.UInt32) for name in texts]
    sizes += [pl.col(name).bin.size().fill_null(0).cast(pl.UInt32) for name in sets]
    return rows.select(pl.sum_horizontal(pl.lit(1, pl.UInt32), *sizes)).to_series()


def _with_marks(frame: pl.DataFrame, step: BarrierStep, job: Job) -> pl.DataFrame:
    """Add marks that other branches carry and this shard does not, as nulls."""
    absent = [
        name for name in MARKS if name in job.extra["columns"] and name in step.reads(job.extra["columns"]) and name not in frame.columns
    ]
    return frame.with_columns(pl.lit(None, dtype=MARKS[name]).alias(name) for name in absent)


def settle(job: Job, steps: list[Step]) -> Done:
    """Settle over the summaries; each shard gets its column part, and a barrier that compares rows verdicts on them."""
    (step,) = steps
    assert isinstance(step, BarrierStep)
    work = Place.at(job.work)
    known = dict(enumerate(job.extra["known"], len(job.shards)))
    own, count = len(job.shards), len(job.shards) + len(known)
    held = list(job.parts[count:])
    earlier = whole(work, held.pop()) if job.extra.get("earlier") else None
    pairs = _pairs(work, held)
    paired = pl.concat([pairs["left"], pairs["right"]]).unique() if step.paired_only else None
    rows = _summaries(work, job.parts[:count], paired, known)
    settled = step.settle(rows, _numbered(rows, pairs), replace(job.context(), earlier=earlier))
    if settled.height != rows.height:
        raise AssertionError(f"{job.calls[0].name}: settled {settled.height} of {rows.height} rows")
    told = settled.with_columns(**of_places(pl.col("place"))).drop("place")
    evidence = [name for name in settled.columns if name not in ("place", "keep", "reason", *MARKS)]
    with spool_folder() as folder:
        files = {}
        for number, shard in enumerate(job.shards):
            beside = columns_of(work, shard).select("row", "keep")
            laid = _laid(beside, told.filter(pl.col("part") == number).drop("part"), kept=step.paired_only)
            for name, frame in (
                ("columns", laid.drop(evidence)),
                *((("verdicts", _verdicts(work, shard, beside, laid)),) if evidence else ()),
            ):
                spool = ParquetSpool(folder / f"{name}-{number:05}.parquet")
                spool.write(frame)
                files[spool.path.name] = (spool.path, spool.finish())
        if step.carries:
            spool = ParquetSpool(folder / "splits.parquet")
            spool.write(_carried(rows.select("order", "same").with_columns(settled["split"]), earlier))
            files[spool.path.name] = (spool.path, spool.finish())
        lost = settled.filter(~pl.col("keep") & (pl.col("place") < own * PARTS))
        total = sum(part.rows for part in job.parts[:own])
        report = {
            "rows_in": total,
            "rows_out": total - lost.height,
            "dropped": counted(lost),
            "told": step.told(settled),
            **_splits(settled),
        }
        return commit(work, job.key, files, report)


def _carried(rows: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.DataFrame:
    """Give what a later build goes on from: the splits of these rows, and of earlier ones that were not met this time."""
    held = rows.drop_nulls("split")
    if earlier is not None:
        gone = earlier.join(rows, on="same", how="anti", nulls_equal=True).join(rows, on="order", how="anti")
        held = pl.concat([held, gone.select(held.columns)])
    return held.unique().sort(pl.all())


def _pairs(work: Place, parts: Sequence[Part]) -> pl.DataFrame:
    """Read the pairs that were found: `left` and `right` places, `exact`, `similarity`."""
    schema = {"left": pl.UInt64, "right": pl.UInt64, "exact": pl.Boolean, "similarity": pl.Float64}
    found = [pl.DataFrame(schema=schema), *(whole(work, part) for part in parts)]
    return (
        pl.concat(found, how="diagonal")
        .with_columns(pl.col("exact").fill_null(value=False), pl.col("similarity").fill_null(1.0))
        .sort("left", "right")
    )


def _summaries(work: Place, parts: Sequence[Part], paired: pl.Series | None, known: Mapping[int, str]) -> pl.DataFrame:
    """Read the summaries of all rows, or of those that are paired, in order of place; of earlier data with its name."""
    frames = []
    for number, part in enumerate(parts):
        for frame in groups(work, part):
            placed = frame.select(places(number, frame["row"]), pl.all().exclude("row"))
            named = placed.with_columns(known=pl.lit(known.get(number), pl.String)) if known else placed
            frames.append(named if paired is None else named.filter(pl.col("place").is_in(paired.implode())))
    return pl.concat(frames, how="diagonal_relaxed")


def _numbered(rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Name the rows of pairs by their numbers among the summaries."""
    held = rows["place"].to_numpy()
    return pairs.with_columns(pl.Series(side, np.searchsorted(held, pairs[side].to_numpy())).cast(pl.UInt64) for side in ("left", "right"))


def _laid(beside: pl.DataFrame, settled: pl.DataFrame, *, kept: bool) -> pl.DataFrame:
    """Lay what was settled row for row beside a shard; a row that was not settled is dropped already, or `kept`."""
    laid = beside.select("row").join(settled, on="row", how="left", maintain_order="left")
    return laid.drop("row").with_columns(pl.col("keep").fill_null(value=kept))


def _verdicts(work: Place, shard: Shard, beside: pl.DataFrame, laid: pl.DataFrame) -> pl.DataFrame:
    """Give the verdict on each row that came in, with its id."""
    ids = pl.concat(frame.select("id") for frame in read(work, shard, ["id"]))
    return ids.hstack(laid.filter(beside["keep"]).drop(name for name in MARKS if name in laid.columns))


def _splits(settled: pl.DataFrame) -> dict[str, object]:
    if "split" not in settled.columns:
        return {}
    table = settled.filter("keep").group_by("split").len().sort("split")
    return {"splits": dict(zip(table["split"].to_list(), table["len"].to_list(), strict=True))}


def find_earlier(job: Job, steps: list[Step]) -> Done:
    """Keep what an earlier version says of splits, so that the same build again finds what it found the first time."""
    del steps
    out, version = Place.at(job.extra["out"]), job.extra["version"]
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "earlier.parquet")
        spool.write(pl.DataFrame(schema=EARLIER))
        if version:
            with out.local_copy(f"{job.extra['dataset']}/{version}/splits/{job.extra['split']}.parquet") as path:
                spool.write(pl.read_parquet(path))
        return commit(Place.at(job.work), job.key, {spool.path.name: (spool.path, spool.finish())}, {"version": version})
