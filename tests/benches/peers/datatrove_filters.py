"""What datatrove does with the same documents: run by tests.benches.filters with an interpreter that has datatrove.

`python datatrove_filters.py IN.jsonl OUT_FOLDER`: read, all four filters, write. C4 is last, for it
changes the text, and ours judge the text as it came.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter


def main(source: str, target: str) -> None:
    """Run one task in this process."""
    folder, _, name = source.rpartition("/")
    pipeline = [
        JsonlReader(folder, glob_pattern=name),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        FineWebQualityFilter(),
        C4QualityFilter(),
        JsonlWriter(target, compression=None),
    ]
    LocalPipelineExecutor(pipeline=pipeline, tasks=1, workers=1, logging_dir=f"{target}/logs").run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
