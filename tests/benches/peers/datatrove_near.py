"""Near-dedup by datatrove's four blocks: `python datatrove_near.py IN.jsonl OUT`; 5 words, 14 bands of 8, one task in this process."""

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

source, out = map(Path, sys.argv[1:])
config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
reader = JsonlReader(str(source.parent), glob_pattern=source.name)
signatures, buckets, removed = (str(out / name) for name in ("signatures", "buckets", "removed"))
for number, (tasks, steps) in enumerate(
    (
        (1, [reader, MinhashDedupSignature(signatures, config=config)]),
        (14, [MinhashDedupBuckets(signatures, buckets, config=config)]),
        (1, [MinhashDedupCluster(buckets, removed, config=config)]),
        (1, [reader, MinhashDedupFilter(removed), JsonlWriter(str(out / "kept"), compression=None)]),
    )
):
    LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=1, logging_dir=str(out / f"logs{number}")).run()
