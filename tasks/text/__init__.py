"""Compiled kernels over Arrow UTF-8 buffers, each behind a plain function on Polars columns."""
