"""People in the loop: `python -m flows.review export | import | edits | from-logs | pairs`.

`export` writes a sheet of a dataset's rows, most of them where judge and novelty disagree; `import` turns the marked sheet into edits
for the step `review`, and `edits` does so for the sheet of a run that waits. `from-logs` writes a sheet of what a model answered in chat
logs; `pairs` turns the marked one into human pairs, with what was wrong as `rejected`. Where two people have read the same rows, they say
how far these agree.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from flows.rim import Exit, guarded
from flows.sheets import CARRIED, Mark, agreed, kappas, place_of, read_sheets, write_sheet
from tasks.edits.review import content_hash, edits_of
from tasks.errors import usage
from tasks.growth.novelty import Novelty
from tasks.growth.strategy import is_human
from tasks.sources.dialogues import NotPair, pairs_of
from tasks.sources.listing import list_files
from tasks.sources.opening import Unreadable
from tasks.sources.tabular import read_rows
from tasks.store.keys import digest, draw
from tasks.store.place import Place

Row = dict[str, Any]
SHOWN = ("id", "hash", "split", "generator", "score", "novelty", "question", "answer")
BESIDE = ("rejected", "verdict")
"""Columns that a sheet has where rows have them: a worse answer, and why a judge scored the answer so."""
LOGGED = ("id", "hash", "turns", "question", "answer")


def rows_of(dataset: str, version: str | None) -> list[Row]:
    """Read a version's pairs, whatever their layout: id, split, generator, score, question, answer."""
    place = Place.at(dataset if "://" in dataset else str(Path(dataset).absolute()))
    if place.size("latest.json") is None:
        raise usage("is no dataset: it has no latest.json", "Name the folder OUT/NAME of a build.", value=dataset)
    wanted = version or orjson.loads(place.read_bytes("latest.json"))["version"]
    return [row for name in sorted(place.names(f"{wanted}/data")) for row in _rows(place, wanted, name)]


def _rows(place: Place, version: str, name: str) -> Iterator[Row]:
    with place.local_copy(name) as path:
        frame = pl.read_parquet(path) if name.endswith(".parquet") else pl.read_ndjson(path, infer_schema_length=None)
    base = name.rpartition("/data/")[2].rpartition(".")[0]
    split = base.rpartition("/")[2].partition("-")[0]
    origins, laid_out = frame, "id" not in frame.columns
    if laid_out:
        with place.local_copy(f"{version}/provenance/{base}.parquet") as path:
            origins = pl.read_parquet(path)
    elif "output" not in frame.columns:
        raise usage("holds no pairs", "Review datasets of pairs.", value=name)
    for record, origin in zip(frame.iter_rows(named=True), origins.iter_rows(named=True), strict=True):
        try:
            pair = pairs_of(record, "last").pairs[-1] if laid_out else record
        except NotPair as error:
            raise usage(f"holds no pairs: {error}", "Review datasets of pairs.", value=name) from error
        if pair.get("output") is None:
            continue
        yield {
            "id": origin["id"],
            "hash": content_hash(pair["input"], pair["output"]),
            "split": split,
            "generator": origin.get("generator"),
            "score": origin.get("score", record.get("score")),
            "question": pair["input"],
            "answer": pair["output"],
            "rejected": pair.get("rejected"),
            "verdict": record.get("verdict"),
        }


def sampled(rows: Sequence[Row], count: int) -> list[Row]:
    """Choose rows to be read: those that models made, half of them where judge and novelty disagree, the others by hash."""
    humans = Novelty(row["question"] for row in rows if is_human(row))
    made = [row | {"novelty": humans.of(row["question"])} for row in rows if not is_human(row)] or [dict(row) for row in rows]
    shuffled = sorted(made, key=lambda row: draw("review", row["id"]))
    if all(row.get("score") is None or "novelty" not in row for row in made):
        return shuffled[:count]
    judged, novel = (_ranks(made, name) for name in ("score", "novelty"))
    apart = sorted(shuffled, key=lambda row: -abs(judged.get(row["id"], 0.5) - novel.get(row["id"], 0.5)))
    first = apart[: -(-count // 2)]
    names = {row["id"] for row in first}
    return first + [row for row in shuffled if row["id"] not in names][: count - len(first)]


def _ranks(rows: Sequence[Row], name: str) -> dict[str, float]:
    """Give where each row stands by a column, from 0 to 1; equal ones stand together."""
    values = pl.Series([row.get(name) for row in rows], dtype=pl.Float64)
    ranks = values.rank("average") / max(len(values) - values.null_count(), 1)
    return {row["id"]: rank for row, rank in zip(rows, ranks.to_list(), strict=True) if rank is not None}


def edits_from(rows: Mapping[str, Row], marks: Sequence[Mark]) -> tuple[list[Row], list[str]]:
    """Make edits of marks; name those that are of no row, or of another wording."""
    edits, stale = [], []
    for mark in marks:
        row = rows.get(mark.id)
        if row is None or mark.hash != row["hash"]:
            stale.append(f"{mark.id}: {'no such row' if row is None else 'the row has changed since the sheet was written'}")
        elif " ".join(mark.answer.split()) != " ".join(row["answer"].split()):
            stale.append(f"{mark.id}: `answer` was changed in place; write the better one into `better_answer`")
        else:
            verdict = "edit" if mark.better else "keep" if mark.right else "drop"
            output = {"output": mark.better} if mark.better else {}
            edits.append({"id": mark.id, "hash": mark.hash, "verdict": verdict, **output, "reason": mark.reason, "reviewer": mark.reviewer})
    return edits, stale


def _following(before: Row | None, edit: Row, question: str) -> Row:
    """Give an edit that holds beside an earlier one of the same row.

    Where it is of the wording that the earlier one made, the step will still meet the one before that: the edit is of that one,
    and what was found right stays as it was corrected.
    """
    if before is None or before["verdict"] != "edit" or edit["hash"] != content_hash(question, before["output"]):
        return edit
    return before if edit["verdict"] == "keep" else edit | {"hash": before["hash"]}


def logged(paths: Sequence[str]) -> tuple[list[Row], int]:
    """Read the answers of chat logs, each once; give them, and how many records were none."""
    found: dict[str, Row] = {}
    lost = 0
    for unit in list_files([path if "://" in path else str(Path(path).absolute()) for path in paths]):
        try:
            for row in read_rows(unit, frozenset({"messages", "conversations", "prompt", "completion", "input", "output"})):
                made = _answers(row.value)
                lost += not made
                found |= {answer["id"]: answer for answer in made}
        except Unreadable:
            lost += 1
    return list(found.values()), lost


def _answers(record: Any) -> list[Row]:
    try:
        pairs = pairs_of(record, "every").pairs if isinstance(record, dict) else []
    except NotPair:
        return []
    about = {name: str(record[name]) for name in ("licence", "private") if record.get(name)}
    return [_logged(pair, about) for pair in pairs]


def _logged(pair: Mapping[str, Any], about: Mapping[str, str]) -> Row:
    """Give an answer of a log as its sheet has it; what stands around it is part of its id."""
    around = {name: orjson.dumps(pair[name]).decode() for name in ("turns", "tools") if pair.get(name)}
    around |= {"system": str(pair["system"])} if pair.get("system") else {}
    row = {"turns": "", "question": pair["input"], "answer": pair["output"], **about, **around}
    told = {name: around[name] for name in ("system", "tools") if name in around}
    return {
        "id": digest(pair.get("turns") or [], pair["input"], pair["output"], *([told] if told else []))[:16],
        "hash": _words_hash(row),
        **row,
    }


def _words_hash(row: Mapping[str, Any]) -> str:
    """Hash what people leave alone, white space apart, which spreadsheets change."""
    return digest(*(" ".join(str(row.get(name) or "").split()) for name in ("question", "answer", *CARRIED)))[:16]


def human_pairs(marks: Sequence[Mark], every: Sequence[Mark], also: Sequence[str]) -> list[Row]:
    """Make pairs of what people corrected; with `also` of what they approved, or did not judge, too."""
    pairs = [_pair(mark, mark.better) | {"rejected": mark.answer} for mark in marks if mark.better]
    if "approved" in also:
        pairs += [_pair(mark, mark.answer) for mark in marks if mark.good]
    if "unjudged" in also:
        judged = {mark.id for mark in every if mark.good is not None}
        left = {mark.id: mark for mark in every if mark.id not in judged and mark.question.strip() and mark.answer.strip()}
        pairs += [_pair(mark, mark.answer) for mark in left.values()]
    return pairs


def _pair(mark: Mark, output: str) -> Row:
    return {"input": mark.question, "output": output, **{name: _read(mark, name) for name in CARRIED if name in mark.carried}}


def _read(mark: Mark, name: str) -> Any:
    """Give a column that a sheet carried; RecipeError where it is no longer what it was."""
    try:
        return orjson.loads(mark.carried[name]) if name in ("turns", "tools") else mark.carried[name]
    except orjson.JSONDecodeError as error:
        raise usage(f"holds a `{name}` that was changed or cut", "Write the sheet again, as .jsonl.", place=mark.place) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser("dartboard review", description="Have people read rows, and carry out what they say.")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    verbs = parser.add_subparsers(dest="verb", required=True)
    export = verbs.add_parser("export", help="write a sheet of a dataset's rows")
    export.add_argument("dataset", help="the dataset's folder (OUT/NAME)")
    export.add_argument("--sample", type=int, default=200, metavar="N", help="rows of the sheet (default: 200)")
    export.add_argument("--to", default="review.csv", metavar="FILE", help="the sheet: .csv or .jsonl (default: review.csv)")
    export.add_argument("--version", help="the version to read (default: the latest)")
    bring = verbs.add_parser("import", help="make edits of marked sheets, for the step `review`")
    bring.add_argument("dataset", help="the dataset that the sheet was written from")
    bring.add_argument("sheets", nargs="+", help="marked sheets, of one or more people")
    bring.add_argument("--to", default="reviews.jsonl", metavar="FILE", help="the edits, added to those there (default: reviews.jsonl)")
    bring.add_argument("--version", help="the version to compare with (default: the latest)")
    edits = verbs.add_parser("edits", help="make edits of sheets that a waiting run wrote; the step compares them with its rows")
    edits.add_argument("sheets", nargs="+", help="marked sheets, of one or more people")
    edits.add_argument("--to", default="reviews.jsonl", metavar="FILE", help="the edits, added to those there (default: reviews.jsonl)")
    logs = verbs.add_parser("from-logs", help="write a sheet of the answers in chat logs")
    logs.add_argument("files", nargs="+", help="chat logs: JSON lines, JSON, CSV or Parquet, globs too")
    logs.add_argument("--to", default="logs.csv", metavar="FILE", help="the sheet (default: logs.csv)")
    pairs = verbs.add_parser("pairs", help="make human pairs of marked sheets of logs, for the step `seeds`")
    pairs.add_argument("sheets", nargs="+", help="marked sheets, of one or more people")
    pairs.add_argument("--to", default="pairs.jsonl", metavar="FILE", help="the pairs (default: pairs.jsonl)")
    pairs.add_argument("--also", nargs="*", choices=("approved", "unjudged"), default=[], help="take other answers too")
    told = parser.parse_args(arguments)
    commands = {"export": _export, "import": _import, "edits": _edits, "from-logs": _from_logs, "pairs": _pairs}
    return guarded(lambda: commands[told.verb](told), debug=told.debug)


def _export(told: argparse.Namespace) -> int:
    if told.sample < 1:
        raise usage("must be at least 1", place="--sample", value=str(told.sample))
    rows = sampled(rows_of(told.dataset, told.version), told.sample)
    write_sheet(told.to, rows, (*SHOWN, *(name for name in BESIDE if any(row[name] for row in rows))))
    print(f"{len(rows):,} rows in {told.to}: write yes or no into `right`, or a better answer, and a reason")
    return Exit.GOOD


def _import(told: argparse.Namespace) -> int:
    rows = {row["id"]: row for row in rows_of(told.dataset, told.version)}
    marks = _agreed(read_sheets(told.sheets))
    return _written(told.to, *edits_from(rows, marks), {row["id"]: row["question"] for row in rows.values()})


def _edits(told: argparse.Namespace) -> int:
    marks = _agreed(read_sheets(told.sheets))
    changed = [mark for mark in marks if mark.hash and not _is_as_written(mark)]
    stale = [f"{mark.id}: `question` or `answer` was changed in place; write the better one into `better_answer`" for mark in changed]
    rows = {mark.id: {"hash": mark.hash, "answer": mark.answer} for mark in marks if mark.hash}
    edits, others = edits_from(rows, [mark for mark in marks if mark not in changed])
    return _written(told.to, edits, [*stale, *others], {mark.id: mark.question for mark in marks})


def _is_as_written(mark: Mark) -> bool:
    """Tell whether a row still says what its hash is of, whatever a spreadsheet made of the ends of lines."""
    for old, new in (("", ""), ("\r\n", "\n"), ("\n", "\r\n")):
        if mark.hash == content_hash(*(text.replace(old, new) if old else text for text in (mark.question, mark.answer))):
            return True
    return False


def _written(path: str, edits: Sequence[Row], stale: Sequence[str], questions: Mapping[str, str]) -> int:
    """Add edits to those in a file, and say what came of them."""
    place, name = place_of(path)
    before = edits_of(place.read_bytes(name).decode()) if place.size(name) is not None else {}
    merged = before | {edit["id"]: _following(before.get(edit["id"]), edit, questions[edit["id"]]) for edit in edits}
    place.put_bytes(name, b"".join(orjson.dumps(edit) + b"\n" for _, edit in sorted(merged.items())))
    counts = {verdict: sum(edit["verdict"] == verdict for edit in edits) for verdict in ("keep", "edit", "drop")}
    print(f"{counts['keep']:,} kept, {counts['edit']:,} edited, {counts['drop']:,} dropped: {path}")
    for line in stale:
        print(f"refused: {line}", file=sys.stderr)
    return Exit.PARTIAL if stale else Exit.GOOD


def _from_logs(told: argparse.Namespace) -> int:
    rows, lost = logged(told.files)
    write_sheet(told.to, rows, (*LOGGED, *(name for name in CARRIED if name not in LOGGED and any(name in row for row in rows))))
    print(f"{len(rows):,} answers in {told.to}; {lost:,} records hold none")
    return Exit.GOOD if rows else Exit.FAILED


def _pairs(told: argparse.Namespace) -> int:
    every: list[Mark] = []
    changed: list[Mark] = []
    for mark in read_sheets(told.sheets):
        same = not mark.hash or mark.hash == _words_hash({"question": mark.question, "answer": mark.answer, **mark.carried})
        (every if same else changed).append(mark)
    pairs = human_pairs(_agreed(every), every, told.also)
    place, name = place_of(told.to)
    place.put_bytes(name, b"".join(orjson.dumps(pair) + b"\n" for pair in pairs))
    print(f"{len(pairs):,} pairs in {told.to}, {sum('rejected' in pair for pair in pairs):,} of them with what was wrong")
    for mark in changed:
        print(f"refused: {mark.place}: what stands beside the marks was changed or cut; write the sheet as .jsonl", file=sys.stderr)
    return Exit.PARTIAL if changed else Exit.GOOD


def _agreed(marks: Sequence[Mark]) -> list[Mark]:
    """Give what people agree on; say how far they do."""
    found, split = agreed(marks)
    for names, (kappa, count) in kappas(marks).items():
        print(f"Cohen's kappa of {names}: {kappa:.2f} over {count:,} rows")
    for name in split:
        print(f"left out: {name}: people disagree", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
