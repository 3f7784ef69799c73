"""Write the reference from the docstrings: `python -m tests.house.reference` (or `make docs`)."""

import inspect
from pathlib import Path
from typing import Any, get_args

from tasks.catalogue import catalogue
from tasks.clients.llm import Model
from tasks.filters import rule
from tasks.filters.rule import RuleSet, Varied
from tasks.filters.sieve import Rules
from tasks.filters.style import modern
from tasks.sources.wikitemplates import RENDER, render
from tasks.step import Step
from tasks.text.wordlists import ARCHAIC_WORDS, DATED_WORDS, JARGON_WORDS, PRESENT_WORDS

WORDS = (("Archaic words", ARCHAIC_WORDS), ("Dated words", DATED_WORDS), ("Present-day words", PRESENT_WORDS), ("Jargon", JARGON_WORDS))
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
    lines += ["- [All rule sets](rules.md), with their defaults and papers", ""]
    lines += ["## The rest of a recipe\n", "- [`models`](models.md): the endpoints that steps ask", ""]
    lines += ["## Formats\n", "- [Inline templates of wikitext](wikitext-templates.md)", ""]
    return made | {"models.md": models(), "README.md": "\n".join(lines), "wikitext-templates.md": templates(), "rules.md": rule_sets()}


def models() -> str:
    """Give the page of the block `models`."""
    schema = Model.model_json_schema(by_alias=True)
    rows = [_row(name, field, schema) for name, field in schema["properties"].items()]
    table = "| setting | values | default | what it does |\n|---|---|---|---|\n" + "\n".join(rows)
    return f"# `models`\n\n{inspect.getdoc(Model)}\n\n{table}\n"


def rule_sets() -> str:
    """Give the page of the rule sets of `filter`: what each is for, its source, and its settings with their defaults."""
    parts = ["# Rule sets of `filter`\n", "Generated from the docstrings by `make docs`.\n", f"{inspect.getdoc(rule)}\n"]
    parts += [f"{inspect.getdoc(Varied)}\n", "Any threshold below may be written so.\n"]
    own = Rules.model_json_schema(by_alias=True)["$defs"]["Rules"]["properties"]
    for name, info in Rules.model_fields.items():
        kinds = [each for each in (info.annotation, *get_args(info.annotation)) if isinstance(each, type) and issubclass(each, RuleSet)]
        parts.append(f"## `{info.alias or name}`\n")
        if not kinds:
            parts.append(f"{' '.join(own[info.alias or name]['description'].split())}\n")
            continue
        source = (inspect.getdoc(inspect.getmodule(kinds[0])) or "").splitlines()[0]
        schema = kinds[0].model_json_schema(by_alias=True)
        rows = [_row(field, said, schema) for field, said in schema["properties"].items()]
        table = "| setting | values | default | what it does |\n|---|---|---|---|\n" + "\n".join(rows)
        parts.append(f"{source}\n\n{inspect.getdoc(kinds[0])}\n\n{table}\n")
        if name == "style":
            parts.append(f"### `modern`\n\n{inspect.getdoc(modern)}\n")
            parts += [f"{about}: {' '.join(sorted(words.split()))}.\n" for about, words in WORDS]
    return "\n".join(parts)


def templates() -> str:
    """Give the page of the inline templates of wikitext that are read as words, each with what it becomes."""
    head = (
        "# Inline templates of wikitext\n\nGenerated by `make docs`. All others are left out, and the holes that they leave are closed.\n"
    )
    called = {name: f"{{{{{name}|5|km|7}}}}" for name in sorted(RENDER)}
    rows = (
        f"| `{source.replace('|', chr(92) + '|')}` | {render(name, ['5', 'km', '7']).replace('|', chr(92) + '|')} |"
        for name, source in called.items()
    )
    return "\n".join([head, "| in the page | in the text |", "|---|---|", *rows, "| `{{lang-…\\|5}}` | 5 |", ""])


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.md"):
        path.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
