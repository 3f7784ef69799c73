"""The rim of every command: exit codes, one-paragraph errors, sizes."""

import enum
import re
import sys
import traceback
from collections.abc import Callable

from tasks.errors import DartboardError, RecipeError, usage

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


class Exit(enum.IntEnum):
    """Exit codes of every verb."""

    GOOD = 0
    FAILED = 1
    WRONG = 2
    REFUSED = 3
    PARTIAL = 4
    INTERRUPTED = 130
    TERMINATED = 143


def guarded(command: Callable[[], int], *, debug: bool = False) -> int:
    """Run a command: errors become one paragraph on stderr, and the exit code that is theirs."""
    try:
        return int(command())
    except DartboardError as error:
        if debug:
            traceback.print_exc()
        _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; run the same command to go on from here", file=sys.stderr)
        return Exit.INTERRUPTED
    except SystemExit as stop:
        if stop.code == Exit.TERMINATED:
            print("terminated; run the same command to go on from here", file=sys.stderr)
        raise
    except Exception as error:
        if debug:
            raise
        print(f"error: {type(error).__name__}: {error}. This is a fault of Dartboard; --debug shows where.", file=sys.stderr)
        return Exit.FAILED


def _tell(error: DartboardError) -> None:
    if isinstance(error, RecipeError) and len(error.faults) > 1:
        print(f"{len(error.faults)} faults:", file=sys.stderr)
        for fault in error.faults:
            print(f"  {fault}", file=sys.stderr)
        return
    print(f"error: {error}", file=sys.stderr)


def parse_bytes(text: str) -> int:
    """Read a size such as 4GB or 512MiB as bytes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if not found or found[2].upper() not in _UNITS:
        raise usage("is no size", "Write it as 4GB or 512MiB.", value=text)
    return int(float(found[1]) * _UNITS[found[2].upper()])
