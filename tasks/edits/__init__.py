"""Edits: row-wise steps from text to text."""
