"""Croissant 1.1 metadata of a dataset: files with their hashes, and the fields of each subset's rows.

The format: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The terms of the specification's own context (appendix 1)."""

MEDIA = {"parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonlines"}


def croissant(
    recipe: Mapping[str, Any],
    version: str,
    files: Sequence[Mapping[str, Any]],
    schemas: Mapping[str, pl.Schema],
    licences: Sequence[str],
    newest: str,
) -> bytes:
    """Write the metadata; `schemas` are the columns of each subset's rows, `newest` the date of the newest input or nothing."""
    data = [file for file in files if file["path"].startswith("data/")]
    plain: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": recipe["name"],
        "description": recipe.get("about") or "A fine-tuning dataset built with Dartboard.",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "license": sorted(licences) or ["unknown"],
        "url": f"urn:dartboard:{recipe['name']}:{version}",
        "creator": {"@type": "sc:Organization", "name": "the recipe's author, with Dartboard"},
        "version": f"0.0.0+{version}",
        **({"datePublished": newest} if newest else {}),
        "distribution": [*(_file(file) for file in data), *(_set(config, data) for config in schemas)],
        "recordSet": [_records(config, schema, data) for config, schema in schemas.items()],
    }
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _ending(path: str) -> str:
    return path.rpartition(".")[2]


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file["path"],
        "name": file["path"],
        "contentUrl": file["path"],
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": MEDIA[_ending(file["path"])],
        "sha256": file["sha256"],
    }


def _set(config: str, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    held = [file for file in files if file["config"] == config]
    return {
        "@type": "cr:FileSet",
        "@id": f"{config}/files",
        "name": f"{config}/files",
        "encodingFormat": MEDIA[_ending(held[0]["path"])],
        "includes": [file["path"] for file in held],
    }


def _records(config: str, schema: pl.Schema, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    held = [file for file in files if file["config"] == config]
    told = ", ".join(f"{file['split']} {file['rows']} rows in {file['path']}" for file in held)
    fields = [_field(f"{config}/{name}", name, dtype, config, held[0]["path"]) for name, dtype in schema.items()]
    return {"@type": "cr:RecordSet", "@id": config, "name": config, "description": told, "field": fields}


def _field(place: str, name: str, dtype: pl.DataType, config: str, path: str) -> dict[str, Any]:
    repeated = isinstance(dtype, pl.List)
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    inner = inner() if isinstance(inner, type) else inner
    extract = {"column": name} if path.endswith(".parquet") else {"jsonPath": f"$.{name}"}
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": place,
        "name": place,
        "source": {"fileSet": {"@id": f"{config}/files"}, "extract": extract},
    }
    if repeated:
        field["repeated"] = True
    if isinstance(inner, pl.Struct):
        return field | {"subField": [_field(f"{place}/{part.name}", part.name, _type(part.dtype), config, path) for part in inner.fields]}
    return field | {"dataType": "sc:Boolean" if inner == pl.Boolean else "sc:Integer" if inner.is_integer() else "sc:Text"}


def _type(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made
