"""Groups of features by their names, as a step of the build measures them over a frame of rows.

A name is a group of the judged text (`tasks.text.features`), or says what else it reads: `where.NAME=SQL`
the row's columns, `by.language` one column, `pair` and `tokens=ENCODING` both sides of a pair,
`language=…` and `classifier=CHARS LABEL` a model, `like` exemplars.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from tasks.errors import usage
from tasks.filters import classifier, language, pairs
from tasks.filters.rule import BY
from tasks.filters.style import LIKE
from tasks.filters.where import BEFORE, parsed
from tasks.text.features import GROUPS, WITHIN, measure

PAIR = ("system", "turns", "input", "output")
EXEMPLARS, MODEL = "rules.style.like.path", "rules.classifier.path"
"""The fields of `filter` that name the files which are read here."""


class Beside(NamedTuple):
    """What measuring reads beside the rows."""

    files: Mapping[str, str] = {}
    """Contents of input files by field; of models the hash."""
    paths: Mapping[str, str] = {}
    """Places of models on this machine, by field."""


def columns_read(groups: Sequence[str], column: str) -> list[str]:
    """Name the columns that groups of features read."""
    wanted = {column}
    for group in groups:
        if group.startswith(BEFORE):
            wanted |= set(parsed(group.partition("=")[2]).meta.root_names())
        elif group in (f"{BY}language", f"{BY}source"):
            wanted.add(group.removeprefix(BY))
        elif group == pairs.GROUP or group.startswith(f"{pairs.TOKENS}="):
            wanted |= set(PAIR)
    return sorted(wanted)


def measured(frame: pl.DataFrame, column: str, groups: Sequence[str], beside: Beside = Beside()) -> pl.DataFrame:  # noqa: B008  a constant
    """Measure all groups over the rows of a frame, side by side."""
    texts = frame[column]
    own = [group for group in groups if group in GROUPS or group in WITHIN]
    others = sorted(set(groups) - set(own))
    tables = [*([measure(texts, own)] if own else []), *(_other(frame, texts, group, beside) for group in others)]
    table = pl.DataFrame([held for each in tables for held in each])
    if LIKE in groups:
        from tasks.text.profiles import distance

        table = table.with_columns(distance(table, beside.files[EXEMPLARS]).alias(LIKE))
    return table


def _other(frame: pl.DataFrame, texts: pl.Series, group: str, beside: Beside) -> pl.DataFrame:
    kind, _, said = group.partition("=")
    if kind.startswith(BEFORE):
        return frame.select(parsed(said).alias(group))
    measures: dict[str, Callable[[], pl.DataFrame]] = {
        language.GROUP: lambda: _languages(texts),
        f"{BY}detected": lambda: _languages(texts).select(pl.col("language_id").alias(f"{BY}detected")),
        f"{BY}language": lambda: frame.select(pl.col("language").alias(f"{BY}language")),
        f"{BY}source": lambda: frame.select(pl.col("source").alias(f"{BY}source")),
        pairs.GROUP: lambda: _pairs(frame),
        pairs.TOKENS: lambda: _tokens(frame, said),
        classifier.GROUP: lambda: _classified(texts, said, beside),
        LIKE: pl.DataFrame,
    }
    return measures[kind]()


def _languages(texts: pl.Series) -> pl.DataFrame:
    from tasks.text.classifying import languages

    return languages(texts, language.PIECE)


def _pairs(frame: pl.DataFrame) -> pl.DataFrame:
    from tasks.text.pairwise import pairwise

    return pairwise(frame)


def _tokens(frame: pl.DataFrame, encoding: str) -> pl.DataFrame:
    from tasks.text.tokens import count_tokens

    parts = [pl.col(name).fill_null("") for name in ("system", "input", "output") if name in frame.columns]
    if "turns" in frame.columns:
        contents = pl.col("turns").list.eval(pl.element().struct.field("content"))
        parts.append(contents.list.join("\n").fill_null(""))
    counts = [count_tokens(frame.select(said=part).to_series(), encoding) for part in parts]
    return pl.DataFrame({f"{pairs.TOKENS}={encoding}": sum(counts[1:], counts[0])})


def _classified(texts: pl.Series, said: str, beside: Beside) -> pl.DataFrame:
    from tasks.text.classifying import model_at, scores

    chars, _, label = said.partition(" ")
    try:
        return pl.DataFrame([scores(texts, model_at(beside.paths[MODEL], beside.files[MODEL]), label, int(chars))])
    except ValueError as error:
        raise usage(f"cannot be used: {error}", "Give a supervised fastText model and one of its labels.", place=MODEL) from error
