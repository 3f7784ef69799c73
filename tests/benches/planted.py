"""Documents with planted near-duplicates, made of drawn words: any number of them, the same for the same seed."""

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

VOCABULARY = 60_000
PLANTED, SHORT, BOILERPLATE = 0.1, 0.3, 0.1
"""Shares of documents that are edits of another one, that have fewer than 20 words, and that carry a boilerplate."""


class Planted(NamedTuple):
    """A document, and the one that it is an edit of."""

    number: int
    text: str
    source: int | None


def documents(count: int, seed: int = 7) -> Iterator[Planted]:
    """Give documents of Zipf-distributed words; edits have a similarity spread over .5 to .95."""
    draw = random.Random(seed)
    words = [_word(number) for number in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(VOCABULARY)))
    boilerplate = draw.choices(words, cum_weights=weights, k=45)
    held: list[tuple[int, list[str]]] = []
    for number in range(count):
        if held and draw.random() < PLANTED:
            source, said = held[draw.randrange(len(held))]
            yield Planted(number, " ".join(_edited(said, draw, words)), source)
            continue
        size = draw.randint(4, 19) if draw.random() < SHORT else draw.randint(60, 260)
        said = draw.choices(words, cum_weights=weights, k=size)
        if size > 20 and draw.random() < BOILERPLATE:
            said += boilerplate
        if len(held) < 5000:
            held.append((number, said))
        elif draw.random() < 0.1:
            held[draw.randrange(5000)] = (number, said)
        yield Planted(number, " ".join(said), None)


def _word(number: int) -> str:
    syllables = ["ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo", "ka", "le", "mi", "no", "pu", "ra"]
    said = ""
    while True:
        number, rest = divmod(number, len(syllables))
        said += syllables[rest]
        if number == 0:
            return said


def _edited(said: list[str], draw: random.Random, words: list[str]) -> list[str]:
    """Replace words one by one: each takes up to five of the shingles of each side."""
    wanted = draw.uniform(0.5, 0.95)
    shingles = max(len(said) - 4, 1)
    lost = shingles * (1 - wanted) / (1 + wanted)
    edited = list(said)
    start = draw.randrange(len(said))
    count = max(1, round(lost) - 4) if draw.random() < 0.5 else max(1, round(lost / 5))
    for place in range(count):
        step = 1 if count * 5 > len(said) else max(len(said) // (count + 1), 5)
        edited[(start + place * step) % len(said)] = words[draw.randrange(len(words))]
    return edited
