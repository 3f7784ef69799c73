"""Pairings: row-wise steps that make input and output of a text."""
