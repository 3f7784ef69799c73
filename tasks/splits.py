"""`split`: rows divided into train, validation and test without dividing a group."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from tasks.carrying import RANKS, STRADDLES, UNSEEN, carried
from tasks.dedup.comparison import Comparison, exact_keys
from tasks.dedup.near import Near
from tasks.errors import Fault
from tasks.filling import SPLITS, Wanted, filled
from tasks.frames import text_column
from tasks.step import EARLIER, BarrierStep, Context, Names
from tasks.store.keys import draw

Ids = npt.NDArray[np.int64]
Part = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]
_LONG_AGO = -1_000_000
LARGE = 0.1
"""A component of more than this share of the rows is told of."""


class Split(BarrierStep):
    """Divide rows into `train`, `validation` and `test`; what belongs together stays together.

    Rows form a component where they share their group, a cluster of a `dedup` before, the same text
    or input, nearly the same text (or input and output), or a value of the columns in `by`.
    Components are drawn by hash, or taken by `time`; one goes to test, else to validation, where that brings the part
    nearer to its share (below 1) or count of rows, and to train otherwise. Each part gets at least
    one component, or the build fails. Only a `train` that is given has an end; rows beyond it are
    dropped.

    A later build carries over (`--since`): rows keep their splits, new ones join those they belong to, and a
    new row that would tie two splits together is dropped as `straddles`.

    ```yaml
    steps:
      faq: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, validation: 0.2, test: 1}
      dataset: {use: write}
    ```
    """

    draws: ClassVar[bool] = True
    carries: ClassVar[bool] = True

    use: Literal["split"] = "split"
    validation: Part | None = None
    """Share or number of rows for validation."""
    test: Part | None = None
    """Share or number of rows for test."""
    train: Part | None = None
    """Share or number of rows for train; what is left when absent."""
    by: Names = ()
    """More columns whose equal values must not be divided."""
    near: Near | Literal[False] = Near(recall=0.9999)
    """How alike two rows are that must not be divided; `false` looks for equal ones only."""
    stratify: Names = ()
    """Columns of which every combination of values gives its part to each split."""
    unseen: dict[str, Names] = {}
    """Cells held out whole, as a second test: `{source: [arxiv]}`. Rows of others that belong to them are dropped as `straddles`."""
    time: str | None = None
    """A column of dates (`2026`, `2026-11`, `2026-11-25…`): the newest components are the test, the next validation; without one: train."""
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    """Number the components of train from 0 in `fold`, as many rows to each as can be: for cross-validation."""

    def faults(self) -> Sequence[Fault]:
        """Shares must leave room, and at least one part besides train is needed."""
        shares = {name: share for name in SPLITS if isinstance(share := getattr(self, name), float)}
        total = sum(shares.values())
        told = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        if total > 1 + 1e-9 or (len(shares) == 3 and total < 1 - 1e-9):
            return [
                Fault(
                    "",
                    f"the shares add up to {total:g} ({told}); they must add up to 1",
                    remedy="Lower one, or leave `train` out to get the rest.",
                )
            ]
        if self.validation is None and self.test is None:
            return [Fault("", "names no part besides train", remedy="Give `validation`, `test` or both.")]
        return ()

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns that hold rows together, or apart."""
        named = {"by": self.by, "stratify": self.stratify, "unseen": tuple(self.unseen)}
        return named | ({"time": (self.time,)} if self.time else {})

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """The split comes, and the fold."""
        return before | {"split"} | ({"fold"} if self.folds else set())

    def reads(self, columns: Sequence[str]) -> list[str]:
        """Ids, and what holds rows together, or apart."""
        return ["id", "group", "cluster", *(name for named in self.columns_read().values() for name in named), *_texts(columns)]

    def comparison(self, columns: Sequence[str]) -> Comparison | None:
        """Near rows, by their texts or by input and output."""
        return Comparison(tuple(_texts(columns)), self.near, exact=False) if self.near else None

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row the hashes of what ties it to others, its stratum, its day, and whether it is held out."""
        del context
        from tasks.text.hashing import hash_texts

        (name, *_) = _texts(rows.columns)
        group = rows.select(pl.coalesce("group", "id")).to_series()
        ties = {"group": hash_texts(group)} | {f"by_{name}": _hash(rows, name) for name in (*self.by, "cluster") if name in rows.columns}
        same = exact_keys(rows.select(pl.col(name).fill_null("")))
        ties["same"] = rows.with_columns(same=same).select(pl.when(pl.col(name).is_not_null()).then("same")).to_series()
        if self.stratify:
            cell = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in self.stratify], separator="\x1f")
            ties["stratum"] = hash_texts(rows.select(cell.alias("cell")).to_series())
        held = [pl.col(name).cast(pl.String).is_in(list(values)) for name, values in self.unseen.items()]
        day = {"day": _days(self.time)} if self.time else {}
        return rows.select("row", unseen=pl.any_horizontal(pl.lit(value=False), *held).fill_null(value=False), **day).with_columns(**ties)

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Draw components into splits; those that hold rows of an earlier build, or rows that are held out, are settled before."""
        rows = rows.with_row_index("n")
        ties = _ties(rows, pairs)
        settled = self._before(rows, ties, context)
        left = rows.join(settled, on="n", how="anti")
        drawn = self._drawn(left, ties, dict(settled.filter(pl.col("reason").is_null()).group_by("split").len().iter_rows()), context)
        told = pl.concat([settled, drawn]).sort("n").with_columns(component=_components(rows["n"], ties), order=rows["order"])
        told = told.with_columns(component_rows=pl.len().over("component"))
        told = told.join(self._folds(told), on="component", how="left", maintain_order="left") if self.folds else told
        keep = told["reason"].is_null()
        split = pl.when(keep).then(told["split"]).alias("split")
        fold = {"fold": told.select(pl.when((pl.col("split") == "train") & keep).then("fold"))["fold"]} if self.folds else {}
        return rows.select("place", keep=keep, reason=told["reason"], split=split, component_rows=told["component_rows"], **fold)

    def told(self, settled: pl.DataFrame) -> dict[str, Any]:
        """Say which component is large: the shares can be missed by so much, and little can be held out."""
        most = settled["component_rows"].max() if settled.height else None
        if not isinstance(most, int) or most <= LARGE * settled.height:
            return {}
        return {
            "warned": [
                f"one component holds {most:,} of {settled.height:,} rows: they share a group, a text, or nearly so, and stay together"
            ]
        }

    def _before(self, rows: pl.DataFrame, ties: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give `n`, `split` and `reason` of rows whose split does not depend on a draw.

        A row of an earlier build is known by what it says: its id may be the number of a line. One that was edited keeps its id's
        split where nothing else ties it.
        """
        earlier = pl.DataFrame(schema=EARLIER) if context.earlier is None else context.earlier
        said = earlier.drop_nulls("same").unique("same", keep="first", maintain_order=True).select("same", "split")
        known = rows.select("n", "order", "same", "unseen").join(said, on="same", how="left", maintain_order="left")
        known = known.with_columns(split=pl.coalesce(pl.when("unseen").then(pl.lit(UNSEEN)), "split"))
        found = carried(ties, known.select("n", "order", "split"))
        found = pl.concat([found, self._by_id(rows.join(found, on="n", how="anti"), ties, _elsewhere(earlier, rows))]).join(
            rows.select("n", "unseen"), on="n"
        )
        stray = (pl.col("split") == UNSEEN) & ~pl.col("unseen") & ~pl.col("n").is_in(known.drop_nulls("split")["n"].implode())
        return found.select("n", "split", reason=pl.when(stray).then(pl.lit(STRADDLES)).otherwise("reason"))

    def _by_id(self, rows: pl.DataFrame, ties: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
        """Give components that say nothing of an earlier build the split of their ids, test before validation before train."""
        held = earlier.select("order", "split").unique("order", keep="first", maintain_order=True)
        found = rows.select("n", "order").with_columns(component=_components(rows["n"], ties)).join(held, on="order", how="left")
        rank = pl.col("split").replace_strict({name: place for place, name in enumerate(RANKS)}, return_dtype=pl.Int64)
        best = found.with_columns(rank=rank).with_columns(pl.col("split").sort_by("rank", nulls_last=False).last().over("component"))
        return best.drop_nulls("split").select("n", "split", reason=pl.lit(None, pl.String))

    def _drawn(self, rows: pl.DataFrame, ties: pl.DataFrame, held: Mapping[str, int], context: Context) -> pl.DataFrame:
        """Give `n`, `split`, `reason` and `fold` of rows whose components are drawn."""
        rows = rows.with_columns(component=_components(rows["n"], ties))
        newest = [-pl.col("day").min().fill_null(_LONG_AGO)] if self.time else []
        sizes = (
            rows.group_by("component")
            .agg(pl.len().alias("rows"), name=pl.col("group").min(), newest=newest[0] if newest else pl.lit(0), stratum=_stratum(rows))
            .with_columns(order=_order(pl.col("name"), context))
            .sort("newest", "order", "name")
        )
        wanted = {name: part for name in ("test", "validation") if (part := getattr(self, name)) is not None}
        given = {name: count for name, count in held.items() if name in SPLITS}
        strata = sizes["stratum"].to_list()
        splits = filled(Wanted(wanted, self.train, bool(self.time), given), sizes["rows"].to_list(), strata)
        table = sizes.select("component", split=pl.Series(splits, dtype=pl.String))
        reason = pl.when(pl.col("split").is_null()).then(pl.lit("beyond train"))
        return rows.select("n", "component").join(table, on="component", how="left").select("n", "split", reason=reason)

    def _folds(self, told: pl.DataFrame) -> pl.DataFrame:
        """Give each component of train the number of the fold that has the fewest rows so far."""
        train = told.filter((pl.col("split") == "train") & pl.col("reason").is_null())
        sizes = train.group_by("component").agg(pl.len().alias("rows"), pl.col("order").min()).sort("order")
        loads = [(0, fold) for fold in range(self.folds or 1)]
        folds = []
        for size in sizes["rows"]:
            folds.append(loads[0][1])
            heapq.heapreplace(loads, (loads[0][0] + size, loads[0][1]))
        return sizes.select("component", fold=pl.Series(folds, dtype=pl.UInt8))


def _elsewhere(earlier: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give the earlier rows whose text is not met any more: what their ids say may still be of use; cells held out are told by columns."""
    return earlier.filter(pl.col("split") != UNSEEN).join(rows.select("same"), on="same", how="anti")


def _stratum(rows: pl.DataFrame) -> pl.Expr:
    """Give the stratum of a component: that of its first row by `order`."""
    return pl.col("stratum").sort_by("order").first() if "stratum" in rows.columns else pl.lit(0)


def _days(name: str) -> pl.Expr:
    """Give a date as days since 1970; the first of the year or month where there is no more."""
    told = pl.col(name).cast(pl.String).str.extract_groups(r"^\s*(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
    parts = [told.struct.field(str(place)).fill_null("01") for place in (1, 2, 3)]
    date = pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
    return pl.when(told.struct.field("1").is_not_null()).then(date.dt.epoch("d"))


def _texts(columns: Sequence[str]) -> list[str]:
    return ["text"] if text_column(columns) == "text" else ["input", "output"]


def _hash(rows: pl.DataFrame, name: str) -> pl.Series:
    from tasks.text.hashing import hash_texts

    values = rows[name].cast(pl.String)
    return hash_texts(values).zip_with(values.is_not_null(), pl.Series([None], dtype=pl.UInt64))


def _ties(rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Give `n` and `tie` of rows that something may tie to others; rows with the same tie belong together."""
    held = [
        pl.concat(
            [pairs.select(n=pl.col(side).cast(pl.UInt32), value=pl.int_range(pl.len()).cast(pl.UInt64)) for side in ("left", "right")]
        )
    ]
    held += [rows.select("n", value=name).drop_nulls() for name in rows.columns if name in ("group", "same") or name.startswith("by_")]
    found, start = [], 0
    for frame in held:
        again = frame.filter(pl.col("value").is_duplicated())
        found.append(again.select("n", tie=pl.col("value").rank("dense").cast(pl.Int64) + start))
        start += again.height
    return pl.concat(found)


def _components(rows: pl.Series, ties: pl.DataFrame) -> pl.Series:
    """Give each of the rows, numbers in order, the component that ties join it to."""
    from tasks.text.joining import components

    held = ties.join(rows.to_frame("n"), on="n", how="semi").sort("tie", "n")
    next_to = held["tie"].shift(1) == held["tie"]
    numbers = np.searchsorted(rows.to_numpy(), held["n"].to_numpy())
    pairs = next_to.fill_null(value=False).to_numpy()
    left, right = np.roll(numbers, 1)[pairs], numbers[pairs]
    return pl.Series("component", components(len(rows), left, right))


def _order(name: pl.Expr, context: Context) -> pl.Expr:
    """A seeded order of components that no other row can change."""
    seed = draw(context.seed, context.step)
    return (name.cast(pl.UInt64) ^ pl.lit(seed, dtype=pl.UInt64)).map_batches(_mixed, return_dtype=pl.UInt64)


def _mixed(values: pl.Series) -> pl.Series:
    held = values.to_numpy().astype(np.uint64)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return pl.Series(values.name, held ^ (held >> np.uint64(33)), dtype=pl.UInt64)
