"""Looking for passages that stand more than once: fingerprints, those met again, the windows they lead to, and what is cut."""

from collections.abc import Sequence
from functools import reduce

import polars as pl

from flows.work.job import Job
from tasks.abreast import abreast
from tasks.dedup.comparison import PARTS, of_places, places
from tasks.dedup.passages import Repeats, cuts_of, repeated, spans
from tasks.dedup.step import Dedup, keeper_rank
from tasks.exchange import partition_of, spool_keys
from tasks.frames import text_column
from tasks.shards import Shard, columns_of, read, whole
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder
from tasks.text.cuts import cut
from tasks.text.hashing import hash_texts
from tasks.text.repeats import fingerprints, windows_again
from tasks.text.words import count_words


def _asked(steps: list[Step]) -> Repeats:
    (step,) = steps
    assert isinstance(step, Dedup)
    assert step.passages is not None
    return step.passages


def _partitioned(job: Job, name: str, rows: pl.DataFrame) -> Done:
    with spool_folder() as folder:
        info, groups = spool_keys(folder / name, rows, job.extra["partitions"])
        return commit(Place.at(job.work), job.key, {name: (folder / name, info)}, {"groups": groups})


def fingerprint(job: Job, steps: list[Step]) -> Done:
    """Give the fingerprints of a shard's live rows and how often each is there."""
    words, work, name = _asked(steps).words, Place.at(job.work), text_column(job.extra["columns"])
    found = list(abreast(lambda frame: fingerprints(frame[name], words), read(work, job.shards[0], [name])))
    return _partitioned(job, "fingerprints.parquet", pl.concat(found).to_frame().group_by("key").len().sort("key"))


def meet_again(job: Job, steps: list[Step]) -> Done:
    """Keep the fingerprints of one partition that are there more than once."""
    del steps
    work = Place.at(job.work)
    found = pl.concat(
        frame for _, frame in partition_of(work, list(zip(job.parts, job.extra["groups"], strict=True)), job.extra["partition"])
    )
    again = found.group_by("key").agg(pl.col("len").sum()).filter(pl.col("len") > 1).select("key").sort("key")
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "again.parquet")
        spool.write(again)
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish())}, {})


def find_windows(job: Job, steps: list[Step]) -> Done:
    """Give the windows of a shard's live rows that may be repeated, with what tells which of them stays."""
    words, work, name = _asked(steps).words, Place.at(job.work), text_column(job.extra["columns"])
    again = pl.concat(whole(work, part) for part in job.parts)["key"].sort().to_numpy()

    def found(frame: pl.DataFrame) -> pl.DataFrame:
        rows = frame.select("row", rank=keeper_rank(frame.columns), order=hash_texts(frame["id"]))
        windows = windows_again(frame[name], words, again)
        return windows.drop("row").hstack(rows[windows["row"]])

    frames = list(abreast(found, read(work, job.shards[0], ["row", "id", "split", "generator", name])))
    return _partitioned(job, "windows.parquet", pl.concat(frames))


def find_repeats(job: Job, steps: list[Step]) -> Done:
    """Give the windows of one partition that are repeated, joined to spans."""
    del steps
    work = Place.at(job.work)
    held = partition_of(work, list(zip(job.parts, job.extra["groups"], strict=True)), job.extra["partition"])
    windows = pl.concat(frame.drop("row").with_columns(places(number, frame["row"])) for number, frame in held)
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "repeats.parquet")
        spool.write(spans(repeated(windows)))
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish())}, {})


def settle_passages(job: Job, steps: list[Step]) -> Done:
    """Lay cuts beside each shard, or nothing where passages are only counted, and list them."""
    asked, work = _asked(steps), Place.at(job.work)
    nothing = pl.DataFrame(schema={"place": pl.UInt64, "start": pl.Int64, "end": pl.Int64, "first": pl.UInt64})
    found = reduce(lambda held, part: spans(pl.concat([held, whole(work, part)])), job.parts, nothing)
    ids = _ids(work, job.shards, pl.concat([found["place"], found["first"]]).unique())
    listed = found.join(ids, on="place", how="left", maintain_order="left").join(
        ids.rename({"place": "first", "id": "first_id"}), on="first", how="left", maintain_order="left"
    )
    lost = 0
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "passages.parquet")
        spool.write(listed.select("id", "start", "end", first="first_id"))
        files = {spool.path.name: (spool.path, spool.finish())}
        for number, shard in enumerate(job.shards if asked.mode == "cut" else ()):
            here = found.filter(pl.col("place") // PARTS == number).select("start", "end", **of_places(pl.col("place"))).drop("part")
            spool = ParquetSpool(folder / f"columns-{number:05}.parquet")
            laid = _cut_out(work, shard, here, text_column(job.extra["columns"]))
            spool.write(laid)
            files[spool.path.name] = (spool.path, spool.finish())
            lost += int((~laid["keep"]).sum())
        told = {"spans": found.height, "rows": found["place"].n_unique(), "bytes": int((found["end"] - found["start"]).sum())}
        return commit(work, job.key, files, {"dropped": {"repeated": lost} if lost else {}, "passages": told})


def _ids(work: Place, shards: Sequence[Shard], wanted: pl.Series) -> pl.DataFrame:
    """Give the ids of rows by their places."""
    frames = [pl.DataFrame(schema={"place": pl.UInt64, "id": pl.String})]
    for number, shard in enumerate(shards):
        placed = (frame.select(places(number, frame["row"]), "id") for frame in read(work, shard, ["row", "id"]))
        frames.extend(frame.filter(pl.col("place").is_in(wanted.implode())) for frame in placed)
    return pl.concat(frames)


def _cut_out(work: Place, shard: Shard, found: pl.DataFrame, name: str) -> pl.DataFrame:
    """Give what lies beside all rows of a shard: the cuts, and whether a word is left."""
    cuts = cuts_of(found, columns_of(work, shard)["row"])
    emptied = [
        rows.filter(count_words(cut(rows[name], cuts.gather(rows["row"]))) == 0)["row"]
        for frame in read(work, shard, ["row", name])
        if (rows := frame.filter(pl.col("row").is_in(found["row"].implode()))).height
    ]
    gone = pl.concat([pl.Series("row", [], dtype=pl.UInt32), *emptied])
    keep = ~pl.select(pl.int_range(len(cuts), dtype=pl.UInt32).is_in(gone.implode())).to_series()
    return pl.DataFrame({"keep": keep, "cuts": cuts}).with_columns(reason=pl.when(~pl.col("keep")).then(pl.lit("repeated")))
