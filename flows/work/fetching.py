"""Asking sites: what there is, and the bytes of each unit. Done in the flow's own process, the one voice to the world."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from flows.work.job import Job
from tasks.clients.web import Unfetched, Wanted, Web
from tasks.errors import usage
from tasks.sources.remote import RemoteStep
from tasks.step import Step, Unit, unit_of
from tasks.store.commit import Done, commit, find_done
from tasks.store.keys import digest
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, file_info, spool_folder

SKIPS = {"file": pl.String, "place": pl.String, "reason": pl.String}


EVERY_SECONDS = 0.5
"""Time between two words about how far fetching has come."""


def announce(name: str, units: int, of: int, so_far: int) -> None:
    """Tell how many units and bytes a step has brought; the command line puts its own in this place."""
    del name, units, of, so_far


class _Progress:
    """Counts the units that are there and the bytes that came, and tells them now and then."""

    def __init__(self, name: str, units: int) -> None:
        self._name = name
        self._units = units
        self._done = 0
        self._bytes: dict[str, int] = {}
        self._told_at = time.monotonic()

    def bytes_came(self, url: str, so_far: int, total: int) -> None:
        """Count the bytes of one address."""
        del total
        self._bytes[url] = so_far
        if time.monotonic() - self._told_at >= EVERY_SECONDS:
            self._told_at = time.monotonic()
            announce(self._name, self._done, self._units, sum(self._bytes.values()))

    def unit_came(self) -> None:
        """Count a unit."""
        self._done += 1


def list_units(job: Job, steps: list[Step]) -> Done:
    """Ask a site what there is; the report holds the units."""
    (step,) = steps
    assert isinstance(step, RemoteStep)
    _refuse_offline(job)

    async def ask(folder: Path) -> list[Unit]:
        async with Web() as web:
            return await step.discover(web, folder)

    with spool_folder() as folder:
        units = asyncio.run(ask(folder))
    return commit(Place.at(job.work), job.key, {}, {"found": [asdict(unit) for unit in units]})


def fetch_units(job: Job, steps: list[Step]) -> Done:
    """Bring units into the work store, each committed by itself; those that cannot be had are skipped by name.

    The report holds the units at their places in the work store. A result with skips is not kept
    as the job's, so that a rerun asks for them again.
    """
    (step,) = steps
    assert isinstance(step, RemoteStep)
    work = Place.at(job.work)
    wanted = [unit_of(plain) for plain in job.extra["units"]]
    found = asyncio.run(_brought(step, wanted, work, job))
    skips = [(unit.key, "", result) for unit, result in zip(wanted, found, strict=True) if isinstance(result, str)]
    units = [result for result in found if isinstance(result, Unit)]
    key = job.key if not skips else digest(job.key, skips)
    report: dict[str, Any] = {
        "found": [asdict(unit) for unit in units],
        "skipped": dict(sorted(Counter(_class_of(reason) for _, _, reason in skips).items())),
    }
    with spool_folder() as folder:
        spool = ParquetSpool(folder / "skips.parquet", pl.Schema(SKIPS))
        spool.write(pl.DataFrame(skips, schema=SKIPS, orient="row"))
        return commit(work, key, {"skips.parquet": (spool.path, spool.finish())}, report)


async def _brought(step: RemoteStep, units: list[Unit], work: Place, job: Job) -> list[Unit | str]:
    progress = _Progress(job.calls[0].name, len(units))

    async def bring(number: int, unit: Unit) -> Unit | str:
        found = await _one(step, unit, work, web, folder / str(number), job)
        progress.unit_came()
        return found

    with spool_folder() as folder:
        async with Web(told=progress.bytes_came) as web:
            tasks = [asyncio.ensure_future(bring(number, unit)) for number, unit in enumerate(units)]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def _one(step: RemoteStep, unit: Unit, work: Place, web: Web, target: Path, job: Job) -> Unit | str:
    """Give the unit at its place in the work store, or why it could not be had."""
    said = unit.note if unit.url == "note:" else ""
    key = digest("unit", step.use, unit.key, unit.url, list(unit.others), unit.fingerprint, unit.start, unit.end, said)
    done = find_done(work, key)
    if done is None:
        _refuse_offline(job)
        try:
            done = await _fetched(step, unit, work, web, target, key)
        except Unfetched as error:
            return str(error)
    held = done.files["body"]
    return replace(unit, url=work.address(f"{key}/body"), bytes=held.bytes, fingerprint=held.sha256, start=0, end=None, head=0, others=())


async def _fetched(step: RemoteStep, unit: Unit, work: Place, web: Web, target: Path, key: str) -> Done:
    """Fetch a unit from the first of its addresses that has it."""
    addresses = (unit.url, *unit.others)
    for place, url in enumerate(addresses):
        try:
            if url == "note:":
                await asyncio.to_thread(target.write_text, unit.note, "utf-8")
            elif unit.end is not None:
                head = await web.part(url, 0, unit.head) if unit.head else b""
                await asyncio.to_thread(target.write_bytes, head + await web.part(url, unit.start, unit.end))
            else:
                await web.download(url, target, Wanted(kinds=step.kinds()))
        except Unfetched as error:
            if "not found" not in str(error) or place == len(addresses) - 1:
                raise
            continue
        info = await asyncio.to_thread(file_info, target, 0)
        done = await asyncio.to_thread(commit, work, key, {"body": (target, info)}, {"url": url})
        await asyncio.to_thread(target.unlink)
        return done
    raise AssertionError("a unit has at least one address")


def _refuse_offline(job: Job) -> None:
    if job.extra.get("offline"):
        raise usage(
            "asks a site, and --offline refuses the network", "Leave the flag out, or read files by `path`.", place=job.calls[0].name
        )


def _class_of(reason: str) -> str:
    """Give a reason without its address, so that equal ones are counted together."""
    return re.sub(r"^\S+://\S+: ", "", reason)
