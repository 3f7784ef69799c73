import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.reader import RECIPES, check
from flows.schema import schema
from tasks.errors import RecipeError
from tasks.markup import Marked, read_yaml

VALIDATOR = jsonschema.Draft202012Validator(schema())
BUILT_IN = {path.stem: read_yaml(path.read_text(encoding="utf-8")).value for path in sorted(RECIPES.glob("*.yaml"))}


def shape_is_good(data: Any) -> bool:
    """Whether the reader finds no fault of shape; how steps hang together is not the schema's business."""
    try:
        check(Marked(data), "recipe", str(Path.cwd()))
    except RecipeError as error:
        return not any(fault.shape for fault in error.faults)
    return True


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_schema_accepts_the_built_in_recipes(name: str) -> None:
    VALIDATOR.validate(BUILT_IN[name])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.floats(-2, 2, allow_nan=False).filter(lambda x: x != int(x)), st.text(max_size=6),
    st.sampled_from(["no", "NFC", "parquet", "any", "length", "text", "first", "CC0-1.0"]),
    st.lists(st.one_of(st.integers(0, 3), st.sampled_from(["a", "books", "length"])), max_size=3),
    st.dictionaries(st.sampled_from(["min", "max", "use", "path", "units", "rows", "x"]), st.integers(0, 9), max_size=2),
)  # fmt: skip


@settings(max_examples=400)
@given(st.data())
def test_the_schema_accepts_exactly_what_the_reader_accepts(data: st.DataObject) -> None:
    recipe = copy.deepcopy(BUILT_IN[data.draw(st.sampled_from(sorted(BUILT_IN)))])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(recipe)[1:]))
        held = recipe
        for key in path[:-1]:
            held = held[key]
        change = data.draw(st.sampled_from(["set", "delete", "add"]))
        if change == "set":
            held[path[-1]] = data.draw(VALUES)
        elif change == "delete":
            del held[path[-1]]
        elif isinstance(held, dict):
            held[data.draw(st.sampled_from(["limit", "seed", "near", "words", "unknown", "layout", "path", "validation"]))] = data.draw(
                VALUES
            )
    assert shape_is_good(recipe) == VALIDATOR.is_valid(recipe), list(VALIDATOR.iter_errors(recipe))[:2]
