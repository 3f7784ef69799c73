"""How the steps of a recipe hang together: who reads whom, and what cannot work."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.edits.passages import Passages
from tasks.errors import Fault
from tasks.filters.sieve import Filter
from tasks.frames import DOCUMENTS, PAIRS, Kind
from tasks.published.sink import Write
from tasks.splits import Split
from tasks.step import SourceStep, Step

LISTS = frozenset(name for name, dtype in {**DOCUMENTS, **PAIRS}.items() if dtype.is_nested())
"""Columns of the design that hold lists or structs."""


@dataclass
class Wiring:
    """The resolved `from` of each step, the order in which steps can run, and every fault found."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def nearest(name: str, names: Iterable[str]) -> str:
    """Give `Did you mean …?` for the most similar of `names`, or nothing."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"Did you mean `{found[0]}`?" if found else ""


def wire(steps: Mapping[str, Step | None], models: Mapping[str, Any] | None) -> Wiring:
    """Resolve every `from` and check the graph; a step, or models, that could not be read are None and are not judged."""
    wiring = Wiring()
    names = list(steps)
    for place, name in enumerate(names):
        wiring.parents[name] = _parents(steps, names, place, wiring.faults)
    wiring.faults.extend(_wrong_others(steps))
    _unread(steps, wiring)
    wiring.order = _ordered(steps, wiring)
    if len(wiring.order) == len(names):
        _meet(steps, wiring)
    for name, step in steps.items():
        own = [*step.faults(), *(step.model_faults(models) if models is not None else ())] if step else []
        wiring.faults.extend(Fault(_at(name, f.place), f.rule, f.value, f.remedy) for f in own)
    return wiring


def _at(name: str, place: str) -> str:
    return f"steps.{name}.{place}" if place else f"steps.{name}"


def _parents(steps: Mapping[str, Step | None], names: list[str], place: int, faults: list[Fault]) -> tuple[str, ...]:
    name, step = names[place], steps[names[place]]
    if step is None:
        return ()
    given = step.parents
    if isinstance(step, SourceStep):
        if given:
            faults.append(Fault(_at(name, "from"), f"`{step.use}` is a source and takes no rows", remedy="Leave `from` out."))
        return ()
    if given:
        for parent in given:
            if parent not in steps:
                faults.append(Fault(_at(name, "from"), "is no step of this recipe", parent, nearest(parent, steps)))
            elif isinstance(steps[parent], Write):
                faults.append(Fault(_at(name, "from"), "is a sink, which gives no rows", parent, "Name the step before it."))
        if len(set(given)) < len(given):
            faults.append(Fault(_at(name, "from"), "names a step twice", ", ".join(given)))
        return tuple(parent for parent in given if parent in steps)
    return _above(steps, names, place, faults)


def _wrong_others(steps: Mapping[str, Step | None]) -> list[Fault]:
    """Name the steps that others refer to and that are not there, or give no rows."""
    named = [(name, field, other) for name, step in steps.items() if step for field, other in step.others().items()]
    absent = [
        Fault(_at(name, field), "is no step of this recipe", other, nearest(other, steps))
        for name, field, other in named
        if other not in steps
    ]
    sinks = [(name, field, other) for name, field, other in named if isinstance(steps.get(other), Write)]
    return absent + [
        Fault(_at(name, field), "is a sink, which gives no rows", other, "Name the step before it.") for name, field, other in sinks
    ]


def _above(steps: Mapping[str, Step | None], names: list[str], place: int, faults: list[Fault]) -> tuple[str, ...]:
    name = names[place]
    if place == 0:
        faults.append(Fault(_at(name, "from"), "takes rows, but no step stands above it", remedy="Begin with a source."))
        return ()
    above = names[place - 1]
    if isinstance(steps[above], Write):
        faults.append(Fault(_at(name, "from"), f"must be written after the sink `{above}`", remedy="Name the step whose rows it takes."))
        return ()
    if place > 1 and isinstance(steps[above], SourceStep) and isinstance(steps[names[place - 2]], SourceStep):
        rule = "must be written after two sources in a row"
        faults.append(Fault(_at(name, "from"), rule, remedy=f"For instance `from: [{names[place - 2]}, {above}]`."))
        return ()
    return (above,)


def _unread(steps: Mapping[str, Step | None], wiring: Wiring) -> None:
    read = {parent for parents in wiring.parents.values() for parent in parents}
    read |= {other for step in steps.values() if step for other in step.others().values()}
    complete = all(step is not None for step in steps.values())
    for name, step in steps.items():
        if step is not None and not isinstance(step, Write) and name not in read and complete:
            wiring.faults.append(Fault(_at(name, ""), "no step reads its rows", remedy=f"Add `from: {name}` to a step, or take it out."))
    if complete and not any(isinstance(step, Write) for step in steps.values()):
        wiring.faults.append(Fault("steps", "no step writes the dataset", remedy="End with `dataset: {use: write}`."))


def _ordered(steps: Mapping[str, Step | None], wiring: Wiring) -> list[str]:
    done: list[str] = []
    names = list(steps)
    needs = {name: (*wiring.parents[name], *_others(steps[name], steps)) for name in names}
    while more := [name for name in names if name not in done and all(parent in done for parent in needs[name])]:
        done.append(more[0])
    rest = [name for name in names if name not in done]
    cycle = _cycle(rest, needs)
    if cycle:
        wiring.faults.append(
            Fault(
                _at(cycle[0], "from"),
                f"the steps read each other in a circle: {' → '.join([*cycle, cycle[0]])}",
                remedy="Cut it at one `from`.",
            )
        )
    return done


def _others(step: Step | None, steps: Mapping[str, Step | None]) -> tuple[str, ...]:
    """Give the steps that one refers to besides `from`, where they are there."""
    return tuple(other for other in step.others().values() if other in steps) if step else ()


def _cycle(rest: list[str], parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    if not rest:
        return []
    path = [rest[0]]
    while True:
        following = next((parent for parent in parents[path[-1]] if parent in rest), None)
        if following is None:
            return []
        if following in path:
            return list(reversed(path[path.index(following) :]))
        path.append(following)


def _meet(steps: Mapping[str, Step | None], wiring: Wiring) -> None:
    kinds: dict[str, Kind | None] = {}
    columns: dict[str, frozenset[str] | None] = {}
    words: dict[str, int | None] = {}
    _undivided(steps, wiring)
    for name in wiring.order:
        step, parents = steps[name], wiring.parents[name]
        if step is None or any(kinds.get(parent) is None for parent in parents):
            kinds[name] = columns[name] = words[name] = None
            continue
        kinds[name] = _kind(name, step, [kinds[parent] for parent in parents], parents, wiring.faults)
        before = frozenset[str]().union(*(columns[parent] or frozenset() for parent in parents))
        wiring.faults.extend(_absent(name, step, before))
        columns[name] = step.columns_after(before)
        words[name] = _most_words(name, step, [words.get(parent) for parent in parents], wiring.warnings)


def _undivided(steps: Mapping[str, Step | None], wiring: Wiring) -> None:
    """Refuse branches that meet when different splits, or one and none, have divided them: the same row may stand on both sides."""
    divided: dict[str, str | None] = {}
    for name in wiring.order:
        parents = wiring.parents[name]
        by = {parent: divided[parent] for parent in parents}
        if steps[name] is None or None in by.values():
            divided[name] = None  # what could not be read may divide
            continue
        if len(set(by.values())) > 1:
            told = ", ".join(f"`{parent}` by {f'`{split}`' if split else 'nothing'}" for parent, split in by.items())
            rule = f"branches that meet must be divided by the same split, but {told}"
            wiring.faults.append(Fault(_at(name, "from"), rule, remedy="Put one `split` before they part, or after they meet."))
        divided[name] = name if isinstance(steps[name], Split) else next(iter(by.values()), "")
    sinks = {name: divided[name] for name in wiring.order if isinstance(steps[name], Write)}
    _grown_before(steps, wiring, divided)
    _without_seeds(steps, wiring, divided)
    if len(set(sinks.values())) > 1:
        told = ", ".join(f"`{sink}` by {f'`{split}`' if split else 'nothing'}" for sink, split in sinks.items())
        wiring.warnings.append(f"steps: subsets divided differently ({told}) share rows of test and train; train on one, never on all")


def _grown_before(steps: Mapping[str, Step | None], wiring: Wiring, divided: Mapping[str, str | None]) -> None:
    """Refuse a split of rows that were grown before it: children of one seed would stand on both sides of it."""
    grown: dict[str, str] = {}
    for name in wiring.order:
        step, parents = steps[name], wiring.parents[name]
        before = next((grown[parent] for parent in parents if grown.get(parent)), "")
        if isinstance(step, Split) and before:
            rule = f"must come before `{before}`: rows that are grown first are seen by both sides of a split"
            remedy = f"Split the seeds, grow from the split, and join both: `from: [SPLIT, {before}]`."
            wiring.faults.append(Fault(_at(name, ""), rule, remedy=remedy))
        grown[name] = name if step is not None and step.family == "grow" and divided[name] == "" else before


def _without_seeds(steps: Mapping[str, Step | None], wiring: Wiring, divided: Mapping[str, str | None]) -> None:
    """Warn of datasets that hold children only: what grows gives no seeds on. Where a split asks for rows of other splits, refuse."""
    alone: dict[str, str] = {}
    for name in wiring.order:
        step, parents = steps[name], wiring.parents[name]
        inherited = [alone[parent] for parent in parents]
        alone[name] = name if step is not None and step.family == "grow" else next(iter(inherited), "") if all(inherited) else ""
        if isinstance(step, Write) and alone[name]:
            grown = alone[name]
            joined = ", ".join([*wiring.parents[grown], grown])
            empty = _not_grown(steps[grown], steps.get(divided[grown] or ""))
            if empty and sum(isinstance(each, Write) for each in steps.values()) == 1:
                rule = f"only what `{grown}` grows is written, and so no row of {empty}, which `{divided[grown]}` asks for"
                wiring.faults.append(Fault(_at(name, "from"), rule, remedy=f"Join both: `from: [{joined}]`."))
                continue
            wiring.warnings.append(
                f"steps.{name}: only what `{grown}` grows is written, no seed and no other split; join both by `from: [{joined}]`"
            )


def _not_grown(grown: Step | None, split: Step | None) -> str:
    """Name the splits that a split asks for and a growing step gives no row of."""
    asked = [name for name in ("validation", "test") if isinstance(split, Split) and getattr(split, name) is not None]
    return " and ".join(name for name in asked if name not in getattr(grown, "grow", ()))


def _kind(name: str, step: Step, kinds: list[Kind | None], parents: tuple[str, ...], faults: list[Fault]) -> Kind | None:
    if isinstance(step, SourceStep):
        return getattr(step, "kind", step.gives)
    told = ", ".join(f"`{parent}` gives {kind}" for parent, kind in zip(parents, kinds, strict=True))
    if not kinds:
        return None
    if len(set(kinds)) > 1:
        faults.append(
            Fault(_at(name, "from"), f"the branches that meet must be of one kind, but {told}", remedy="Make pairs of the documents first.")
        )
        return None
    if kinds[0] not in step.takes:
        faults.append(
            Fault(
                _at(name, ""),
                f"`{step.use}` takes {' or '.join(step.takes)}, but {told}",
                remedy="Put it before the pairing, or pair the documents first.",
            )
        )
        return None
    if isinstance(step, Write) and step.layout and kinds[0] != "pairs":
        faults.append(Fault(_at(name, "layout"), f"is for pairs, but {told}", step.layout, "Make pairs first, or leave `layout` out."))
    return step.gives or kinds[0]


def _absent(name: str, step: Step, before: frozenset[str]) -> list[Fault]:
    """Name the columns that a step's settings refer to and that are not there, or not of text."""
    named = [(_at(name, place), column) for place, wanted in step.columns_read().items() for column in wanted]
    absent = [
        Fault(place, "is a column that no step before adds", column, nearest(column, before) or _lifting(column))
        for place, column in named
        if column not in before
    ]
    listed = [] if step.reads_lists else [(place, column) for place, column in named if column in before and column in LISTS]
    return absent + [
        Fault(place, "is a column of lists or fields, and one of text is needed", column, f"Of text: {', '.join(sorted(before - LISTS))}.")
        for place, column in listed
    ]


def _lifting(column: str) -> str:
    return f"A field of `attrs` is lifted by a step before: {{use: columns, columns: {{{column}: attrs.{column}}}}}."


def _most_words(name: str, step: Step, before: list[int | None], warnings: list[str]) -> int | None:
    """Follow the most words that a row can have, to warn of rules that none can pass."""
    most = max((bound for bound in before if bound is not None), default=None) if all(b is not None for b in before) else None
    if isinstance(step, Passages):
        return step.words.max
    if isinstance(step, Filter) and most is not None:
        rules = step.rules.gopher_quality
        if rules and isinstance(rules.min_words, int) and rules.min_words > most:
            warnings.append(
                f"steps.{name}: no row can pass gopher-quality: passages have at most {most} words, the rule asks for {rules.min_words}"
            )
    return most
