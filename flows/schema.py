"""The JSON Schema of recipes, for editors: `python -m flows.schema`. It accepts what the reader's shape check accepts."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter

from flows.rim import guarded
from tasks.catalogue import catalogue
from tasks.recipe import Header, Name

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Give the schema of a whole recipe; each step's fields carry their documentation."""
    top = Header.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = top.pop("$defs", {})
    options = []
    for use, step in catalogue().items():
        one = step.model_json_schema(by_alias=True)
        definitions |= one.pop("$defs", {})
        one["properties"]["use"] = {"const": use}
        one["required"] = sorted({*one.get("required", []), "use"})
        definitions[f"step-{use}"] = one
        options.append({"$ref": f"#/$defs/step-{use}"})
    name = TypeAdapter(Name).json_schema()
    top["properties"]["steps"] = {"type": "object", "minProperties": 1, "propertyNames": name, "additionalProperties": {"oneOf": options}}
    top["required"] = [*top.get("required", []), "steps"]
    return {"$schema": DIALECT, "title": "Dartboard recipe", **{k: v for k, v in top.items() if k != "title"}, "$defs": definitions}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    argparse.ArgumentParser("dartboard schema", description="Print the JSON Schema of recipes.").parse_args(arguments)
    return guarded(_command)


def _command() -> int:
    print(orjson.dumps(schema(), option=orjson.OPT_INDENT_2).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
