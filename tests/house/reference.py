"""Write the reference from the docstrings: `python -m tests.house.reference` (or `make docs`)."""

import inspect
from pathlib import Path
from typing import Any

from tasks.catalogue import catalogue
from tasks.step import Step

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
FAMILIES = {
    "source": "Sources", "edit": "Edits", "pair": "Pairings", "rules": "Rules", "complete": "Completing with a model",
    "grow": "Growing with a model", "barrier": "Barriers", "gate": "Gates", "sink": "Sinks",
}  # fmt: skip


def page(use: str, step: type[Step]) -> str:
    """Give the reference page of a step kind."""
    schema = step.model_json_schema(by_alias=True)
    rows = [_row(name, field, schema) for name, field in schema["properties"].items() if name not in ("use", "from")]
    table = "| setting | values | default | what it does |\n|---|---|---|---|\n" + "\n".join(rows) if rows else "It has no settings."
    takes = " or ".join(step.takes) or "nothing"
    gives = step.gives or "the kind it takes"
    return f"# `{use}`\n\n{inspect.getdoc(step)}\n\nTakes {takes}; gives {gives}.\n\n{table}\n"


def _row(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    default = "required" if name in schema.get("required", ()) else f"`{field.get('default')}`" if "default" in field else ""
    about = " ".join(str(field.get("description", "")).split())
    cells = (f"`{name}`", _values(field, schema), default, about)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _values(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        inner = schema["$defs"][field["$ref"].rpartition("/")[2]]
        return f"mapping of {', '.join(f'`{name}`' for name in inner['properties'])}"
    if "anyOf" in field:
        return " or ".join(_values(each, schema) for each in field["anyOf"] if each.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_values(field.get('items', {}), schema)}"
    return str(field.get("const") or field.get("type", "anything"))


def pages() -> dict[str, str]:
    """Give every page by its file name, the index among them."""
    made = {f"{use}.md": page(use, step) for use, step in catalogue().items()}
    lines = ["# Steps\n", "Generated from the docstrings by `make docs`.\n"]
    for family, title in FAMILIES.items():
        lines.append(f"## {title}\n")
        for use, step in catalogue().items():
            if step.family == family:
                first = (inspect.getdoc(step) or "").splitlines()[0]
                lines.append(f"- [`{use}`]({use}.md): {first}")
        lines.append("")
    return made | {"README.md": "\n".join(lines)}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.md"):
        path.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
