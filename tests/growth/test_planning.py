"""What `--plan` says of steps that ask a model, beside what they ask then."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from flows.build import build, main
from tests.growth.test_strategies import pair
from tests.services.scripted import Asked, Scripted, scripted
from tests.texts import prose

FEW = [{"input": prose(n, 1), "output": prose(n + 100, 2)} for n in range(12)]
STEPS = {
    "judge": "{use: judge, model: w, budget: {tokens: 1000000}}",
    "preference": "{use: preference, model: w, budget: {tokens: 1000000}}",
    "fill": "{use: fill, model: w, record: attrs, fields: [size, weight], measure: 4, budget: {tokens: 1000000}}",
    "curated": "{use: backtranslate, model: w, curate: 4, budget: {tokens: 1000000}}",
    "answer": "{use: answer, model: w, prompt: long.md, budget: {tokens: 1000000}}",
}


def planned(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["r.yaml", "--plan", "--json", *more]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    return {stage["name"]: stage for stage in stages}


def answer(asked: Asked) -> Any:
    if "missing" in asked.data:
        return {name: {"size": "small and light", "weight": 12}[name] for name in asked.data["missing"]}
    if '"score"' in asked.told:
        return {"reason": "It answers what was asked, with care.", "score": 2 if asked.data.get("output") == "No." else 5}
    return "No." if "flaw" in asked.data else "What is to be done about the lanterns over the bridge in winter, and by whom?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{**row, "size": None if n % 2 else "large", "weight": None} for n, row in enumerate(FEW)]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "notes").mkdir()
    for number in range(12):
        (tmp_path / "notes" / f"{number}.txt").write_text(prose(number, 6))
    (tmp_path / "long.md").write_text("Answer letters to the harbour office in one sentence. " * 20)
    return tmp_path


def written(folder: Path, server: Scripted, kind: str, step: str) -> None:
    source = "{use: files, path: 'notes/*.txt'}" if kind in ("curated", "answer") else "{use: seeds, path: seeds.jsonl}"
    model = f"{{model: m, url: '{server.url}', price: {{input: 2, output: 4}}}}"
    (folder / "r.yaml").write_text(f"name: r\nmodels: {{w: {model}}}\nsteps:\n  all: {source}\n  made: {step}\n  dataset: {{use: write}}\n")


@pytest.mark.parametrize("kind", list(STEPS))
def test_a_plan_of_a_completing_step_holds(folder: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    with scripted(answer) as server:
        written(folder, server, kind, STEPS[kind])
        stage = planned(capsys)["made"]
        assert not server.calls, "a plan asks nothing"
        estimate = stage["estimate"]
        assert estimate["tokens"]["high"] <= 3 * estimate["tokens"]["low"]
        assert estimate["known"] == 0
        build(folder / "r.yaml", out="data")
        assert estimate["calls"]["low"] <= len(server.calls) <= estimate["calls"]["high"]
        assert estimate["tokens"]["low"] <= server.tokens <= estimate["tokens"]["high"]
        assert stage["cost"]["low"] <= server.tokens <= stage["cost"]["high"]
        paid = len(server.calls)
        again = planned(capsys, "--work", "elsewhere", "--ledger", "data/.work/ledger")["made"]["estimate"]
        assert again["known"] == paid
        assert again["calls"] == {"low": 0, "high": 0}
        assert len(server.calls) == paid


def test_a_plan_knows_the_calls_of_rows_that_were_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def severe(asked: Asked) -> Any:
        return {"reason": "Does it?", "score": 1 if next(judged) else 5} if '"score"' in asked.told else answer(asked)

    judged = itertools.count()

    with scripted(severe) as server:
        written(folder, server, "curated", STEPS["curated"])
        build(folder / "r.yaml", out="pilot", limit=6, ledger="kept")
        paid = len(server.calls)
        estimate = planned(capsys, "--ledger", "kept")["made"]["estimate"]
        build(folder / "r.yaml", out="data", ledger="kept")
    assert paid == estimate["known"] == 12
    assert estimate["calls"] == {"low": 6, "high": 12}
    assert len(server.calls) - paid == 12


def test_a_plan_says_nothing_of_rows_that_wait_for_their_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(answer) as server:
        step = "{use: fill, model: w, fields: [output], measure: 0, budget: {tokens: 100000}}"
        written(folder, server, "fill", f"{step}\n  more: {STEPS['judge']}")
        text = (folder / "r.yaml").read_text().replace("path: seeds.jsonl", "path: seeds.jsonl, columns: {input: input}")
        (folder / "seeds.jsonl").write_text("\n".join(json.dumps({"input": f"question {n}"}) for n in range(4)))
        (folder / "r.yaml").write_text(text)
        stages = planned(capsys)
    assert stages["made"]["estimate"]["calls"]["high"] == 4
    assert stages["more"]["estimate"] is None


def test_growing_is_planned_for_the_seeds_that_are_still_to_come(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(answer) as server:
        more = "{use: self-instruct, model: w, rows: 500, accept: {ratio: 20}, budget: {tokens: 10000000}}"
        judge = STEPS["judge"].replace("judge,", "judge, min: 2,")
        written(folder, server, "judge", judge)
        build(folder / "r.yaml", out="few", limit=3, ledger="kept")
        written(folder, server, "judge", f"{judge}\n  more: {more}")
        stages = planned(capsys, "--ledger", "kept")
    assert stages["more"]["estimate"]["calls"]["high"] >= 12 * 20, "nine seeds are not judged yet"


def test_one_more_row_is_one_more_call(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(answer) as server:
        written(folder, server, "judge", STEPS["judge"])
        build(folder / "r.yaml", out="data")
        with (folder / "seeds.jsonl").open("a") as file:
            file.write("\n" + json.dumps({"input": "And one more?", "output": "Yes."}))
        estimate = planned(capsys)["made"]["estimate"]
        assert (estimate["known"], estimate["calls"]) == (12, {"low": 1, "high": 1})
        build(folder / "r.yaml", out="data")
        assert len(server.calls) == 13


def test_a_plan_of_a_growing_step_holds_after_a_pilot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def grown(asked: Asked) -> Any:
        return FEW[0] if len(asked.told) % 7 == len(server.calls) % 7 else pair()

    with scripted(grown) as server:
        written(folder, server, "grown", "{use: self-instruct, model: w, rows: 100, budget: {usd: 10}}")
        blind = planned(capsys)["made"]["estimate"]
        pilot = build(folder / "r.yaml", out="data", limit=12)
        assert pilot.summary["steps"][1]["rows_out"] == 12
        paid, tokens = len(server.calls), server.tokens
        stage = planned(capsys)["made"]
        estimate = stage["estimate"]
        assert estimate["known"] >= 12
        assert estimate["tokens"]["high"] <= 3 * estimate["tokens"]["low"]
        assert len(server.calls) == paid
        dataset = build(folder / "r.yaml", out="data")
        asked, spent = len(server.calls) - paid, server.tokens - tokens
        assert asked == len(server.calls) - estimate["known"], "the pilot is the beginning of the whole"
        assert estimate["calls"]["low"] <= asked <= estimate["calls"]["high"]
        assert estimate["tokens"]["low"] <= spent <= estimate["tokens"]["high"]
        assert stage["cost"]["unit"] == "usd"
        assert stage["cost"]["low"] <= dataset.summary["cost"]["usd"] <= stage["cost"]["high"]
        assert blind["tokens"]["low"] <= server.tokens <= blind["tokens"]["high"]


def test_equal_questions_are_planned_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in (folder / "seeds.jsonl").read_text().splitlines()]
    (folder / "seeds.jsonl").write_text("\n".join(json.dumps(rows[number % 3] | {"note": number}) for number in range(30)))
    with scripted(answer) as server:
        written(folder, server, "judge", "{use: judge, model: w, budget: {usd: 1}}")
        assert planned(capsys)["made"]["estimate"]["calls"] == {"low": 3, "high": 3}
        build(folder / "r.yaml", out="data")
        assert len(server.calls) == 3


def test_growing_that_will_ask_nothing_is_planned_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(lambda _: pair()) as server:
        capped = "{use: self-instruct, model: w, rows: 500, accept: {ratio: 0.5}, budget: {usd: 10}}"
        written(folder, server, "grown", capped)
        estimate = planned(capsys)["made"]["estimate"]
        assert estimate["calls"]["high"] <= 6 * 1.3 * 3 + 1, "no more than six rows may be grown of twelve"
        build(folder / "r.yaml", out="data")
        asked = len(server.calls)
        assert planned(capsys)["made"]["estimate"]["calls"] == {"low": 0, "high": 0}
        build(folder / "r.yaml", out="data")
        assert len(server.calls) == asked


def test_the_figure_that_is_proposed_has_room_for_one_long_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "long.txt").write_text("\n".join(prose(number) for number in range(60)))
    recipe = """
name: r
models: {{w: {{model: m, url: "{url}"}}}}
steps:
  notes: {{use: files, path: "notes/*.txt"}}
  pairs: {{use: backtranslate, model: w{more}}}
  dataset: {{use: write}}
"""
    with scripted(lambda _: "Tell me a story.") as server:
        (tmp_path / "r.yaml").write_text(recipe.format(url=server.url, more=""))
        assert main([str(tmp_path / "r.yaml"), "--runner", "direct"]) == 2
        figure = capsys.readouterr().err.rsplit("`budget: {tokens: ", 1)[1].split("}")[0]
        (tmp_path / "r.yaml").write_text(recipe.format(url=server.url, more=f", budget: {{tokens: {figure}}}"))
        assert main([str(tmp_path / "r.yaml"), "--runner", "direct"]) == 0


def test_a_missing_budget_is_refused_with_a_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(answer) as server:
        written(folder, server, "judge", "{use: judge, model: w}")
        assert planned(capsys)["made"]["estimate"]["calls"] == {"low": 12, "high": 12}
        assert main(["r.yaml", "--runner", "direct"]) == 2
        told = capsys.readouterr().err
        assert "steps.made.budget: a step that asks a model needs a budget" in told
        assert not server.calls
        figure = told.rsplit("`budget: {usd: ", 1)[1].split("}")[0]
        written(folder, server, "judge", f"{{use: judge, model: w, budget: {{usd: {figure}}}}}")
        assert main(["r.yaml", "--runner", "direct"]) == 0
        assert len(server.calls) == 12
        written(folder, server, "judge", "{use: judge, model: w, budget: {usd: 1, tokens: 5}}")
        assert main(["r.yaml", "--plan"]) == 2
        assert "either in `usd` or in `tokens`" in capsys.readouterr().err


@pytest.mark.parametrize(("first", "second"), [("judge", "preference"), ("curated", "judge"), ("answer", "preference")])
def test_a_plan_goes_on_behind_a_step_that_asks_a_model(folder: Path, capsys: pytest.CaptureFixture[str], first: str, second: str) -> None:
    with scripted(answer) as server:
        written(folder, server, first, f"{STEPS[first]}\n  more: {STEPS[second]}")
        stages = planned(capsys)
        assert stages["made"]["estimate"]
        kept = first == "judge"
        assert (stages["more"]["estimate"] is not None) == kept, "rows of which not one is there tell nothing"
        assert kept or stages["more"]["cost"]["high"] == 1000000
        assert main(["r.yaml", "--plan"]) == 0
        assert "unknown until made" in capsys.readouterr().out
        assert not server.calls
        build(folder / "r.yaml", out="pilot", limit=4, ledger="kept")
        paid, tokens = len(server.calls), server.tokens
        estimates = {name: stage["estimate"] for name, stage in planned(capsys, "--ledger", "kept").items() if stage["kind"] == "model"}
        assert len(server.calls) == paid
        assert estimates["more"]["known"] == (4 if second == "judge" else 12)
        build(folder / "r.yaml", out="data", ledger="kept")
        asked, spent = len(server.calls) - paid, server.tokens - tokens
        for name, total in (("calls", asked), ("tokens", spent)):
            low, high = (sum(estimate[name][end] for estimate in estimates.values()) for end in ("low", "high"))
            assert low <= total <= high <= 3 * low, name


def test_a_plan_goes_on_behind_growing_after_a_pilot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = "  more: {use: attributes, model: w, from: [all, made], rows: 40, attributes: {a: [b, c]}, budget: {usd: 10}}\n"
    more += "  both: {use: dedup, from: [all, made, more], by: [input]}"
    with scripted(lambda _: pair()) as server:
        written(folder, server, "grown", f"{{use: self-instruct, model: w, rows: 60, budget: {{usd: 10}}}}\n{more}")
        assert planned(capsys)["more"]["estimate"]["calls"]["high"] >= 40, "seeds are there, so that it can be told blindly"
        build(folder / "r.yaml", out="pilot", limit=8, ledger="kept")
        tokens = server.tokens
        plan = planned(capsys, "--ledger", "kept")
        estimates = [plan[name]["estimate"]["tokens"] for name in ("made", "more")]
        assert plan["more"]["estimate"]["known"] >= 8
        build(folder / "r.yaml", out="data", ledger="kept")
        spent = server.tokens - tokens
    assert all(tokens["high"] <= 3 * tokens["low"] for tokens in estimates)
    assert sum(tokens["low"] for tokens in estimates) <= spent <= sum(tokens["high"] for tokens in estimates)
