"""How soon 200 rows come through a limit of 20 calls a second: `python -m tests.benches.pace`.

The loopback server refuses what is above the limit and tells to wait two seconds. It is asked twice: by a recipe that does not know the
limit, and by one that does. `seconds` go from the first call to the last answered one, by the server's clock; ten are the least.
`early` are calls that came while others were told to wait: those under way at that time.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flows.build import build
from tests.benches.filters import RESULTS
from tests.growth.test_growing import endpoint, stats
from tests.texts import write_notes

ROWS, PER_SECOND, RETRY_SECONDS = 200, 20, 2
RECIPE = """
name: pace
models: {{w: {{model: {name}, url: "{url}/v1"{known}}}}}
steps:
  notes: {{use: files, path: "notes/*.txt"}}
  pairs: {{use: backtranslate, model: w, budget: {{tokens: 1000000}}}}
  dataset: {{use: write, layout: prompt-completion}}
"""


def measured(name: str, known: str) -> dict[str, Any]:
    """Build once; what the server saw."""
    with (
        tempfile.TemporaryDirectory(prefix="dartboard-bench-") as folder,
        endpoint(per_second=PER_SECOND, retry_after=RETRY_SECONDS) as url,
    ):
        before = Path.cwd()
        os.chdir(folder)
        try:
            write_notes(Path("notes"), ROWS)
            dataset = build(RECIPE.format(name=name, url=url, known=known))
            seen = stats(url)
        finally:
            os.chdir(before)
        assert sum(dataset.published.splits.values()) == seen["answered"] == ROWS
    return {
        "calls": seen["calls"],
        "refused": seen.get("refused", 0),
        "early": seen.get("early", 0),
        "seconds": round(seen["milliseconds"] / 1000, 1),
    }


def main() -> int:
    """Measure both and write the result."""
    result = {
        "command": "python -m tests.benches.pace",
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "rows": ROWS,
        "limit": f"{PER_SECOND} a second, Retry-After {RETRY_SECONDS}",
        "unknown": measured("unknown", ""),
        "known": measured("known", f", requests_per_minute: {60 * PER_SECOND}"),
    }
    (RESULTS / "pace.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
