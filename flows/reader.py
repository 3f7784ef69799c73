"""YAML to recipe, with every fault at once: file, line, place, value, rule and the nearest right name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_origin

import fsspec
import orjson
from pydantic import BaseModel, ValidationError

from tasks.catalogue import catalogue
from tasks.errors import Fault, RecipeError, usage
from tasks.filling import SPLITS
from tasks.markup import Marked, dotted, read_yaml
from tasks.recipe import Header, Recipe
from tasks.splits import Split
from tasks.step import Step
from tasks.wiring import nearest, wire

RECIPES = Path(__file__).parent / "recipes"
Shape = TypeVar("Shape", bound=BaseModel)
WORDS_FOR_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def read_recipe(source: "str | Path | Recipe | Mapping[str, Any]", sets: Sequence[str] = ()) -> Recipe:
    """Read a recipe: a built-in's name, a path, a URL, YAML text, plain data, or a recipe made in Python.

    `sets` are changes such as `steps.books.limit=10`, made before anything is checked. RecipeError
    holds every fault.
    """
    if isinstance(source, Recipe):
        plain = source.canonical()
        return check(
            Marked({**plain, "steps": {name: plain["steps"][name] for name in source.steps}}),
            "recipe",
            source.home or str(Path.cwd()),
            sets,
        )
    if isinstance(source, Mapping):
        return check(Marked(dict(source)), "recipe", str(Path.cwd()), sets)
    text, file, home = locate(str(source))
    return check(read_yaml(text), file, home, sets)


def locate(source: str) -> tuple[str, str, str]:
    """Find a recipe's text, the name to show in faults, and the folder that its paths are relative to."""
    if "\n" in source:
        return source, "recipe", str(Path.cwd())
    if "://" in source:
        try:
            with fsspec.open(source, "rt", encoding="utf-8") as stream:
                return str(stream.read()), source, source.rpartition("/")[0]
        except (OSError, ValueError, ImportError) as error:
            raise usage(f"cannot be read: {type(error).__name__}: {error}", value=source) from error
    path = Path(source)
    if not path.suffix and not path.exists():
        path = RECIPES / f"{source}.yaml"
    if not path.is_file():
        names = [recipe.stem for recipe in sorted(RECIPES.glob("*.yaml"))]
        raise usage("is neither a file nor a built-in recipe", nearest(source, names) or f"Built in: {', '.join(names)}.", value=source)
    try:
        return path.read_text(encoding="utf-8-sig"), path.name, str(path.resolve().parent)
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"cannot be read as UTF-8 text: {error}", value=source) from error


def check(marked: Marked, file: str, home: str, sets: Sequence[str] = ()) -> Recipe:
    """Check a recipe's plain data and resolve its `from`s; RecipeError holds every fault."""
    faults = list(marked.faults)
    if isinstance(marked.value, dict):
        for change in sets:
            faults.extend(_change(marked.value, change))
    data = marked.value
    if not isinstance(data, dict):
        faults = faults or [Fault("", "a recipe is a mapping with `name` and `steps`")]
        raise RecipeError([_placed(fault, file, marked) for fault in faults])
    header, found = _header(data)
    faults.extend(found)
    steps, found = _steps(data.get("steps"))
    faults.extend(found)
    wiring = wire(steps, header.models if header else None)
    faults.extend(wiring.faults)
    if faults or header is None:
        placed = [_blamed(fault, sets) or _placed(fault, file, marked) for fault in faults]
        raise RecipeError(sorted(placed, key=lambda fault: (fault.line, fault.place)))
    good = {name: step.model_copy(update={"from_": wiring.parents[name] or None}) for name, step in steps.items() if step is not None}
    return Recipe(**{name: getattr(header, name) for name in Header.model_fields}, steps=good, home=home)


def warnings(recipe: Recipe) -> list[str]:
    """Say what the recipe does that its author can hardly mean."""
    return wire(recipe.steps, recipe.models).warnings


def _header(data: Mapping[str, Any]) -> tuple[Header | None, list[Fault]]:
    return _shaped(Header, {name: value for name, value in data.items() if name != "steps"}, "", ("steps",))


def _steps(data: Any) -> tuple[dict[str, Step | None], list[Fault]]:
    if not isinstance(data, dict) or not data:
        return {}, [Fault("steps", "a recipe needs a mapping of at least one step", _shown(data), shape=True)]
    faults: list[Fault] = []
    steps: dict[str, Step | None] = {}
    for name, value in data.items():
        _, named = _shaped(Header, {"name": name}, f"steps.{name}")
        faults.extend(
            Fault(fault.place.removesuffix(".name"), "the name of a step is made of letters, digits, _ and -", name, shape=True)
            for fault in named
        )
        steps[name], found = _step(f"steps.{name}", value)
        faults.extend(found)
    return steps, faults


def _step(place: str, value: Any) -> tuple[Step | None, list[Fault]]:
    if not isinstance(value, dict) or "use" not in value:
        return None, [Fault(place, "a step is a mapping with `use`", _shown(value), f"One of: {', '.join(catalogue())}.", shape=True)]
    kind = catalogue().get(value["use"]) if isinstance(value["use"], str) else None
    if kind is None:
        use = str(value["use"])
        return None, [
            Fault(f"{place}.use", "is no kind of step", use, nearest(use, catalogue()) or f"One of: {', '.join(catalogue())}.", shape=True)
        ]
    step, faults = _shaped(kind, value, place)
    ones = [name for name in SPLITS if issubclass(kind, Split) and value.get(name) == 1 and isinstance(value[name], float)]
    remedy = "Write `1` for one row, or a share below 1."
    return step, [*faults, *(Fault(f"{place}.{name}", "is neither a share nor a count", "1.0", remedy) for name in ones)]


def _whole(value: Any) -> Any:
    """Give plain data with whole numbers for floats such as 5.0, as JSON Schema counts them."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _shaped(model: type[Shape], data: Mapping[str, Any], place: str, more: Sequence[str] = ()) -> tuple[Shape | None, list[Fault]]:
    try:
        return model.model_validate_json(orjson.dumps(_whole(data))), []
    except ValidationError as error:
        found: dict[str, Fault] = {}
        for entry in error.errors():
            fault = _fault(model, data, entry, place, more)
            earlier = found.get(fault.place)
            if earlier is None:
                found[fault.place] = fault
            elif fault.rule not in earlier.rule:
                found[fault.place] = replace(earlier, rule=f"{earlier.rule}, or {fault.rule.removeprefix('must be ')}")
        return None, list(found.values())
    except (TypeError, orjson.JSONEncodeError) as error:
        return None, [Fault(place, f"holds a value that YAML cannot say: {error}")]


def _fault(model: type[BaseModel], data: Any, entry: Any, place: str, more: Sequence[str]) -> Fault:
    path, held = _followed(data, entry)
    where = f"{place}.{dotted(path)}".strip(".") if path else place
    if entry["type"] == "extra_forbidden":
        names = (*_fields(model, path[:-1]), *(more if len(path) == 1 else ()))
        return Fault(where, "is no key here", str(path[-1]), nearest(str(path[-1]), names) or f"Known: {', '.join(names)}.", shape=True)
    if entry["type"] == "missing":
        return Fault(where, "is required and absent", remedy=f"Add `{path[-1]}: …`.", shape=True)
    rule = str(entry["msg"]).replace("Input should be", "must be").replace("Value error, ", "")
    word = WORDS_FOR_BOOLEANS.get(str(held).lower()) if "bool" in entry["type"] else None
    remedy = f"Only true and false are booleans: write `{word}`." if word else ""
    shown = "" if path[-1:] == ("key",) else _shown(held)  # it may be a secret
    return Fault(where, rule[0].lower() + rule[1:], shown, remedy, shape=True)


def _followed(data: Any, entry: Any) -> tuple[tuple[str | int, ...], Any]:
    """Follow pydantic's place through the data, past the names of union members that are not in it."""
    path: list[str | int] = []
    held = data
    for piece in entry["loc"]:
        inside = piece in held if isinstance(held, dict) else isinstance(held, list) and isinstance(piece, int) and piece < len(held)
        if inside:
            held = held[piece]
            path.append(piece)
        elif entry["type"] == "missing" and piece == entry["loc"][-1]:
            path.append(piece)
    return tuple(path), held


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """Name the keys that fit at `path` below a model, as far as it is made of models."""
    rest = iter(path)
    for piece in rest:
        info = next((info for name, info in model.model_fields.items() if piece in (name, info.alias)), None)
        inner = _models(info.annotation) if info else []
        if info is None or not inner:
            return ()
        if get_origin(info.annotation) is dict:
            next(rest, None)  # the name of one of several
        model = inner[0]
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models(inner)]


def _shown(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode() if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 80 else f"{text[:77]}…"


def _placed(fault: Fault, file: str, marked: Marked) -> Fault:
    by_place = {dotted(path): line for path, line in marked.lines.items()}
    place, line = fault.place, fault.line
    while not line and place:
        line = by_place.get(place, 0)
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return replace(fault, file=fault.file or file, line=line or (1 if marked.lines else 0))


def _blamed(fault: Fault, sets: Sequence[str]) -> Fault | None:
    """Place a fault at the `--set` that wrote its value; None: it stands in the file."""
    for change in reversed(sets):
        place = dotted(_pieces(change)).replace("[", ".").replace("]", "")
        held = fault.place.replace("[", ".").replace("]", "")
        if not fault.place.startswith("--set") and (held == place or held.startswith(f"{place}.")):
            return replace(fault, file="--set", line=0)
    return None


def _pieces(change: str) -> tuple[str, ...]:
    return tuple(piece for piece in change.partition("=")[0].replace("[", ".").replace("]", "").split(".") if piece)


def _change(data: dict[str, Any], change: str) -> list[Fault]:
    """Make one `--set a.b.c=value`; lists are entered by number, missing mappings are made."""
    place, sign, text = change.partition("=")
    path = _pieces(change)
    if not sign or not path:
        return [Fault("--set", "is written as place=value, as in steps.books.limit=10", change)]
    value = read_yaml(text)
    if value.faults:
        return [Fault(f"--set {place}", value.faults[0].rule, text)]
    held: Any = data
    for piece in path[:-1]:
        held = _entered(held, piece)
        if held is None:
            return [Fault(f"--set {place}", f"`{piece}` is neither a mapping nor a place of a list", change)]
    last = path[-1]
    if isinstance(held, dict):
        held[last] = value.value
    elif isinstance(held, list) and last.isdigit() and int(last) <= len(held):
        held[int(last) : int(last) + 1] = [value.value]
    else:
        return [Fault(f"--set {place}", f"`{last}` is no place there", change)]
    return []


def _entered(held: Any, piece: str) -> Any:
    if isinstance(held, dict):
        if held.get(piece) is None:
            held[piece] = {}
        inner = held[piece]
    elif isinstance(held, list) and piece.isdigit() and int(piece) < len(held):
        inner = held[int(piece)]
    else:
        return None
    return inner if isinstance(inner, dict | list) else None
