"""Records of JSON lines, JSON, CSV and Parquet files; each bad one is named, none beside it is lost."""

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.sources.charset import decode
from tasks.sources.jsonlines import MAX_LINE_BYTES, Row, is_utf8, lines, row_of
from tasks.sources.opening import Unreadable, chunks, whole
from tasks.step import Unit
from tasks.store.place import opened, plainly

DELIMITERS = ",;\t|"
WHOLE = (".csv", ".tsv", ".json")


def read_rows(unit: Unit, fields: Collection[str]) -> Iterator[Row]:
    """Read a unit's records by the ending of its name, a compression's ending apart.

    A JSON object with one of `fields` is a record; another may be a wrapper around a list of them.
    """
    name = plain_name(unit.key)
    if name.endswith(".parquet"):
        yield from _parquet(unit)
    elif name.endswith(WHOLE):
        yield from rows_in(name, whole(unit), fields)
    else:
        yield from lines(chunks(unit))


def rows_in(name: str, data: bytes, fields: Collection[str]) -> Iterator[Row]:
    """Read the records of a file held in memory by the ending of its name."""
    if name.endswith(".parquet"):
        yield from _batches(io.BytesIO(data))
    elif name.endswith((".csv", ".tsv")):
        yield from _csv(data)
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
    if isinstance(value, dict) and not set(fields) & set(value):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else [value]


def _csv(data: bytes) -> Iterator[Row]:
    delimiter, lines = _told(io.StringIO(decode(data).text).readlines())
    csv.field_size_limit(MAX_LINE_BYTES)
    names: list[str] = []
    for place, cells, fault in _records(lines, delimiter):
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


def _told(lines: list[str]) -> tuple[str, list[str]]:
    """Give the delimiter, and the lines of the table: a first line `sep=;` is for spreadsheets."""
    told = re.fullmatch(r"sep=(.)\n?", lines[0]) if lines else None
    return (told[1], ["\n", *lines[1:]]) if told else (_delimiter(lines), lines)


def _delimiter(lines: list[str]) -> str:
    outside = "".join((lines[0] if lines else "").split('"')[::2])
    return max(DELIMITERS, key=lambda sign: (outside.count(sign), -DELIMITERS.index(sign)))


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield each record with the line that it begins on.

    Quotes must be as RFC 4180 has them, or escaped by backslashes; a record in which they are not
    costs its own line, not those after it. In files parted by tabs they may be letters like others.
    """
    start = 0
    while start < len(lines):
        base = start
        reader = csv.reader((lines[number] for number in range(base, len(lines))), delimiter=delimiter, strict=True)
        while start < len(lines):
            try:
                cells, fault = next(reader), ""
                stop = base + reader.line_num
            except csv.Error as error:
                cells, stop, fault = _otherwise(lines, start, delimiter, str(error))
                yield start + 1, cells, fault
                start = stop
                break
            yield start + 1, cells, ""
            start = stop


def _otherwise(lines: list[str], start: int, delimiter: str, error: str) -> tuple[list[str], int, str]:
    """Read a record with odd quotes in another way: its cells, the line after it, and what is wrong where none fits."""
    if "\\" in lines[start]:
        reader = csv.reader((lines[number] for number in range(start, len(lines))), delimiter=delimiter, strict=True, escapechar="\\")
        with contextlib.suppress(csv.Error):
            return next(reader), start + reader.line_num, ""
    if delimiter == "\t":
        return next(csv.reader([lines[start]], delimiter=delimiter, quoting=csv.QUOTE_NONE)), start + 1, ""
    return [], start + 1, "broken CSV: larger than a cell may be" if "field limit" in error else "broken CSV: quotes out of place"


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
