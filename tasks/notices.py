"""What a process says to whoever runs it while it works, beside its results; silent until somebody listens."""

from collections.abc import Callable

_listeners: list[Callable[[str], object]] = []


def listen(tell: Callable[[str], object]) -> None:
    """Have `tell` called with each notice, in the place of whoever listened before."""
    _listeners[:] = [tell]


def say(notice: str) -> None:
    """Give a notice to the listener, if there is one."""
    for tell in _listeners:
        tell(notice)
