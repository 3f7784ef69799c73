"""The points at which a process may die between two writes.

Nothing happens here in a build. Tests add a watcher that stops the process at a chosen point,
to see what a reader finds and whether a rerun ends with the same bytes.
"""

from collections.abc import Callable

watchers: list[Callable[[str], None]] = []


def reach(name: str) -> None:
    """Tell the watchers that the process has come to the point `name`."""
    for watcher in watchers:
        watcher(name)
