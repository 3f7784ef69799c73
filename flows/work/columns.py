"""Column parts of filters: features beside a text part, verdicts beside the features."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from flows.work.job import Job
from flows.work.survey import joined
from tasks.abreast import abreast
from tasks.errors import CorruptError, RecipeError, usage
from tasks.filters.measuring import Beside, columns_read, measured
from tasks.filters.sieve import Filter, first_failing
from tasks.filters.where import BEFORE
from tasks.shards import Shard, columns_of, groups, read, summed
from tasks.step import Step
from tasks.store.commit import Done, commit
from tasks.store.place import Place
from tasks.store.spool import ParquetSpool, file_info, spool_folder

REASON = "_reason"
ROWS = 10_000
"""Rows of features that are judged at once."""
EXCERPT = 200
"""Characters of each text that lie beside its features, to be shown; of private rows none."""
SAMPLE, SAMPLED = 0.01, 41
"""The share of rows whose decisions are stored for `decisions: sample`, and the number that draws them."""


def measure_features(job: Job, steps: list[Step]) -> Done:
    """Measure every row of a text part, dropped ones too, so that no rule needs the text again."""
    del steps
    work = Place.at(job.work)
    column, groups = job.extra["column"], job.extra["groups"]
    shard = job.shards[0] if job.shards[0].cut or job.extra.get("marked") else Shard(job.shards[0].text)
    with spool_folder() as folder, _beside(job) as beside:
        spool = ParquetSpool(folder / "columns.parquet")
        spool.row_group_rows = ROWS

        def measure(frame: pl.DataFrame) -> pl.DataFrame:
            with _placed(job.calls[0].name):
                table = measured(frame, column, groups, beside)
            shown = pl.when(~pl.col("private").fill_null(value=False)).then(pl.col(column).str.slice(0, EXCERPT))
            return frame.select("id", shown.alias("excerpt")).hstack(table.with_columns(_true(job.calls[0].name, table)))

        for table in abreast(measure, read(work, shard, ["id", "private", *columns_read(groups, column)], dead=True)):
            spool.write(table)
        return commit(work, job.key, {"columns.parquet": (spool.path, spool.finish())}, {})


@contextmanager
def _placed(step: str) -> Iterator[None]:
    """Name the step in errors of its settings."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError([replace(fault, place=f"steps.{step}.{fault.place}") for fault in error.faults]) from error


@contextmanager
def _beside(job: Job) -> Iterator[Beside]:
    """Bring the step's models here; one that is not what the key was made for is an error."""
    with ExitStack() as stack:
        yield Beside(job.calls[0].files, model_paths(job, stack))


def model_paths(job: Job, stack: ExitStack) -> dict[str, str]:
    """Bring the model files of a job's step here, by field; one that is not what the key was made for is an error."""
    (call,) = job.calls
    paths = {}
    for field, address in call.paths.items():
        path = stack.enter_context(Place.at(address.rpartition("/")[0]).local_copy(address.rpartition("/")[2]))
        if file_info(path, 0).sha256 != call.files[field]:
            raise usage("was changed while the build ran", "Run it again.", place=f"steps.{call.name}.{field}", value=address)
        paths[field] = str(path)
    return paths


def _true(step: str, table: pl.DataFrame) -> list[pl.Series]:
    """Give what expressions say of each row, true or false; one that says anything else is an error of the recipe."""
    said = [held for held in table if held.name.startswith(BEFORE)]
    for held in said:
        if held.dtype not in (pl.Boolean, pl.Null):
            raise usage(
                f"gives {held.dtype}, not true or false",
                "Compare it with something.",
                place=f"steps.{step}.rules.{held.name.partition('=')[0]}",
            )
    return [held.cast(pl.Boolean) for held in said]


def judge(job: Job, steps: list[Step]) -> Done:
    """Judge every row by its features, some at a time; live rows are counted under the first rule that drops them."""
    (step,) = steps
    assert isinstance(step, Filter)
    work = Place.at(job.work)
    live = columns_of(work, job.shards[0])["keep"]
    if job.parts[0].rows != len(live):
        place = work.address(job.parts[0].path)
        raise CorruptError(f"{place}: features do not lie row for row beside the text. Remove them and run again.")
    with spool_folder() as folder:
        columns, decided = (ParquetSpool(folder / f"{name}.parquet") for name in ("columns", "verdicts"))
        columns.row_group_rows, decided.row_group_rows = ROWS, 10 * ROWS
        told, rows = [], 0
        for features in groups(work, job.parts[0]):
            kept, verdicts = _judged(step, features)
            columns.write(kept)
            decided.write(_decisions(verdicts.with_row_index("row", rows), kept["keep"], step.decisions))
            told.append(_report(live.slice(rows, kept.height), kept["reason"], verdicts))
            rows += kept.height
        files = {spool.path.name: (spool.path, spool.finish()) for spool in (columns, decided)}
        return commit(work, job.key, files, _joined(told))


def _judged(step: Filter, features: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give whether rows are kept, why not, and what is cut out of them; and every rule's verdict and score."""
    features = features.with_columns(step.derived())
    verdicts = step.verdicts(features)
    scores = features.select(rule.score.cast(pl.Float32).alias(f"{rule.name}.score") for rule in step.all_rules())
    reason = first_failing(verdicts)
    cuts = step.cuts()
    columns = pl.DataFrame({"keep": reason.is_null(), "reason": reason})
    both = features.select("id").hstack(verdicts).hstack(scores)
    return (columns if cuts is None else columns.hstack(features.select(cuts))), both


def _decisions(verdicts: pl.DataFrame, kept: pl.Series, wanted: str) -> pl.DataFrame:
    """Give the verdicts that are to be stored, with the places of their rows."""
    if wanted == "dropped":
        return verdicts.filter(~kept)
    if wanted == "sample":
        from tasks.text.hashing import chances

        return verdicts.filter(chances(verdicts["id"], SAMPLED) < SAMPLE)
    return verdicts


def _report(live: pl.Series, reason: pl.Series, verdicts: pl.DataFrame) -> dict[str, Any]:
    """Count the live rows of a frame: by the first rule that drops them, by each rule alone, and by rules that alone drop them."""
    alive, rows = reason.filter(live), verdicts.filter(live)
    firsts = alive.drop_nulls().value_counts(sort=False)
    rules = rows.select(cs.boolean())
    failing = ~np.column_stack([held.to_numpy() for held in rules])
    return {
        "rows_in": len(alive),
        "rows_out": alive.null_count(),
        "dropped": dict(zip(firsts["reason"].to_list(), firsts["count"].to_list(), strict=True)),
        "failed": _counts(rules.columns, failing),
        "only": _counts(rules.columns, failing[failing.sum(axis=1) == 1]),
        "ranges": _ranges(rows),
    }


def _joined(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the counts of all frames together."""
    sums = {name: sum(each[name] for each in told) for name in ("rows_in", "rows_out")}
    counts = {name: summed(each[name] for each in told) for name in ("dropped", "failed", "only")}
    return sums | counts | {"ranges": joined([each["ranges"] for each in told])}


def _counts(names: Sequence[str], failing: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Count the rows of each column that are true; those of none are left out."""
    return {name: int(count) for name, count in zip(names, failing.sum(axis=0), strict=True) if count}


def _ranges(verdicts: pl.DataFrame) -> dict[str, list[float]]:
    """Give the least and the greatest score of each rule."""
    scores = verdicts.select(cs.float())
    finite = scores.select(pl.when(pl.all().is_finite()).then(pl.all()))
    table = finite.min().vstack(finite.max()) if scores.height else scores
    held = {name.removesuffix(".score"): table[name].to_list() for name in table.columns}
    return {rule: both for rule, both in held.items() if both and both[0] is not None}
