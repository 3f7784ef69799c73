"""What is shown while a build goes on."""

import io

from rich.console import Console

from flows.plan import Stage
from flows.progress import Bars
from flows.scene import Result


def test_a_bar_shows_the_bytes_that_came() -> None:
    seen = io.StringIO()
    bars = Bars(Console(file=seen, force_terminal=True, width=120))
    stage = Stage("books", "source", ("books",), ())
    bars.begin(stage)
    bars.jobs(stage, 1, 0)
    bars.brought("books", 3, 12, 4_200_000)
    bars.brought("unknown", 1, 1, 1)
    bars._progress.refresh()
    assert "3/12" in seen.getvalue()
    assert "3 of 12 brought, 4.2 MB" in seen.getvalue()
    bars.end(stage, Result(()))
    bars.close()
    assert "12/12" in seen.getvalue()
