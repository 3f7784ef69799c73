"""Prefect at the rim: the flow `build`, and the one task that runs jobs of a stage.

The flow is an adapter of the walk: it gives each stage's jobs to tasks, which hand them to the
runner's workers. Tasks take and give keys, addresses and counts only.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "240")
os.environ.setdefault("PREFECT_SERVER_DATABASE_TIMEOUT", "60")
os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "12")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")

from prefect import flow as as_flow
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import exponential_backoff

from flows.build import Options, carried_out, prepared
from flows.dataset import Dataset
from flows.plan import Plan, Stage
from flows.progress import Quiet, told
from flows.rim import parse_bytes
from flows.runners import Pool, pool, worker_count
from flows.scene import Result
from flows.sheets import place_of, write_sheet
from flows.work.job import Job
from flows.workplace import Site
from tasks.edits.review import Review, content_hash
from tasks.errors import DartboardError, GateError, RecipeError
from tasks.published.card import escape
from tasks.shards import Shard, read
from tasks.store.commit import Done, find_done
from tasks.store.keys import digest, draw

SAMPLE_ROWS, EXCERPT = 50, 500
"""Rows that are shown to people, and characters of their texts in the artifact."""
WAIT_SECONDS = 14 * 86_400
"""How long a run waits to be resumed."""
MAX_TASKS = 100
"""Tasks that one stage is divided into at most; a run has a few stages."""

_pools: dict[str, Pool] = {}
_watch: ContextVar[Quiet | None] = ContextVar("watch", default=None)


class Runner(StrEnum):
    """Where jobs run."""

    processes = "processes"
    threads = "threads"
    dask = "dask"
    ray = "ray"


class Overrides(BaseModel):
    """Changes to the recipe and to how it is built; empty fields change nothing."""

    seed: int | None = Field(default=None, title="Seed", description="Changes every draw of the recipe.")
    settings: str = Field(default="", title="Settings", description="One change a line, as in steps.books.limit=10.")
    work: str = Field(default="", title="Work store", description="Folder or store for what is computed on the way.")
    address: str = Field(default="", title="Cluster address", description="Of a running Dask or Ray cluster.")
    workers: int | None = Field(default=None, title="Workers", description="One a core unless given.")
    memory: str = Field(default="", title="Memory", description="For all workers, as in 4GB.")
    since: str = Field(default="latest", title="Since", description="Version whose splits are carried over: latest, a name, or none.")
    offline: bool = Field(default=False, title="Offline", description="Refuse the network.")
    ledger: str = Field(default="", title="Ledger", description="Folder or store for the answers of models; in the work store if empty.")

    def options(self, out: str, limit: int | None, runner: Runner) -> Options:
        """Give the options of a build."""
        sets = [line.strip() for line in self.settings.splitlines() if line.strip()]
        seed = [] if self.seed is None else [f"seed={self.seed}"]
        chosen = f"{runner.value}={self.address}" if self.address else runner.value
        memory = parse_bytes(self.memory) if self.memory else None
        more: dict[str, Any] = {"since": self.since, "ledger": self.ledger or None}
        return Options(out, self.work or None, (*sets, *seed), limit, chosen, self.workers, memory, self.offline, **more)


def _cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Key a task run by the keys of its jobs, which are over content and code, and by where they are done."""
    del context
    return digest([[job["key"], job["work"]] for job in parameters["jobs"]])


def _worth_retrying(a_task: Any, run: Any, state: State[Any]) -> bool:
    """Retry what the world may mend; a wrong recipe or a closed gate stays as it is."""
    del a_task, run
    error = state.data if isinstance(state.data, BaseException) else getattr(state.data, "error", None)
    return not isinstance(error, RecipeError | GateError)


@task(
    name="stage",
    task_run_name="{title}",
    cache_key_fn=_cache_key,
    persist_result=True,
    result_serializer="json",
    retries=3,
    retry_delay_seconds=exponential_backoff(1),
    retry_jitter_factor=0.5,
    retry_condition_fn=_worth_retrying,
)
def run_jobs(title: str, runner: str, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run some jobs of a stage on the runner's workers."""
    del title
    return _pools[runner].run_all(jobs)


class Tasks:
    """Executes the jobs of a stage as task runs."""

    def __init__(self, plan: Plan, site: Site, runner: str) -> None:
        self._name = plan.recipe.name
        self._plan = plan
        self._site = site
        self._runner = runner

    def __call__(self, stage: Stage, jobs: Sequence[Job]) -> list[Done]:
        """Submit runs of jobs; a result whose parts are gone since is made again."""
        if any(isinstance(step, Review) and step.wait for step in map(self._plan.step, stage.steps)):
            _wait_for_people(self._site, stage, jobs)
        size = -(-len(jobs) // MAX_TASKS)
        runs = [jobs[start : start + size] for start in range(0, len(jobs), size)]
        titles = [f"{self._name}/{stage.name}/{self._shards(start * size, len(run))}" for start, run in enumerate(runs)]
        futures = [run_jobs.submit(title, self._runner, [job.plain() for job in run]) for title, run in zip(titles, runs, strict=True)]
        done = [Done.of(plain) for future in futures for plain in future.result()]
        gone = [place for place, found in enumerate(done) if find_done(self._site.work, found.key) is None]
        for place in gone:
            again = run_jobs.with_options(refresh_cache=True)
            (plain,) = again.submit(f"{self._name}/{stage.name}/{place}", self._runner, [jobs[place].plain()]).result()
            done[place] = Done.of(plain)
        return done

    @staticmethod
    def _shards(first: int, count: int) -> str:
        return str(first) if count == 1 else f"{first}-{first + count - 1}"


class Told(Quiet):
    """Tells Prefect how the build goes: a log line a step, a progress artifact, and whoever watches besides."""

    def __init__(self, plan: Plan, beside: Quiet | None) -> None:
        self._beside = beside or Quiet()
        self._total = len(plan.stages)
        self._ended = 0
        self._artifact = create_progress_artifact(0.0, key="build-progress", description=f"Building {plan.recipe.name}")

    def begin(self, stage: Stage) -> None:
        """Pass it on."""
        self._beside.begin(stage)

    def jobs(self, stage: Stage, total: int, cached: int) -> None:
        """Pass it on."""
        self._beside.jobs(stage, total, cached)

    def end(self, stage: Stage, result: Result) -> None:
        """Log what each step kept, and move the progress on."""
        self._beside.end(stage, result)
        self._ended += 1
        for report in result.reports:
            get_run_logger().info(told(report))
        update_progress_artifact(self._artifact, 100.0 * self._ended / self._total)  # type: ignore[arg-type]  # the id of the artifact just made

    def close(self) -> None:
        """Pass it on."""
        self._beside.close()


def _wait_for_people(site: Site, stage: Stage, jobs: Sequence[Job]) -> None:
    """Show a sample of the rows that are to be read, and suspend the run until somebody resumes it; once for each run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        get_run_logger().warning(f"{stage.name}: goes on without waiting for anybody: only a deployed run can be suspended")
        return
    rows = [row for job in jobs for shard in job.shards for row in _public(site, shard)]
    drawn = sorted(rows, key=lambda row: draw("review", row["id"]))[:SAMPLE_ROWS]
    sheet = f"{site.out.rstrip('/')}/{site.recipe.name}/reviews/{stage.name}-{str(context.flow_run.id)[:8]}.csv"
    place, name = place_of(sheet)
    if place.size(name) is None:  # a run that is resumed comes by again, and people have written into it
        write_sheet(sheet, drawn, ("id", "hash", "generator", "question", "answer"))
    about = f"{stage.name}: {len(drawn)} of {len(rows):,} rows, in {sheet} too. Mark them, run dartboard review edits, and resume the run."
    shown = [{name: escape(str(row[name])[:EXCERPT]) for name in ("id", "generator", "question", "answer")} for row in drawn]
    create_table_artifact(shown, key=f"review-{_key_of(stage.name)}", description=escape(about))
    suspend_flow_run(timeout=WAIT_SECONDS, key=f"review-{stage.name}")


def _public(site: Site, shard: Shard) -> Iterator[dict[str, Any]]:
    """Give the rows of a shard that are not private, as a sheet has them."""
    for frame in read(site.work, shard, ["id", "input", "output", "generator", "private"]):
        for row in frame.filter(~pl.col("private")).iter_rows(named=True):
            asked = {"question": row["input"], "answer": row["output"], "hash": content_hash(row["input"], row["output"])}
            yield {"id": row["id"], "generator": row["generator"], **asked}


def _key_of(name: str) -> str:
    """Write a name as artifacts' keys are: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")


def _show_table(dataset: Dataset) -> None:
    rows = [
        {
            "step": report["name"], "kind": report["use"], "rows in": report["rows_in"], "kept": report["rows_out"],
            "dropped": escape(", ".join(f"{reason} {count}" for reason, count in report["dropped"].items())),
            "skipped": escape(", ".join(f"{reason} {count}" for reason, count in report["skipped"].items())),
        }
        for report in dataset.summary["steps"]
    ]  # fmt: skip
    create_table_artifact(rows, key="build-steps", description=f"{escape(dataset.url)}: {dict(dataset.published.splits)}")


@as_flow(name="build", task_runner=ThreadPoolTaskRunner(max_workers=8), validate_parameters=True)  # type: ignore[arg-type]
def flow(
    recipe: str = "starter",
    out: str = "data",
    limit: int | None = None,
    runner: Runner = Runner.processes,
    overrides: Overrides = Overrides(),  # noqa: B008  a plain default, which the UI's form shows
) -> Any:
    """Build a fine-tuning dataset from a recipe.

    Args:
        recipe: A built-in's name, a path or URL, or the recipe's YAML text itself.
        out: Folder or store for the dataset.
        limit: At most this many rows of every source.
        runner: Where jobs run.
        overrides: Changes to the recipe and to how it is built.
    """
    try:
        options = overrides.options(out, limit, runner)
        plan, site, place = prepared(recipe, options)
        with _unlocked(plan), _registered(options) as name:
            dataset = carried_out(plan, site, place, Tasks(plan, site, name), Told(plan, _watch.get()))
    except DartboardError as error:
        return Failed(message=str(error), data=error)
    _show_table(dataset)
    partial = dataset.summary["partial"]
    return Completed(name="Partial" if partial else None, message="; ".join(partial) or dataset.url, data=dataset)


@contextmanager
def _unlocked(plan: Plan) -> Iterator[None]:
    """Take keys of models that the environment lacks from Prefect's Secret blocks, whose names have small letters and dashes.

    They stand in the environment of the run as long as it lasts.
    """
    lacking = {model.key for model in plan.recipe.models.values() if model.key} - set(os.environ)
    for key in lacking:
        with suppress(ValueError):  # there is no such block: the endpoint will say what is missing
            os.environ[key] = str(Secret.load(_key_of(key)).get())  # type: ignore[union-attr]  # loaded at once outside of an event loop
    try:
        yield
    finally:
        for key in lacking:
            os.environ.pop(key, None)


@contextmanager
def _registered(options: Options) -> Iterator[str]:
    with pool(options.runner, worker_count(options.workers, options.memory_bytes)) as made:
        name = f"{options.runner}-{id(made):x}"
        _pools[name] = made
        try:
            yield name
        finally:
            del _pools[name]


def orchestrated(recipe: str, options: Options, watch: Quiet) -> Dataset:
    """Run the flow in this process, against the server of PREFECT_API_URL or a temporary one; errors are raised plainly."""
    name, _, address = options.runner.partition("=")
    memory = str(options.memory_bytes) if options.memory_bytes else ""
    overrides = Overrides(
        settings="\n".join(options.sets),
        work=options.work or "",
        address=address,
        workers=options.workers,
        memory=memory,
        offline=options.offline,
        since=options.since,
        ledger=options.ledger or "",
    )
    token = _watch.set(watch)
    try:
        state: Any = flow(recipe, options.out, options.limit, Runner(name), overrides, return_state=True)
    finally:
        _watch.reset(token)
    result = state.data
    if isinstance(result, BaseException):
        raise result
    found = state.result(raise_on_failure=True)
    assert isinstance(found, Dataset)
    return found
