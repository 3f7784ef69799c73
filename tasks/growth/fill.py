"""`fill`: a model fills the fields of a record that are empty; those that are known stay as they are."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tasks.clients.model import Answer
from tasks.errors import Fault
from tasks.frames import Kind
from tasks.growth.asking import Ask, Asker, together
from tasks.growth.prompting import formed, request, unrepeated
from tasks.growth.reading import Refused, Unpaid, json_in, whole
from tasks.growth.splicing import spliced
from tasks.growth.strategy import Call, CompletingStep, Row, before, made_by, schema_step_faults
from tasks.growth.structure import fitted, shared, written
from tasks.step import Context, Names
from tasks.store.keys import draw

MEASURED = 20
VALUE: dict[str, Any] = {"type": ["string", "number", "boolean", "array", "object", "null"]}


class Fill(CompletingStep):
    """Fill the null fields of each record; known fields are shown, frozen and checked.

    Imputation in the sense of Little & Rubin (2019), with the mask kept: `imputed` names what was filled. `fields` are columns, or with
    `record` the fields of the JSON object in that column. An answer that gives a known field another value is refused and asked for once
    more; of one that does so again only the missing fields are taken. A field for which the model knows no value, or gives one that does
    not fit the `schema`, stays null and stands in `emptied`. Rows that need nothing, or are private, pass through. How well it guesses is
    measured: for each field up to `measure` known values are hidden and asked for, and the report says how many came back.

    ```yaml
    models:
      writer: {model: qwen3-32b, url: "http://127.0.0.1:8000/v1"}
    steps:
      seeds:  {use: seeds, path: "faq/*.jsonl", columns: {input: question, output: answer}}
      notes:  {use: columns, columns: {subject: attrs.subject}}
      filled: {use: fill, model: writer, fields: [subject], measure: 5, budget: {tokens: 100000}}
      dataset: {use: write}
    ```
    """

    takes: ClassVar[tuple[Kind, ...]] = ("pairs",)
    temperature_by_default: ClassVar[float] = 0.0

    use: Literal["fill"] = "fill"
    fields: Annotated[Names, Field(min_length=1)] | None = None
    """What to fill: columns, or fields of the record; all of a record unless given."""
    record: str | None = None
    """Column that holds a JSON object whose fields are filled, such as `output`."""
    show: Names = ("input", "output")
    """Columns that the model sees besides the fields."""
    measure: Annotated[int, Field(ge=0)] = MEASURED
    """Known values of each field that are hidden and asked for, to tell how well the model guesses."""
    schema_: Mapping[str, Any] | None = Field(default=None, alias="schema")
    """JSON Schema of an object with the fields as `properties`."""

    def faults(self) -> Sequence[Fault]:
        """What to fill must be told."""
        untold = self.fields is None and self.record is None
        rule = Fault("fields", "tells what to fill", remedy="Name columns, or a `record` with a JSON object.")
        return [*super().faults(), *schema_step_faults(self.schema_), *([rule] if untold else [])]

    @property
    def keeps(self) -> bool:
        """A row that could not be completed goes on as it was."""
        return True

    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """The columns named."""
        return {"show": self.show, **({"record": (self.record,)} if self.record else {"fields": self.fields or ()})}

    def columns_after(self, before: frozenset[str]) -> frozenset[str]:
        """Those before, and the names of fields that stay empty."""
        return super().columns_after(before) | {"emptied"}

    def expects(self, rows: Sequence[Row], context: Context) -> Sequence[Call]:
        """A few for each field that is empty."""
        empty = [sum(value is None for value in self._values(row, readable=False).values()) for row in rows]
        del context
        return [Call(self.model, 10 + 12 * sum(empty) / max(sum(count > 0 for count in empty), 1))]

    async def finish(self, row: Row, ask: Ask, context: Context) -> Row:
        """Fill what is null."""
        values = self._values(row)
        missing = [name for name, value in values.items() if value is None]
        if not missing:
            return row
        found, emptied = await self._found(row, values, missing, ask, context)
        filled = {name: found[name] for name in missing if found.get(name) is not None}
        told = {"imputed": [*(row["imputed"] or []), *filled], "emptied": ", ".join(emptied) or None}
        changed = self._written(row, values, filled)
        written_by = {"generator": made_by(self)} if "output" in changed else {}
        return row | told | written_by | changed

    def _written(self, row: Row, values: Mapping[str, Any], filled: Mapping[str, Any]) -> Row:
        """Give the columns that change."""
        if self.record:
            text = row[self.record] or ""
            return {self.record: spliced(text, filled) if text.strip() else written({**values, **filled})} if filled else {}
        return {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in filled.items()}

    async def conclude(self, rows: Sequence[Row], made: Sequence[Row], asking: Asker, context: Context) -> dict[str, Any]:
        """Hide known values and ask for them."""
        del made
        asked, right = Counter[str](), Counter[str]()
        hidden = self._hidden(rows, context)
        guesses = await together(self._guessed(name, row, values, asking, context) for name, row, values in hidden)
        for (name, _, values), guess in zip(hidden, guesses, strict=True):
            asked[name] += guess is not None
            right[name] += guess is not None and _same(guess.get(name), values[name])
        told = {name: {"asked": count, "right": right[name]} for name, count in sorted(asked.items())}
        warned = [f"{name}: {right[name]} of {count} known values came back when they were hidden" for name, count in sorted(asked.items())]
        return {"accuracy": told, "warned": warned}

    async def _guessed(self, name: str, row: Row, values: Mapping[str, Any], asking: Asker, context: Context) -> dict[str, Any] | None:
        """Ask for a hidden value; None where the budget has no room."""
        try:
            found, _ = await self._found(row, {**values, name: None}, [name], asking, context)
        except Refused:
            return {}
        except Unpaid:
            return None
        return found

    def _hidden(self, rows: Sequence[Row], context: Context) -> list[tuple[str, Row, dict[str, Any]]]:
        """Draw known values, for each field some, from rows that may be shown."""
        found: dict[str, list[tuple[int, Row, dict[str, Any]]]] = {}
        for row in rows if self.measure else ():
            values = {} if row["private"] else self._values(row, readable=False)
            for name in _known(values, row):
                found.setdefault(name, []).append((draw(context.seed, context.step, "hidden", name, row["id"]), row, values))
        chosen = {name: sorted(held, key=lambda each: each[0])[: self.measure] for name, held in found.items()}
        return [(name, row, values) for name, held in sorted(chosen.items()) for _, row, values in held]

    def _values(self, row: Row, *, readable: bool = True) -> dict[str, Any]:
        """Give the fields of a row with their values; an empty text is none."""
        if self.record is None:
            return {name: row.get(name) or None for name in self.fields or ()}
        try:
            held = json.loads(row[self.record] or "{}")
            written(held).encode()
        except (ValueError, RecursionError):
            held = None
        if not isinstance(held, dict):
            if readable:
                raise Refused(f"no JSON object in {self.record}")
            return {}
        wanted = self.fields or tuple(held)
        return {**held, **{name: held.get(name) if held.get(name) != "" else None for name in wanted}}

    async def _found(
        self, row: Row, values: Mapping[str, Any], missing: Sequence[str], ask: Ask, context: Context
    ) -> tuple[dict[str, Any], list[str]]:
        """Ask for missing values; give those found, and the names of those that stay empty."""
        hidden = {self.record} if self.record else set(missing)
        about = before(row) | {name: row.get(name) for name in self.show}
        shown = {name: value for name, value in about.items() if name not in hidden and value}
        known = {name: value for name, value in values.items() if value is not None}
        schema = self._schema(missing)
        told = formed(self.instructions(context), self.schema_ and schema)
        asked = request(told, {"about": shown, "known": known, "missing": list(missing)}, self.parameters(), schema=schema)

        def read(answer: Answer, last: bool) -> tuple[dict[str, Any], list[str]]:  # noqa: FBT001  the signature of a reader of answers
            value = json_in(unrepeated(whole(answer), told))
            changed = [name for name, held in known.items() if name in value and not _same(value[name], held)]
            if changed and not last:
                raise Refused("changed a known field", "told", detail=", ".join(changed))
            found, _ = fitted({name: value.get(name) for name in missing}, schema, last=last, empty=True)
            return found, [name for name in missing if found.get(name) is None]

        return await ask(asked, read)

    def _schema(self, missing: Sequence[str]) -> dict[str, Any]:
        """Give the form of an answer: the missing fields, each of which may be null."""
        properties = (self.schema_ or {}).get("properties", {})
        forms = {name: {"anyOf": [properties[name], {"type": "null"}]} if name in properties else VALUE for name in missing}
        form = {"type": "object", "properties": forms, "required": list(missing), "additionalProperties": False}
        return form | shared(self.schema_ or {})


def _known(values: Mapping[str, Any], row: Row) -> list[str]:
    """Name the fields whose values are known, and not because a model filled them."""
    return [name for name, value in values.items() if value is not None and name not in (row["imputed"] or ())]


def _same(one: object, other: object) -> bool:
    """Tell whether two values say the same: texts whatever their case and blanks, numbers whatever their form."""
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return one == other
    first, second = (" ".join(str(value).casefold().split()) for value in (one, other))
    try:
        return first == second or float(first) == float(second)
    except ValueError:
        return False
