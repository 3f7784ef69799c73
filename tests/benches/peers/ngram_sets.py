"""Decontamination by Python sets: the 13-grams of the items, looked for in every row; writes the numbers of rows that are hit."""

import json
import re
import sys
from pathlib import Path

source, items, out = map(Path, sys.argv[1:])


def grams(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[at : at + 13]) for at in range(len(words) - 12)}


known: set[str] = set()
with items.open(encoding="utf-8") as lines:
    for line in lines:
        known |= grams(json.loads(line)["text"])
with source.open(encoding="utf-8") as lines:
    hit = [number for number, line in enumerate(lines) if not known.isdisjoint(grams(json.loads(line)["text"]))]
out.write_text(json.dumps(hit), encoding="utf-8")
