"""Near-dedup by rensa's loop: read JSON lines, 5-word shingles, 112 hashes in 14 bands, write the numbers of rows that are kept."""

import json
import sys
from pathlib import Path
from typing import Any

from rensa import RMinHash, RMinHashLSH

source, out = map(Path, sys.argv[1:])
index = RMinHashLSH(threshold=0.8, num_perm=112, num_bands=14)
kept: dict[int, Any] = {}
with source.open(encoding="utf-8") as lines:
    for number, line in enumerate(lines):
        words = json.loads(line)["text"].lower().split()
        signature = RMinHash(num_perm=112, seed=7)
        signature.update([" ".join(words[at : at + 5]) for at in range(max(len(words) - 4, 1))])
        if not any(signature.jaccard(kept[other]) >= 0.8 for other in index.query(signature)):
            kept[number] = signature
            index.insert(number, signature)
out.write_text(json.dumps(list(kept)), encoding="utf-8")
