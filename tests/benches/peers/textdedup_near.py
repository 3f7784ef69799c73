"""Near-dedup by text-dedup's MinHash: `python textdedup_near.py IN.jsonl OUT`; 5 words, 14 bands of 8, one process."""

import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

from text_dedup.minhash import main

source, out = map(Path, sys.argv[1:])
main(
    [
        *(
            "--path",
            "json",
            "--data_files",
            str(source),
            "--split",
            "train",
            "--cache_dir",
            str(out / "cache"),
            "--output",
            str(out / "kept"),
        ),
        *("--column", "text", "--batch_size", "10000", "--num_proc", "1", "--ngram", "5", "--b", "14", "--r", "8", "--num_perm", "112"),
    ]
)
