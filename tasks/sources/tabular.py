"""Records of JSON lines, JSON, CSV and Parquet files; each bad one is named, none beside it is lost."""

import csv
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.sources.charset import decode
from tasks.sources.opening import Unreadable, chunks, whole
from tasks.step import Unit
from tasks.store.place import FRESH

MAX_LINE_BYTES = 64 << 20
DELIMITERS = ",;\t|"


class Row(NamedTuple):
    """A record and its place in the file, or why there is none."""

    place: str
    value: dict[str, Any]
    fault: str = ""


def read_rows(unit: Unit) -> Iterator[Row]:
    """Read a unit's records by the ending of its name, a compression's ending apart."""
    name = unit.key.lower()
    for ending in (".gz", ".bz2", ".xz", ".zst"):
        name = name.removesuffix(ending)
    if name.endswith(".parquet"):
        yield from _parquet(unit)
    elif name.endswith((".csv", ".tsv")):
        yield from _csv(whole(unit))
    elif name.endswith(".json"):
        yield from _json(whole(unit))
    else:
        yield from _lines(unit)


def _lines(unit: Unit) -> Iterator[Row]:
    number = 0
    for number, line in enumerate(_split(chunks(unit)), 1):
        if line is None:
            yield Row(str(number), {}, f"line of more than {MAX_LINE_BYTES} bytes")
        elif line.strip():
            yield _row(str(number), line)


def _split(stream: Iterator[bytes]) -> Iterator[bytes | None]:
    held: list[bytes] = []
    size = 0
    for chunk in stream:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield None if size + len(line) > MAX_LINE_BYTES else b"".join([*held, line])
            held, size = [], 0
        size += len(rest)
        held = [*held, rest] if size <= MAX_LINE_BYTES else [b""]
    if size:
        yield None if size > MAX_LINE_BYTES else b"".join(held)


def _row(place: str, line: bytes) -> Row:
    if place == "1":
        line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Row(place, {}, "broken JSON")
    return Row(place, value) if isinstance(value, dict) else Row(place, {}, "not an object")


def _json(data: bytes) -> Iterator[Row]:
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        yield from (_row(str(n), line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip())
        return
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        value = lists[0] if len(lists) == 1 and not {"messages", "conversations", "text", "prompt"} & set(value) else [value]
    for number, record in enumerate(value if isinstance(value, list) else [value], 1):
        yield Row(str(number), record) if isinstance(record, dict) else Row(str(number), {}, "not an object")


def _csv(data: bytes) -> Iterator[Row]:
    text = decode(data).text
    head = text.partition("\n")[0]
    outside = "".join(head.split('"')[::2])
    delimiter = max(DELIMITERS, key=lambda sign: (outside.count(sign), -DELIMITERS.index(sign)))
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    names: list[str] = []
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(str(reader.line_num), {}, f"broken CSV: {error}")
            continue
        if cells is None:
            return
        if not names:
            names = [name.strip() for name in cells]
        elif cells and any(cells):
            fits = len(cells) == len(names)
            place = str(reader.line_num)
            yield Row(place, dict(zip(names, cells, strict=True))) if fits else Row(place, {}, f"{len(cells)} cells, not {len(names)}")


def _parquet(unit: Unit) -> Iterator[Row]:
    try:
        fs, path = fsspec.core.url_to_fs(unit.url, **FRESH)
        with fs.open(path, "rb") as stream, pq.ParquetFile(stream) as file:
            number = 0
            for batch in file.iter_batches(batch_size=2000):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(str(number), value)
    except pa.ArrowException as error:
        raise Unreadable("not a readable Parquet file") from error
