"""Earlier versions of a dataset: which there are, and whether splits can be carried over from them."""

import orjson

from tasks.errors import usage
from tasks.store.place import Place

SINCE = ("latest", "none")


def latest_version(out: str, name: str, step: str) -> str:
    """Give the latest version that has splits of a step; the empty text where there is none."""
    place = Place.at(out)
    try:
        version = str(orjson.loads(place.read_bytes(f"{name}/latest.json"))["version"])
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return version if place.size(f"{name}/{version}/splits/{step}.parquet") is not None else ""


def check_since(since: str, out: str, name: str) -> None:
    """Refuse a version that is not there."""
    if since not in SINCE and Place.at(out).size(f"{name}/{since}/manifest.json") is None:
        raise usage("is no version of this dataset", "Give `latest`, `none` or a folder's name below it.", place="--since", value=since)
