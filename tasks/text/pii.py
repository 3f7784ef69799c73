"""Personal data in texts: where it is, how much of it there is, and texts with marks in its place."""

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.text.arrow import Buffers, Bytes, Offsets, buffers, strings
from tasks.text.kernel import kernel
from tasks.text.piiforms import NONE, stands_at
from tasks.text.piitables import Tables, pii_tables
from tasks.text.wordlists import PII_KINDS


@kernel
def _find(data: Bytes, offsets: Offsets, tables: Tables, wanted: int, found: Offsets, ends: Offsets) -> None:
    """Write the start and end in its text, and the kind, of each find of the wanted kinds, and where those of each text end."""
    begins, count = tables.begins, 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        text = data[at:stop]
        low, at, stop = 0, 0, stop - at
        while at + 1 < stop:
            if not begins[np.int64(text[at]) | np.int64(text[at + 1]) << 8]:
                at += 1
                continue
            start, end, kind = stands_at(text, at, low, stop, tables)
            at += 1
            if kind != NONE and wanted >> kind & 1:
                found[count, 0], found[count, 1], found[count, 2] = start, end, kind
                count, low, at = count + 1, end, max(end, at)
        ends[row + 1] = count


class Finds(NamedTuple):
    """Personal data of a column: a row each of start and end in bytes and kind, and where those of each text end."""

    spans: Offsets
    ends: Offsets


SMALLEST = 6
"""Bytes of the shortest find, `a@b.cd`."""


def find(texts: pl.Series, kinds: tuple[str, ...] = PII_KINDS) -> Finds:
    """Find the named kinds of personal data in each text; they do not overlap."""
    held = buffers(texts)
    wanted = sum(1 << PII_KINDS.index(kind) for kind in kinds)
    room = int(held.offsets[-1] - held.offsets[0]) // SMALLEST + 1
    found, ends = np.empty((room, 3), np.int64), np.zeros(len(held.offsets), np.int64)
    _find(held.data, held.offsets, pii_tables(), wanted, found, ends)
    return Finds(found[: ends[-1]].copy(), ends)


def counts(texts: pl.Series) -> pl.DataFrame:
    """Count each kind of personal data in each text: columns `pii_email` and so on."""
    finds = find(texts)
    rows = np.repeat(np.arange(len(texts)), np.diff(finds.ends))
    table = np.zeros((len(texts), len(PII_KINDS)), np.uint32)
    np.add.at(table, (rows, finds.spans[:, 2]), 1)
    return pl.DataFrame(table, schema=[f"pii_{kind}" for kind in PII_KINDS])


@kernel
def _replaced(texts: Buffers, finds: Finds, marks: Buffers, out: Bytes, stops: Offsets) -> None:
    """Copy texts with the mark of its kind in place of each find, and write where they end."""
    data, offsets, spans, ends = texts.data, texts.offsets, finds.spans, finds.ends
    total, find = 0, 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while find < ends[row + 1]:
            start, kind = offsets[row] + spans[find, 0], spans[find, 2]
            for place in range(at, start):
                out[total + place - at] = data[place]
            total += start - at
            for place in range(marks.offsets[kind], marks.offsets[kind + 1]):
                out[total] = marks.data[place]
                total += 1
            at = offsets[row] + spans[find, 1]
            find += 1
        for place in range(at, offsets[row + 1]):
            out[total + place - at] = data[place]
        total += offsets[row + 1] - at
        stops[row + 1] = total


def replaced(texts: pl.Series, marks: dict[str, str]) -> tuple[pl.Series, Finds]:
    """Put the mark of its kind in place of each find of the kinds that have one; give also what was found.

    >>> replaced(pl.Series(["Ask a@example.org."]), {"email": "[EMAIL]"})[0].to_list()
    ['Ask [EMAIL].']
    """
    finds, held = find(texts, tuple(marks)), buffers(texts)
    encoded = [marks.get(kind, "").encode() for kind in PII_KINDS]
    bounds = np.cumsum([0, *map(len, encoded)])
    room = int(held.offsets[-1] - held.offsets[0]) + len(finds.spans) * max(map(len, encoded))
    out, stops = np.empty(max(room, 1), np.uint8), np.zeros(len(held.offsets), np.int64)
    flat = np.frombuffer(b"".join(encoded) or b" ", np.uint8)
    _replaced(held, finds, Buffers(flat, bounds), out, stops)
    return strings(out[: max(int(stops[-1]), 1)], stops).alias(texts.name), finds
