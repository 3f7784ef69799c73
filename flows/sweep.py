"""Sweep a store: `python -m flows.sweep OUT`. Shows what may go; `--delete` takes it away."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from flows.rim import Exit, guarded
from tasks.store.place import Place
from tasks.store.sweeping import litter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        "dartboard sweep", description="Find temporaries, superseded versions and old parts. A dry run unless --delete."
    )
    parser.add_argument("out", help="the folder or store that builds wrote to (--out)")
    parser.add_argument("--grace-hours", type=float, default=24.0, metavar="H", help="spare what is younger (default: 24)")
    parser.add_argument("--keep", type=int, default=1, metavar="N", help="versions to keep of each dataset besides the latest (default: 1)")
    parser.add_argument("--delete", action="store_true", help="take the files away")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug)


def _command(parsed: argparse.Namespace) -> int:
    place = Place.at(parsed.out)
    total = count = 0
    for found in litter(place, grace=timedelta(hours=parsed.grace_hours), keep=parsed.keep):
        print(f"{'removing' if parsed.delete else 'would remove'} {found.path} ({found.bytes:,} bytes): {found.reason}")
        if parsed.delete:
            place.remove(found.path)
        total += found.bytes
        count += 1
    print(f"{count} files, {total:,} bytes{'' if parsed.delete else '; nothing was removed, --delete does'}")
    return Exit.GOOD


if __name__ == "__main__":
    sys.exit(main())
