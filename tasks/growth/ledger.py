"""The ledger: every answer of a model, kept before it is used, so that none is paid twice.

Answers go to a journal on the local disk, synced one by one, and in immutable segments to the work
store. A torn last line of a journal is one answer that was never used.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import platformdirs

from tasks.clients.llm import Answer, Model, Request
from tasks.store.keys import canonical, digest
from tasks.store.place import Place

SEGMENT = 50


def request_key(name: str, model: Model, request: Request) -> str:
    """Hash what an answer depends on; not the address, so that another port pays nothing."""
    form = [dict(request.schema)] if request.schema else []
    return digest(name, model.model, list(request.messages), dict(request.parameters), request.sample, *form)


class Ledger:
    """Answers by request key, over all builds that share a work store."""

    def __init__(self, work: Place) -> None:
        self._work = work
        folder = (
            Path(work.full("ledger/journals")) if work.local else Path(platformdirs.user_state_dir("dartboard")) / digest(work.url)[:16]
        )
        folder.mkdir(parents=True, exist_ok=True)
        self._answers: dict[str, Answer] = {}
        self._load(folder)
        self._path = folder / f"{uuid.uuid4().hex}.jsonl"
        self._journal = self._path.open("ab")
        self._fresh: list[bytes] = []

    def get(self, key: str) -> Answer | None:
        """Give the answer kept under `key`."""
        return self._answers.get(key)

    def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer: it is on disk when this returns."""
        line = canonical({"schema": 1, "key": key, **asdict(answer)}) + b"\n"
        self._journal.write(line)
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._answers[key] = answer
        self._fresh.append(line)
        if len(self._fresh) >= SEGMENT:
            self._segment()

    def close(self) -> None:
        """Move what the journal holds to the work store."""
        self._segment()
        self._journal.close()
        self._path.unlink(missing_ok=True)

    def _segment(self) -> None:
        if self._fresh:
            data = b"".join(self._fresh)
            self._work.put_bytes(f"ledger/segments/{digest(data.decode())[:32]}.jsonl", data)
            self._fresh = []
            self._journal.truncate(0)

    def _load(self, folder: Path) -> None:
        for name in self._work.names("ledger/segments"):
            self._read(self._work.read_bytes(name))
        for path in sorted(folder.glob("*.jsonl")):
            self._read(path.read_bytes())

    def _read(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            try:
                kept: Mapping[str, Any] = orjson.loads(line)
                self._answers[kept["key"]] = Answer(**{name: kept[name] for name in Answer.__dataclass_fields__})
            except (orjson.JSONDecodeError, KeyError, TypeError):
                continue
