"""Where a build happens: the work store, the recipe's folder, and how keys are made there."""

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.work import code_of
from flows.work.job import Call, Job
from tasks.errors import Fault, RecipeError, usage
from tasks.recipe import Recipe, canonical_step
from tasks.store.keys import digest
from tasks.store.place import Place, opened, plainly, refuse_secrets

MAX_INPUT_BYTES = 64 << 20
REMOTE = ("http", "https", "ftp", "sftp", "s3", "gs", "gcs", "abfs", "az")
SHARD_BYTES = 64_000_000
"""Units are packed into shards of at most this many bytes."""


@dataclass(frozen=True)
class Site:
    """A recipe at its place of work."""

    recipe: Recipe
    work_url: str
    offline: bool = False
    shard_bytes: int = SHARD_BYTES
    today: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))
    """The day for which sites are asked what there is."""
    out: str = ""
    """Where the dataset is published, and earlier versions of it are."""
    since: str = "none"
    """The version whose splits are carried over: its name, `latest` or `none`."""
    ledger_url: str = ""
    """Where the answers of models are kept; below the work store unless given."""
    sample: bool = False
    """Whether sources give their first shard only, to see what would come of all."""

    @cached_property
    def work(self) -> Place:
        """The work store."""
        return Place.at(self.work_url)

    @property
    def ledger(self) -> str:
        """The address of the ledger."""
        return self.ledger_url or f"{self.work_url.rstrip('/')}/ledger"

    def resolve(self, path: str) -> str:
        """Give the absolute address of a path of the recipe."""
        refuse_secrets(path)
        if "://" in path:
            if self.offline and path.partition("://")[0] in REMOTE:
                raise usage("--offline refuses the network", "Name a local file.", value=path)
            return path
        if Path(path).is_absolute() or "://" not in self.recipe.home:
            return str(Path(self.recipe.home or Path.cwd()) / path)
        return f"{self.recipe.home.rstrip('/')}/{path}"

    def patterns(self, path: str | tuple[str, ...]) -> list[str]:
        """Give the addresses of a source's `path`."""
        return [self.resolve(each) for each in ((path,) if isinstance(path, str) else path)]

    def check_inputs(self) -> None:
        """Look whether every local file that a step reads besides its rows is there, and what a step says of its contents.

        RecipeError holds every fault; nothing is downloaded.
        """
        faults: list[Fault] = []
        for name, step in self.recipe.steps.items():
            local = all("://" not in self.resolve(path) for path in (*step.input_files().values(), *step.model_files().values()))
            try:
                files = self.call(name).files if local else {}
                faults.extend(replace(fault, place=f"steps.{name}.{fault.place}") for fault in step.faults_in(files))
            except RecipeError as error:
                faults.extend(error.faults)
        if faults:
            raise RecipeError(faults)

    def call(self, name: str) -> Call:
        """Give a step as workers get it, its input files read, its model files hashed."""
        step = self.recipe.steps[name]
        files = {field: self._text(name, field, path) for field, path in step.input_files().items()}
        hashes = {field: self._hash(name, field, path) for field, path in step.model_files().items()}
        places = {field: self.resolve(path) for field, path in step.model_files().items()}
        return Call(name, canonical_step(step), files | hashes, places)

    def _hash(self, name: str, field: str, path: str) -> str:
        address = self.resolve(path)
        try:
            with plainly("reading", address):
                fs, full = opened(address)
                return _hash_of(address, str(fs.ukey(full)))
        except FileNotFoundError as error:
            raise usage(
                "does not exist", "Correct the path; it is relative to the recipe.", place=f"steps.{name}.{field}", value=path
            ) from error

    def _text(self, name: str, field: str, path: str) -> str:
        address = self.resolve(path)
        try:
            with plainly("reading", address):
                fs, full = opened(address)
                if fs.size(full) > MAX_INPUT_BYTES:
                    raise usage(
                        f"is larger than {MAX_INPUT_BYTES >> 20} MiB", "Give a smaller file.", place=f"steps.{name}.{field}", value=path
                    )
                return str(fs.cat_file(full).decode("utf-8-sig")).replace("\r\n", "\n")
        except FileNotFoundError as error:
            if field in self.recipe.steps[name].may_be_absent:
                return ""
            raise usage(
                "does not exist", "Correct the path; it is relative to the recipe.", place=f"steps.{name}.{field}", value=path
            ) from error
        except UnicodeDecodeError as error:
            raise usage("is not UTF-8 text", "Save it as UTF-8.", place=f"steps.{name}.{field}", value=path) from error

    def job(self, kind: str, calls: Iterable[Call], inputs: object, *, named: bool = True, coded: bool = True, **fields: Any) -> Job:
        """Make a job with its key: over the steps' settings and files, the digests of its inputs, and the code.

        `coded` is false for what sites are asked: an answer stays one, whatever becomes of the code that asked.
        """
        calls = tuple(calls)
        steps = [self.recipe.steps[call.name] for call in calls]
        draws = any(step.draws for step in steps) or bool(fields.pop("draws", False))
        seed = self.recipe.seed if draws else 0
        settings = (
            [[call.name, step.identity(), digest(dict(call.files))] for call, step in zip(calls, steps, strict=True)] if named else None
        )
        code = code_of(kind, [type(step) for step in steps]) if coded else ""
        return Job(kind, digest(kind, settings, seed, inputs, code), self.work_url, calls, seed, code=code, **fields)


@functools.lru_cache(maxsize=64)
def _hash_of(address: str, version: str) -> str:
    """Hash a file; `version` is what its store says to tell versions apart."""
    del version
    fs, full = opened(address)
    with fs.open(full, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
