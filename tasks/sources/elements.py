"""Elements with a beginning and an end in markup: replaced in one pass, however many are never ended."""

import re
from collections.abc import Callable


def replaced(text: str, opening: re.Pattern[str], closing: Callable[[str], str], put: Callable[[str], str]) -> str:
    """Put something in the place of each element, by what it holds; one that never ends stays as it is.

    `opening` names the kind of element as its first group, and `closing` gives the pattern of that
    kind's end. A kind that does not end any more is not searched for again: the time is linear.
    """
    pieces: list[str] = []
    endless: set[str] = set()
    done = at = 0
    while begun := opening.search(text, at):
        kind, at = begun[1].lower(), begun.end()
        end = None if kind in endless else re.compile(closing(kind), opening.flags & re.IGNORECASE).search(text, at)
        if end is None:
            endless.add(kind)
        else:
            pieces += [text[done : begun.start()], put(text[at : end.start()])]
            done = at = end.end()
    return "".join([*pieces, text[done:]])


def held_in(text: str, opening: re.Pattern[str], closing: Callable[[str], str]) -> str | None:
    """Give what the first element holds; None where there is none, or it does not end."""
    begun = opening.search(text)
    end = re.compile(closing(begun[1].lower()), opening.flags & re.IGNORECASE).search(text, begun.end()) if begun else None
    return text[begun.end() : end.start()] if begun and end else None
