"""The rim of every command: exit codes, one-paragraph errors, sizes."""

import enum
import gc
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict

import orjson

from tasks.errors import DartboardError, Fault, RecipeError, usage

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


def guarded(command: Callable[[], int], *, debug: bool = False, as_json: bool = False) -> int:
    """Run a command: errors become one paragraph on stderr, and the exit code that is theirs.

    With `as_json` the last line of stdout is then an object with `error`, `exit_code` and `faults`.
    """
    gc.freeze()  # what the imported modules hold stays: looking through it for garbage took a quarter of a short command
    try:
        return int(command())
    except DartboardError as error:
        if debug:
            traceback.print_exc()
        _tell(error)
        return _ended(as_json, error.exit_code, str(error), error.faults if isinstance(error, RecipeError) else ())
    except KeyboardInterrupt:
        print("interrupted; run the same command to go on from here", file=sys.stderr)
        return _ended(as_json, Exit.INTERRUPTED, "interrupted")
    except SystemExit as stop:
        if stop.code == Exit.TERMINATED:
            print("terminated; run the same command to go on from here", file=sys.stderr)
            _ended(as_json, Exit.TERMINATED, "terminated")
        raise
    except Exception as error:
        if debug:
            raise
        told = f"{type(error).__name__}: {error}. This is a fault of Dartboard; --debug shows where."
        print(f"error: {told}", file=sys.stderr)
        return _ended(as_json, Exit.FAILED, told)


def _ended(as_json: bool, code: int, told: str, faults: Sequence[Fault] = ()) -> int:  # noqa: FBT001  one caller, three lines above
    if as_json:
        print(orjson.dumps({"error": told, "exit_code": int(code), "faults": [asdict(fault) for fault in faults]}).decode(), flush=True)
    return code


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
