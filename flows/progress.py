"""Showing how a build goes: bars on a terminal, lines elsewhere; the table and the rows at its end."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows.plan import Stage
from flows.scene import Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.table import Table

SHOWN_CHARS = 240
SAID_SECONDS = 2.0


class Quiet:
    """Shows nothing."""

    def begin(self, stage: Stage) -> None:
        """A stage begins."""

    def jobs(self, stage: Stage, total: int, cached: int) -> None:
        """A stage has jobs."""

    def brought(self, name: str, units: int, of: int, so_far: int) -> None:
        """A source has brought so many of its units, and so many bytes."""

    def end(self, stage: Stage, result: Result) -> None:
        """A stage has ended."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines(Quiet):
    """A line for each stage, on stderr, and one now and then while bytes come."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def brought(self, name: str, units: int, of: int, so_far: int) -> None:
        """Tell how far a source has come, every SAID_SECONDS at most."""
        if time.monotonic() - self._said_at >= SAID_SECONDS:
            self._said_at = time.monotonic()
            print(f"{name}: {_so_far(units, of, so_far)}", file=sys.stderr, flush=True)

    def end(self, stage: Stage, result: Result) -> None:
        """Tell what each step kept."""
        del stage
        for report in result.reports:
            print(told(report), file=sys.stderr, flush=True)


class Bars(Quiet):
    """A bar for each stage, on a terminal's stderr."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._progress.start()
        self._bars: dict[str, TaskID] = {}

    def begin(self, stage: Stage) -> None:
        """Show the stage's bar."""
        self._bars[stage.name] = self._progress.add_task(stage.name, total=None, told="")

    def jobs(self, stage: Stage, total: int, cached: int) -> None:
        """Set the bar's length to the jobs."""
        self._progress.update(self._bars[stage.name], total=total, completed=cached)

    def brought(self, name: str, units: int, of: int, so_far: int) -> None:
        """Fill the source's bar by its units, and tell the bytes."""
        if name in self._bars:
            self._progress.update(self._bars[name], total=of, completed=units, told=_so_far(units, of, so_far))

    def end(self, stage: Stage, result: Result) -> None:
        """Fill the bar, and tell what the stage kept."""
        last = result.reports[-1] if result.reports else None
        said = f"{last['rows_out']:,} rows{' (cached)' if last['cached'] else ''}" if last else ""
        total = self._progress.tasks[self._bars[stage.name]].total or 1
        self._progress.update(self._bars[stage.name], total=total, completed=total, told=said)

    def close(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()


def _so_far(units: int, of: int, so_far: int) -> str:
    return f"{units:,} of {of:,} brought, {so_far / 1e6:.1f} MB"


def watcher() -> Quiet:
    """Give bars for a terminal, lines for anything else."""
    if not sys.stderr.isatty():
        return Lines()
    from rich.console import Console

    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines()


def told(report: Mapping[str, Any]) -> str:
    """Say in one line what a step kept."""
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in report["dropped"].items())
    skipped = ", ".join(f"{reason} {count:,}" for reason, count in report["skipped"].items())
    more = (f"; dropped {dropped}" if dropped else "") + (f"; skipped {skipped}" if skipped else "")
    counts = f"{report['rows_in']:,} in, {report['rows_out']:,} out{more}"
    return f"{report['name']}: {counts}; {report['seconds']:.1f} s{' (cached)' if report['cached'] else ''}"


def steps_table(reports: Sequence[Mapping[str, Any]]) -> "Table":
    """Give the table of what each step kept."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="What each step kept", title_justify="left")
    for name, justify in (("step", "left"), ("kind", "left"), ("in", "right"), ("out", "right"), ("dropped and skipped", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for report in reports:
        reasons = {**report["dropped"], **{f"skipped: {reason}": count for reason, count in report["skipped"].items()}}
        said = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
        table.add_row(report["name"], report["use"], f"{report['rows_in']:,}", f"{report['rows_out']:,}", Text(said))
    return table


def rows_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """Give three rows side by side: what goes in, what comes out."""
    from rich.table import Table
    from rich.text import Text

    names = [name for name in ("system", "input", "output", "text", "title") if any(row.get(name) for row in rows)][:4]
    table = Table(title="Three of its rows", title_justify="left", show_lines=True)
    for name in names:
        table.add_column(name, ratio=1, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_short(row.get(name))) for name in names))
    return table


def _short(value: object) -> str:
    text = str(value or "")
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
