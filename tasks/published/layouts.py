"""Layouts: a pair's columns as the rows that trainers take."""

from collections.abc import Callable
from typing import Any, Literal

import polars as pl

Layout = Literal["prompt-completion", "openai-chat"]
PROVENANCE = ("id", "group", "source", "url", "licence", "parents", "generator", "score")

MESSAGE = pl.Struct({"role": pl.String, "content": pl.String})


def _message(role: str, content: str) -> pl.Expr:
    return pl.struct(pl.lit(role).alias("role"), pl.col(content).alias("content"))


def _before() -> pl.Expr:
    system = (
        pl.when(pl.col("system").is_not_null())
        .then(pl.concat_list(_message("system", "system")))
        .otherwise(pl.lit([], dtype=pl.List(MESSAGE)))
    )
    return pl.concat_list(system, "turns", pl.concat_list(_message("user", "input")))


def talking(rows: pl.DataFrame) -> bool:
    """Tell whether a row has a system message, earlier turns or tools: plain prompt and completion cannot hold them."""
    flags = rows.select(
        (pl.col("system").is_not_null() | (pl.col("turns").list.len() > 0) | pl.col("tools").is_not_null()).any().fill_null(value=False)
    )
    return bool(flags.item())


def prompt_completion(rows: pl.DataFrame, *, talks: bool) -> pl.DataFrame:
    """TRL's prompt and completion: texts, or lists of messages where a row of the dataset talks; `tools` as JSON."""
    if not talks:
        return rows.select(prompt="input", completion="output")
    return rows.select(prompt=_before(), completion=pl.concat_list(_message("assistant", "output")), tools="tools")


def openai_chat(rows: pl.DataFrame, *, talks: bool) -> pl.DataFrame:
    """OpenAI's chat rows: `messages`, and `tools` as JSON where a row of the dataset has some."""
    messages = pl.concat_list(_before(), pl.concat_list(_message("assistant", "output"))).alias("messages")
    return rows.select(messages, *(["tools"] if talks else []))


LAYOUTS: dict[Layout, Callable[..., pl.DataFrame]] = {"prompt-completion": prompt_completion, "openai-chat": openai_chat}


def laid_out(rows: pl.DataFrame, layout: Layout | None, *, talks: bool) -> pl.DataFrame:
    """Give rows in a layout; without one, all columns of the design."""
    return rows.drop("row", "cluster", "split", strict=False) if layout is None else LAYOUTS[layout](rows, talks=talks)


def taken_in(rows: pl.DataFrame) -> pl.DataFrame:
    """Give back what rows of any layout say: `text`, or `system`, `turns`, `input` and `output`, as far as the layout holds them."""
    columns = rows.schema
    if "messages" in columns:
        return _taken_apart(rows.select(said="messages"))
    if "prompt" in columns and "completion" in columns:
        if columns["prompt"] == pl.String:
            return rows.select(system=pl.lit(None, pl.String), turns=pl.lit([], pl.List(MESSAGE)), input="prompt", output="completion")
        return _taken_apart(rows.select(said=pl.concat_list("prompt", "completion")))
    texts = [pl.col(name).cast(pl.String) for name in ("text", "system", "input", "output") if name in columns]
    return rows.select(*texts, *([pl.col("turns").cast(pl.List(MESSAGE))] if "turns" in columns else []))


def _taken_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Give what was `said`, a list of messages, as a pair: a system's message, earlier turns, the last but one and the last."""
    first, said = pl.col("said").list.first(), pl.col("said")
    ruled = (first.struct.field("role") == "system").fill_null(value=False)
    begin = ruled.cast(pl.Int64)
    return rows.select(
        system=pl.when(ruled).then(first.struct.field("content")),
        turns=said.list.slice(begin, (said.list.len().cast(pl.Int64) - begin - 2).clip(0)),
        input=said.list.get(-2, null_on_oob=True).struct.field("content"),
        output=said.list.last().struct.field("content"),
    )


def provenance(rows: pl.DataFrame) -> pl.DataFrame:
    """Give what a layout leaves out: where each row comes from, in the same order."""
    return rows.select([name for name in PROVENANCE if name in rows.columns])


def plain_rows(rows: pl.DataFrame, layout: Layout | None) -> list[dict[str, Any]]:
    """Give rows as JSON objects: without a layout all fields, with one `tools` as data and only where there are some."""
    records = rows.to_dicts()
    if layout is not None:
        for record in records:
            if record.get("tools") is None:
                record.pop("tools", None)
    return records
