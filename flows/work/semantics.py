"""Comparing what rows mean: their vectors, and the pairs that are near."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import orjson
import polars as pl

from flows.work.columns import model_paths
from flows.work.job import Job
from tasks.abreast import abreast
from tasks.clients.llm import Answer, Attempts, Endpoint, Model, Request
from tasks.dedup.comparison import places, said
from tasks.dedup.semantic import Semantic, whole_numbers
from tasks.dedup.step import Dedup
from tasks.errors import ModelError
from tasks.exchange import spool_keys
from tasks.growth.asking import COSTS, POLL_SECONDS
from tasks.growth.budget import Budget, Leave, Purse
from tasks.growth.ledger import Ledger
from tasks.shards import groups, read, whole
from tasks.step import Step
from tasks.store.commit import Done, Part, commit
from tasks.store.keys import digest
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, spool_folder
from tasks.text.hashing import hash_texts
from tasks.text.joining import spanning

BATCH = 64
"""Texts of one request."""
MOST_PAIRS = 2_000_000
"""Near pairs that are kept all: rows made by one template are all near each other."""


def _asked(steps: list[Step]) -> Semantic:
    (step,) = steps
    assert isinstance(step, Dedup)
    assert step.semantic is not None
    return step.semantic


def ask_vectors(job: Job, steps: list[Step]) -> Done:
    """Ask an endpoint for the vectors of all texts that may be shown to it, each once; those in the ledger are not asked for again."""
    asked, work = _asked(steps), Place.at(job.work)
    assert asked.endpoint is not None
    model, cap = Model.model_validate(dict(job.extra["model"])), Budget(tokens=asked.endpoint.tokens)
    ledger = Ledger(Place.at(job.extra["ledger"]))
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "hosted.parquet", pl.Schema({"hash": pl.UInt64, "vector": pl.Binary}))
        asking = _Vectors(Endpoint(asked.endpoint.model, model), ledger, Purse(ledger, job.extra["budget"], cap))
        told = asyncio.run(_hosted(asking, _shown(job, work), spool))
        key = job.key if not told["partial"] else digest(job.key, spool.rows)
        return commit(work, key, {spool.path.name: (spool.path, spool.finish())}, told)


def _shown(job: Job, work: Place) -> Iterator[pl.Series]:
    """Yield the texts of rows that are not private, no text of one frame twice, and none that is empty."""
    compared = job.extra["compared"]
    for shard in job.shards:
        for frame in read(work, shard, ["row", "private", *compared]):
            if any(frame.schema[name] == pl.Binary for name in compared):
                continue
            shown = frame.filter(~pl.col("private").fill_null(value=False)) if "private" in frame.columns else frame
            texts = pl.concat(shown.select(said(name).alias("text")).to_series() for name in compared).drop_nulls()
            yield texts.filter(texts != "").unique(maintain_order=True)


async def _hosted(asking: "_Vectors", frames: Iterator[pl.Series], spool: ParquetSpool) -> dict[str, Any]:
    known: set[int] = set()
    partial = ""
    try:
        for texts in frames:
            hashes = hash_texts(texts)
            new = [(value, text) for value, text in zip(hashes, texts, strict=True) if value not in known]
            known.update(value for value, _ in new)
            for start in range(0, len(new), BATCH):
                batch = new[start : start + BATCH]
                vectors = await asking.of([text for _, text in batch])
                partial = partial or ("budget reached" if None in vectors else "")
                found = [(value, vector) for (value, _), vector in zip(batch, vectors, strict=True) if vector is not None]
                spool.write(pl.DataFrame(found, schema={"hash": pl.UInt64, "vector": pl.Binary}, orient="row"))
    finally:
        asking.ledger.close()
        await asking.endpoint.close()
    return {"cost": asking.cost, "failures": dict(asking.endpoint.failures), "partial": partial}


class _Vectors:
    """The calls for vectors of one step."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, purse: Purse) -> None:
        self.endpoint, self.ledger, self._purse = endpoint, ledger, purse
        self.cost: dict[str, float] = dict.fromkeys(COSTS, 0.0)

    async def of(self, texts: Sequence[str]) -> list[bytes | None]:
        """Give the vectors of texts from the ledger and the endpoint; None of those that the budget has no room for."""
        texts_by_key = {digest("vector", self.endpoint.name, self.endpoint.model.model, text): text for text in texts}
        kept = self._known(texts_by_key)
        self.cost["cached"] += len(kept)
        while missing := {key: text for key, text in texts_by_key.items() if key not in kept}:
            wanted, leave = self._reserved(missing)
            if wanted:
                kept |= await self._asked(wanted)
            elif leave is Leave.NO:
                break
            else:
                await asyncio.sleep(POLL_SECONDS if leave is Leave.WAIT else 0)
                self.ledger.bury()
                kept |= self._known(missing)
        vectors = {text: b64decode(kept[key].text) for key, text in texts_by_key.items() if key in kept}
        return [vectors.get(text) for text in texts]

    def _known(self, texts: Mapping[str, str]) -> dict[str, Answer]:
        kept = {key: answer for key in texts if (answer := self.ledger.get(key))}
        for key, answer in kept.items():
            self._purse.known(key, self.endpoint.model, answer)
        return kept

    def _reserved(self, texts: Mapping[str, str]) -> tuple[dict[str, str], Leave]:
        """Set room aside for as many texts as there is room for, until one must wait or has none; say which it was."""
        wanted: dict[str, str] = {}
        for key, text in texts.items():
            leave = self._purse.reserve(key, self.endpoint.worst(Request(({"content": text},), {}))[0])
            if leave is not Leave.GO:
                return wanted, leave
            wanted[key] = text
        return wanted, Leave.GO

    async def _asked(self, wanted: dict[str, str]) -> dict[str, Answer]:
        model, attempts = self.endpoint.model, Attempts()
        try:
            answer = await self.endpoint.embed(list(wanted.values()), attempts)
            if answer.failure:
                raise ModelError(f"models.{self.endpoint.name}: {answer.failure}, again and again. Run again: what was answered is kept.")
        except BaseException:
            for key in wanted:
                self._purse.let_go(key, lost=attempts.unsure)
            raise
        share = -(-answer.input_tokens // len(wanted))
        vectors = whole_numbers(orjson.loads(answer.text))
        kept = {key: Answer(b64encode(vector).decode(), "stop", share) for key, vector in zip(wanted, vectors, strict=True)}
        for key, held in kept.items():
            self._purse.settle(key, model, held)
        self.ledger.share()
        self.cost["requests"] += 1
        self.cost["input_tokens"] += answer.input_tokens
        self.cost["usd"] += model.usd(answer.input_tokens, 0)
        return kept


def embed(job: Job, steps: list[Step]) -> Done:
    """Give the vectors of a shard's live rows, and the keys by which near ones meet."""
    asked, work, columns = _asked(steps), Place.at(job.work), job.extra["compared"]
    with spool_folder() as folder, ExitStack() as stack:
        paths = model_paths(job, stack)
        hosted = whole(work, job.parts[0]) if job.parts else None

        def embedded(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
            rows = (
                frame.select("row", order=hash_texts(frame["id"]))
                .with_columns(asked.vectors(frame, columns, paths, hosted))
                .drop_nulls("vector")
            )
            return rows.select("row", "vector", "order"), asked.keys(rows)

        spool, keys = ParquetSpool(folder / "vectors.parquet"), []
        for rows, found in abreast(embedded, read(work, job.shards[0], ["row", "id", *columns])):
            spool.write(rows)
            keys.append(found)
        info, told = spool_keys(folder / "keys.parquet", pl.concat(keys), job.extra["partitions"])
        files = {"vectors.parquet": (spool.path, spool.finish()), "keys.parquet": (folder / "keys.parquet", info)}
        return commit(work, job.key, files, {"groups": told})


def near_in_meaning(job: Job, steps: list[Step]) -> Done:
    """Keep the pairs of rows that met whose vectors are near enough: a partition at a time, and of its pairs some.

    Of vectors those are held that one partition asks for. A pair that met in two of them is compared in both.
    """
    (step,) = steps
    asked, work, count = _asked(steps), Place.at(job.work), job.extra["shards"]
    kept, compared = _Kept(all_pairs=isinstance(step, Dedup) and step.strict), 0
    for part in job.parts[count:]:
        vectors = _vectors_of(work, job.parts[:count], part)
        for pairs in groups(work, part, ["left", "right"]):
            if pairs.height:
                kept.add(_with_order(asked.alike(pairs, vectors, len(job.extra["compared"])), vectors))
                compared += pairs.height
    alike = kept.pairs()
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "alike.parquet")
        spool.write(alike)
        return commit(work, job.key, {spool.path.name: (spool.path, spool.finish())}, {"candidates": compared, "alike": alike.height})


class _Kept:
    """The pairs that are near; of more than MOST_PAIRS those that hold their rows together, the nearest first.

    Which ones these are does not depend on the order in which the pairs come. With `all_pairs` none is let go.
    """

    def __init__(self, *, all_pairs: bool) -> None:
        schema = {"left": pl.UInt64, "right": pl.UInt64, "similarity": pl.Float64, "first": pl.UInt64, "second": pl.UInt64}
        self._held = [pl.DataFrame(schema=schema)]
        self._all = all_pairs
        self._thin = False
        self._room = MOST_PAIRS

    def add(self, pairs: pl.DataFrame) -> None:
        """Add pairs: `left`, `right`, `similarity`, and `first` and `second`, the orders of their rows, the lower one first."""
        self._held.append(pairs)
        if sum(frame.height for frame in self._held) > self._room:
            self._settle()

    def _settle(self) -> None:
        held = pl.concat(self._held).unique()
        if not self._all and (self._thin or held.height > MOST_PAIRS):
            self._thin = True
            held = held.sort(pl.col("similarity"), "first", "second", "left", "right", descending=[True, False, False, False, False])
            held = held.filter(pl.Series(spanning(held["left"].to_numpy(), held["right"].to_numpy())))
        self._held, self._room = [held], max(MOST_PAIRS, 2 * held.height)

    def pairs(self) -> pl.DataFrame:
        """Give the pairs, each once."""
        self._settle()
        return self._held[0].select("left", "right", "similarity").sort("left", "right")


def _with_order(pairs: pl.DataFrame, vectors: pl.DataFrame) -> pl.DataFrame:
    held, order = vectors["place"].to_numpy(), vectors["order"].to_numpy()
    one, two = (order[np.searchsorted(held, pairs[side].to_numpy())] for side in ("left", "right"))
    return pairs.with_columns(pl.Series("first", np.minimum(one, two)), pl.Series("second", np.maximum(one, two)))


def _vectors_of(work: Place, parts: Sequence[Part], pairs: Part) -> pl.DataFrame:
    """Give the vectors of the rows of some pairs, in order of place."""
    touched = [pl.concat([held["left"], held["right"]]).unique() for held in groups(work, pairs, ["left", "right"])]
    wanted = pl.concat(touched).unique().implode()
    held = [
        frame.select(places(number, frame["row"]), "vector", "order").filter(pl.col("place").is_in(wanted))
        for number, part in enumerate(parts)
        for frame in groups(work, part)
    ]
    return pl.concat(held).sort("place")
