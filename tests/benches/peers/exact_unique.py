"""Exact dedup by Polars: read JSON lines, keep the first of equal texts, write them."""

import sys

import polars as pl

source, out = sys.argv[1:]
pl.scan_ndjson(source).unique("text", keep="first", maintain_order=True).collect().write_ndjson(out)
