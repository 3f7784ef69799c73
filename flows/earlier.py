"""Earlier versions of a dataset: which there are, and whether splits can be carried over from them."""

import orjson

from tasks.errors import usage
from tasks.store.place import Place

SINCE = ("latest", "none")


def earlier_splits(out: str, name: str, step: str, since: str) -> tuple[str, str]:
    """Give the version to go on from and the name of its split: that of the step, or its only one; empty where there is none."""
    place = Place.at(out)
    try:
        version = str(orjson.loads(place.read_bytes(f"{name}/latest.json"))["version"]) if since == "latest" else since
        files = orjson.loads(place.read_bytes(f"{name}/{version}/manifest.json"))["files"]
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        return "", ""
    splits = [path.removeprefix("splits/").removesuffix(".parquet") for file in files if (path := file["path"]).startswith("splits/")]
    found = step if step in splits else splits[0] if len(splits) == 1 else ""
    return (version, found) if found else ("", "")


def check_since(since: str, out: str, name: str) -> None:
    """Refuse a version that is not there."""
    if since not in SINCE and Place.at(out).size(f"{name}/{since}/manifest.json") is None:
        raise usage("is no version of this dataset", "Give `latest`, `none` or a folder's name below it.", place="--since", value=since)
