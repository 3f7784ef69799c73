"""The certificate: written splits are looked through once more, before anything is published."""

from collections.abc import Generator, Sequence
from typing import Any

from flows.scene import DataFile, Scene
from flows.work.job import Job
from tasks.errors import GateError
from tasks.splits import Split
from tasks.store.commit import Done, Part

COUNTS = ("groups", "equal", "near")


def certified(scene: Scene, name: str, files: Sequence[DataFile], held_bytes: int) -> Generator[list[Job], list[Done], dict[str, Any]]:
    """Have the written files of a sink certified where a split divided them: its counts, all zero, or GateError with the rows.

    `held_bytes` is about how much text is not train.
    """
    split = _split_above(scene, name)
    if split is None or not files:
        return {}
    from flows.work.certifying import BLOCK_BYTES  # brings the kernels' compiler along, a second that other builds need not spend

    plain, parts = _files(files)
    similarity = split.near.similarity if split.near else None
    blocks = 1 if similarity is None else 1 + int(held_bytes * 1.1) // BLOCK_BYTES
    inputs = [[part.sha256 for part in parts], [[file["name"], file["split"]] for file in plain], similarity]
    extra = {"files": plain, "similarity": similarity}
    call = scene.site.call(name)
    dones = yield [
        scene.site.job(
            "certify", [call], [inputs, block, blocks], named=False, parts=tuple(parts), extra=extra | {"block": [block, blocks]}
        )
        for block in range(blocks)
    ]
    found = {count: sum(done.report[count] for done in dones) for count in COUNTS}
    if any(found.values()):
        told = "; ".join([leak for done in dones for leak in done.report["leaks"]][:5])
        counts = f"{found['groups']} shared groups, {found['equal']} equal and {found['near']} near-duplicate pairs of rows"
        raise GateError(
            f"steps.{name}: the splits leak: {counts}. {told}. Nothing was published. "
            "Put a `dedup` after the steps that make rows, or the `split` after them."
        )
    return {"certificate": {"similarity": similarity, "rows": dones[0].report["rows"], **found}}


def _files(files: Sequence[DataFile]) -> tuple[list[dict[str, Any]], list[Part]]:
    """Give the data files with the numbers of the parts that hold them and their provenance."""
    plain, parts = list[dict[str, Any]](), list[Part]()
    by_path = {file.path: file.part for file in files}
    for file in files:
        if file.path.startswith("data/"):
            held = [file.part, *([by_path[other]] if (other := beside(file.path)) in by_path else [])]
            places = range(len(parts), len(parts) + len(held))
            plain.append({"name": file.path, "split": file.split, "data": places[0], "beside": places[1] if len(held) > 1 else None})
            parts += held
    return plain, parts


def beside(path: str) -> str:
    """Give where the provenance of a data file lies."""
    return f"provenance/{path.removeprefix('data/').rpartition('.')[0]}.parquet"


def _split_above(scene: Scene, name: str) -> Split | None:
    """Give the split that divided a sink's rows; branches that meet have been divided by the same."""
    step = scene.plan.step(name)
    if isinstance(step, Split):
        return step
    parents = scene.plan.recipe.parents(name)
    return _split_above(scene, parents[0]) if parents else None
