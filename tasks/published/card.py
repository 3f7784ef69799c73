"""The card of a dataset: a README that people and the Hugging Face hub read."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.markup import write_yaml

SIDES = ("before", "after")


def card(
    recipe: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    reports: Sequence[Mapping[str, Any]],
    origins: Mapping[str, Mapping[str, int]],
) -> str:
    """Write the card: subsets and splits for loaders, then what the steps kept, and where the rows come from."""
    head = write_yaml({"pretty_name": recipe["name"], **_licence(origins["licence"]), "configs": _configs(files)})
    parts = [
        f"---\n{head}---\n",
        f"# {escape(recipe['name'])}\n",
        f"{escape(recipe.get('about') or 'A fine-tuning dataset built with Dartboard.')}\n",
        *_splits(files),
        "## How it was made\n",
        "`recipe.yaml` beside this file is the whole recipe; `manifest.json` names every file with its hash.\n",
        _table(("step", "kind", "rows in", "rows out", "dropped"), [_step(report) for report in reports]),
        *_checks(reports),
        *_diversity(reports),
        *(f"## Rows by {about}\n\n" + _table((about, "rows"), sorted(counts.items())) for about, counts in origins.items() if counts),
    ]
    return "\n".join(parts)


def _splits(files: Sequence[Mapping[str, Any]]) -> list[str]:
    configs = configs_of(files)
    head = ("split", "rows") if len(configs) == 1 else ("subset", "split", "rows")
    rows = [(config, split, count) for config, splits in configs.items() for split, count in splits.items()]
    return [_table(head, [row[-len(head) :] for row in rows])]


def _checks(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    checked = [report for report in reports if "expectations" in report]
    lines = [f"- {escape(told)}" for report in checked for told in report["warned"]]
    total = sum(len(report["expectations"]) for report in checked)
    good = f"{total - len(lines)} of {total} expectations hold.\n"
    return [f"## Checks\n\n{good}", *(["\n".join(lines) + "\n"] if lines else [])] if checked else []


def _diversity(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    told = [(report["name"], side, *report["diversity"][side].values()) for report in reports if "diversity" in report for side in SIDES]
    names = next((tuple(report["diversity"]["before"]) for report in reports if "diversity" in report), ())
    return ["## Diversity before and after growing\n\n" + _table(("step", "", *names), told)] if told else []


def _configs(files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    held: dict[str, dict[str, list[str]]] = {}
    for file in files:
        if file["path"].startswith("data/"):
            held.setdefault(file["config"], {}).setdefault(file["split"], []).append(file["path"])
    return [
        {"config_name": config, "data_files": [{"split": split, "path": paths} for split, paths in splits.items()]}
        for config, splits in held.items()
    ]


def _licence(counts: Mapping[str, int]) -> dict[str, Any]:
    known = {"CC0-1.0": "cc0-1.0", "CC-BY-4.0": "cc-by-4.0", "CC-BY-SA-4.0": "cc-by-sa-4.0", "CC-BY-SA-3.0": "cc-by-sa-3.0"}
    names = sorted({known.get(name, "other") for name in counts})
    return {"license": names[0] if len(names) == 1 else names} if names else {}


def configs_of(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Count the rows of each subset's splits over the data files, train first."""
    order = ("train", "validation", "test")
    counts: dict[str, dict[str, int]] = {}
    for file in files:
        if file.get("config") and file["path"].startswith("data/"):
            held = counts.setdefault(file["config"], {})
            held[file["split"]] = held.get(file["split"], 0) + file["rows"]
    known = {config: [split for split in order if split in splits] for config, splits in counts.items()}
    return {config: {split: counts[config][split] for split in dict.fromkeys([*known[config], *counts[config]])} for config in counts}


def _step(report: Mapping[str, Any]) -> tuple[Any, ...]:
    reasons = ", ".join(f"{reason} {count}" for reason, count in report["dropped"].items())
    return report["name"], report["use"], report["rows_in"], report["rows_out"], reasons


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines.extend(f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows)
    return "\n".join(lines) + "\n"


def escape(value: object) -> str:
    """Write a value into Markdown so that nothing in it is markup."""
    text = html.escape(" ".join(str(value).split()), quote=False)
    return "".join(f"\\{sign}" if sign in "\\`*_[]|#" else sign for sign in text)
