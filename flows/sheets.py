"""Sheets that people read and mark: CSV or JSON lines with a question, an answer, and room for a verdict."""

import codecs
import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tasks.errors import usage
from tasks.sources.charset import decode
from tasks.sources.tabular import MAX_CELL_CHARS, delimiter_of
from tasks.store.place import Place

MARKED = ("right", "better_answer", "reason", "reviewer")
"""The columns that people fill."""
YES = ("yes", "y", "true", "1", "right", "good", "keep")
NO = ("no", "n", "false", "0", "wrong", "bad", "drop")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would carry out; such a cell gets a quote before it."""
NUMBER = re.compile(r"[\d.,:/eE+-]+")
"""What a spreadsheet takes for a number or a date, and writes in a way of its own: it gets a quote too."""
CARRIED = ("turns", "system", "tools", "licence", "private")
"""What a sheet of logs says of a row besides; people leave it alone."""
WRITTEN = ("id", "hash", "question", "answer", *CARRIED)
"""Columns of texts that a sheet came with, where a quote before a formula is ours; what people wrote stays as they wrote it."""


@dataclass(frozen=True)
class Mark:
    """What one person said of a row."""

    id: str
    hash: str
    question: str
    answer: str
    right: bool | None
    better: str
    reason: str
    reviewer: str
    carried: Mapping[str, str] = field(default_factory=dict)
    """The columns of CARRIED that hold something."""
    place: str = ""
    """Sheet and line."""

    @property
    def good(self) -> bool | None:
        """Whether the answer is right; one for which a better one was written is not."""
        return False if self.better else self.right


def write_sheet(path: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a sheet: CSV, or JSON lines where the name ends so."""
    held = [{name: row.get(name) for name in (*columns, *MARKED)} for row in rows]
    if path.endswith((".jsonl", ".ndjson")):
        data = b"".join(orjson.dumps(row) + b"\n" for row in held)
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, [*columns, *MARKED], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in held)
        data = b"\xef\xbb\xbf" + text.getvalue().encode()
    place, name = place_of(path)
    place.put_bytes(name, data)


def _cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.3f}" if isinstance(value, float) else str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if _needs_quote(text) else text


def _needs_quote(text: str) -> bool:
    return text.startswith((*FORMULA, "'")) or NUMBER.fullmatch(text) is not None or text.casefold() in ("true", "false")


def _unquoted(text: str) -> str:
    return text[1:] if text.startswith("'") and _needs_quote(text[1:]) else text


def read_sheets(paths: Sequence[str]) -> list[Mark]:
    """Read the sheets of one or more people, who are known by their sheets where they name nobody."""
    names = [path.rpartition("/")[2] for path in paths]
    return [mark for path, name in zip(paths, names, strict=True) for mark in read_sheet(path, path if names.count(name) > 1 else name)]


def read_sheet(path: str, reviewer: str = "") -> list[Mark]:
    """Read a sheet that people have marked; RecipeError where it is none."""
    text = _text(path)
    csv.field_size_limit(MAX_CELL_CHARS)
    plain = text.lstrip().startswith("{")
    try:
        rows: list[Any] = [orjson.loads(line) for line in text.split("\n") if line.strip()] if plain else _table(text)
    except (orjson.JSONDecodeError, csv.Error) as error:
        raise usage(f"is no sheet: {error}", "Save it as CSV or JSON lines.", value=path) from error
    if any(not isinstance(row, dict) or not {"id", "question", "answer"} <= set(row) for row in rows):
        raise usage("is no sheet: it needs the columns id, question and answer", "Write one with `dartboard review export`.", value=path)
    held = [row if plain else {name: _unquoted(value or "") if name in WRITTEN else value for name, value in row.items()} for row in rows]
    return [_mark(row, f"{path}:{number}", reviewer or path.rpartition("/")[2]) for number, row in enumerate(held, 1 if plain else 2)]


def _table(text: str) -> list[dict[str, Any]]:
    """Read CSV with any usual delimiter, as a spreadsheet of any country writes it."""
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r"sep=(.)\r?", first)
    delimiter = told[1] if told else delimiter_of(first)
    return list(csv.DictReader(io.StringIO(rest if told else text, newline=""), delimiter=delimiter))


def _mark(row: Mapping[str, Any], place: str, name: str) -> Mark:
    said = str(row.get("right") if row.get("right") is not None else "").strip().lower()
    if said and said not in (*YES, *NO):
        raise usage("says neither yes nor no in `right`", "Write yes or no, or leave it empty.", place=place, value=said)
    right = None if not said else said in YES
    texts = {each: str(row.get(each) or "") for each in ("id", "hash", "question", "answer", "better_answer", "reason", "reviewer")}
    better = texts.pop("better_answer").replace("\r\n", "\n")
    same = better.strip() in ("", texts["answer"].replace("\r\n", "\n").strip())
    carried = {each: str(row[each]) for each in CARRIED if row.get(each)}
    return Mark(
        **texts | {"reviewer": texts["reviewer"].strip() or name}, right=right, better="" if same else better, carried=carried, place=place
    )


def _text(path: str) -> str:
    place, name = place_of(path)
    try:
        data = place.read_bytes(name)
        return decode(data).text if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise usage("does not exist", "Name a sheet.", value=path) from error
    except UnicodeDecodeError as error:
        raise usage("is not UTF-8 text", "Save it as CSV in UTF-8.", value=path) from error


def place_of(path: str) -> tuple[Place, str]:
    """Give the place of a file, on the disk or a store, and its name there."""
    folder, _, name = (path if "://" in path else str(Path(path).absolute())).rpartition("/")
    return Place.at(folder or "/"), name


def agreed(marks: Iterable[Mark]) -> tuple[list[Mark], list[str]]:
    """Give what people said of each row, once, and the rows of which they said different things."""
    held: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.good is not None:
            held[mark.id].append(mark)
    split = [name for name, said in held.items() if _disagree(said)]
    return [next((mark for mark in said if mark.better), said[0]) for name, said in held.items() if name not in split], split


def _disagree(said: Sequence[Mark]) -> bool:
    """Tell whether people call a row right and wrong, or mend it in different ways."""
    return len({mark.good for mark in said}) > 1 or len({mark.better for mark in said} - {""}) > 1


def kappas(marks: Iterable[Mark]) -> dict[str, tuple[float, int]]:
    """Give Cohen's kappa (1960) for each two people, and of how many rows both said something."""
    by: dict[str, dict[str, bool]] = defaultdict(dict)
    for mark in marks:
        if mark.good is not None:
            by[mark.reviewer][mark.id] = mark.good
    names = sorted(by)
    found: dict[str, tuple[float, int]] = {}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = by[one].keys() & by[other].keys()
            if both:
                found[f"{one} and {other}"] = (_kappa([(by[one][name], by[other][name]) for name in both]), len(both))
    return found


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    count = len(pairs)
    same = sum(one == other for one, other in pairs) / count
    yes, also = (sum(pair[side] for pair in pairs) / count for side in (0, 1))
    chance = yes * also + (1 - yes) * (1 - also)
    return 1.0 if chance == 1 else (same - chance) / (1 - chance)
