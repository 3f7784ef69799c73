"""Show what a build kept and dropped: `python -m flows.show DATASET [--dropped RULE]`.

Without a rule: what each step kept, and under which rules rows went. With one: how its score is
spread, with the bound in it, and the rows nearest to the bound on each side.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import polars as pl

from flows.asked import asked_lines, warned_lines
from flows.progress import steps_table
from flows.rim import Exit, guarded
from tasks.errors import usage
from tasks.store.place import Place
from tasks.wiring import nearest

BINS = 16
BAR = 40
EXCERPT = 300
"""Characters shown of a row."""


class Score(NamedTuple):
    """A rule's scores over all rows of its step, and its bounds."""

    rows: pl.DataFrame
    """id, ok, score, and the text's place: `part` and `row`."""
    low: float | None
    high: float | None

    @property
    def bound(self) -> float:
        """The bound that rows fail at, the upper one where there are both and more fail there."""
        failing = self.rows.filter(~pl.col("ok"))["score"]
        below = 0 if self.low is None else (failing < self.low).sum()
        return float(self.low if self.low is not None and (self.high is None or 2 * below >= len(failing)) else self.high or 0)


def facts_of(dataset: str, version: str | None) -> dict[str, Any]:
    """Give what the last build of a version counted; without one, of the latest."""
    place = Place.at(dataset)
    if place.size("latest.json") is None:
        raise usage("is no dataset: it has no latest.json", "Name the folder OUT/NAME of a build.", value=dataset)
    wanted = version or orjson.loads(place.read_bytes("latest.json"))["version"]
    for name in sorted(place.names("runs"), reverse=True):
        facts: dict[str, Any] = orjson.loads(place.read_bytes(name))
        if facts.get("version") == wanted:
            return facts
    raise usage("has no record of the build of this version", "Build it again; the record lies in `runs`.", value=f"{dataset}: {wanted}")


def rules_of(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the reports of filters by the names of their rules, as `STEP.SET.RULE`."""
    return {f"{step['name']}.{rule}": step for step in facts["steps"] for rule in step.get("bounds", {})}


def found_rule(facts: Mapping[str, Any], rule: str) -> tuple[str, Mapping[str, Any]]:
    """Give a rule's full name and its step's report, by the end of its name."""
    rules = rules_of(facts)
    fitting = [name for name in rules if name == rule or name.endswith(f".{rule}")]
    if len(fitting) != 1:
        told = f"Rules: {', '.join(fitting)}." if fitting else nearest(rule, rules) or f"Rules: {', '.join(rules)}."
        raise usage("names more than one rule" if fitting else "is no rule of this build", told, place="--dropped", value=rule)
    return fitting[0], rules[fitting[0]]


def score_of(step: Mapping[str, Any], rule: str) -> Score:
    """Read a rule's verdicts and scores over the rows that came into its step."""
    name = rule.partition(".")[2]
    frames = []
    for part, shard in enumerate(step["shards"]):
        with copy_of(shard["verdicts"]) as path:
            frame = pl.read_parquet(path, columns=["row", "id", name, f"{name}.score"], glob=False)
        frame = frame.rename({name: "ok", f"{name}.score": "score"}).with_columns(part=pl.lit(part))
        for url in shard["beside"]:
            with copy_of(url) as path:
                live = pl.read_parquet(path, columns=["keep"], glob=False).with_row_index("row").filter("keep")
            frame = frame.join(live.select("row"), on="row", how="semi", maintain_order="left")
        frames.append(frame)
    bounds = step["bounds"][name]
    return Score(pl.concat(frames), bounds[0], bounds[1])


def copy_of(url: str) -> Any:
    """Open a file of the work store; a clear error where it was swept."""
    folder, _, name = url.rpartition("/")
    place = Place.at(folder)
    if place.size(name) is None:
        raise usage("is not in the work store any more", "Run the same build again: it is made anew.", value=url)
    return place.local_copy(name)


def near(score: Score, step: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Give rows nearest to the bound, half of them kept and half dropped, with the beginning of their texts."""
    ranked = score.rows.with_columns(far=(pl.col("score") - score.bound).abs()).sort("far", "id")
    chosen = pl.concat([ranked.filter(~pl.col("ok")).head(count), ranked.filter("ok").head(count)])
    texts: dict[tuple[int, int], str] = {}
    for (part,), rows in chosen.group_by("part"):
        with copy_of(step["shards"][int(str(part))]["text"]) as path:
            column = pl.scan_parquet(path, glob=False).select(pl.col(step["column"]).str.slice(0, EXCERPT)).collect().to_series()
        texts |= {(int(str(part)), row): str(column[row] or "") for row in rows["row"]}
    return [
        {"id": row["id"], "kept": row["ok"], "score": row["score"], "text": texts[row["part"], row["row"]]} for row in chosen.to_dicts()
    ]


def histogram(score: Score) -> Iterator[str]:
    """Draw how scores are spread: a line a bin, those that hold only dropped rows marked."""
    held = score.rows["score"].drop_nulls().drop_nans()
    low, high = float(held.min() or 0), float(held.max() or 0)  # type: ignore[arg-type]
    width = (high - low) / BINS or 1.0
    table = score.rows.with_columns(bin=((pl.col("score") - low) / width).floor().clip(0, BINS - 1))
    counts = {row["bin"]: row for row in table.group_by("bin").agg(rows=pl.len(), kept=pl.col("ok").sum()).to_dicts()}
    most = max((row["rows"] for row in counts.values()), default=1)
    for place in range(BINS):
        row = counts.get(float(place), {"rows": 0, "kept": 0})
        length, lost = -(-BAR * row["rows"] // most), row["rows"] - row["kept"]
        dropped = max(round(length * lost / max(row["rows"], 1)), min(lost, 1))
        bar = "█" * (length - dropped) + "░" * dropped
        yield f"  {low + place * width:>10.4g}  {bar:<{BAR}} {row['rows']:>9,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser("dartboard show", description="Show what a build kept and dropped.")
    parser.add_argument("dataset", help="the dataset's folder (OUT/NAME)")
    parser.add_argument("--version", help="the version to show (default: the one that latest.json names)")
    parser.add_argument("--dropped", metavar="RULE", help="the rule whose rows to show, as in fineweb.short_lines")
    parser.add_argument("--rows", type=int, default=10, help="rows on each side of the bound (default: 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _command(parsed), debug=parsed.debug, as_json=parsed.json)


def _command(parsed: argparse.Namespace) -> int:
    facts = facts_of(parsed.dataset, parsed.version)
    if parsed.dropped is None:
        _show_steps(facts, as_json=parsed.json)
        return Exit.GOOD
    name, step = found_rule(facts, parsed.dropped)
    rule = name.partition(".")[2]
    score = score_of(step, name)
    rows = near(score, step, parsed.rows)
    alone, first = step.get("failed", {}).get(rule, 0), step["dropped"].get(rule, 0)
    if parsed.json:
        told = {"rule": name, "low": score.low, "high": score.high, "failed": alone, "first": first, "rows": rows}
        print(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY).decode())
        return Exit.GOOD
    bounds = " and ".join(f"{word} {value:g}" for word, value in (("at least", score.low), ("at most", score.high)) if value is not None)
    if rule in step.get("varied", ()):
        bounds = "bounds that differ from row to row"
    print(f"{name}: {bounds}; {alone:,} rows fail it, {first:,} of them under no rule before it\n")
    print("\n".join(histogram(score)))
    print("\n  █ kept by it, ░ dropped by it\n")
    for row in rows:
        print(f"{'kept   ' if row['kept'] else 'dropped'} {row['score']:.4g}  {row['id']}\n  {' '.join(row['text'].split())}\n")
    return Exit.GOOD


def _show_steps(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps({"version": facts["version"], "steps": facts["steps"]}).decode())
        return
    from rich.console import Console

    Console().print(steps_table(facts["steps"]))
    for line in (*asked_lines(facts["steps"]), *warned_lines(facts["steps"])):
        print(line)
    for step in facts["steps"]:
        for rule, count in sorted(step.get("failed", {}).items(), key=lambda item: -item[1]):
            first, only = step["dropped"].get(rule, 0), step.get("only", {}).get(rule, 0)
            print(f"{step['name']}.{rule}: {count:,} fail it, {first:,} of them under no rule before it, {only:,} under no other")


if __name__ == "__main__":
    sys.exit(main())
