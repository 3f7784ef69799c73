"""`split`: rows divided into train, validation and test without dividing a group."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from tasks.dedup.components import components
from tasks.errors import Fault, GateError
from tasks.step import BarrierStep, Context, Names, Reread
from tasks.store.keys import draw

Part = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)]
SPLITS = ("train", "validation", "test")


class Split(BarrierStep):
    """Divide rows into `train`, `validation` and `test`; what belongs together stays together.

    Rows joined by their group, by a near-duplicate cluster, by the same text or input, or by equal values of the columns in `by` form a
    component; components are drawn by hash and fill test and validation to their shares (below 1)
    or counts of rows; the rest is train. Each split gets at least one component, or the build fails.

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
        return ["id", "group", "cluster", *self.by, "text" if "text" in columns else "input"]

    def summarise(self, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Give each row the hashes of its group, its cluster and its values of `by`."""
        del context
        from tasks.text.hashing import hash_texts

        group = rows.select(pl.coalesce("group", "id")).to_series()
        ties = {"group": hash_texts(group)} | {f"by_{name}": _hash(rows, name) for name in (*self.by, "cluster") if name in rows.columns}
        same = next((name for name in ("text", "input") if name in rows.columns), None)
        if same:
            ties["same"] = _hash(rows, same)
        return rows.select("row").with_columns(**ties)

    def settle(self, summaries: pl.DataFrame, context: Context, reread: Reread) -> pl.DataFrame:
        """Draw components into splits."""
        del reread
        rows = summaries.with_row_index("n").with_columns(component=pl.Series(_joined(summaries), dtype=pl.Int64))
        name = pl.col("group").min().alias("name")
        sizes = (
            rows.group_by("component")
            .agg(pl.len().alias("rows"), name)
            .with_columns(order=_order(pl.col("name"), context))
            .sort("order", "name")
        )
        table = dict(zip(sizes["component"].to_list(), self._assign(sizes["rows"].to_list()), strict=True))
        split = rows["component"].replace_strict(table, return_dtype=pl.String) if table else pl.Series([], dtype=pl.String)
        return rows.select("part", "row", keep=pl.lit(value=True), reason=pl.lit(None, dtype=pl.String), split=split)

    def _assign(self, sizes: Sequence[int]) -> list[str]:
        total = sum(sizes)
        wanted = {name: self._rows(name, total) for name in ("test", "validation") if getattr(self, name) is not None}
        if len(sizes) < len(wanted) + 1:
            raise GateError(
                f"split: {len(sizes)} separate groups cannot fill {len(wanted) + 1} splits. "
                "Add rows of other groups, or ask for fewer splits."
            )
        result: list[str] = []
        left = list(wanted.items())
        filled = 0
        for place, size in enumerate(sizes):
            room = len(sizes) - place
            if left and filled and (filled + size / 2 > left[0][1] or room <= len(left)):
                left.pop(0)
                filled = 0
            result.append(left[0][0] if left else "train")
            filled += size
        return result

    def _rows(self, name: str, total: int) -> float:
        share = getattr(self, name)
        return share * total if isinstance(share, float) else float(share)


def _hash(rows: pl.DataFrame, name: str) -> pl.Series:
    from tasks.text.hashing import hash_texts

    values = rows[name].cast(pl.String)
    return hash_texts(values).zip_with(values.is_not_null(), pl.Series([None], dtype=pl.UInt64))


def _joined(summaries: pl.DataFrame) -> np.ndarray:
    here = np.arange(summaries.height, dtype=np.int64)
    left, right = [], []
    for name in summaries.columns:
        if name not in ("part", "row"):
            held = summaries.with_row_index("n").select(
                first=pl.when(pl.col(name).is_not_null()).then(pl.col("n").min().over(name)).otherwise(pl.col("n"))
            )
            first = held["first"].to_numpy().astype(np.int64)
            left.append(here[first != here])
            right.append(first[first != here])
    return components(summaries.height, np.concatenate(left), np.concatenate(right))


def _order(name: pl.Expr, context: Context) -> pl.Expr:
    """A seeded order of components that no other row can change."""
    seed = draw(context.seed, context.step)
    return (name.cast(pl.UInt64) ^ pl.lit(seed, dtype=pl.UInt64)).map_batches(_mixed, return_dtype=pl.UInt64)


def _mixed(values: pl.Series) -> pl.Series:
    held = values.to_numpy().astype(np.uint64)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    held = (held ^ (held >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return pl.Series(values.name, held ^ (held >> np.uint64(33)), dtype=pl.UInt64)
