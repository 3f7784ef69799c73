"""The data files of a dataset: rows of one split in one format, spooled."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tasks.errors import CorruptError
from tasks.published.layouts import Layout, laid_out, plain_rows, provenance
from tasks.published.sink import Write
from tasks.store.place import plainly
from tasks.store.spool import FileInfo, ParquetSpool

ROW_GROUP_ROWS = 50_000


def spool_rows(step: Write, frames: Iterable[pl.DataFrame], path: Path, *, talks: bool) -> FileInfo:
    """Write frames of pairs or documents as one file in the step's format and layout."""
    if step.format == "jsonl":
        return _spool_lines(step, frames, path, talks=talks)
    spool = ParquetSpool(path, published=step.compression)
    spool.row_group_rows = ROW_GROUP_ROWS
    for frame in frames:
        spool.write(laid_out(frame, step.layout, talks=talks))
    return spool.finish()


def _spool_lines(step: Write, frames: Iterable[pl.DataFrame], path: Path, *, talks: bool) -> FileInfo:
    rows = 0
    with plainly("writing", str(path)), path.open("wb") as stream:
        for frame in frames:
            held = laid_out(frame, step.layout, talks=talks)
            rows += held.height
            if step.layout is not None and "tools" in held.columns and held["tools"].null_count() < held.height:
                stream.writelines(_with_tools(held, step.layout))
            else:
                held.drop([] if step.layout is None else "tools", strict=False).write_ndjson(stream)
    return _counted(path, rows)


def _counted(path: Path, rows: int) -> FileInfo:
    """Read the file again, count its lines and hash it; CorruptError where they are not as many as were written."""
    total, counted = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            counted += chunk.count(b"\n")
            total.update(chunk)
    if counted != rows:
        raise CorruptError(f"{path}: holds {counted} lines, {rows} were written to it. Run again.")
    return FileInfo(total.hexdigest(), path.stat().st_size, rows)


def _with_tools(rows: pl.DataFrame, layout: Layout) -> Iterator[bytes]:
    """Give rows as lines, `tools` as data where there are some."""
    for record in plain_rows(rows, layout):
        if isinstance(record.get("tools"), str):
            record["tools"] = _as_data(record["tools"])
        yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _as_data(text: str) -> Any:
    """Give JSON as data, so that a line stays one object; a text that is none stays a text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def spool_provenance(frames: Iterable[pl.DataFrame], path: Path) -> FileInfo:
    """Write where each row comes from, in the order of its data file."""
    spool = ParquetSpool(path, published="zstd")
    spool.row_group_rows = ROW_GROUP_ROWS
    for frame in frames:
        spool.write(provenance(frame))
    return spool.finish()
