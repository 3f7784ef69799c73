"""How well `style.modern` tells present prose from old: `python -m tests.quality.modern OLD NEW`.

OLD and NEW are text files, folders of them, or JSON lines with `text`; a file or `source` is an author.
Texts are cut into passages of some 250 words; a passage counts by one over those of its author, so that
long authors do not drown short ones. The area under the curve (AUC) is the chance that a present passage
scores above an old one. Nothing is fitted here: the weights stand in `tasks/filters/style.py`.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from tasks.filters.style import modern
from tasks.text.structure import structure

WORDS = 250
START, END = (re.compile(rf"\*\*\* ?{word} OF[^\n]*") for word in ("START", "END"))


def texts_of(path: Path) -> list[tuple[str, str]]:
    """Give (author, text) of a file or folder."""
    if path.is_dir():
        return [pair for each in sorted(path.rglob("*")) if each.is_file() for pair in texts_of(each)]
    content = path.read_bytes().decode("utf-8", errors="replace")
    if path.suffix == ".jsonl":
        rows = [orjson.loads(line) for line in content.split("\n") if line]
        return [(str(row.get("source") or row.get("meta", {}).get("source") or path.name), row["text"]) for row in rows]
    body = START.split(content, maxsplit=1)[-1]
    return [(path.stem, END.split(body, maxsplit=1)[0])]


def passages(text: str) -> list[str]:
    """Cut a text into passages of WORDS words; a rest of less than half is left."""
    words = text.split()
    return [" ".join(words[at : at + WORDS]) for at in range(0, len(words), WORDS) if len(words) - at >= WORDS // 2]


def auc(old: list[tuple[str, float]], new: list[tuple[str, float]]) -> float:
    """Give the chance that a new score lies above an old one, every author weighing the same."""

    def weighed(scores: list[tuple[str, float]]) -> tuple[np.ndarray, np.ndarray]:
        counts = Counter(author for author, _ in scores)
        return np.array([score for _, score in scores]), np.array([1 / counts[author] for author, _ in scores])

    (low, low_weights), (high, high_weights) = weighed(old), weighed(new)
    order = np.argsort(low)
    sums = np.concatenate([[0], np.cumsum(low_weights[order])])
    below, upto = (sums[np.searchsorted(low[order], high, side)] for side in ("left", "right"))
    return float((high_weights * (below + upto) / 2).sum() / high_weights.sum() / sums[-1])


def scored(texts: list[tuple[str, str]]) -> list[tuple[str, float]]:
    """Give the score of each passage with its author."""
    held = [(author, passage) for author, text in texts for passage in passages(text)]
    scores = structure(pl.Series([passage for _, passage in held], dtype=pl.String), style=True).select(modern()).to_series()
    return [(author, score) for (author, _), score in zip(held, scores, strict=True)]


def main() -> int:
    """Print the quantiles of each author and the AUC."""
    sides = [scored([pair for path in argument.split(",") for pair in texts_of(Path(path))]) for argument in sys.argv[1:3]]
    for name, side in zip(("old", "new"), sides, strict=True):
        for author in dict.fromkeys(author for author, _ in side):
            held = [score for each, score in side if each == author]
            low, middle, high = np.quantile(held, [0.05, 0.5, 0.95])
            sys.stdout.write(f"{name} {author:<40} {len(held):>5} passages  {low:.2f} {middle:.2f} {high:.2f}\n")
    sys.stdout.write(f"AUC {auc(*sides):.4f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
