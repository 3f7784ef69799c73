"""The ledger: every answer of a model, committed before it is used, so that none is paid twice.

It lies at a URL of its own, or below the work store. Answers are committed one by one to a database on the local disk,
and go to the store in immutable segments, from which the database is made again where it is lost. Builds of one machine share
the database: an answer of one is found by the other at once, and neither asks what the other is asking.
Answers that were refused stay in it like others, so that nobody pays for them again either; why, the quarantine tells.
"""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import platformdirs
from filelock import FileLock, Timeout

from tasks.clients.model import Answer, Model, Request
from tasks.store.keys import canonical, digest
from tasks.store.place import Place

MOST = 10_000
"""Answers of one segment."""
SEGMENT, SEGMENT_SECONDS = 50, 5.0
"""Answers after which, or seconds after the last segment, the next one is written."""
WAIT_SECONDS = 60.0
"""How long a commit waits for those of other builds."""
TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, line BLOB NOT NULL, sent INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unsent ON answers (sent) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS segments (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (budget TEXT, key TEXT, cost REAL NOT NULL, PRIMARY KEY (budget, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (budget TEXT PRIMARY KEY, cost REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gathered (budget TEXT, key TEXT, call INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS calls (budget TEXT, key TEXT, owner TEXT, worst REAL NOT NULL, sent INTEGER NOT NULL);
"""


def request_key(name: str, model: Model, request: Request) -> str:
    """Hash what an answer depends on; not the address, so that another port pays nothing.

    Room to think is part of what is asked once more only: where it is changed, what was cut off is asked for again, and nothing else.
    """
    form = [dict(request.schema)] if request.schema else []
    room = [{"thinking": model.thinking}] if request.again and model.thinking else []
    return digest(name, model.model, list(request.messages), dict(request.parameters), request.sample, *form, *room)


class Ledger:
    """Answers by request key, over all builds that share the place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.folder = Path(place.root) if place.local else Path(platformdirs.user_state_dir("dartboard")) / digest(place.url)[:16]
        (self.folder / "owners").mkdir(parents=True, exist_ok=True)
        self.owner = uuid.uuid4().hex
        self._lock = FileLock(self.folder / "owners" / self.owner)
        self._lock.acquire()
        self.database = self._opened()
        self._told = time.monotonic()
        self._load()
        self.bury()

    def _opened(self) -> sqlite3.Connection:
        """Open the database; one that is not sound is made again, and the answers that are in segments come back."""
        path = self.folder / "answers.sqlite"
        with FileLock(self.folder / "opening"):
            try:
                return _connected(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
            path.replace(path.with_suffix(f".broken-{self.owner[:8]}"))
            for rest in ("-wal", "-shm"):
                path.with_name(path.name + rest).unlink(missing_ok=True)
            return _connected(path)

    def get(self, key: str) -> Answer | None:
        """Give the answer kept under `key`."""
        row = self.database.execute("SELECT line FROM answers WHERE key = ?", (key,)).fetchone()
        return _read(row[0]) if row else None

    def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer: it is on disk when this returns, or when the transaction around it ends."""
        line = canonical({"schema": 1, "key": key, **asdict(answer)})
        self.database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, 0)", (key, line))

    def batches(self) -> list[str]:
        """Name the batches whose answers are here."""
        return [row[0] for row in self.database.execute("SELECT name FROM batches")]

    def note_batch(self, name: str) -> None:
        """Note that a batch's answers are here."""
        self.database.execute("INSERT OR IGNORE INTO batches VALUES (?)", (name,))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do several things at once or not at all; no other build comes between."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield self.database
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def share(self, *, last: bool = False) -> None:
        """Write the answers that no segment holds to the store, when there are enough of them or it is time."""
        late = last or time.monotonic() - self._told > SEGMENT_SECONDS
        while True:
            rows = self.database.execute("SELECT key, line FROM answers WHERE sent = 0 ORDER BY key LIMIT ?", (MOST,)).fetchall()
            if rows and (late or len(rows) >= SEGMENT):
                self._send(rows)
            if len(rows) < MOST:
                return

    def _send(self, rows: list[tuple[str, bytes]]) -> None:
        """Write a segment, and note that it is there."""
        data = b"".join(line + b"\n" for _, line in rows)
        name = f"segments/{digest(data.decode())[:32]}.jsonl"
        self._place.put_bytes(name, data)
        with self.transaction() as database:
            database.executemany("UPDATE answers SET sent = 1 WHERE key = ?", [(key,) for key, _ in rows])
            database.execute("INSERT OR IGNORE INTO segments VALUES (?)", (name,))
        self._told = time.monotonic()

    def bury(self) -> bool:
        """Let go of calls whose builds have died: they were perhaps answered, and stay set aside until somebody asks the same."""
        owners = {row[0] for row in self.database.execute("SELECT DISTINCT owner FROM calls WHERE owner != ''")}
        dead = [owner for owner in owners - {self.owner} if self._is_dead(owner)]
        if dead:
            self.database.executemany("UPDATE calls SET owner = '' WHERE owner = ?", [(owner,) for owner in dead])
        return bool(dead)

    def _is_dead(self, owner: str) -> bool:
        lock = FileLock(self.folder / "owners" / owner, timeout=0)
        try:
            with lock:
                pass
        except Timeout:
            return False
        Path(lock.lock_file).unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """Move what no segment holds to the store, and let go of everything."""
        self.share(last=True)
        self.database.execute("UPDATE calls SET owner = '' WHERE owner = ?", (self.owner,))
        self.database.close()
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def _load(self) -> None:
        held = {row[0] for row in self.database.execute("SELECT name FROM segments")}
        there = {name for name in self._place.names("segments") if name.endswith(".jsonl")}
        if held - there:
            self._write_again()
        for name in sorted(there - held):
            self._take(name, self._place.read_bytes(name))

    def _write_again(self) -> None:
        """Have all answers written to the store anew: segments that were there are gone from it."""
        with self.transaction() as database:
            database.execute("UPDATE answers SET sent = 0")
            database.execute("DELETE FROM segments")

    def _take(self, name: str, data: bytes) -> None:
        """Take the answers of a segment; a torn line is one that was never used."""
        found = [(line, kept) for line in data.split(b"\n") if (kept := _parsed(line)) is not None]
        with self.transaction() as database:
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, 1)", [(kept["key"], line) for line, kept in found])
            database.execute("INSERT OR IGNORE INTO segments VALUES (?)", (name,))


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(TABLES)
        database.execute("SELECT count(*) FROM answers WHERE sent = 0").fetchone()
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    with contextlib.suppress(orjson.JSONDecodeError):
        kept = orjson.loads(line)
        if isinstance(kept, dict) and isinstance(kept.get("key"), str) and kept.get("schema") == 1:
            return kept
    return None


def _read(line: bytes) -> Answer:
    kept = orjson.loads(line)
    return Answer(**{name: kept[name] for name in Answer.__dataclass_fields__ if name in kept})
