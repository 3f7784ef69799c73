"""Verifying a published dataset: manifest, sizes, hashes, rows, and files that nobody named."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.store.place import Place
from tasks.store.spool import file_info

SCHEMA = 1


@dataclass
class Verdict:
    """What was found: `corrupt` bytes, `missing` files; good when both are empty."""

    version: str = ""
    files: int = 0
    corrupt: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def verify(dataset: Place, version: str | None = None) -> Verdict:
    """Verify the version that `latest.json` names, or the one given; a version's own folder may be given too.

    Corrupt: a file differs from the manifest, or is not named in it, or the manifest is not the one that
    `latest.json` names. Missing: a file or the manifest is not there.
    """
    verdict = Verdict(version or "")
    below, sha256 = _place(dataset, version, verdict)
    if below is None:
        return verdict
    try:
        data = dataset.read_bytes(f"{below}manifest.json")
    except FileNotFoundError:
        verdict.missing.append(f"{below}manifest.json")
        return verdict
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        verdict.corrupt.append(f"{below}manifest.json: not the manifest that latest.json names")
        return verdict
    manifest = _manifest(data)
    if manifest is None:
        verdict.corrupt.append(f"{below}manifest.json: cannot be read as a manifest of schema {SCHEMA}")
        return verdict
    verdict.version = manifest["version"]
    for entry in manifest["files"]:
        _check_file(dataset, below, entry, verdict)
    _check_extras(dataset, below, manifest, verdict)
    return verdict


def _check_extras(dataset: Place, below: str, manifest: Mapping[str, Any], verdict: Verdict) -> None:
    named = {f"{below}{entry['path']}" for entry in manifest["files"]} | {f"{below}manifest.json"}
    own = ("latest.json", "runs/") if not below else ()
    found = (name for name in dataset.names(below.rstrip("/")) if "/.tmp-" not in f"/{name}")
    extra = [name for name in found if name not in named and not name.startswith(own or ("\0",))]
    verdict.corrupt.extend(f"{name}: not named in the manifest" for name in extra)


def _place(dataset: Place, version: str | None, verdict: Verdict) -> tuple[str | None, str]:
    if version is not None:
        return f"{version}/", ""
    try:
        latest = orjson.loads(dataset.read_bytes("latest.json"))
        if latest["schema"] != SCHEMA:
            raise ValueError(latest["schema"])
        return f"{latest['version']}/", str(latest["manifest_sha256"])
    except FileNotFoundError:
        if dataset.size("manifest.json") is not None:
            return "", ""
        verdict.missing.append("latest.json")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        verdict.corrupt.append(f"latest.json: cannot be read as schema {SCHEMA}")
    return None, ""


def _manifest(data: bytes) -> Mapping[str, Any] | None:
    try:
        manifest = orjson.loads(data)
        good = manifest["schema"] == SCHEMA and all({"path", "sha256", "bytes", "rows"} <= set(entry) for entry in manifest["files"])
        return manifest if good and isinstance(manifest["version"], str) else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _check_file(dataset: Place, below: str, entry: Mapping[str, Any], verdict: Verdict) -> None:
    path = f"{below}{entry['path']}"
    verdict.files += 1
    size = dataset.size(path)
    if size is None:
        verdict.missing.append(path)
        return
    if size != entry["bytes"]:
        verdict.corrupt.append(f"{path}: has {size} bytes, not {entry['bytes']}")
        return
    with dataset.local_copy(path) as local:
        if file_info(local, 0).sha256 != entry["sha256"]:
            verdict.corrupt.append(f"{path}: its sha256 is not that of the manifest")
        elif entry["rows"] is not None and _rows(local) != entry["rows"]:
            verdict.corrupt.append(f"{path}: does not hold {entry['rows']} rows")


def _rows(local: Path) -> int:
    try:
        return int(pq.read_metadata(local).num_rows)
    except pa.ArrowInvalid:
        pass
    with local.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
