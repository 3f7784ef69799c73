"""`review`: what people said of rows is carried out: rows taken out, outputs replaced."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import orjson
import polars as pl
from pydantic import Field

from tasks.errors import Fault
from tasks.frames import Halves, Kind, dropped
from tasks.step import NO_IDENTITY, Context, Family, InputFile, RowStep
from tasks.store.keys import digest

VERDICTS = ("keep", "drop", "edit")


class Review(RowStep):
    """Carry out edits that `dartboard review import` wrote: a row is kept, dropped, or given the better output.

    Edits name a row by its id and by a hash of what it says, so an edit of a row that has changed since is not carried out. An edited
    row is a human one, and what it said before becomes its `rejected`. `reviewed` says what became of a row: `kept`, `edited`, or
    `stale` where its edit is of an earlier wording. A file that is not there yet holds no edits.

    ```yaml
    steps:
      faq:  {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      read: {use: review, edits: reviews.jsonl}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"
    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)
    counts: ClassVar[str | None] = "reviewed"
    may_be_absent: ClassVar[frozenset[str]] = frozenset({"edits"})

    use: Literal["review"] = "review"
    edits: InputFile
    """JSON lines of `id`, `hash`, `verdict` (keep, drop, edit), and `output` for an edit."""
    wait: bool = Field(default=False, json_schema_extra=NO_IDENTITY)
    """In a deployed run, show a sample and wait until someone resumes the run."""

    def told(self, counts: Mapping[str, int], dropped: Mapping[str, int]) -> Sequence[str]:
        """How many rows were kept, edited and dropped; stale edits; that there were none."""
        gone = sum(dropped.values())
        if not counts and not gone:
            return [f"no row has an edit in {self.edits}: none was reviewed"]
        said = f"{counts.get('kept', 0):,} rows kept, {counts.get('edited', 0):,} edited, {gone:,} taken out by {self.edits}"
        stale = counts.get("stale", 0)
        return [said, *([f"{stale:,} edits are stale: their rows say something else now"] if stale else [])]

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """What became of each row is added."""
        return before | {"reviewed"}

    def faults_in(self, files: Mapping[str, str]) -> Sequence[Fault]:
        """Lines that are no edits."""
        remedy = "Write the file with `dartboard review import`."
        return [
            Fault("edits", f"line {number} is no edit", line[:80], remedy)
            for number, line in enumerate(files.get("edits", "").split("\n"), 1)
            if line.strip() and _edit(line) is None
        ][:5]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Carry out the edits of a frame's rows."""
        edits = edits_of(context.files.get("edits", ""))
        told = [_told(row, edits.get(row["id"])) for row in frame.select("id", "input", "output", "rejected").iter_rows(named=True)]
        schema = {"reviewed": pl.String, "better": pl.String}
        found = frame.hstack(pl.DataFrame(told, schema=schema, orient="row"))
        gone = pl.col("reviewed") == "dropped"
        edited = pl.col("reviewed").fill_null("") == "edited"
        kept = found.filter(~gone.fill_null(value=False)).with_columns(
            output=pl.when(edited).then("better").otherwise("output"),
            rejected=pl.when(edited).then("output").otherwise("rejected"),
            generator=pl.when(edited).then(pl.lit("human")).otherwise("generator"),
            imputed=pl.when(edited).then(pl.col("imputed").list.set_difference(["output"])).otherwise("imputed"),
        )
        return Halves(kept.drop("better"), dropped(found.filter(gone), "reviewed away"))


def content_hash(source: str, output: str) -> str:
    """Hash what a pair says."""
    return digest(source, output)[:16]


def edits_of(text: str) -> dict[str, dict[str, Any]]:
    """Read edits by the ids of their rows; of several for a row the last counts."""
    return {edit["id"]: edit for line in text.split("\n") if (edit := _edit(line)) is not None}


def _edit(line: str) -> dict[str, Any] | None:
    try:
        edit = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(edit, dict) or edit.get("verdict") not in VERDICTS:
        return None
    named = ("id", "hash", *(("output",) if edit["verdict"] == "edit" else ()))
    return edit if all(isinstance(edit.get(name), str) and edit[name] for name in named) else None


def _told(row: Mapping[str, Any], edit: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """Say what becomes of a row, and its better output."""
    if edit is None:
        return None, None
    if edit["hash"] != content_hash(row["input"], row["output"]):
        return "stale", None
    return {"keep": ("kept", None), "drop": ("dropped", None), "edit": ("edited", edit.get("output"))}[edit["verdict"]]
