"""Writing and reading files on any fsspec store so that what is there is complete."""
