"""A job: the smallest piece of work that is committed by itself, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.shards import Shard
from tasks.step import Context
from tasks.store.commit import Part
from tasks.store.keys import plain


@dataclass(frozen=True)
class Call:
    """A step as a worker gets it: its name, its settings, the contents of its input files, where its model files are."""

    name: str
    step: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What to do (`kind`), the key to commit it under, and where the work store is."""

    kind: str
    key: str
    work: str
    calls: tuple[Call, ...]
    seed: int = 0
    shards: tuple[Shard, ...] = ()
    parts: tuple[Part, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    """Hash of the code that the key was made for; a worker with other code refuses the job."""

    def context(self, place: int = 0) -> Context:
        """Give the context of one of the job's steps."""
        call = self.calls[place]
        return Context(call.name, self.seed, call.files)

    @property
    def bytes(self) -> int:
        """Give the bytes that the job reads, to tell small work from large."""
        texts = sum(shard.text.bytes for shard in self.shards)
        return int(texts + sum(unit["bytes"] for unit in self.extra.get("units", ())))

    def plain(self) -> dict[str, Any]:
        """Give the job as plain JSON data."""
        return dict(plain(asdict(self)))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Job":
        """Make it again of plain data."""
        calls = tuple(Call(**call) for call in data["calls"])
        shards = tuple(Shard.of(shard) for shard in data["shards"])
        parts = tuple(Part(**part) for part in data["parts"])
        return cls(data["kind"], data["key"], data["work"], calls, data["seed"], shards, parts, data["extra"], data["code"])
