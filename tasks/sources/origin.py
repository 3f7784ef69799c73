"""What rows of every source share: where they come from, as columns."""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def origin(step: str, use: str, key: str, record: str = "") -> dict[str, Any]:
    """Give `id`, `source`, `unit`, `span` and `group` of a record; without `record`, of the whole unit named `key`."""
    name = f"{key}#{record}" if record else key
    return {
        "id": f"{step}/{name}",
        "source": use,
        "unit": key,
        "span": {"file": name, "start": 0, "end": None},
        "group": f"{use}:{name}",
    }


def spanned(row: dict[str, Any], text: str) -> dict[str, Any]:
    """Give the row with its text, and the span of all of it in bytes."""
    return {**row, "text": text, "span": {**row["span"], "end": len(text.encode())}}


def attrs(values: Mapping[str, Any]) -> str | None:
    """Write the leftover fields of a record as one JSON text; None where there are none."""
    given = values.values()
    held = values
    if None in given or "" in given or [] in given:
        held = {name: value for name, value in values.items() if value is not None and value not in ("", [])}
    if not held:
        return None
    try:
        return orjson.dumps(held, default=str, option=SORTED).decode()
    except TypeError:  # numbers of more than 64 bits, halves of surrogate pairs
        return json.dumps(_finite(held), ensure_ascii=False, sort_keys=True, default=str, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """Give the value with null for numbers that JSON cannot say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def plain_text(value: Any) -> str:
    """Give a field's value as text: itself, or its JSON."""
    return value if isinstance(value, str) else json.dumps(_finite(value), ensure_ascii=False, default=str)
