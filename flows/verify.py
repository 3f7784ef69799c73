"""Verify a published dataset: `python -m flows.verify DATASET`. Exit 0 whole, 1 corrupt, 4 incomplete, 3 leaking."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

import orjson

from flows.leaks import leaks_of
from flows.rim import Exit, guarded
from tasks.store.place import Place
from tasks.store.verify import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        "dartboard verify", description="Verify a published dataset: manifest, sizes, hashes, rows, extra files."
    )
    parser.add_argument("dataset", help="the dataset's folder (OUT/NAME), or one version's")
    parser.add_argument("--version", help="the version to verify (default: the one that latest.json names)")
    parser.add_argument("--leaks", action="store_true", help="look through the splits once more; exit 3 where they share rows")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    verdict = verify(Place.at(parsed.dataset), parsed.version)
    if parsed.json:
        print(orjson.dumps(asdict(verdict)).decode())
    else:
        for line in verdict.corrupt:
            print(f"corrupt: {line}")
        for line in verdict.missing:
            print(f"missing: {line}")
        if not verdict.corrupt and not verdict.missing:
            print(f"whole: version {verdict.version}, {verdict.files} files")
    if verdict.corrupt:
        return Exit.FAILED
    if verdict.missing:
        return Exit.PARTIAL
    found = leaks_of(Place.at(parsed.dataset), verdict.version) if parsed.leaks else []
    for leak in found:
        print(f"leak: {leak}")
    return Exit.REFUSED if found else Exit.GOOD


if __name__ == "__main__":
    sys.exit(main())
