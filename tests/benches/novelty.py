"""How long a new row waits for its novelty beside 50,000 others: `python -m tests.benches.novelty`.

Texts are of 5 to 120 words drawn by Zipf's law. The same rows are compared by our pool, and beside it by rapidfuzz's `extractOne` over
texts whose words became code points, the fastest way that we know with libraries; both must say the same. The MinHash sketches that the
loop asks too are measured beside them.
"""

import json
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import Indel

from tasks.growth.novelty import Novelty, Sketches
from tests.benches.filters import RESULTS

POOL, ROWS, VOCABULARY = 50_000, 200, 30_000


def texts(count: int, seed: int) -> list[str]:
    """Draw texts."""
    draw = random.Random(seed)
    words, weights = [f"w{n}" for n in range(VOCABULARY)], [1 / (n + 1) for n in range(VOCABULARY)]
    return [" ".join(draw.choices(words, weights, k=draw.randrange(5, 121))) for _ in range(count)]


def timed(ask: Callable[[str], float], rows: list[str]) -> tuple[float, list[float]]:
    """Give the milliseconds a row, and what was said."""
    ask(rows[0])
    start = time.perf_counter()
    said = [ask(row) for row in rows]
    return round((time.perf_counter() - start) * 1000 / len(rows), 2), said


def main() -> int:
    """Measure and write the result."""
    held, rows = texts(POOL, 1), texts(ROWS, 2)
    pool, sketches = Novelty(held), Sketches(held)
    codes: dict[str, str] = {}
    coded = ["".join(codes.setdefault(word, chr(0x10000 + len(codes))) for word in text.split()) for text in held]

    def peer(text: str) -> float:
        query = "".join(codes.setdefault(word, chr(0x10000 + len(codes))) for word in text.split())
        return 1 - float(process.extractOne(query, coded, scorer=Indel.normalized_similarity)[1])

    ours, said = timed(pool.of, rows)
    theirs, told = timed(peer, rows)
    assert len(said) == ROWS
    assert all(abs(one - other) < 1e-12 for one, other in zip(said, told, strict=True))
    sketched, _ = timed(sketches.nearest, rows)
    result: dict[str, Any] = {
        "command": "python -m tests.benches.novelty",
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "pool": POOL,
        "rows": ROWS,
        "milliseconds_a_row": {"ours": ours, "rapidfuzz": theirs, "sketches": sketched},
        "ratio": round(theirs / ours, 1),
    }
    (RESULTS / "novelty.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
