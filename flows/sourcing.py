"""What a source stage does: units found, brought where a site has them, packed, read, and trimmed to the limit."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import asdict

from flows.packing import in_order, pack
from flows.plan import Stage
from flows.scene import Phases, Result, Scene, addresses, report_of
from flows.work.job import Call, Job
from flows.workplace import Site
from tasks.errors import SourceError, usage
from tasks.shards import Shard, summed
from tasks.sources.remote import RemoteStep
from tasks.step import Limit, SourceStep, Unit, unit_of
from tasks.store.commit import Done

FEW_BYTES = 8_000_000
"""Bytes of a shard of a site's units where the source is limited to a number of rows."""


def source(stage: Stage, scene: Scene) -> Phases:
    """Read the units of a source, as many as its limit asks for."""
    (name,) = stage.steps
    step = scene.plan.step(name)
    assert isinstance(step, SourceStep)
    found = yield from _found(scene, name, step)
    units, refused = _taken(name, found)
    limit = _limit(step)
    seed = scene.plan.recipe.seed if limit.rows or limit.units else 0
    shards = _packed(step, units, limit, seed, scene.site.shard_bytes)
    total = sum(unit.bytes for shard in shards for unit in shard)
    if scene.site.sample:
        shards = shards[:1]
    sampled = sum(unit.bytes for shard in shards for unit in shard)
    _check_space(scene.site, sampled)
    call = scene.site.call(name)
    dones: list[Done] = []
    lost: list[Done] = []
    for run in [shards] if limit.rows is None else [[shard] for shard in shards]:
        left = None if limit.rows is None else limit.rows - sum(done.report["rows"] for done in dones)
        if left is None or left > 0:
            brought, missed = yield from _brought(scene, call, step, run)
            lost.extend(missed)
            dones.extend((yield [_reading(scene, call, shard, left) for shard in brought if shard]))
    made, beyond = yield from _trimmed(scene, call, step, dones)
    rows = sum(shard.text.rows for shard in made)
    report = report_of(
        scene, name, 0, rows - beyond, {"beyond limit": beyond} if beyond else {},
        skipped=summed([refused, *(done.report["skipped"] for done in (*lost, *dones))]),
        units=sum(done.report["units"] for done in dones), parts={"skips": addresses(scene, [*lost, *dones], "skips.parquet")},
        **({"sampled": sampled / max(total, 1)} if scene.site.sample else {}),
    )  # fmt: skip
    return Result(tuple(made), reports=(report,))


def _taken(name: str, found: Sequence[Unit]) -> tuple[list[Unit], Counter[str]]:
    """Part the units that have an address from those that are not taken, counted by reason."""
    units = [unit for unit in found if unit.url]
    refused = Counter(unit.note for unit in found if not unit.url)
    if not units:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items()))
        raise SourceError(f"steps.{name}: the site has nothing that fits{f' ({told})' if told else ''}. Loosen what is asked for.")
    return units, refused


def _trimmed(
    scene: Scene, call: Call, step: SourceStep, dones: Sequence[Done]
) -> Generator[list[Job], list[Done], tuple[list[Shard], int]]:
    """Lay a column beside the shards of the last job where there are more rows than the limit; give all shards, and the rows beyond."""
    limit = _limit(step).rows
    jobs = [[Shard(done.part(name)) for name in done.report["texts"]] for done in dones]
    made = [shard for job in jobs for shard in job]
    beyond = max(sum(shard.text.rows for shard in made) - limit, 0) if limit else 0
    if beyond:
        last = jobs[-1]
        keep = sum(shard.text.rows for shard in last) - beyond
        (trimmed,) = yield [_trimming(scene, call, last, keep, step.pick)]
        made[-len(last) :] = [shard.beside(trimmed.part(f"columns-{number:05}.parquet")) for number, shard in enumerate(last)]
    return made, beyond


def _found(scene: Scene, name: str, step: SourceStep) -> Generator[list[Job], list[Done], list[Unit]]:
    """List a source's units: those of its files, or those that its site names."""
    if isinstance(step, RemoteStep) and step.remote:
        inputs = [step.use, step.listing(), scene.site.today if step.dated() else ""]
        extra = {"offline": scene.site.offline}
        (done,) = yield [scene.site.job("list", [scene.site.call(name)], inputs, named=False, coded=False, extra=extra)]
        return [unit_of(plain) for plain in done.report["found"]]
    assert step.path is not None
    try:
        units = step.units(scene.site.patterns(step.path))
    except SourceError as error:
        raise SourceError(f"steps.{name}.path: {error}") from error
    if not units:
        raise SourceError(f"steps.{name}.path: nothing there can be read as {step.use}. Correct it, or use another source.")
    return units


def _brought(
    scene: Scene, call: Call, step: SourceStep, shards: Sequence[Sequence[Unit]]
) -> Generator[list[Job], list[Done], tuple[list[list[Unit]], list[Done]]]:
    """Bring the units of a site into the work store; give them there, and what could not be had."""
    if not (isinstance(step, RemoteStep) and step.remote):
        return [list(shard) for shard in shards], []
    offline = {"offline": scene.site.offline}
    dones = yield [
        scene.site.job("fetch", [call], list(map(_told, shard)), named=False, coded=False, extra=offline | {"units": [*map(asdict, shard)]})
        for shard in shards
    ]
    return [[unit_of(plain) for plain in done.report["found"]] for done in dones], [done for done in dones if done.report["skipped"]]


def _told(unit: Unit) -> list[object]:
    """Give what tells one unit from another."""
    return [unit.key, unit.url, unit.fingerprint, unit.start, unit.end, unit.note]


def _packed(step: SourceStep, units: list[Unit], limit: Limit, seed: int, max_bytes: int) -> list[list[Unit]]:
    """Pack units into shards: in seeded-hash order, a limit of units applied in it, or in order of name.

    Where a site is asked for so many rows only, shards are small: no more is brought than is read.
    """
    if isinstance(step, RemoteStep) and step.remote and limit.rows:
        max_bytes = min(max_bytes, FEW_BYTES)
    if step.pick == "first":
        return in_order(units[: limit.units], max_bytes)
    if limit.units:
        units = [unit for shard in pack(units, 1, seed) for unit in shard][: limit.units]
    return pack(units, max_bytes, seed)


def _trimming(scene: Scene, call: Call, shards: Sequence[Shard], keep: int, pick: str) -> Job:
    extra = {"keep": keep, "pick": pick}
    return scene.site.job("trim", [call], [*(shard.digest for shard in shards), extra], draws=True, shards=tuple(shards), extra=extra)


def _limit(step: SourceStep) -> Limit:
    if isinstance(step.limit, Limit):
        return step.limit
    return Limit(rows=step.limit)


def _reading(scene: Scene, call: Call, units: Sequence[Unit], enough: int | None) -> Job:
    inputs = [[unit.key, unit.fingerprint, unit.start, unit.end, unit.note] for unit in units]
    most = scene.site.shard_bytes
    extra = {"units": [asdict(unit) for unit in units], "enough": enough, "max_bytes": most}
    return scene.site.job("source", [call], [inputs, enough, most], extra=extra)


def _check_space(site: Site, source_bytes: int) -> None:
    free = site.work.free_bytes()
    needed = 3 * source_bytes
    if free is not None and needed > free:
        raise usage(
            f"needs about {_bytes(needed)} of work space, and {_bytes(free)} are free",
            "Free some, set a `limit`, or choose another --work.",
            value=site.work_url,
        )  # fmt: skip


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
