"""Request files: `python -m flows.requests export RECIPE FILE` writes what a recipe's models would be asked, `import` reads the answers.

The file has the form of the OpenAI batch service, which `vllm run-batch -i FILE -o ANSWERS --model NAME` reads too. Ids are the ledger's
keys, so a build finds the answers and asks for the rest.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from flows.build import Options, prepared
from flows.rehearsing import rehearsals
from flows.rim import Exit, guarded
from flows.runners import interruptible, pool
from flows.workplace import Site
from tasks.clients.batches import complaint_of, parsed, request_line, result_of
from tasks.clients.model import Answer
from tasks.errors import usage
from tasks.growth.ledger import Ledger, request_key
from tasks.store.place import Place

SHOWN = 5
"""Requests without an answer that are named."""


def export(recipe: str, file: Path, options: Options) -> int:
    """Write the calls that a build would make first and that the ledger has no answer for; give how many.

    Of calls that follow on one another the first is written, and of a growing step the lots of its next round.
    """
    plan, site, _ = prepared(recipe, options, paying=False)
    with interruptible(), pool("direct", 1) as execute:
        found = rehearsals(plan, site, execute)
    lines: dict[str, bytes] = {}
    for rehearsal in found.values():
        for name, request in rehearsal.missing:
            model = plan.recipe.models[name]
            key = request_key(name, model, request)
            lines[key] = request_line(key, request, model)
    file.write_bytes(b"".join(line + b"\n" for _, line in sorted(lines.items())))
    return len(lines)


def bring(recipe: str, file: Path, options: Options) -> tuple[int, list[str]]:
    """Take the answers of a file into the recipe's ledger; give how many lines held one, and of the others what they say."""
    _, site, _ = prepared(recipe, options, paying=False)
    lines = parsed(_content(file))
    answers = {key: result_of(line, None) for key, line in lines.items()}
    good = {key: answer for key, answer in answers.items() if answer is not None}
    if good:
        _keep(site, good)
    return len(good), [f"{key}: {complaint_of(lines[key])}" for key, answer in answers.items() if answer is None]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise usage("cannot be read", "Name the file that the batch wrote.", value=str(file)) from error


def _keep(site: Site, answers: dict[str, Answer]) -> None:
    ledger = Ledger(Place.at(site.ledger))
    try:
        with ledger.transaction():
            for key, answer in sorted(answers.items()):
                ledger.keep(key, answer)
    finally:
        ledger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser("dartboard requests", description="Write what models would be asked to a file, and read the answers.")
    parser.add_argument("verb", choices=("export", "import"))
    parser.add_argument("recipe", help="a path, a URL or a built-in's name")
    parser.add_argument("file", type=Path, help="the file of requests to write, or of answers to read")
    parser.add_argument("--out", default="data", help="folder or store of the dataset (default: data)")
    parser.add_argument("--work", help="folder or store for what is computed on the way (default: OUT/.work)")
    parser.add_argument("--ledger", metavar="URL", help="folder or store for the answers (default: $DARTBOARD_LEDGER, or WORK/ledger)")
    parser.add_argument("--set", action="append", default=[], metavar="PLACE=VALUE", help="change the recipe; may be given again")
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    told = parser.parse_args(arguments)
    return guarded(lambda: _command(told), debug=told.debug, as_json=told.json)


def _command(told: argparse.Namespace) -> int:
    options = Options(told.out, told.work, tuple(told.set), ledger=told.ledger)
    if told.verb == "export":
        count = export(told.recipe, told.file, options)
        print(orjson.dumps({"requests": count}).decode() if told.json else f"{count:,} requests in {told.file}")
        return Exit.GOOD
    good, bad = bring(told.recipe, told.file, options)
    counts = orjson.dumps({"answers": good, "without": len(bad)}).decode()
    print(counts if told.json else f"{good:,} answers taken; {len(bad):,} requests have none")
    for line in bad[:SHOWN]:
        print(f"no answer: {line}", file=sys.stderr)
    if len(bad) > SHOWN:
        print(f"and {len(bad) - SHOWN:,} more; the build asks for them", file=sys.stderr)
    return Exit.GOOD if good or not bad else Exit.FAILED


if __name__ == "__main__":
    sys.exit(main())
