"""Between Polars columns and the flat buffers that kernels read and write."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.float64]


class Buffers(NamedTuple):
    """Texts end to end: row i is `data[offsets[i]:offsets[i + 1]]`, valid UTF-8."""

    data: Bytes
    offsets: Offsets


def buffers(texts: pl.Series) -> Buffers:
    """Give a column of strings as buffers; null reads as the empty text.

    Polars holds only valid UTF-8, so this is the boundary that keeps kernels inside their arrays.
    """
    if texts.dtype != pl.String:
        raise TypeError(f"column {texts.name!r} holds {texts.dtype}, kernels read strings")
    array: Any = texts.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1] if len(array) else np.zeros(1, np.int64)
    flat = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return Buffers(flat, ends)


def strings(data: Bytes, offsets: Offsets) -> pl.Series:
    """Give buffers as a column of strings."""
    array = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series


def numbers(values: Offsets) -> Any:
    """Give whole numbers as an Arrow array. `pyarrow.array` would import pandas first."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values, np.int64))])


Records = npt.NDArray[np.uint32]
"""Rows of numbers, one row a record."""


def packed(name: str, records: Records, firsts: Offsets) -> pl.Series:
    """Give records as a column of binaries, those from `firsts[i]` to `firsts[i + 1]` in row i: their numbers end to end, 4 bytes each.

    A list of structs would say the same, but takes longer to write and to read.
    """
    flat = np.ascontiguousarray(records, dtype="<u4")
    offsets = np.ascontiguousarray(firsts * (4 * records.shape[1]))
    array = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(flat)])
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series.alias(name)


def unpacked(column: pl.Series, width: int) -> tuple[Records, Offsets]:
    """Give what `packed` has made a column of: the records, of so many numbers each, and where those of each row begin."""
    array: Any = column.fill_null(b"").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1] if len(array) else np.zeros(1, np.int64)
    flat = np.frombuffer(data, "<u4") if data is not None and data.size else np.zeros(0, "<u4")
    return flat[ends[0] // 4 : ends[-1] // 4].reshape(-1, width), (ends - ends[0]) // (4 * width)


def ranges(texts: Buffers, rows: Offsets, starts: Offsets, ends: Offsets) -> pl.Series:
    """Give the byte ranges `starts` to `ends` of the given rows as a column of strings."""
    from tasks.text.copying import copy_ranges

    lengths = ends - starts
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return strings(copy_ranges(texts.data, texts.offsets[rows] + starts, offsets), offsets)
