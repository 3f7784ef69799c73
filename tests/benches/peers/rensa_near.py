"""Near-dedup by rensa's loop: read JSON lines, 5-word shingles, 112 hashes in 14 bands, write the numbers of rows that are kept."""

import json
import sys

from rensa import RMinHash, RMinHashLSH

source, out = sys.argv[1:]
index = RMinHashLSH(threshold=0.8, num_perm=112, num_bands=14)
kept = []
with open(source, encoding="utf-8") as lines:
    for number, line in enumerate(lines):
        words = json.loads(line)["text"].lower().split()
        signature = RMinHash(num_perm=112, seed=7)
        signature.update([" ".join(words[at : at + 5]) for at in range(max(len(words) - 4, 1))])
        if not any(index.is_similar(signature, other) if hasattr(index, "is_similar") else True for other in index.query(signature)):
            kept.append(number)
            index.insert(number, signature)
with open(out, "w", encoding="utf-8") as file:
    json.dump(kept, file)
