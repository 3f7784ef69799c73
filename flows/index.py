"""Index a published dataset, to drop its rows from later ones without its texts: `python -m flows.index DATASET INDEX`."""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from flows.known import NOTHING_THERE, Earlier, earlier_at
from flows.rim import Exit, guarded
from flows.work.recalling import intact, recalled
from tasks.abreast import abreast
from tasks.dedup.index import indexed
from tasks.errors import usage
from tasks.store.keys import canonical, digest, short
from tasks.store.place import Place
from tasks.store.spool import FileInfo, ParquetSpool
from tasks.store.verify import SCHEMA


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        "dartboard index",
        description="Index a published dataset by hashes: `dedup` drops rows that an `index` holds. It can be handed on without the texts.",
    )
    parser.add_argument("dataset", help="the dataset's folder (OUT/NAME), or one version's")
    parser.add_argument("index", help="folder or store of the index; what it holds already stays in it")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    try:
        dataset = earlier_at(parsed.dataset)
    except NOTHING_THERE as error:
        raise usage("is no dataset", "Name the folder OUT/NAME of a build.", place="DATASET", value=parsed.dataset) from error
    told = index(dataset, Place.at(parsed.index))
    if parsed.json:
        print(orjson.dumps(told).decode())
    else:
        print(f"{told['added']:,} rows added, {told['rows']:,} rows in version {told['version']} of {parsed.index}")
    return Exit.GOOD


def index(dataset: Earlier, out: Place) -> dict[str, Any]:
    """Add a dataset to an index, as a new version that is whole by itself; files that are there already are not added again.

    A version has a folder with `rows/` and a manifest, as a dataset has, and `verify` knows it; `latest.json` is written last.
    """
    before, held = _held(out)
    if any("of" in file for file in dataset.files):
        raise usage("is an index, not a dataset", "Name the folder OUT/NAME of a build.", place="DATASET", value=dataset.url)
    once = {file["sha256"]: file for file in dataset.files if file["sha256"] not in {old["of"] for old in held}}
    new = list(once.values())
    with tempfile.TemporaryDirectory(prefix="dartboard-") as folder:
        made = [_indexed(dataset, file, Path(folder) / f"{number}.parquet") for number, file in enumerate(new)]
        added = [
            (dict(path=f"rows/{info.sha256[:16]}.parquet", of=file["sha256"], **asdict(info)), path)
            for file, (path, info) in zip(new, made, strict=True)
        ]
        every = {file["path"]: file for file in (*held, *(file for file, _ in added))}
        files = [file for _, file in sorted(every.items())]
        version = short(digest([[file["path"], file["sha256"]] for file in files]))
        for file, path in added:
            out.put(f"{version}/{file['path']}", path)
    for file in held if version != before else ():
        with out.local_copy(f"{before}/{file['path']}") as path:
            out.put(f"{version}/{file['path']}", path)
    manifest = canonical({"schema": SCHEMA, "kind": "index", "name": "index", "version": version, "files": files})
    out.put_bytes(f"{version}/manifest.json", manifest)
    latest = {"schema": SCHEMA, "version": version, "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
    out.put_bytes("latest.json", canonical(latest))
    return {"version": version, "added": sum(file["rows"] for file, _ in added), "rows": sum(file["rows"] for file in files)}


def _held(out: Place) -> tuple[str, list[dict[str, Any]]]:
    """Give the latest version of an index and its files; none where there is no index yet."""
    if out.size("latest.json") is None:
        return "", []
    found = earlier_at(out.url)
    if any("of" not in file for file in found.files):
        raise usage("is a dataset, not an index", "Name another folder.", place="INDEX", value=out.url)
    return found.version, list(found.files)


def _indexed(dataset: Earlier, file: Mapping[str, Any], path: Path) -> tuple[Path, FileInfo]:
    """Write the index of a data file; its bytes must be those that the dataset's manifest names."""
    place = Place.at(dataset.url)
    spool = ParquetSpool(path, published="zstd")
    with ExitStack() as stack:
        paths = [stack.enter_context(place.local_copy(f"{dataset.folder}{each['path']}")) for each in dataset.with_ids(file)]
        intact(place, dataset.with_ids(file), paths)
        for frame in abreast(indexed, recalled(file["path"], paths)):
            spool.write(frame)
    return path, spool.finish()


if __name__ == "__main__":
    sys.exit(main())
