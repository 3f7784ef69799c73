"""Sheets that people read and mark: CSV or JSON lines with a question, an answer, and room for a verdict."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tasks.errors import usage
from tasks.sources.tabular import MAX_CELL_CHARS
from tasks.store.place import Place

MARKED = ("right", "better_answer", "reason", "reviewer")
"""The columns that people fill."""
YES = ("yes", "y", "true", "1", "right", "good", "keep")
NO = ("no", "n", "false", "0", "wrong", "bad", "drop")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would carry out; such a cell gets a quote before it."""


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
    turns: str = ""

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
    text = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def _plain(value: Any) -> str:
    text = "" if value is None else str(value)
    return text[1:] if text.startswith("'") and text[1:].startswith((*FORMULA, "'")) else text


def read_sheet(path: str) -> list[Mark]:
    """Read a sheet that people have marked; RecipeError where it is none."""
    text = _text(path)
    csv.field_size_limit(MAX_CELL_CHARS)
    try:
        rows: list[Any] = (
            [orjson.loads(line) for line in text.split("\n") if line.strip()]
            if text.lstrip().startswith("{")
            else list(csv.DictReader(io.StringIO(text, newline="")))
        )
    except (orjson.JSONDecodeError, csv.Error) as error:
        raise usage(f"is no sheet: {error}", "Save it as CSV or JSON lines.", value=path) from error
    if any(not isinstance(row, dict) or not {"id", "question", "answer"} <= set(row) for row in rows):
        raise usage("is no sheet: it needs the columns id, question and answer", "Write one with `dartboard review export`.", value=path)
    return [_mark(row, number, path) for number, row in enumerate(rows, 2)]


def _mark(row: Mapping[str, Any], number: int, path: str) -> Mark:
    said = str(row.get("right") if row.get("right") is not None else "").strip().lower()
    if said and said not in (*YES, *NO):
        raise usage("says neither yes nor no in `right`", "Write yes or no, or leave it empty.", place=f"{path}:{number}", value=said)
    right = None if not said else said in YES
    texts = {name: _plain(row.get(name)) for name in ("id", "hash", "question", "answer", "turns", "reason")}
    better, reviewer = _plain(row.get("better_answer")), _plain(row.get("reviewer")).strip()
    return Mark(**texts, right=right, better=better if better.strip() else "", reviewer=reviewer or path.rpartition("/")[2])


def _text(path: str) -> str:
    place, name = place_of(path)
    try:
        return place.read_bytes(name).decode("utf-8-sig")
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
