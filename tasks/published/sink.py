"""`write`: rows as the files of a published dataset."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.published.layouts import Layout
from tasks.step import Family, Step


class Write(Step):
    """Publish rows as Parquet or JSON lines, a file a split or more.

    Without a `layout` all columns are written; with one, trainers can read the rows as they are, and
    `provenance/` says row by row where each comes from. Several `write` steps publish one dataset
    with a subset each. In a layout, a pair without an input or an output is dropped by name.

    ```yaml
    steps:
      faq: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      dataset: {use: write, format: jsonl, layout: openai-chat}
    ```
    """

    family: ClassVar[Family] = "sink"

    use: Literal["write"] = "write"
    format: Literal["parquet", "jsonl"] = "parquet"
    layout: Layout | None = None
    """The rows' form; all columns when absent. Layouts are for pairs."""
    compression: Literal["zstd", "snappy", "none"] = "zstd"
    """Of Parquet files."""
    max_file_mb: Annotated[int, Field(ge=1)] = 256
    """Megabytes (10^6 bytes of text) after which a new file is begun."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns without which a row is dropped: a trainer can do nothing with half a pair."""
        return ("input", "output") if self.layout else ()
