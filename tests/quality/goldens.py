"""Goldens of given real files: counts and hashes, each read by a person who left a remark.

`python -m tests.quality.goldens show NAME` prints what a file reads as, LINES lines of it spread over
the whole; `… accept NAME "what was seen"` writes its golden. Only one is accepted at a time, and the
tests refuse a commit that changes them all: a change of a reader is looked at, file by file.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tasks.catalogue import catalogue
from tasks.step import SourceStep
from tests.sources.helpers import read_all, reasons

GOLDENS = Path(__file__).parent / "goldens.json"
LINES = 50
Golden = dict[str, Any]


def rows_of(corpus: Path, golden: Golden) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Read the golden's file as its step does; rows in the order of their ids, and the skips by reason."""
    step = catalogue()[golden["use"]](path="x", **golden.get("settings", {}))
    assert isinstance(step, SourceStep)
    rows, skips = read_all(step, [str(corpus / golden["path"])])
    return sorted(rows, key=lambda row: str(row["id"])), dict(sorted(reasons(skips).items()))


def lines_of(rows: list[dict[str, Any]]) -> list[str]:
    """Give LINES lines, spread evenly over all texts."""
    held = [line for row in rows for line in row["text"].split("\n") if line.strip()]
    return [held[place * (len(held) - 1) // (LINES - 1)] for place in range(LINES)] if len(held) > LINES else held


def measured(rows: list[dict[str, Any]], skips: dict[str, int]) -> Golden:
    """Give what is compared: counts, and hashes that show no text."""
    texts = [row["text"] for row in rows]
    return {
        "rows": len(rows),
        "words": sum(len(text.split()) for text in texts),
        "sections": sum(len(row["sections"] or ()) for row in rows),
        "skipped": skips,
        "text": _hash("\f".join(texts)),
        "lines": [_hash(line)[:12] for line in lines_of(rows)],
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def changed(golden: Golden, found: Golden) -> list[str]:
    """Name what differs from a golden, and which of its lines do."""
    names = [
        f"{name}: {golden.get(name)} is now {found[name]}"
        for name in ("rows", "words", "sections", "skipped")
        if golden.get(name) != found[name]
    ]
    lines = [place for place, (old, new) in enumerate(zip(golden["lines"], found["lines"], strict=False)) if old != new]
    return names + ([f"lines {lines}"] if lines else []) + (["text"] if golden["text"] != found["text"] and not names and not lines else [])


def main(arguments: list[str]) -> int:
    """Show what a file reads as, or accept it."""
    corpus = Path(os.environ.get("DARTBOARD_SHARED", "../shared")) / "corpus"
    goldens: dict[str, Golden] = json.loads(GOLDENS.read_text(encoding="utf-8"))
    match arguments:
        case ["show", name] if name in goldens:
            rows, skips = rows_of(corpus, goldens[name])
            found = measured(rows, skips)
            told = [f"{key}: {found[key]}" for key in ("rows", "words", "sections", "skipped")] + lines_of(rows)
            sys.stdout.write("\n".join(told) + "\n")
        case ["accept", name, remark] if name in goldens and remark.strip():
            goldens[name] |= measured(*rows_of(corpus, goldens[name])) | {"remark": remark}
            GOLDENS.write_text(json.dumps(goldens, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        case _:
            sys.stderr.write(f"show NAME, or accept NAME REMARK; the names are {', '.join(goldens)}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
