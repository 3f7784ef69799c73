"""`dartboard VERB`: the same as `python -m flows.VERB`; bare, it lists the verbs."""

import importlib
import sys

VERBS = {
    "build": "build a dataset from a recipe",
    "show": "show what a build kept and dropped",
    "what-if": "tell what other thresholds would keep",
    "propose": "propose thresholds from rows that you marked",
    "index": "index a dataset by hashes, to drop its rows from later ones",
    "review": "have people read rows and answers, and carry out what they say",
    "requests": "write what models would be asked to a file, and read the answers",
    "verify": "verify a published dataset",
    "sweep": "find and remove what a store can do without",
    "schema": "print the JSON Schema of recipes",
}


def main() -> int:
    """Run a verb; give its exit code."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: dartboard VERB …\n")
        for verb, about in VERBS.items():
            print(f"  {verb:<8} {about}")
        print("\n`dartboard VERB --help` tells more.")
        return 0
    if arguments[0] not in VERBS:
        from tasks.wiring import nearest

        print(f"error: {arguments[0]} is no verb. {nearest(arguments[0], VERBS)} Verbs: {', '.join(VERBS)}.", file=sys.stderr)
        return 2
    code: int = importlib.import_module(f"flows.{arguments[0].replace('-', '_')}").main(arguments[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
