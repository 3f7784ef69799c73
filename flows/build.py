"""Build a dataset from a recipe: `python -m flows.build`, `flows.build.build`, and the Prefect flow `flows.build:flow`."""

import argparse
import contextlib
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from expectations.suites import load
from flows.asked import asked_lines
from flows.dataset import Dataset
from flows.earlier import check_since
from flows.foretelling import show_plan
from flows.plan import Plan, plan_of
from flows.progress import Quiet, rows_table, steps_table, watcher
from flows.publish import Published, publish
from flows.reader import read_recipe, warnings
from flows.rehearsing import check_budgets
from flows.rim import Exit, guarded, parse_bytes
from flows.runners import LEAST_BYTES, interruptible, pool, worker_count
from flows.scene import Result
from flows.walk import Execute, walk
from flows.work import fetching
from flows.workplace import SHARD_BYTES, Site
from tasks.clients.model import ALLOWED
from tasks.errors import usage
from tasks.gate import Expect
from tasks.growth.growing import GrowingStep
from tasks.published.sink import Write
from tasks.recipe import Recipe
from tasks.shards import Shard, read
from tasks.sources.files import Seeds
from tasks.step import Limit, SourceStep
from tasks.store.place import Place

if TYPE_CHECKING:
    from prefect import Flow

FEW_ROWS = 50
SHOWN_ROWS = 3
RUNNERS = ("processes", "threads", "direct", "dask", "ray")


@dataclass(frozen=True)
class Options:
    """How and where to build; none of it is part of the dataset."""

    out: str = "data"
    work: str | None = None
    sets: tuple[str, ...] = ()
    limit: int | None = None
    runner: str = "direct"
    workers: int | None = None
    memory_bytes: int | None = None
    offline: bool = False
    shard_bytes: int = SHARD_BYTES
    since: str = "latest"
    ledger: str | None = None


def prepared(recipe: "str | Path | Recipe | Mapping[str, Any]", options: Options, *, paying: bool = True) -> tuple[Plan, Site, Place]:
    """Read and plan a recipe, and open its places.

    Nothing is written yet, unless a budget is missing and one must be proposed; with `paying` false none is needed.
    """
    checked = read_recipe(recipe, (*options.sets, *_limits(recipe, options)))
    if options.workers is not None and options.workers < 1:
        raise usage("must be at least 1", place="--workers", value=str(options.workers))
    if options.memory_bytes is not None and options.memory_bytes < LEAST_BYTES:
        raise usage(f"is less than a build needs ({LEAST_BYTES // 10**6} MB)", place="--memory", value=str(options.memory_bytes))
    name, _, _ = options.runner.partition("=")
    if name not in RUNNERS:
        raise usage("is no runner", f"One of: {', '.join(RUNNERS)}.", place="--runner", value=options.runner)
    out, work = _absolute(options.out), _absolute(options.work or f"{options.out.rstrip('/')}/.work")
    ledger = _absolute(options.ledger or os.environ.get("DARTBOARD_LEDGER") or f"{work.rstrip('/')}/ledger")
    _check_places(name, {"--out": out, "--work": work, "--ledger": ledger})
    check_since(options.since, out, checked.name)
    _check_models(checked)
    plan = plan_of(checked)
    site = Site(checked, work, options.offline, options.shard_bytes, out=out, since=options.since, ledger_url=ledger)
    site.check_inputs()
    _check_suites(checked, site)
    if paying:
        with pool("direct", 1) as execute:
            check_budgets(plan, site, execute)
    return plan, site, Place.at(out)


def _check_places(runner: str, places: Mapping[str, str]) -> None:
    for flag, url in places.items():
        if url.partition("://")[0] in ("http", "https"):
            raise usage("an http address cannot be written to", "Give a folder or a store such as s3://bucket/path.", place=flag, value=url)
        if url.startswith("memory://") and runner != "direct":
            raise usage("memory:// is seen by one process only", "Use a folder, or --runner direct.", place=flag, value=url)


def _check_models(recipe: Recipe) -> None:
    for name, model in recipe.models.items():
        if not model.allowed:
            remedy = f"Add it to the environment variable {ALLOWED}, or name another endpoint."
            raise usage(f"is not among the URLs that {ALLOWED} allows", remedy, place=f"models.{name}.url", value=model.url)


def _check_suites(recipe: Recipe, site: Site) -> None:
    for name, step in recipe.steps.items():
        if isinstance(step, Expect) and "://" not in site.resolve(step.suite):
            load(step.suite, site.call(name).files.get("suite"))


def _limits(recipe: "str | Path | Recipe | Mapping[str, Any]", options: Options) -> list[str]:
    """Give what `--limit` changes; where a step grows, all `seeds` are taken, so that a pilot's calls are the first ones of the whole."""
    if options.limit is None:
        return []
    if options.limit < 1:
        raise usage("must be at least 1", place="--limit", value=str(options.limit))
    steps = read_recipe(recipe, options.sets).steps
    grows = any(isinstance(step, GrowingStep) for step in steps.values())
    sources = {name: step for name, step in steps.items() if isinstance(step, SourceStep) and not (grows and isinstance(step, Seeds))}
    limits = [f"steps.{name}.limit={_capped(step, options.limit)}" for name, step in sources.items()]
    return limits + [f"steps.{name}.rows={min(step.rows, options.limit)}" for name, step in steps.items() if isinstance(step, GrowingStep)]


def _capped(step: SourceStep, most: int) -> str:
    """Give the source's limit with at most so many rows, as `--set` writes it."""
    if isinstance(step.limit, Limit):
        rows = min(step.limit.rows or most, most)
        return f"{{rows: {rows}, units: {step.limit.units}}}" if step.limit.units else str(rows)
    return str(min(step.limit or most, most))


def _absolute(url: str) -> str:
    return url if "://" in url else str(Path(url).absolute())


def build(recipe: "str | Path | Recipe | Mapping[str, Any]" = "starter", **options: Any) -> Dataset:
    """Build a dataset in this process and give it back; no server is needed.

    `recipe` is a built-in's name, a path, a URL, YAML text, plain data, or a `Recipe`; `options` are the fields of
    `Options`: `out`, `work`, `sets`, `limit`, `workers`, `offline` and the rest.

    >>> from flows.build import build
    >>> ds = build("starter", limit=5)  # doctest: +SKIP
    >>> ds.train.collect()  # doctest: +SKIP
    """
    chosen = Options(**options)
    plan, site, out = prepared(recipe, chosen)
    with pool(chosen.runner, worker_count(chosen.workers, chosen.memory_bytes)) as execute:
        return carried_out(plan, site, out, execute, Quiet())


def carried_out(plan: Plan, site: Site, out: Place, execute: Execute, watch: Quiet) -> Dataset:
    """Walk a plan and publish what comes of it; the run's facts go beside the versions."""
    begun, started = datetime.now(UTC), time.perf_counter()
    startup = time.process_time()
    try:
        results = walk(plan, execute, site, watch)
    finally:
        watch.close()
    published = publish(plan, site, out, results)
    summary = summary_of(published, results) | {"startup_cpu_seconds": round(startup, 3)}
    facts = {
        "schema": 1,
        "begun": begun.isoformat(),
        "seconds": round(time.perf_counter() - started, 3),
        "host": os.uname().nodename if hasattr(os, "uname") else "",
        **summary,
    }
    out.put_bytes(f"{plan.recipe.name}/runs/{begun:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}.json", orjson.dumps(facts))
    return Dataset(published, summary, _preview(plan, site, results))


def _preview(plan: Plan, site: Site, results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Read three rows of what the last sink wrote, as they were before any layout."""
    sink = [stage for stage in plan.stages if stage.kind == "sink"][-1]
    shards = [shard for need in sink.needs for shard in results[need].shards if shard.text.rows]
    step = plan.step(sink.steps[0])
    needed = step.needed if isinstance(step, Write) else ()
    spread = shards[:: max(len(shards) // SHOWN_ROWS, 1)][:SHOWN_ROWS]
    each = -(-SHOWN_ROWS // max(len(spread), 1))
    rows: list[dict[str, Any]] = []
    for shard in (*spread, *(shard for shard in shards if shard not in spread)):
        if len(rows) < SHOWN_ROWS:
            rows.extend(_some(site, shard, each, needed))
    return rows[:SHOWN_ROWS]


def _some(site: Site, shard: Shard, count: int, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Draw rows from the first row groups of a shard that have live ones."""
    rows: list[dict[str, Any]] = []
    for found in read(site.work, shard):
        frame = found.drop_nulls(needed)
        rows.extend(frame.sample(min(count - len(rows), frame.height), seed=1).to_dicts())
        if len(rows) == count:
            break
    return rows


def summary_of(published: Published, results: Mapping[str, Result]) -> dict[str, Any]:
    """Give what `--json` prints of a build."""
    steps = [{"units": None, "units_cached": None, **report} for result in results.values() for report in result.reports]
    fresh = [report for report in steps if not report.get("cached")]
    costs = [report["cost"] for report in fresh if "cost" in report]
    failures: dict[str, int] = {}
    for report in fresh:
        for kind, count in report.get("failures", {}).items():
            failures[kind] = failures.get(kind, 0) + count
    names = ("requests", "cached", "input_tokens", "output_tokens", "usd")
    return {
        "dataset": published.url,
        "version": published.version,
        "splits": dict(published.splits),
        "configs": {config: dict(splits) for config, splits in published.configs.items()},
        "failures": failures,
        "cost": {name: sum(cost[name] for cost in costs) for name in names},
        "partial": [result.partial for result in results.values() if result.partial],
        "steps": steps,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parsed = _parser().parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    memory = parse_bytes(parsed.memory) if parsed.memory else None
    sets, workers = tuple(parsed.set), parsed.workers
    more: dict[str, Any] = {"since": parsed.since or "latest", "ledger": parsed.ledger}
    options = Options(parsed.out, parsed.work, sets, parsed.limit, parsed.runner, workers, memory, parsed.offline, **more)
    plan, site, out = prepared(parsed.recipe, options, paying=not parsed.plan)
    for warning in warnings(plan.recipe):
        print(f"warning: {warning}", file=sys.stderr)
    if parsed.plan:
        workers = worker_count(options.workers, options.memory_bytes)
        return show_plan(plan, site, workers, sample=parsed.sample, as_json=parsed.json)
    if parsed.sample:
        raise usage("goes with --plan", "Add --plan, or leave it out.", place="--sample")
    watch = watcher()
    fetching.announce = watch.brought
    with interruptible():
        dataset = _run(parsed.recipe, options, watch) if options.runner != "direct" else _directly(plan, site, out, options, watch)
    _show(dataset, as_json=parsed.json)
    return Exit.PARTIAL if dataset.summary["partial"] else Exit.GOOD


def _directly(plan: Plan, site: Site, out: Place, options: Options, watch: Quiet) -> Dataset:
    with pool("direct", worker_count(options.workers, options.memory_bytes)) as execute:
        return carried_out(plan, site, out, execute, watch)


def _run(recipe: str, options: Options, watch: Quiet) -> Dataset:
    from flows.stages import orchestrated

    return orchestrated(recipe, options, watch)


def _show(dataset: Dataset, *, as_json: bool) -> None:
    from rich.console import Console

    few = dataset.published.splits.get("train", 0) < FEW_ROWS
    if few:
        print(
            f"warning: only {dataset.published.splits.get('train', 0)} training rows. "
            f"Fine-tuning wants {FEW_ROWS} and more: raise a limit, loosen a filter, or grow some.",
            file=sys.stderr,
        )
    for report in dataset.summary["steps"]:
        if report.get("since"):
            print(f"{report['name']}: splits are carried over from version {report['since']} (--since none draws afresh)", file=sys.stderr)
        for warned in report.get("warned", ()):
            print(f"{report['name']}: {warned}", file=sys.stderr)
    for line in asked_lines(dataset.summary["steps"]):
        print(line, file=sys.stderr)
    for partial in dataset.summary["partial"]:
        print(f"partial: {partial}", file=sys.stderr)
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 120)
    console.print(steps_table(dataset.summary["steps"]))
    console.print(rows_table(dataset.preview))
    for config, splits in dataset.published.configs.items():
        below = "" if len(dataset.published.configs) == 1 else f"{config}: "
        counts = ", ".join(f"{name} {rows:,}" for name, rows in splits.items())
        console.print(f"{below}{counts} rows in {dataset.url}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(orjson.dumps(dict(dataset.summary)).decode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dartboard build", description="Build a dataset from a recipe.")
    add = parser.add_argument
    add("recipe", nargs="?", default="starter", help="a path, a URL or a built-in's name (default: starter, built offline)")
    add("--out", default="data", help="folder or store for the dataset (default: data)")
    add("--work", help="folder or store for what is computed on the way (default: OUT/.work)")
    add("--ledger", metavar="URL", help="folder or store for the answers of models (default: $DARTBOARD_LEDGER, or WORK/ledger)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="PLACE=VALUE",
        help="change the recipe, as in steps.books.limit=10; may be given again",
    )
    add(
        "--limit",
        type=int,
        metavar="N",
        help="take at most N rows of every source (all `seeds` where a step grows), and grow at most N in each step: a pilot",
    )
    add("--plan", action="store_true", help="show what is cached and what is to do, and stop")
    add(
        "--sample", action="store_true", help="with --plan: carry one shard of each source through, and tell about how many rows would come"
    )
    add("--json", action="store_true", help="print the result as one JSON object, last line of stdout")
    add(
        "--runner",
        default="processes",
        metavar="RUNNER",
        help="processes (default), threads, direct (no server), dask[=ADDRESS], ray[=ADDRESS]",
    )
    add("--workers", type=int, metavar="N", help="workers (default: one a core)")
    add("--memory", metavar="SIZE", help="memory for all workers, as in 4GB")
    add("--since", metavar="VERSION", help="carry splits over from `latest` (default, where there is one), a version's name, or `none`")
    add("--offline", action="store_true", help="refuse the network")
    add("--debug", action="store_true", help="show tracebacks")
    return parser


def __getattr__(name: str) -> "Flow[..., Any]":
    """Give the Prefect flow when it is asked for: importing it costs seconds that a direct build need not pay."""
    if name == "flow":
        from flows.stages import flow

        return flow
    raise AttributeError(name)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
