"""The form of outputs: a JSON Schema in the recipe, what answers are checked by, and what becomes of one bad field."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.errors import Fault
from tasks.growth.reading import Refused

MOST_TOLD, MOST_FAULTS = 200, 3
"""Characters of a fault, and faults of one field, that are told."""
REFERENCES = ("$ref", "$dynamicRef")
DATA = ("const", "enum", "default", "examples")
"""Keys of a schema that hold data, which may look like a schema."""
SHARED = ("$defs", "definitions")
"""Keys of a schema under which its parts find what they refer to."""
PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}


def schema_faults(place: str, schema: Mapping[str, Any]) -> list[Fault]:
    """Name what is wrong with a JSON Schema: it must be one, and of an object."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return [Fault(place, f"is no JSON Schema: {error.message}")]
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        return [Fault(place, "must be of an object with `properties`", remedy="Write `type: object` and its `properties`.")]
    remedy = "Put what is referred to under `$defs`, and refer to it as `#/$defs/name`."
    lost = (name for name in _references(schema) if not _leads(name, schema))
    return [Fault(place, f"refers to `{name}`, which is no definition of it", remedy=remedy) for name in lost]


def _references(part: object) -> Iterator[str]:
    """Give what the parts of a schema refer to."""
    if isinstance(part, list):
        for held in part:
            yield from _references(held)
    elif isinstance(part, Mapping):
        for name, held in part.items():
            if name in REFERENCES and isinstance(held, str):
                yield held
            elif name not in DATA:
                yield from _references(held)


def _leads(reference: str, schema: Mapping[str, Any]) -> bool:
    """Tell whether a reference leads to a definition of the schema, and not in a circle of references alone."""
    seen: set[str] = set()
    while reference not in seen:
        seen.add(reference)
        kind, _, name = reference.removeprefix("#/").partition("/")
        held = schema.get(kind, {}) if kind in SHARED and reference.startswith("#/") else {}
        for step in name.split("/"):
            held = held.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(held, Mapping) else None
        if not isinstance(held, Mapping | bool):
            return False
        reference = held["$ref"] if isinstance(held, Mapping) and isinstance(held.get("$ref"), str) else ""
        if not reference:
            return True
    return False


def paired(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the schema of an answer that is a pair, its output of the form given."""
    if schema is None:
        return PAIR
    own = {name: held for name, held in schema.items() if name not in SHARED}
    return {**PAIR, "properties": {**PAIR["properties"], "output": own}, **shared(schema)}


def shared(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the definitions that a schema's parts refer to: they stand at the top, whatever is made of the parts."""
    return {name: schema[name] for name in SHARED if name in schema}


def wrongs(value: object, schema: Mapping[str, Any]) -> dict[str, str]:
    """Give what does not fit a schema, by the top-level field in which it stands; the field of no name is the whole."""
    from jsonschema import Draft202012Validator

    found: dict[str, list[str]] = {}
    try:
        for error in Draft202012Validator(dict(schema)).iter_errors(value):
            place = str(error.absolute_path[0]) if error.absolute_path else ""
            found.setdefault(place, []).append(error.message[:MOST_TOLD])
    except RecursionError:
        return {"": "it is nested too deep"}
    return {place: "; ".join(told[:MOST_FAULTS]) for place, told in found.items()}


def fitted(value: object, schema: Mapping[str, Any], *, last: bool, empty: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Give an object that fits its schema, and the fields that had to be emptied.

    What does not fit is told to the model once. The last time, a field that is wrong or missing becomes null and is
    named; Refused where the whole is wrong, or, unless it may be `empty`, no field is right.
    """
    wrong = wrongs(value, schema)
    if wrong and not last:
        raise Refused("schema violation", "told", detail="; ".join(f"{place or 'the whole'}: {told}" for place, told in wrong.items()))
    if not isinstance(value, dict):
        raise Refused("schema violation", "told", detail="the answer is no JSON object")
    kept, bad = _emptied(value, wrong, schema)
    if bad or wrong:
        _check_whole(kept, bad, schema)
    if not empty and all(found is None for found in kept.values()):
        raise Refused("schema violation", "told", detail="no field fits")
    return kept, bad


def _check_whole(kept: Mapping[str, Any], bad: Sequence[str], schema: Mapping[str, Any]) -> None:
    """Refuse an object that breaks a rule of the whole, or of another field, with its bad fields empty and without them as well."""
    rest = {name: held for name, held in kept.items() if name not in bad}
    needed = [name for name in schema.get("required", ()) if name not in bad]
    tries = [(kept, schema), (rest, {**schema, "required": needed})]
    left = [{place: told for place, told in wrongs(held, form).items() if place not in bad} for held, form in tries]
    if all(left):
        raise Refused("schema violation", "told", detail="; ".join(f"{place or 'the whole'}: {told}" for place, told in left[0].items()))


def _emptied(value: Mapping[str, Any], wrong: Mapping[str, str], schema: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the known fields of an object, null where they are wrong or missing, and the names of those."""
    known = schema["properties"]
    missing = [name for name in schema.get("required", ()) if name not in value]
    bad = sorted({*(place for place in wrong if place in value and place in known), *missing})
    return {name: None if name in bad else value.get(name) for name in known if name in value or name in missing}, bad


def written(value: object, like: str = "") -> str:
    """Write an object as an output's text, numbers of any size as they are; ValueError where JSON cannot hold one.

    It is laid out as the JSON text `like` is: on one line or several, with or without blanks; on several lines where there is none.
    """
    return json.dumps(value, allow_nan=False, **form_of(like))


def form_of(text: str) -> dict[str, Any]:
    """Give the form in which a JSON text is written, as far as `json.dumps` has it."""
    forms: list[dict[str, Any]] = [
        {"ensure_ascii": escaped, "indent": indent, "separators": separators}
        for escaped in (False, True)
        for indent, separators in ((2, None), (4, None), ("\t", None), (None, None), (None, (",", ":")))
    ]
    try:
        held = json.loads(text) if text else None
        exact = [form for form in forms if held is not None and json.dumps(held, **form) == text.strip()]
    except (ValueError, RecursionError):
        exact = []
    return (exact or [forms[3] if text.strip() and "\n" not in text.strip() else forms[0]])[0]


def rewritten(text: str, like: str) -> str:
    """Write a JSON text in the form of another one; as it is where that is no JSON object or list."""
    return written(json.loads(text), like) if like.lstrip().startswith(("{", "[")) else text
