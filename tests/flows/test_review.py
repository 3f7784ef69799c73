"""People in the loop: sheets out, marked sheets in, edits carried out."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from flows.build import build
from flows.review import main, sampled
from flows.sheets import Mark, kappas, read_sheet
from tests.texts import prose

RECIPE = """
name: faq
steps:
  faq: {use: seeds, path: faq.jsonl}
  read: {use: review, edits: reviews.jsonl}
  dataset: {use: write LAYOUT}
"""


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    held = [
        {"input": prose(n, 1), "output": f"=HYPERLINK({n})" if n == 3 else f"'{prose(n, 2)}" if n == 4 else prose(n, 2)} for n in range(12)
    ]
    (tmp_path / "faq.jsonl").write_text("\n".join(map(json.dumps, held)))
    return held


def sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def marked(path: Path, rows: list[dict[str, str]], **marks: dict[str, str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | marks.get(f"n{number}", {}) for number, row in enumerate(rows))


@pytest.mark.parametrize("layout", ["", ", layout: prompt-completion", ", layout: openai-chat, format: jsonl"])
def test_rows_go_out_and_come_back_as_edits(
    rows: list[dict[str, str]], tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = RECIPE.replace(" LAYOUT", layout)
    (tmp_path / "r.yaml").write_text(recipe)
    first = build("r.yaml")
    assert main(["export", "data/faq", "--sample", "12", "--to", "review.csv"]) == 0
    out = sheet(tmp_path / "review.csv")
    assert len(out) == 12
    assert not any(row["answer"].startswith("=") for row in out), "no cell is a formula"
    by = {row["question"]: number for number, row in enumerate(out)}
    edit, drop, keep = (by[rows[n]["input"]] for n in (3, 4, 5))
    marks = {
        f"n{edit}": {"better_answer": "A better one.", "reason": "not an answer", "reviewer": "Ada"},
        f"n{drop}": {"right": "no"},
        f"n{keep}": {"right": "Yes"},
    }
    marked(tmp_path / "review.csv", out, **marks)
    assert main(["import", "data/faq", "review.csv"]) == 0
    assert "1 kept, 1 edited, 1 dropped" in capsys.readouterr().out
    second = build("r.yaml")
    assert second.version != first.version
    report = next(step for step in second.summary["steps"] if step["name"] == "read")
    assert report["dropped"] == {"reviewed away": 1}
    assert report["warned"] == ["1 rows kept, 1 edited, 1 taken out by reviews.jsonl"]
    assert next(step for step in first.summary["steps"] if step["name"] == "read")["warned"][0].startswith("no row has an edit")
    if not layout:
        held = {row["input"]: row for row in second.train.collect().to_dicts()}
        better = held[rows[3]["input"]]
        assert (better["output"], better["rejected"]) == ("A better one.", rows[3]["output"])
        assert (better["generator"], better["reviewed"]) == ("human", "edited")
        assert held[rows[5]["input"]]["reviewed"] == "kept"
        assert rows[4]["input"] not in held
        assert held[rows[6]["input"]]["reviewed"] is None


def test_edits_of_an_earlier_wording_are_refused(rows: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace(" LAYOUT", ""))
    build("r.yaml")
    assert main(["export", "data/faq", "--to", "review.csv"]) == 0
    out = sheet(tmp_path / "review.csv")
    by = {row["question"]: number for number, row in enumerate(out)}
    one, other, place = (by[rows[n]["input"]] for n in (0, 1, 2))
    marked(
        tmp_path / "review.csv",
        out,
        **{f"n{one}": {"better_answer": "Better."}, f"n{other}": {"right": "no"}, f"n{place}": {"right": "yes", "answer": "Changed here."}},
    )
    rows[0]["output"] = "It says something else now."
    (tmp_path / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)))
    build("r.yaml")
    assert main(["import", "data/faq", "review.csv"]) == 4
    told = capsys.readouterr()
    assert "the row has changed since the sheet was written" in told.err
    assert "changed in place" in told.err
    assert "0 kept, 0 edited, 1 dropped" in told.out
    edits = [json.loads(line) for line in (tmp_path / "reviews.jsonl").read_text().splitlines()]
    assert [edit["verdict"] for edit in edits] == ["drop"]
    rows[1]["output"] = "This one has changed after it was judged."
    (tmp_path / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = build("r.yaml")
    held = {row["input"]: row for row in dataset.train.collect().to_dicts()}
    assert held[rows[1]["input"]]["reviewed"] == "stale", "a stale edit drops nothing"
    told = next(step for step in dataset.summary["steps"] if step["name"] == "read")["warned"]
    assert told[1] == "1 edits are stale: their rows say something else now"
    (tmp_path / "reviews.jsonl").write_text('{"id": "x", "verdict": "edit", "hash": "y"}\n')
    from tasks.errors import RecipeError

    with pytest.raises(RecipeError, match="line 1 is no edit"):
        build("r.yaml")


def test_a_second_round_of_reading_keeps_what_the_first_corrected(rows: list[dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace(" LAYOUT", ""))

    def read(**marks: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Mark rows by their numbers in the file, carry the marks out, and give the rows of the next build."""
        assert main(["export", "data/faq", "--to", "review.csv"]) == 0
        out = sheet(tmp_path / "review.csv")
        by = {row["question"]: number for number, row in enumerate(out)}
        marked(tmp_path / "review.csv", out, **{f"n{by[rows[int(name[1:])]['input']]}": mark for name, mark in marks.items()})
        assert main(["import", "data/faq", "review.csv"]) == 0
        return {row["input"]: row for row in build("r.yaml").train.collect().to_dicts()}

    build("r.yaml")
    read(n0={"better_answer": "First."}, n1={"better_answer": "First."}, n2={"better_answer": "First."}, n3={"right": "yes"})
    held = read(n0={"right": "yes"}, n1={"better_answer": "Second."}, n2={"right": "no"}, n3={"better_answer": "Late."})
    told = [(held[rows[n]["input"]]["output"], held[rows[n]["input"]]["reviewed"]) for n in (0, 1, 3)]
    assert told == [("First.", "edited"), ("Second.", "edited"), ("Late.", "edited")]
    assert held[rows[1]["input"]]["rejected"] == rows[1]["output"]
    assert rows[2]["input"] not in held
    held = read(n1={"better_answer": "Third."})
    assert held[rows[1]["input"]]["output"] == "Third."


def test_separators_of_lines_inside_a_text_and_long_texts_are_no_ends(rows: list[dict[str, str]], tmp_path: Path) -> None:
    better = "One\u2028two\u2029three\u0085four\x0bfive"
    long = "word " * 60_000
    (tmp_path / "r.yaml").write_text(RECIPE.replace(" LAYOUT", ""))
    build("r.yaml")
    for name in ("review.csv", "review.jsonl"):
        assert main(["export", "data/faq", "--to", name]) == 0
    out = sheet(tmp_path / "review.csv")
    marked(tmp_path / "review.csv", out, n0={"better_answer": better}, n1={"better_answer": long})
    assert main(["import", "data/faq", "review.csv"]) == 0
    told = [json.loads(line) for line in (tmp_path / "review.jsonl").read_text(encoding="utf-8").split("\n") if line]
    told[2]["better_answer"] = better
    (tmp_path / "review.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in told), encoding="utf-8")
    assert main(["import", "data/faq", "review.jsonl"]) == 0
    held = {row["input"]: row["output"] for row in build("r.yaml").train.collect().to_dicts()}
    assert held[out[0]["question"]] == better
    assert held[out[1]["question"]] == long
    assert held[told[2]["question"]] == better


def test_a_sample_looks_where_judge_and_novelty_disagree() -> None:
    words = prose(0, 1).split()
    rows: list[dict[str, Any]] = [{"id": "h", "generator": "human", "question": " ".join(words), "answer": "a", "score": 5.0}]
    for number in range(40):
        near = words[: len(words) * number // 40] + [f"w{number}x{k}" for k in range(len(words) - len(words) * number // 40)]
        score = 1.0 + number / 10 if number != 39 else 1.0
        rows.append({"id": str(number), "generator": "model:w", "question": " ".join(near), "answer": "a", "score": score})
    rows[1]["score"] = 1.0
    chosen = sampled(rows, 10)
    assert len({row["id"] for row in chosen}) == 10
    assert not any(row["id"] == "h" for row in chosen)
    agree = {"39"}
    assert {row["id"] for row in chosen[:3]} <= {"38", "37", "36", "0", "1", "2", "3"} - agree
    assert chosen == sampled(list(reversed(rows)), 10)


def test_logs_become_a_sheet_and_corrected_answers_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "=1+1?"},
        {"role": "assistant", "content": "Three."},
    ]
    lines = [
        {"messages": talk},
        {"messages": talk},
        {"prompt": "Where?", "completion": "There."},
        {"nothing": 1},
        {"prompt": "Who?", "completion": "Me."},
    ]
    (tmp_path / "logs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["from-logs", "logs.jsonl", "--to", "sheet.csv"]) == 0
    assert "4 answers in sheet.csv; 1 records hold none" in capsys.readouterr().out
    out = sheet(tmp_path / "sheet.csv")
    by = {row["question"].lstrip("'"): number for number, row in enumerate(out)}
    marked(
        tmp_path / "ada.csv",
        out,
        **{
            f"n{by['=1+1?']}": {"better_answer": "Two.", "right": "no"},
            f"n{by['Where?']}": {"right": "yes"},
            f"n{by['Who?']}": {"right": "no"},
        },
    )
    marked(
        tmp_path / "bob.csv",
        out,
        **{f"n{by['=1+1?']}": {"right": "no"}, f"n{by['Where?']}": {"right": "yes"}, f"n{by['Who?']}": {"right": "yes"}},
    )
    assert main(["pairs", "ada.csv", "bob.csv"]) == 0
    told = capsys.readouterr()
    assert "Cohen's kappa of ada.csv and bob.csv: 0.40 over 3 rows" in told.out
    assert "people disagree" in told.err
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert pairs == [{"input": "=1+1?", "output": "Two.", "rejected": "Three.", "turns": talk[:2]}]
    assert main(["pairs", "ada.csv", "bob.csv", "--also", "approved", "unjudged"]) == 0
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert {pair["input"] for pair in pairs} == {"=1+1?", "Where?", "Hello"}
    dataset = build("name: x\nsteps:\n  s: {use: seeds, path: pairs.jsonl}\n  dataset: {use: write}\n")
    row = next(row for row in dataset.train.collect().to_dicts() if row["input"] == "=1+1?")
    assert (row["output"], row["rejected"], row["generator"], row["turns"]) == ("Two.", "Three.", "human", talk[:2])


def test_kappa_is_cohens() -> None:
    def mark(number: int, reviewer: str, right: Any) -> Mark:
        return Mark(str(number), "", "q", "a", right, "", "", reviewer)

    both = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    marks = [mark(n, name, pair[side]) for n, pair in enumerate(both) for side, name in enumerate(("a", "b"))]
    (value,) = kappas([*marks, mark(99, "a", None)]).values()
    assert value == (pytest.approx(0.4), 50)
    assert kappas([mark(1, "a", True), mark(1, "b", True)])["a and b"] == (1.0, 1)
    assert kappas([mark(1, "a", True), mark(2, "b", True)]) == {}


def test_what_is_no_sheet_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    assert main(["pairs", "bad.csv"]) == 2
    assert "needs the columns id, question and answer" in capsys.readouterr().err
    (tmp_path / "maybe.csv").write_text("id,question,answer,right\n1,q,a,perhaps\n")
    assert main(["pairs", "maybe.csv"]) == 2
    assert "maybe.csv:2: got perhaps: says neither yes nor no" in capsys.readouterr().err
    assert main(["pairs", "absent.csv"]) == 2
    assert main(["export", "nowhere"]) == 2
    (tmp_path / "json.jsonl").write_text('{"id": "1", "question": "q", "answer": "a", "right": true, "better_answer": null}\n')
    assert read_sheet("json.jsonl")[0].good is True


def test_a_sheet_shows_what_was_rejected_and_why_a_judge_scored_so(tmp_path: Path) -> None:
    (tmp_path / "faq.jsonl").write_text(json.dumps({"input": "How?", "output": "So.", "rejected": "Not so.", "verdict": "to the point"}))
    kept = "columns: {input: input, output: output, rejected: rejected, verdict: verdict}"
    build(f"name: faq\nsteps:\n  faq: {{use: seeds, path: faq.jsonl, {kept}}}\n  dataset: {{use: write}}\n")
    assert main(["export", "data/faq", "--to", "review.csv"]) == 0
    (row,) = sheet(tmp_path / "review.csv")
    assert (row["answer"], row["rejected"], row["verdict"]) == ("So.", "Not so.", "to the point")
    marked(tmp_path / "review.csv", [row], n0={"right": "yes"})
    assert main(["import", "data/faq", "review.csv"]) == 0


def logs(tmp_path: Path, *records: dict[str, Any]) -> list[dict[str, str]]:
    (tmp_path / "logs.jsonl").write_text("\n".join(map(json.dumps, records)))
    assert main(["from-logs", "logs.jsonl", "--to", "sheet.csv"]) == 0
    return sheet(tmp_path / "sheet.csv")


def pairs_in(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]


def test_what_a_log_says_beside_its_answers_is_carried_along(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Hm."}]
    other = [{"role": "system", "content": "Be long."}, *talk[1:]]
    out = logs(
        tmp_path, {"messages": talk}, {"messages": other}, {"prompt": "Who?", "completion": "Me.", "private": True, "licence": "CC0-1.0"}
    )
    assert len(out) == 3, "an answer under another system message is another one"
    marked(tmp_path / "sheet.csv", out, **{f"n{n}": {"better_answer": "Better."} for n in range(3)})
    assert main(["pairs", "sheet.csv"]) == 0
    assert [pair.get("system") for pair in pairs_in(tmp_path)] == ["Be short.", "Be long.", None]
    build("name: x\nsteps:\n  s: {use: seeds, path: pairs.jsonl}\n  dataset: {use: write}\n", out="made")
    held = {
        row["input"]: row
        for row in build("name: x\nsteps:\n  s: {use: seeds, path: pairs.jsonl}\n  dataset: {use: write}\n").train.collect().to_dicts()
    }
    assert (held["Who?"]["private"], held["Who?"]["licence"]) == (True, "CC0-1.0")
    assert not held["Hm?"]["private"]


def test_a_better_answer_that_is_the_answer_is_none(tmp_path: Path) -> None:
    out = logs(tmp_path, {"prompt": "a", "completion": "b\nc"}, {"prompt": "code", "completion": "if x:\n  y"})
    marked(tmp_path / "sheet.csv", out, n0={"right": "yes", "better_answer": "b\r\nc "}, n1={"better_answer": "if x:\n    y"})
    assert main(["pairs", "sheet.csv", "--also", "approved"]) == 0
    assert pairs_in(tmp_path) == [
        {"input": "code", "output": "if x:\n    y", "rejected": "if x:\n  y"},
        {"input": "a", "output": "b\nc"},
    ], "indentation may be what was wrong"


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.jsonl"])
def test_quotes_and_numbers_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    texts = ["'''Paris''' is", "'-x' flag?", "007", "1.50", "=1+1", "2020-01-02", "'=x", "-", "true", "False"]
    (tmp_path / "logs.jsonl").write_text("\n".join(json.dumps({"prompt": text, "completion": text}) for text in texts))
    assert main(["from-logs", "logs.jsonl", "--to", name]) == 0
    if name == "sheet.csv":
        out = sheet(tmp_path / name)
        assert all(row["answer"].startswith("'") for row in out), "no spreadsheet takes one for a formula, a number or a date"
        marked(tmp_path / name, out, **{f"n{n}": {"better_answer": "''Lutetia''"} for n in range(len(out))})
    else:
        lines = [json.loads(line) | {"better_answer": "''Lutetia''"} for line in (tmp_path / name).read_text().splitlines()]
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)))
    assert main(["pairs", name]) == 0
    assert [(pair["input"], pair["rejected"], pair["output"]) for pair in pairs_in(tmp_path)] == [
        (text, text, "''Lutetia''") for text in texts
    ]


@pytest.mark.parametrize(("delimiter", "encoding", "first"), [(";", "utf-8-sig", ""), ("\t", "utf-16", ""), (";", "utf-8", "sep=;\r\n")])
def test_sheets_come_as_spreadsheets_of_any_country_write_them(tmp_path: Path, delimiter: str, encoding: str, first: str) -> None:
    out = logs(tmp_path, {"prompt": "Où?", "completion": "Là; ici,\nou là"})
    with (tmp_path / "sheet.csv").open("w", encoding=encoding, newline="") as file:
        file.write(first)
        writer = csv.DictWriter(file, out[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerow(out[0] | {"better_answer": "À côté."})
    assert main(["pairs", "sheet.csv"]) == 0
    assert pairs_in(tmp_path) == [{"input": "Où?", "output": "À côté.", "rejected": "Là; ici,\nou là"}]


def test_what_a_spreadsheet_cut_is_refused_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = [
        {"role": role, "content": text} for role, text in (("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Four"))
    ]
    out = logs(tmp_path, {"messages": talk}, {"prompt": "a", "completion": "b"})
    for row in out:
        row["better_answer"] = "x"
    out[1]["turns"] = out[1]["turns"][:20]
    marked(tmp_path / "sheet.csv", out)
    assert main(["pairs", "sheet.csv"]) == 4
    assert "sheet.csv:3: what stands beside the marks was changed or cut" in capsys.readouterr().err
    assert [pair["input"] for pair in pairs_in(tmp_path)] == ["One", "a"]
    for row in out:
        row["hash"] = ""
    marked(tmp_path / "sheet.csv", out)
    assert main(["pairs", "sheet.csv"]) == 2
    assert "sheet.csv:3: holds a `turns` that was changed or cut" in capsys.readouterr().err


def test_an_answer_that_was_overwritten_in_the_sheet_of_a_waiting_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.sheets import write_sheet
    from tasks.edits.review import content_hash

    held = [{"id": f"{n}", "hash": content_hash(f"q{n}", "a\nb"), "question": f"q{n}", "answer": "a\nb"} for n in range(2)]
    write_sheet("read.csv", held, ("id", "hash", "question", "answer"))
    out = sheet(tmp_path / "read.csv")
    marked(tmp_path / "read.csv", out, n0={"right": "yes", "answer": "a\r\nb"}, n1={"right": "yes", "answer": "better"})
    assert main(["edits", "read.csv"]) == 4
    told = capsys.readouterr()
    assert "1 kept, 0 edited, 0 dropped" in told.out
    assert "1: `question` or `answer` was changed in place" in told.err


def test_a_dataset_without_a_layout_is_read_as_it_stands(tmp_path: Path) -> None:
    lines = [{"q": "How?", "a": "So.", "instruction": "mine"}, {"q": "Why?", "a": None, "instruction": "mine"}]
    (tmp_path / "faq.jsonl").write_text("\n".join(map(json.dumps, lines)))
    recipe = "name: faq\nsteps:\n  faq: {use: seeds, path: faq.jsonl, columns: {input: q, output: a, instruction: instruction}}\n"
    recipe += "  read: {use: review, edits: reviews.jsonl}\n  dataset: {use: write}\n"
    build(recipe)
    assert main(["export", "data/faq", "--to", "review.csv"]) == 0
    (row,) = sheet(tmp_path / "review.csv")
    assert row["question"].split() == ["mine", "How?"]
    marked(tmp_path / "review.csv", [row], n0={"better_answer": "Thus."})
    assert main(["import", "data/faq", "review.csv"]) == 0
    assert {made["output"] for made in build(recipe).train.collect().to_dicts()} == {"Thus."}


def test_a_dataset_of_documents_is_said_to_hold_no_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text(prose(1, 8))
    build("name: faq\nsteps:\n  notes: {use: files, path: notes.txt}\n  dataset: {use: write}\n")
    assert main(["export", "data/faq"]) == 2
    assert "holds no pairs" in capsys.readouterr().err


def test_two_sheets_of_one_name_are_of_two_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = logs(tmp_path, {"prompt": "a", "completion": "b"})
    for name in ("ada", "bob"):
        (tmp_path / name).mkdir()
        marked(tmp_path / name / "sheet.csv", out, n0={"right": "yes"})
    assert main(["pairs", "ada/sheet.csv", "bob/sheet.csv"]) == 0
    assert "kappa of ada/sheet.csv and bob/sheet.csv: 1.00 over 1 rows" in capsys.readouterr().out


def test_a_blank_line_of_a_sheet_is_no_pair(tmp_path: Path) -> None:
    out = logs(tmp_path, {"prompt": "a", "completion": "b"})
    marked(tmp_path / "sheet.csv", [*out, dict.fromkeys(out[0], "")])
    assert main(["pairs", "sheet.csv", "--also", "unjudged"]) == 0
    assert pairs_in(tmp_path) == [{"input": "a", "output": "b"}]
