"""Earlier data that rows are compared with: published datasets, indexes of them, and other steps."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from flows.certifying import beside
from flows.plan import Stage
from flows.scene import Scene
from flows.work.job import Call, Job
from tasks.dedup.comparison import SAME
from tasks.errors import usage
from tasks.shards import Shard
from tasks.step import BarrierStep
from tasks.store.commit import Done
from tasks.store.place import Place

NOTHING_THERE = (FileNotFoundError, NotADirectoryError, orjson.JSONDecodeError, KeyError, TypeError)
"""What tells that a folder holds no dataset."""


@dataclass(frozen=True)
class Earlier:
    """A version of a dataset or an index: where it lies, and its files of rows, as the manifest names them."""

    url: str
    version: str
    folder: str
    files: tuple[dict[str, Any], ...]
    others: tuple[dict[str, Any], ...]
    """Files beside them: ids of rows whose layout leaves them out."""

    @property
    def name(self) -> str:
        """What rows are said to be known in."""
        return f"{self.url}@{self.version}" if self.folder else self.url

    def with_ids(self, file: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Give a file of rows, and the one beside it that holds their ids where it does not."""
        return [file, *(other for other in self.others if other["path"] == beside(file["path"]))]


def earlier_at(url: str) -> Earlier:
    """Find a dataset or an index: its latest version, or the version whose folder this is. FileNotFoundError where there is neither."""
    place = Place.at(url)
    folder = ""
    if place.size("manifest.json") is None:
        folder = f"{orjson.loads(place.read_bytes('latest.json'))['version']}/"
    manifest = orjson.loads(place.read_bytes(f"{folder}manifest.json"))
    rows = [file for file in manifest["files"] if file["path"].startswith(("data/", "rows/"))]
    others = [file for file in manifest["files"] if file["path"].startswith("provenance/")]
    return Earlier(url.rstrip("/"), manifest["version"], folder, tuple(rows), tuple(others))


Known = list[tuple[str, Shard]]


def known_shards(stage: Stage, scene: Scene, call: Call, compared: Sequence[str]) -> Generator[list[Job], list[Done], Known]:
    """Give the shards of earlier data, each with the name of its dataset or step; published files are taken into the work store."""
    step = scene.plan.step(call.name)
    assert isinstance(step, BarrierStep)
    known: Known = []
    for field, other in step.others().items():
        absent = sorted(set(compared) - set(scene.plan.columns[other]))
        if absent:
            raise _lacking(f"steps.{call.name}.{field}", other, absent)
        known += [(other, shard) for needed in stage.beside for shard in scene.results[needed].shards]
    for url in step.known():
        earlier = _found(f"steps.{call.name}.index", scene.site.resolve(url), url)
        dones = yield [_recalling(scene, call, earlier, file, compared) for file in earlier.files]
        for file, done in zip(earlier.files, dones, strict=True):
            absent = sorted(set(compared) - set(done.report["columns"]))
            if absent:
                raise _lacking(f"steps.{call.name}.index", f"{url} {file['path']}", absent)
            known.append((earlier.name, Shard(done.part("text.parquet"))))
    return known


def _found(place: str, address: str, url: str) -> Earlier:
    try:
        found = earlier_at(address)
    except NOTHING_THERE as error:
        raise usage(
            "is neither a dataset nor an index", "Name the folder OUT/NAME of a build, or of `dartboard index`.", place=place, value=url
        ) from error
    return found


def _lacking(place: str, value: str, absent: Sequence[str]) -> Exception:
    return usage(f"lacks {', '.join(absent)}, by which rows are compared", "Compare other columns with `by`.", place=place, value=value)


def _recalling(scene: Scene, call: Call, earlier: Earlier, file: dict[str, Any], compared: Sequence[str]) -> Job:
    """Give the job that takes a published file into the work store: its ids and what is compared."""
    columns = ["id", *compared, *(f"{SAME}{name}" for name in compared)]
    held = [{"path": f"{earlier.folder}{each['path']}", "sha256": each["sha256"]} for each in earlier.with_ids(file)]
    hashes = [each["sha256"] for each in held]
    return scene.site.job("recall", [call], [hashes, columns], named=False, extra={"url": earlier.url, "files": held, "columns": columns})
