"""What a store can do without: temporary files, versions and parts that nothing refers to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tasks.store.place import Place


@dataclass(frozen=True)
class Litter:
    """A file that may go, and why."""

    path: str
    bytes: int
    reason: str


def litter(place: Place, *, grace: timedelta, keep: int) -> Iterator[Litter]:
    """Find what may go below an `--out`: temporaries, versions beyond the newest `keep` besides the latest, old parts.

    Nothing younger than `grace` is named: a build may be under way. Parts of the work store go when
    they are older than that: they can always be computed again.
    """
    before = datetime.now(UTC) - grace
    aged = {name: info for name, info in _infos(place) if _modified(info) < before}
    spared = _spared(place, aged, keep)
    for name, info in sorted(aged.items()):
        reason = _reason(name, spared)
        if reason:
            yield Litter(name, int(info.get("size") or 0), reason)


def _infos(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    found: dict[str, dict[str, Any]] = place.fs.find(place.root, detail=True) if place.fs.exists(place.root) else {}
    for name, info in found.items():
        yield name[len(place.root) + 1 :], info


def _modified(info: dict[str, Any]) -> datetime:
    for name in ("mtime", "LastModified", "last_modified", "modified", "created"):
        value = info.get(name)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.now(UTC)


def _spared(place: Place, aged: dict[str, dict[str, Any]], keep: int) -> set[str]:
    """Give the versions to keep, as `name/version`: the latest of each dataset and the newest others."""
    spared: set[str] = set()
    names = {name.partition("/")[0] for name in aged if not name.startswith(".work/")}
    for name in names:
        try:
            spared.add(f"{name}/{orjson.loads(place.read_bytes(f'{name}/latest.json'))['version']}")
        except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
            continue
        manifests = [path for path in aged if path.startswith(f"{name}/") and path.endswith("/manifest.json") and path.count("/") == 2]
        newest = sorted(manifests, key=lambda path: _modified(aged[path]), reverse=True)
        spared.update(path.removesuffix("/manifest.json") for path in newest[:keep])
    return spared


def _reason(name: str, spared: set[str]) -> str:
    parts = name.split("/")
    if parts[-1].startswith(".tmp-"):
        return "temporary file of an interrupted write"
    if parts[0] == ".work":
        return "" if len(parts) > 1 and parts[1] == "ledger" else "part of the work store"
    version = "/".join(parts[:2])
    if len(parts) > 2 and parts[1] != "runs" and any(held.startswith(f"{parts[0]}/") for held in spared) and version not in spared:
        return "version that latest.json does not name"
    return ""
