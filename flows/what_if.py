"""What another threshold would keep: `python -m flows.what_if DATASET --set steps.prose.rules.fineweb.short_lines=0.6`.

The filters of a build are judged again from the features that it stored: no source and no text is read.
Later steps (dedup, split) are not worked out again; a build with the same change does that.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from flows.reader import read_recipe
from flows.rim import Exit, guarded
from flows.show import copy_of, facts_of
from tasks.errors import usage
from tasks.filters.sieve import Filter
from tasks.recipe import Recipe
from tasks.store.place import Place


def what_if(dataset: str, sets: Sequence[str], version: str | None = None) -> dict[str, pl.DataFrame]:
    """Give, for each filter of a build, its live rows: `id`, `kept` as it was and `keeps` as it would be, `reason` why not."""
    facts = facts_of(dataset, version)
    recorded = Place.at(dataset).read_bytes(f"{facts['version']}/recipe.yaml").decode()
    recipe = read_recipe(recorded, sets)
    anew: dict[str, pl.Series | None] = {}
    return {report["name"]: _judged(report, recipe, anew) for report in facts["steps"] if "bounds" in report}


def _judged(report: Mapping[str, Any], recipe: Recipe, anew: dict[str, pl.Series | None]) -> pl.DataFrame:
    step = recipe.steps.get(report["name"])
    if not isinstance(step, Filter):
        raise usage("is no filter in the recipe as changed", "Change its thresholds only.", place=f"steps.{report['name']}")
    if not set(step.needs()) <= set(report["groups"]) or step.column([report["column"]]) != report["column"]:
        raise usage("reads features that the build did not store", "Build with this change.", place=f"steps.{report['name']}")
    frames = [_shard(step, shard, anew) for shard in report["shards"]]
    return pl.concat(frames) if frames else pl.DataFrame(schema={"id": pl.String, "kept": pl.Boolean, "keeps": pl.Boolean})


def _shard(step: Filter, shard: Mapping[str, Any], anew: dict[str, pl.Series | None]) -> pl.DataFrame:
    """Judge a shard again; what it keeps is noted for the filters that follow, None where it also cuts texts otherwise."""
    features = _read(shard["features"])
    keeps, reason = step.judged(features)
    was, now = (pl.Series([True]).new_from_index(0, features.height) for _ in range(2))
    for part in shard["beside"]:
        kept = _read(part, ["keep"])["keep"]
        keeps_now = anew.get(part, kept)
        if keeps_now is None:
            raise usage("changes the text that a later filter judges", "Build with this change.", place="--set")
        was, now = was & kept, now & keeps_now
    stored = _read(shard["columns"])
    cuts = step.cuts()
    same = cuts is None or features.select(cuts).to_series().equals(stored["cuts"])
    anew[shard["columns"]] = keeps if same else None
    kept = stored["keep"]
    table = pl.DataFrame({"id": features["id"], "kept": was & kept, "keeps": now & keeps, "reason": reason})
    return table.filter(was | now)


def _read(url: str, columns: list[str] | None = None) -> pl.DataFrame:
    with copy_of(url) as path:
        return pl.read_parquet(path, columns=columns, glob=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser("dartboard what-if", description="Tell what other thresholds would keep, from stored features.")
    parser.add_argument("dataset", help="the dataset's folder (OUT/NAME)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PLACE=VALUE", help="a change, as in steps.prose.rules.c4.sentences=5"
    )
    parser.add_argument("--version", help="the version to start from (default: the one that latest.json names)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with the ids of rows that come and go")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    if not parsed.set:
        raise usage("is missing", "Name a change, as in --set steps.prose.rules.fineweb.short_lines=0.6.", place="--set")
    told: dict[str, dict[str, Any]] = {}
    for name, rows in what_if(parsed.dataset, parsed.set, parsed.version).items():
        added = rows.filter(pl.col("keeps") & ~pl.col("kept"))["id"].to_list()
        removed = rows.filter(pl.col("kept") & ~pl.col("keeps"))["id"].to_list()
        told[name] = {"kept": int(rows["kept"].sum()), "keeps": int(rows["keeps"].sum()), "added": added, "removed": removed}
    if parsed.json:
        print(orjson.dumps({"steps": told}).decode())
        return Exit.GOOD
    for name, step in told.items():
        more = f"{len(step['added']):,} come, {len(step['removed']):,} go" if step["added"] or step["removed"] else "the same"
        print(f"{name}: kept {step['kept']:,}, would keep {step['keeps']:,} ({more})")
    return Exit.GOOD


if __name__ == "__main__":
    sys.exit(main())
