"""Records of JSON lines, JSON, CSV and Parquet files; each bad one is named, none beside it is lost."""

import contextlib
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.sources.charset import decode
from tasks.sources.jsonlines import Row, blocks, is_utf8, lines, row_of
from tasks.sources.opening import Unreadable, chunks, text_sized, whole
from tasks.step import Unit
from tasks.store.place import opened, plainly

DELIMITERS = ",;\t|"
MAX_CELL_CHARS = 8 << 20
MAX_JSON_BYTES = 96 << 20
"""A JSON file is parsed whole; JSON lines may be of any length."""


def read_rows(unit: Unit, fields: Collection[str]) -> Iterator[Row]:
    """Read a unit's records by the ending of its name, a compression's ending apart.

    A JSON object with one of `fields` is a record; another may be a wrapper around a list of them. Without `fields` any is a record.
    """
    name = plain_name(unit.key)
    if name.endswith(".parquet"):
        yield from _parquet(unit)
    elif name.endswith((".csv", ".tsv")):
        yield from _csv(chunks(unit))
    elif name.endswith(".json"):
        yield from _json(whole(unit), fields)
    else:
        yield from lines(chunks(unit))


def rows_in(name: str, data: bytes, fields: Collection[str]) -> Iterator[Row]:
    """Read the records of a file held in memory by the ending of its name."""
    if name.endswith(".parquet"):
        yield from _batches(io.BytesIO(data))
    elif name.endswith((".csv", ".tsv")):
        yield from _csv(iter([data]))
    elif name.endswith(".json"):
        yield from _json(data, fields)
    else:
        yield from lines(iter([data]))


def plain_name(key: str) -> str:
    """Give a file's name in lower case without a compression's ending."""
    name = key.lower()
    for ending in (".gz", ".bz2", ".xz", ".zst"):
        name = name.removesuffix(ending)
    return name


def _json(data: bytes, fields: Collection[str]) -> Iterator[Row]:
    data = text_sized(data, MAX_JSON_BYTES)
    data = data if is_utf8(data) and b"\0" not in data[:4] else decode(data).text.encode()
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        yield from (row_of(str(n), line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip())
        return
    for number, record in enumerate(_listed(value, fields), 1):
        yield Row(str(number), record) if isinstance(record, dict) else Row(str(number), {}, "not an object")


def _listed(value: Any, fields: Collection[str]) -> list[Any]:
    """Give the records of a JSON file: a list, the one list of objects inside a wrapper, or the object itself."""
    if isinstance(value, dict) and fields and not set(fields) & set(value):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else [value]


def _csv(stream: Iterator[bytes]) -> Iterator[Row]:
    table = _Table(_text_lines(stream))
    csv.field_size_limit(MAX_CELL_CHARS)
    names: list[str] = []
    for place, cells, fault in table.records():
        if fault:
            yield Row(str(place), {}, fault)
        elif not names and any(cells):
            names = _named(cells)
            yield from (Row(str(place), {}, f"column {name} comes again, read as {new}") for name, new in _again(cells, names))
        elif any(cells):
            fits = len(cells) == len(names)
            yield Row(
                str(place), dict(zip(names, cells, strict=True)) if fits else {}, "" if fits else f"{len(cells)} cells, not {len(names)}"
            )


def _text_lines(stream: Iterator[bytes]) -> Iterator[str]:
    """Decode lines, each with its end, block by block; a line that is too long to be held is an open quote by itself."""
    for block in blocks(stream):
        if block.data is None:
            yield '"\n'
        else:
            yield from io.StringIO(decode(block.data).text)


class _Table:
    """The lines of a CSV file, which can be read again from the record under way."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._held: list[str] = []
        self._place = 1
        first = next(self._lines, "")
        told = re.fullmatch(r"sep=(.)\n?", first)
        self._again.append("\n" if told else first)
        self.delimiter = told[1] if told else delimiter_of(first)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._held.append(line)
        return line

    def records(self) -> Iterator[tuple[int, list[str], str]]:
        """Yield each record with the number of the line that it begins on, or what is wrong with it.

        Quotes must be as RFC 4180 has them, or escaped by backslashes; a record in which they are not
        costs its own line, not those after it. In files parted by tabs they may be letters like others.
        """
        reader = csv.reader(self, delimiter=self.delimiter, strict=True)
        while True:
            self._held.clear()
            try:
                cells, fault = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                cells, fault = self._otherwise(str(error))
                reader = csv.reader(self, delimiter=self.delimiter, strict=True)
            yield self._place, cells, fault
            self._place += len(self._held)

    def _otherwise(self, error: str) -> tuple[list[str], str]:
        """Read a record with odd quotes in another way: its cells, or what is wrong where none fits."""
        line = self._held[0]
        if "\\" in line:
            self._back(0)
            with contextlib.suppress(csv.Error):
                return next(csv.reader(self, delimiter=self.delimiter, strict=True, escapechar="\\")), ""
        self._back(1)
        if self.delimiter == "\t":
            with contextlib.suppress(csv.Error):
                return next(csv.reader([line], delimiter=self.delimiter, quoting=csv.QUOTE_NONE)), ""
        return [], "broken CSV: larger than a cell may be" if "field limit" in error else "broken CSV: quotes out of place"

    def _back(self, keep: int) -> None:
        """Give back the lines of the record under way, but the first `keep`."""
        self._again.extendleft(reversed(self._held[keep:]))
        del self._held[keep:]


def delimiter_of(line: str) -> str:
    """Guess what parts the cells of a line: the sign of DELIMITERS that stands there most often, outside quotes."""
    outside = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=lambda sign: (outside.count(sign), -DELIMITERS.index(sign)))


def _named(cells: list[str]) -> list[str]:
    """Give a header's names; one that comes again gets a number, as in `text.2`, so that no column hides another."""
    counts: Counter[str] = Counter()
    names = []
    for name in (cell.strip() for cell in cells):
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name}.{counts[name]}")
    return names


def _again(cells: list[str], names: list[str]) -> list[tuple[str, str]]:
    return [(cell.strip(), name) for cell, name in zip(cells, names, strict=True) if cell.strip() != name and cell.strip()]


def _parquet(unit: Unit) -> Iterator[Row]:
    fs, path = opened(unit.url)
    with plainly("reading", unit.url), fs.open(path, "rb") as stream:
        yield from _batches(stream)


def _batches(stream: Any) -> Iterator[Row]:
    number = 0
    try:
        with pq.ParquetFile(stream) as file:
            names = _named(file.schema_arrow.names)
            yield from (
                Row("schema", {}, f"column {old} comes again, read as {new}") for old, new in _again(file.schema_arrow.names, names)
            )
            for batch in file.iter_batches(batch_size=2000):
                for values in zip(*map(_values, batch.columns), strict=True):
                    number += 1
                    yield Row(str(number), dict(zip(names, values, strict=True)))
    except pa.ArrowException as error:
        raise Unreadable("not a readable Parquet file") from error


def _values(column: Any) -> list[Any]:
    """Give a column's values; those that Python cannot hold, as times before its calendar, as texts or null."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        pass
    try:
        return list(column.cast(pa.string()).to_pylist())
    except pa.ArrowException:
        return [None] * len(column)
