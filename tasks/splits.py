"""`split`: rows divided into train, validation and test without dividing a group."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from tasks.dedup.comparison import Comparison, exact_keys
from tasks.dedup.near import Near
from tasks.errors import Fault, GateError
from tasks.frames import text_column
from tasks.step import BarrierStep, Context, Names
from tasks.store.keys import draw

Part = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]
Ids = npt.NDArray[np.int64]
SPLITS = ("train", "validation", "test")


class Split(BarrierStep):
    """Divide rows into `train`, `validation` and `test`; what belongs together stays together.

    Rows form a component where they share their group, a cluster of a `dedup` before, the same text
    or input, nearly the same text (or input and output), or a value of the columns in `by`.
    Components are drawn by hash; one goes to test, else to validation, where that brings the part
    nearer to its share (below 1) or count of rows, and to train otherwise. Each part gets at least
    one component, or the build fails. Only a `train` that is given has an end; rows beyond it are
    dropped.

    ```yaml
    steps:
      faq: {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split: {use: split, validation: 0.2, test: 1}
      dataset: {use: write}
    ```
    """

    draws: ClassVar[bool] = True

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
        """The columns that hold rows together."""
        return {"by": self.by}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """The split comes."""
        return before | {"split"}

    def reads(self, columns: Sequence[str]) -> list[str]:
        """Ids, and what holds rows together."""
        return ["id", "group", "cluster", *self.by, *_texts(columns)]

    def comparison(self, columns: Sequence[str]) -> Comparison | None:
        """Near rows, by their texts or by input and output."""
        return Comparison(tuple(_texts(columns)), self.near, exact=False) if self.near else None

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row the hashes of its group, its cluster, its text and its values of `by`."""
        del context
        from tasks.text.hashing import hash_texts

        (name, *_) = _texts(rows.columns)
        group = rows.select(pl.coalesce("group", "id")).to_series()
        ties = {"group": hash_texts(group)} | {f"by_{name}": _hash(rows, name) for name in (*self.by, "cluster") if name in rows.columns}
        same = exact_keys(rows.select(pl.col(name).fill_null("")))
        ties["same"] = rows.with_columns(same=same).select(pl.when(pl.col(name).is_not_null()).then("same")).to_series()
        return rows.select("row").with_columns(**ties)

    def settle(self, rows: pl.DataFrame, pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Draw components into splits."""
        rows = rows.with_columns(component=pl.Series(_joined(rows, pairs), dtype=pl.Int64))
        name = pl.col("group").min().alias("name")
        sizes = (
            rows.group_by("component")
            .agg(pl.len().alias("rows"), name)
            .with_columns(order=_order(pl.col("name"), context))
            .sort("order", "name")
        )
        table = dict(zip(sizes["component"].to_list(), self._assign(sizes["rows"].to_list()), strict=True))
        split = rows["component"].replace_strict(table, return_dtype=pl.String) if table else pl.Series([], dtype=pl.String)
        keep = split.is_not_null()
        return rows.select("place", keep=keep, reason=pl.when(~keep).then(pl.lit("beyond train")), split=split)

    def _assign(self, sizes: Sequence[int]) -> list[str | None]:
        """Give each component, in drawn order, its split; None: beyond a train that has an end."""
        wanted = {name: self._rows(name, sum(sizes)) for name in ("test", "validation") if getattr(self, name) is not None}
        self._refuse(len(sizes), sum(sizes), wanted)
        filled = dict.fromkeys(wanted, 0)
        result: list[str | None] = []
        for size in sizes:
            fitting = next((name for name in wanted if filled[name] + size / 2 <= wanted[name]), "train")
            if fitting != "train":
                filled[fitting] += size
            result.append(fitting)
        for name in (*wanted, "train"):
            if name not in result:
                result[_spared(result, sizes)] = name
        return self._ended(result, sizes)

    def _refuse(self, components: int, rows: int, wanted: Mapping[str, float]) -> None:
        if components < len(wanted) + 1:
            raise GateError(
                f"split: {components} separate groups cannot fill {len(wanted) + 1} splits. Add rows of other groups, ask for "
                "fewer splits, or hold less together: rows that share a group, a text or nearly so are never divided (`near`)."
            )
        if sum(wanted.values()) >= rows:
            told = ", ".join(f"{name} {getattr(self, name)}" for name in wanted)
            raise GateError(f"split: {told} leave nothing of {rows} rows to train on. Ask for fewer, or add rows.")

    def _ended(self, splits: list[str | None], sizes: Sequence[int]) -> list[str | None]:
        if self.train is None:
            return splits
        end, taken = self._rows("train", sum(sizes)), 0
        for place, (split, size) in enumerate(zip(splits, sizes, strict=True)):
            if split == "train" and taken and taken + size / 2 > end:
                splits[place] = None
            elif split == "train":
                taken += size
        return splits

    def _rows(self, name: str, total: int) -> float:
        share = getattr(self, name)
        return share * total if isinstance(share, float) else float(share)


def _spared(splits: Sequence[str | None], sizes: Sequence[int]) -> int:
    """Find the smallest component of a split that has others: what an empty split is given."""
    counts = Counter(splits)
    free = [place for place, split in enumerate(splits) if counts[split] > 1]
    return min(free, key=lambda place: (sizes[place], place))


def _texts(columns: Sequence[str]) -> list[str]:
    return ["text"] if text_column(columns) == "text" else ["input", "output"]


def _hash(rows: pl.DataFrame, name: str) -> pl.Series:
    from tasks.text.hashing import hash_texts

    values = rows[name].cast(pl.String)
    return hash_texts(values).zip_with(values.is_not_null(), pl.Series([None], dtype=pl.UInt64))


def _joined(rows: pl.DataFrame, pairs: pl.DataFrame) -> Ids:
    from tasks.text.joining import components

    here = np.arange(rows.height, dtype=np.int64)
    left, right = [pairs["left"].to_numpy().astype(np.int64)], [pairs["right"].to_numpy().astype(np.int64)]
    for name in rows.columns:
        if name in ("group", "same") or name.startswith("by_"):
            first = pl.when(pl.col(name).is_not_null()).then(pl.col("n").min().over(name)).otherwise(pl.col("n"))
            held = rows.with_row_index("n").select(first.alias("first"))["first"].to_numpy().astype(np.int64)
            left.append(here[held != here])
            right.append(held[held != here])
    return components(rows.height, np.concatenate(left), np.concatenate(right))


def _order(name: pl.Expr, context: Context) -> pl.Expr:
    """A seeded order of components that no other row can change."""
    seed = draw(context.seed, context.step)
    return (name.cast(pl.UInt64) ^ pl.lit(seed, dtype=pl.UInt64)).map_batches(_mixed, return_dtype=pl.UInt64)


def _mixed(values: pl.Series) -> pl.Series:
    held = values.to_numpy().astype(np.uint64)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return pl.Series(values.name, held ^ (held >> np.uint64(33)), dtype=pl.UInt64)
