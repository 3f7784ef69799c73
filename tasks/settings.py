"""Groups of settings: frozen, strict, built when first used, documented by the strings beneath their fields."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Settings(BaseModel):
    """A frozen, strict group of settings: unknown keys and loose types are refused."""

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="forbid",
        strict=True,
        populate_by_name=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """Add each field's documentation.

        Pydantic can collect it as well, but does so at import, parsing the source of every class before a build starts.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        documented = _documented(cls)
        for name, info in cls.model_fields.items():
            if name in documented:
                properties.get(info.alias or name, {}).setdefault("description", documented[name])
        return schema


def _documented(settings: type[Settings]) -> dict[str, str]:
    """Give the strings beneath the fields of a class and of those that it inherits from."""
    found: dict[str, str] = {}
    for cls in reversed(settings.__mro__):
        if issubclass(cls, Settings) and "__annotations__" in vars(cls):
            found |= _strings(ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0])
    return found


def _strings(tree: ast.stmt) -> dict[str, str]:
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    found: dict[str, str] = {}
    for pair in pairwise(body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(about))):
                found[name] = inspect.cleandoc(about)
    return found
