"""Growing in rounds: which lots come next, which candidates are accepted, and when it ends."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from tasks.clients.llm import CONNECTION, NO_ROOM, RATE, REFUSED, SERVER, TIMEOUT
from tasks.growth.asking import Asker, together
from tasks.growth.diversity import diversity
from tasks.growth.engine import Grown
from tasks.growth.growing import ROUND, GrowingStep, Lot, Outcome
from tasks.growth.judging import judged, verdict
from tasks.growth.novelty import Novelty, Sides, Sketches
from tasks.growth.reading import Refused, Unpaid
from tasks.growth.strategy import Row, is_human
from tasks.step import Context
from tasks.store.keys import draw

LAST = 50
"""Candidates whose mean novelty tells whether the model still finds something new."""
BARREN, BARREN_IN_A_CELL = 128, 16
"""Lots in a row without an accepted row after which growing, or a cell, is given up."""
IN_VAIN = ("cut by length", "broken JSON", "schema violation", "empty answer", RATE, SERVER, TIMEOUT, CONNECTION, REFUSED)
"""Why answers cannot be read, or do not come; where it is always the same, more calls will not help."""
COPIED = 0.8
"""Estimated Jaccard similarity at which a whole pair is a near-duplicate of one that is there."""

GENERATION = re.compile(r"/([A-Za-z0-9_-]+)#\d")
"""What a growing step puts behind the id of a parent."""


async def grow(step: GrowingStep, rows: Sequence[Row], asking: Asker, context: Context) -> Grown:
    """Ask in rounds until enough rows are accepted, the budget is spent, a cap is reached, or nothing new comes."""
    herd = _Herd(step, rows, asking, context)
    while not herd.enough and not herd.grown.partial:
        await herd.round()
    return herd.finished()


def room_for(step: GrowingStep, rows: Sequence[Row]) -> int:
    """Give how many rows may be grown for so many human ones, besides those that models made before."""
    human = sum(is_human(row) for row in rows)
    return int(step.accept.ratio * human) - (len(rows) - human)


class _Herd:
    """The state of growing."""

    def __init__(self, step: GrowingStep, rows: Sequence[Row], asking: Asker, context: Context) -> None:
        self._step, self._asking, self._context = step, asking, context
        self._rows = rows
        self._depths = _depths(rows)
        self._seeds = [row for row in rows if self._is_seed(row)]
        self._room = room_for(step, rows)
        self._pool = Novelty(str(row["input"]) for row in rows)
        self._pairs = Sketches(_both(row) for row in rows)
        self._sides = Sides(rows)
        self._quotas = _Quotas(step.cells(context))
        self._lately: deque[float] = deque(maxlen=LAST)
        self._reasons: deque[str] = deque(maxlen=ROUND)
        self._history: dict[int, list[Outcome]] = defaultdict(list)
        none = f"no seeds in {', '.join(step.grow)} that may be shown (private, without an output, accept.depth)"
        self.grown = Grown(partial="" if self._seeds else none)

    def _is_seed(self, row: Row) -> bool:
        shown = not row["private"] and row["output"] is not None and row.get("split") in (None, *self._step.grow)
        return shown and self._depths[row["id"]] < self._step.accept.depth

    @property
    def enough(self) -> bool:
        """Whether as many rows are accepted as were asked for."""
        return len(self.grown.rows) >= self._step.rows

    async def round(self) -> None:
        """Make some lots at once; no more than there are rows missing."""
        allowed = self._room - len(self.grown.rows)
        if allowed <= 0:
            self.grown.partial = f"{self._step.accept.ratio:g} rows of models for each human one (accept.ratio)"
            return
        missing = min(self._step.rows - len(self.grown.rows), allowed)
        places = self._quotas.next(min(ROUND, -(-missing // self._step.each)))
        lots = [self._lot(cell, number) for cell, number in places]
        made = await together(self._candidates(lot) for lot in lots)
        checked = [(cell, lot, self._checked(found)) for (cell, _), lot, found in zip(places, lots, made, strict=True)]
        verdicts = await together(self._verdict(found) for _, _, candidates in checked for found in candidates)
        rest = iter(verdicts)
        for cell, lot, candidates in checked:
            before = len(self.grown.rows)
            for place, _ in enumerate(candidates):
                self._accept(lot, place, next(rest))
            self._quotas.count(cell, len(self.grown.rows) - before)
        for (cell, number), found in zip(places, made, strict=True):
            kept = () if isinstance(found, str) else (row for row in found if not (isinstance(row, dict) and self._sides.strays(row)))
            self._history[cell].append(Outcome(number, tuple(kept)))
        self.grown.partial = self.grown.partial or self._ended()

    def _lot(self, cell: int, number: int) -> Lot:
        """Make a lot: its seeds are of one split; it sees what came of the rounds before its own."""
        begun = ROUND * (number // ROUND)
        known = tuple(outcome for outcome in self._history[cell] if outcome.number < begun)
        held = self._quotas.cells[cell]
        split = self._seeds[draw(self._context.seed, self._context.step, "split", dict(held), number) % len(self._seeds)].get("split")
        seeds = [row for row in self._seeds if row.get("split") == split]
        name = f"{cell}.{number}" if len(self._quotas.cells) > 1 else str(number)
        return Lot(name, held, number, seeds, known, self._depths)

    async def _candidates(self, lot: Lot) -> Sequence[Row | Refused] | str:
        try:
            return await self._step.candidates(lot, self._asking, self._context)
        except Refused as refused:
            return [refused]
        except Unpaid:
            return NO_ROOM

    def _checked(self, found: Sequence[Row | Refused] | str) -> list[Row | Refused | str]:
        return [found] if isinstance(found, str) else [self._novel(row) if isinstance(row, dict) else row for row in found]

    def _novel(self, row: Row) -> Row | Refused:
        """Give a candidate that is new enough, and nearer to its own split than to another; it joins the pool at once."""
        self._lately.append(self._pool.of(row["input"]))
        if self._lately[-1] < self._step.accept.novelty:
            return Refused("not new")
        if not self._step.keeps_output and self._pairs.nearest(_both(row)) >= COPIED:
            return Refused("near-duplicate")
        if self._sides.strays(row):
            return Refused("nearer to another split")
        self._pool.add(row["input"])
        self._pairs.add(_both(row))
        return row

    async def _verdict(self, found: Row | Refused | str) -> Row | Refused | str:
        """Give a candidate that the judge finds good enough."""
        judge = self._step.accept.judge
        if judge is None or not isinstance(found, dict):
            return found
        try:
            score, reason = await self._asking(judged(judge.rubric, self._context.files.get("rubric", ""), found), verdict, judge.model)
        except Refused as refused:
            return refused
        except Unpaid:
            return NO_ROOM
        return found | {"score": score, "verdict": reason} if score >= judge.min else Refused(f"judged below {judge.min:g}")

    def _accept(self, lot: Lot, place: int, found: Row | Refused | str) -> None:
        name = f"{self._context.step}#{lot.name}{f'.{place}' if place else ''}"
        self._reasons.append("" if isinstance(found, dict) else str(found))
        if isinstance(found, str):
            self.grown.leave(name, found)
            self.grown.partial = found
        elif isinstance(found, Refused):
            self.grown.refuse(name, found)
        elif len(self.grown.rows) >= min(self._step.rows, self._room):
            self.grown.leave(name, "more than were asked for")
        else:
            self.grown.rows.append(found)

    def _ended(self) -> str:
        """Say why growing ends before its rows are there; nothing where it goes on."""
        if self.enough:
            return ""
        if self._quotas.barren:
            return f"{BARREN} calls without a new row" if len(self._quotas.cells) == 1 else "no cell gives new rows any more"
        mean = sum(self._lately) / LAST
        if len(self._reasons) == ROUND and len(set(self._reasons)) == 1 and self._reasons[0] in IN_VAIN:
            return f"{ROUND} answers in a row were of no use ({self._reasons[0]})"
        if len(self._lately) == LAST and mean < self._step.accept.mean:
            return f"the last {LAST} candidates are new by {mean:.2f} in the mean, less than {self._step.accept.mean}"
        return ""

    def finished(self) -> Grown:
        """Give what was grown, with how diverse rows were before and are now."""
        before = [_both(row) for row in self._rows]
        self.grown.told = {
            "diversity": {"before": diversity(before), "after": diversity([*before, *map(_both, self.grown.rows)])},
            **({"cells": self._quotas.told()} if len(self._quotas.cells) > 1 else {}),
        }
        return self.grown


class _Quotas:
    """Which cell is asked next: the weakest one, so that rows are spread evenly and what is refused is made up for."""

    def __init__(self, cells: Sequence[Mapping[str, str]]) -> None:
        self.cells = cells
        self._accepted = Counter(dict.fromkeys(range(len(cells)), 0))
        self._asked: Counter[int] = Counter()
        self._in_vain: Counter[int] = Counter()
        self._most_in_vain = BARREN if len(cells) == 1 else BARREN_IN_A_CELL

    @property
    def barren(self) -> bool:
        """Whether every cell has been given up."""
        return all(self._in_vain[cell] >= self._most_in_vain for cell in range(len(self.cells)))

    def next(self, count: int) -> list[tuple[int, int]]:
        """Give the cells of the next lots, and the numbers of the lots in them.

        What lots have seen of earlier ones must not depend on how many were asked for at once: where one would see those
        that are asked now, it waits for the next round.
        """
        hoped = Counter(self._accepted)
        lots: list[tuple[int, int]] = []
        first: dict[int, int] = {}
        for _ in range(count):
            live = [cell for cell in range(len(self.cells)) if self._in_vain[cell] < self._most_in_vain]
            cell = min(live, key=lambda cell: (hoped[cell], self._asked[cell], cell))
            block = self._asked[cell] // ROUND
            if first.setdefault(cell, block) != block:
                break
            lots.append((cell, self._asked[cell]))
            hoped[cell] += 1
            self._asked[cell] += 1
        return lots

    def count(self, cell: int, accepted: int) -> None:
        """Count what a lot of a cell gave."""
        self._accepted[cell] += accepted
        self._in_vain[cell] = 0 if accepted else self._in_vain[cell] + 1

    def told(self) -> dict[str, int]:
        """Give the accepted rows by cell."""
        return {" · ".join(self.cells[cell].values()): count for cell, count in sorted(self._accepted.items())}


def _both(row: Row) -> str:
    return f"{row['input']}\n{row['output']}"


def _depths(rows: Sequence[Row]) -> dict[str, int]:
    """Give how many generations of models lie between each row and a human one, as far as its parents are at hand."""
    parents = {row["id"]: [] if is_human(row) else list(row["parents"]) for row in rows}
    made = {row["id"] for row in rows if not is_human(row)}
    depths: dict[str, int] = {}
    for name in parents:
        _depth(name, parents, made, depths)
    return depths


def _generations(name: str, made: Iterable[str]) -> int:
    """Give how many models a row that is not at hand went through, by its id and the steps in those of rows that models made.

    It is a candidate that was shown to others and not kept, or a human row that was left out later.
    """
    steps = {step for each in made for step in GENERATION.findall(each)[-1:]}
    return sum(step in steps for step in GENERATION.findall(name))


def _depth(name: str, parents: Mapping[str, list[str]], made: set[str], depths: dict[str, int]) -> int:
    """Follow the parents of a row without recursion; a circle counts once."""
    waiting = [name]
    while waiting:
        at = waiting[-1]
        unknown = [parent for parent in parents.get(at, ()) if parent in parents and parent not in depths and parent not in waiting]
        if at in depths or not unknown:
            known = (depths[parent] if parent in depths else _generations(parent, made) for parent in parents.get(at, ()))
            depths.setdefault(at, (at in made) + max(known, default=0))
            waiting.pop()
        else:
            waiting.extend(unknown)
    return depths[name]
