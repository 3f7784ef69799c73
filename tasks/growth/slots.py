"""`slots`: new inputs from templates that seeds have in common; no model is asked."""

import difflib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.frames import PAIRS, Kind
from tasks.growth.novelty import Sides
from tasks.growth.strategy import licences
from tasks.step import Context, Family, Names, Step
from tasks.store.keys import draw

LEAST_COMMON, SHARE_COMMON = 3, 0.5
"""Words that two inputs have in common at least, and as a share of the shorter one, to have a template."""
MOST_SLOTS, MOST_WORDS = 3, 6
"""Slots of a template, and words of what stands in one."""
MOST_SEEDS = 1500
"""Seeds that are compared with each other; of more some are drawn."""
Words = tuple[str, ...]


@dataclass
class Learnt:
    """A template: its fixed words with None for each slot, what was seen in each slot, and the seeds that it is of."""

    words: tuple[str | None, ...]
    values: list[dict[Words, None]] = field(default_factory=list)
    seeds: dict[str, None] = field(default_factory=dict)


class Slots(Step):
    """Make new inputs of seeds that are alike: what differs between two of them are slots, filled anew with what stood in them elsewhere.

    In the manner of CheckList (Ribeiro et al. 2020, arXiv 2005.04118), whose templates people write; here they are found by aligning
    words. Only inputs are made: a rule cannot tell the output, so let `answer` follow. Children carry the split,
    group and licences of their seeds, and say `rule:slots`; rows marked private are not used. Only the children come out.

    ```yaml
    models:
      teacher: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds:    {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      split:    {use: split, test: 1}
      asked:    {use: slots, rows: 20}
      answered: {use: answer, model: teacher, prompt: prompt.md, budget: {tokens: 100000}}
      all:      {use: dedup, from: [split, answered], by: [input]}
      dataset:  {use: write, layout: prompt-completion}
    ```
    """

    family: ClassVar[Family] = "grow"
    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)
    gives: ClassVar[Kind | None] = "pairs"
    draws: ClassVar[bool] = True

    use: Literal["slots"] = "slots"
    rows: Annotated[int, Field(ge=1)]
    """How many new inputs to make."""
    grow: Annotated[Names, Field(min_length=1)] = ("train",)
    """Splits whose rows are seeds; children stay in the split of theirs."""

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """A pair's columns, and what the rows carry."""
        return frozenset(PAIRS) | before

    def make(self, rows: Sequence[dict[str, Any]], context: Context) -> tuple[list[dict[str, Any]], int]:
        """Give new rows without outputs, and how many templates there are."""
        seeds = [row for row in rows if not row["private"] and row.get("split") in (None, *self.grow)]
        by_split: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(seeds, key=lambda row: draw(context.seed, context.step, "seed", row["id"]))[:MOST_SEEDS]:
            by_split[row.get("split")].append(row)
        learnt = {split: _learnt(held) for split, held in by_split.items()}
        known = {" ".join(str(row["input"]).split()) for row in rows}
        found = [child for split, held in by_split.items() for child in _children(learnt[split], held, known, context)]
        ranked = sorted(found, key=lambda child: draw(context.seed, context.step, "child", child["input"]))
        sides = Sides(rows)
        unique = {child["input"]: child for child in ranked}.values()
        kept = list(itertools.islice((child for child in unique if not sides.strays(child)), self.rows))
        made = [row | {"id": f"{row['parents'][0]}/{context.step}#{number}"} for number, row in enumerate(kept)]
        return made, sum(map(len, learnt.values()))


def _learnt(seeds: Sequence[dict[str, Any]]) -> list[Learnt]:
    """Compare all seeds with each other, and gather what has one template."""
    held: dict[tuple[str | None, ...], Learnt] = {}
    split = [(row["id"], tuple(str(row["input"]).split())) for row in seeds]
    for (one, first), (other, second) in itertools.combinations(split, 2):
        aligned = _aligned(first, second)
        if aligned is None:
            continue
        words, pairs = aligned
        template = held.setdefault(words, Learnt(words, [{} for _ in pairs]))
        template.seeds |= {one: None, other: None}
        for values, pair in zip(template.values, pairs, strict=True):
            values.update(dict.fromkeys(pair))
    return list(held.values())


def _aligned(one: Words, other: Words) -> tuple[tuple[str | None, ...], list[tuple[Words, Words]]] | None:
    """Align two inputs: the words that they share, None for each slot, and what stands there; None where they share too little."""
    if 2 * min(len(one), len(other)) < max(len(one), len(other)):
        return None
    words: list[str | None] = []
    pairs: list[tuple[Words, Words]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            words.extend(one[a:b])
        elif tag == "replace" and max(b - a, d - c) <= MOST_WORDS:
            words.append(None)
            pairs.append((one[a:b], other[c:d]))
        else:
            return None
    common = len(words) - len(pairs)
    least = max(LEAST_COMMON, SHARE_COMMON * min(len(one), len(other)))
    return (tuple(words), pairs) if 1 <= len(pairs) <= MOST_SLOTS and common >= least else None


def _children(templates: Sequence[Learnt], seeds: Sequence[dict[str, Any]], known: set[str], context: Context) -> Iterator[dict[str, Any]]:
    """Fill templates with what stood in their slots, and in slots of other templates between the same words."""
    shared: dict[tuple[str, str], dict[Words, None]] = defaultdict(dict)
    for template in templates:
        for place, values in zip(_slots(template), template.values, strict=True):
            shared[_around(template, place)] |= values
    rows = {row["id"]: row for row in seeds}
    for template in templates:
        choices = [list(shared[_around(template, place)]) for place in _slots(template)]
        parents = [rows[name] for name in template.seeds]
        for filled in _some(choices, context, template):
            text = _filled(template, filled)
            if text not in known:
                yield _child(parents, text)


def _some(choices: Sequence[Sequence[Words]], context: Context, template: Learnt) -> Iterator[tuple[Words, ...]]:
    """Give combinations of values: all where they are few, or else a thousand drawn by hash."""
    total = 1
    for values in choices:
        total *= len(values)
    if total <= 1000:
        yield from itertools.product(*choices)
        return
    for number in range(1000):
        drawn = [draw(context.seed, context.step, list(template.words), number, slot) for slot in range(len(choices))]
        yield tuple(values[place % len(values)] for values, place in zip(choices, drawn, strict=True))


def _slots(template: Learnt) -> list[int]:
    return [place for place, word in enumerate(template.words) if word is None]


def _around(template: Learnt, place: int) -> tuple[str, str]:
    """Give the words before and after a slot."""
    before = template.words[place - 1] if place else ""
    after = template.words[place + 1] if place + 1 < len(template.words) else ""
    return (before or "").lower(), (after or "").lower()


def _filled(template: Learnt, values: Sequence[Words]) -> str:
    rest = iter(values)
    return " ".join(word if word is not None else " ".join(next(rest)) for word in template.words)


def _child(parents: Sequence[dict[str, Any]], text: str) -> dict[str, Any]:
    first = parents[0]
    carried = {name: first[name] for name in ("source", "unit", "language", "group", "system")}
    return {
        **carried,
        "licence": licences(parents),
        "parents": [row["id"] for row in parents],
        "input": text,
        "output": None,
        "generator": "rule:slots",
        "imputed": [],
        "split": first.get("split"),
    }
