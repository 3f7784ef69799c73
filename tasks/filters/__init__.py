"""Filters: rule sets as named expressions over features, one set a file."""
