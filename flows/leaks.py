"""Leaks of a published dataset: its files looked through as they lie there."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import orjson

from flows.certifying import beside
from flows.work.certifying import Written, leaks
from tasks.store.place import Place


def leaks_of(dataset: Place, version: str) -> list[str]:
    """Name the leaks between the splits of a version, by the similarity that its certificates were given for, else .8.

    `dataset` is its folder, or the version's own.
    """
    below = f"{version}/" if dataset.size(f"{version}/manifest.json") is not None else ""
    manifest = orjson.loads(dataset.read_bytes(f"{below}manifest.json"))
    certificates: dict[str, Any] = manifest.get("certificates", {})
    found: list[str] = []
    for config in manifest["configs"]:
        similarity = certificates.get(config, {"similarity": 0.8})["similarity"]
        with ExitStack() as stack:
            here = {file["path"]: stack.enter_context(dataset.local_copy(f"{below}{file['path']}")) for file in _of(manifest, config)}
            data = [file for file in _of(manifest, config) if file["path"].startswith("data/")]
            files = [Written(file["path"], file["split"], here[file["path"]], here.get(beside(file["path"]))) for file in data]
            found += leaks(files, (0, 1), similarity)["leaks"]
    return found


def _of(manifest: Mapping[str, Any], config: str) -> list[dict[str, Any]]:
    return [file for file in manifest["files"] if file["rows"] is not None and file["config"] == config]
