"""Dartboard's flows: from a recipe to a published dataset."""

import importlib.util
import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)


def _prefer_our_own() -> None:
    """Put our folder first where another `tasks` or `expectations` would be imported instead of ours."""
    for name in ("tasks", "expectations"):
        if name in sys.modules:
            origin = getattr(sys.modules[name], "__file__", None)
        else:
            spec = importlib.util.find_spec(name)
            origin = spec.origin if spec else None
        if origin and Path(origin).resolve().parent.parent == Path(_ROOT):
            continue
        if name in sys.modules:
            raise ImportError(f"a foreign package {name!r} ({origin}) is loaded in place of Dartboard's. Rename it, or import flows first.")
        if origin:
            print(f"dartboard: ignoring the foreign package {name!r} at {origin}", file=sys.stderr)
        sys.path.insert(0, _ROOT)


_prefer_our_own()
