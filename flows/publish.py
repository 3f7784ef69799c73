"""Publishing: data files, card and recipe, then the manifest that names them, then `latest.json`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from flows.plan import Plan
from flows.scene import DataFile, Result
from flows.workplace import Site
from tasks.errors import CorruptError, GateError
from tasks.filling import SPLITS
from tasks.markup import write_yaml
from tasks.published.card import card, configs_of
from tasks.published.croissant import croissant
from tasks.published.report import report
from tasks.splits import Split
from tasks.store.commit import open_part
from tasks.store.keys import canonical, digest, short
from tasks.store.place import Place
from tasks.store.spool import file_info

SCHEMA = 1


@dataclass(frozen=True)
class Published:
    """A dataset that is there."""

    url: str
    version: str
    configs: Mapping[str, Mapping[str, int]]
    """The rows of each subset's splits; `default` where there is one subset."""
    files: Sequence[Mapping[str, Any]]

    @property
    def splits(self) -> Mapping[str, int]:
        """The rows of each split; of several subsets the first is counted."""
        return next(iter(self.configs.values()), {})


def publish(plan: Plan, site: Site, out: Place, results: Mapping[str, Result]) -> Published:
    """Publish what the sinks made; a version that is there already is left as it is.

    GateError where a dataset or a split that the recipe names has no rows.
    """
    recipe = plan.recipe.canonical()
    files = [file for result in results.values() for file in result.files]
    _refuse_empty(plan, files)
    named = [_entry(file) for file in sorted(files, key=lambda file: file.path)]
    version = short(digest([[entry["path"], entry["sha256"]] for entry in named], recipe))
    folder = f"{plan.recipe.name}/{version}"
    published = Published(out.address(folder), version, configs_of(named), named)
    extras = _extras(recipe, version, named, results)
    certificates = {sink.extra["config"]: sink.extra["certificate"] for sink in results.values() if "certificate" in sink.extra}
    manifest = _manifest(plan, version, [*named, *(_bytes_entry(path, data) for path, data in extras.items())], certificates)
    if _read(out, f"{folder}/manifest.json") != manifest or not _all_there(out, folder, orjson.loads(manifest)["files"]):
        for file in files:
            _put_part(site.work, out, f"{folder}/{file.path}", file)
        for path, data in extras.items():
            if _read(out, f"{folder}/{path}") != data:
                out.put_bytes(f"{folder}/{path}", data)
        out.put_bytes(f"{folder}/manifest.json", manifest)
    latest = canonical({"schema": SCHEMA, "version": version, "manifest_sha256": hashlib.sha256(manifest).hexdigest()})
    if _read(out, f"{plan.recipe.name}/latest.json") != latest:
        out.put_bytes(f"{plan.recipe.name}/latest.json", latest)
    return published


def _refuse_empty(plan: Plan, files: Sequence[DataFile]) -> None:
    rows = {split: sum(file.part.rows for file in files if file.split == split) for split in (*SPLITS, *(file.split for file in files))}
    if not any(rows.values()):
        raise GateError("no row is left to publish. See which step dropped them, and loosen it or give it more to read.")
    for name, step in plan.recipe.steps.items():
        named = [split for split in SPLITS if isinstance(step, Split) and getattr(step, split) is not None]
        empty = [split for split in named if not rows[split]]
        if empty:
            raise GateError(
                f"steps.{name}: the split {empty[0]} has no row left. Ask for more rows in it, or loosen the steps after the split."
            )


def _entry(file: DataFile) -> dict[str, Any]:
    part = file.part
    return {"path": file.path, "sha256": part.sha256, "bytes": part.bytes, "rows": part.rows, "split": file.split, "config": file.config}


def _bytes_entry(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": None}


def _extras(recipe: Mapping[str, Any], version: str, named: Sequence[Mapping[str, Any]], results: Mapping[str, Result]) -> dict[str, bytes]:
    reports = [told for result in results.values() for told in result.reports]
    sinks = [result.extra for result in results.values() if "origins" in result.extra]
    origins: Mapping[str, Mapping[str, int]] = sinks[0]["origins"]
    schemas = {sink["config"]: sink["schema"] for sink in sinks}
    newest = max(sink["newest"] for sink in sinks)
    surveys = {name: survey for result in results.values() for name, survey in result.extra.get("survey", {}).items()}
    return {
        "README.md": card(recipe, named, reports, origins).encode(),
        "report.html": report(recipe, named, reports, origins, surveys).encode(),
        "croissant.json": croissant(recipe, version, named, schemas, list(origins["licence"]), newest),
        "recipe.yaml": write_yaml(recipe).encode(),
    }


def _manifest(plan: Plan, version: str, files: Sequence[Mapping[str, Any]], certificates: Mapping[str, Any]) -> bytes:
    configs = configs_of([file for file in files if file["rows"] is not None])
    splits = next(iter(configs.values()))
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "name": plan.recipe.name,
        "version": version,
        "splits": splits,
        "configs": configs,
        "files": list(files),
    }
    if certificates:
        plain["certificates"] = certificates
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def _put_part(work: Place, out: Place, path: str, file: DataFile) -> None:
    with open_part(work, file.part) as local:
        info = file_info(local, file.part.rows)
        if info.sha256 != file.part.sha256:
            raise CorruptError(f"{work.address(file.part.path)}: its bytes are not those that were written. Remove it and run again.")
        if out.size(path) == info.bytes and _sha256(out, path) == info.sha256:
            return
        out.put(path, local)


def _sha256(out: Place, path: str) -> str:
    with out.local_copy(path) as local:
        return file_info(local, 0).sha256


def _all_there(out: Place, folder: str, files: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether every file has its size; on a local disk, where that is quick, its hash too."""
    if not all(out.size(f"{folder}/{file['path']}") == file["bytes"] for file in files):
        return False
    return not out.local or all(_sha256(out, f"{folder}/{file['path']}") == file["sha256"] for file in files)


def _read(out: Place, path: str) -> bytes | None:
    try:
        return out.read_bytes(path)
    except FileNotFoundError:
        return None
