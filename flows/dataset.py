"""A published dataset as Python sees it: lazy splits and a preview."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.publish import Published


@dataclass(frozen=True)
class Dataset:
    """A build's dataset: `ds.train`, `ds.validation` and `ds.test` are lazy Polars frames."""

    published: Published
    summary: Mapping[str, Any]
    """What the build counted, as `--json` prints it."""
    preview: Sequence[Mapping[str, Any]] = ()
    """Three of its rows, as they were before any layout."""

    @property
    def url(self) -> str:
        """Where its version lies."""
        return self.published.url

    @property
    def version(self) -> str:
        """Its version: a hash of its data and recipe."""
        return self.published.version

    @property
    def train(self) -> pl.LazyFrame:
        """The rows to train on."""
        return self.split("train")

    @property
    def validation(self) -> pl.LazyFrame:
        """The rows to validate with."""
        return self.split("validation")

    @property
    def test(self) -> pl.LazyFrame:
        """The rows to test with."""
        return self.split("test")

    def split(self, name: str, config: str | None = None) -> pl.LazyFrame:
        """Give one split; of several subsets the first, or the named one. KeyError where there is none."""
        config = config or self.published.files[0]["config"]
        paths = [
            f"{self.url}/{file['path']}"
            for file in self.published.files
            if (file["split"], file["config"]) == (name, config) and file["path"].startswith("data/")
        ]
        if not paths:
            raise KeyError(f"no split {name!r}; there are: {', '.join(self.published.splits)}")
        return pl.scan_ndjson(paths) if paths[0].endswith(".jsonl") else pl.scan_parquet(paths)

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {rows}" for name, rows in self.published.splits.items())
        return f"Dataset({self.url!r}: {splits})"

    def _repr_html_(self) -> str:
        head = self.split(next(iter(self.published.splits))).head(5).collect()
        return f"<p><b>{html.escape(repr(self))}</b></p>{head._repr_html_()}"
