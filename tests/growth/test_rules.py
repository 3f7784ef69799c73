"""Rules of a whole object, references of schemas, and broken JSON that no mending is worth."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tasks.clients.llm import Attempts, Endpoint
from tasks.clients.model import Answer, Model, Request
from tasks.growth.asking import Asking
from tasks.growth.budget import Budget, Leave, Purse
from tasks.growth.ledger import Ledger
from tasks.growth.reading import SHOWN, Refused, json_in, once_more, whole
from tasks.growth.structure import fitted, schema_faults
from tasks.store.place import Place

TEXTS = {"a": {"type": "string"}, "b": {"type": "string"}}
BOTH: dict[str, Any] = {"type": "object", "properties": TEXTS, "required": ["a"]}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"minProperties": 2}, {"a": "x"}),
        ({"dependentRequired": {"a": ["b"]}}, {"a": "x"}),
        ({"if": {"properties": {"a": {"const": "x"}}}, "then": {"required": ["b"]}}, {"a": "x"}),
        ({"anyOf": [{"required": ["b"]}, {"properties": {"a": {"const": "y"}}}]}, {"a": "x"}),
    ],
)
def test_an_object_that_breaks_a_rule_of_the_whole_is_refused(rule: dict[str, Any], value: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="schema violation"):
        fitted(value, BOTH | rule, last=True)


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        ({}, {"a": 1, "b": "y"}, {"a": None, "b": "y"}),
        ({}, {"b": "y"}, {"a": None, "b": "y"}),
        ({"additionalProperties": False}, {"a": "x", "c": 1}, {"a": "x"}),
        ({"minProperties": 1}, {"a": 1, "b": "y"}, {"a": None, "b": "y"}),
        ({"anyOf": [{"properties": {"a": {"type": "string"}}}]}, {"a": 1, "b": "y"}, {"a": None, "b": "y"}),
    ],
)
def test_one_bad_field_costs_no_row(rule: dict[str, Any], value: dict[str, Any], kept: dict[str, Any]) -> None:
    assert fitted(value, BOTH | rule, last=True)[0] == kept


@pytest.mark.parametrize(
    ("reference", "faults"),
    [
        ("#/$defs/there", 0),
        ("#/definitions/old", 0),
        ("#/$defs/deep/properties/in", 0),
        ("#/$defs/gone", 1),
        ("#/$defs/circle", 1),
        ("#/properties/a", 1),
        ("#", 1),
        ("https://elsewhere.example/schema.json", 1),
    ],
)
def test_references_lead_to_definitions(reference: str, faults: int) -> None:
    defined = {
        "there": {"type": "string"},
        "deep": {"properties": {"in": True}},
        "circle": {"$ref": "#/$defs/around"},
        "around": {"$ref": "#/$defs/circle"},
    }
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": reference}, "b": {"const": {"$ref": "data"}}},
        "$defs": {name: held for name, held in defined.items() if name in reference or reference.endswith("circle")},
        "definitions": {"old": {}},
    }
    found = schema_faults("steps.x.schema", schema)
    assert len([fault for fault in found if "is no definition of it" in str(fault)]) >= faults
    assert bool(found) is bool(faults)


@pytest.mark.parametrize("text", ["{" * 60_000, '{"a":' + "[{" * 30_000, '{"a": 1,' + '"b": "c" ' * 10_000, "{" + "```" * 20_000])
def test_what_would_take_minutes_to_mend_is_not_mended(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr("json_repair.loads", tried.append)
    with pytest.raises(Refused, match="broken JSON"):
        json_in(text)
    assert not tried


def test_a_huge_answer_is_shown_in_part() -> None:
    again = once_more(Request((), {}), Answer("x" * 1_000_000, "stop"), Refused("broken JSON", "told"))
    assert again is not None
    assert len(again.messages[0]["content"]) == SHOWN


MODEL = Model(model="m", url="http://127.0.0.1:9/v1")


class Lossy(Endpoint):
    """An endpoint whose first call is lost, and whose second one, if there is one, ends once the first wants to be sent again."""

    begun: asyncio.Event
    wants: asyncio.Event

    async def ask(self, request: Request, attempts: Attempts | None = None) -> Answer:
        assert attempts is not None
        if request.sample == 0:
            attempts.lost += 1
            await self.begun.wait()
            self.wants.set()
            room = await attempts.may_resend()
            return Answer("again", "stop", 10, 10) if room else Answer(failure="budget reached")
        self.begun.set()
        await self.wants.wait()
        await asyncio.sleep(0)
        return Answer("other", "stop", 10, 10)


@pytest.mark.parametrize("others", [1, 0])
def test_a_lost_call_waits_for_the_room_that_others_give_back(tmp_path: Path, others: int) -> None:
    ledger = Ledger(Place.at(str(tmp_path)))
    question = ({"role": "user", "content": "Why?"},)
    endpoint = Lossy("w", MODEL)
    worst = sum(endpoint.worst(Request(question, {"max_tokens": 100})))
    purse = Purse(ledger, "r/s", Budget(tokens=(2 if others else 1) * worst + 20))

    async def ask() -> list[Any]:
        endpoint.begun, endpoint.wants = asyncio.Event(), asyncio.Event()
        if not others:
            endpoint.begun.set()
        asking = Asking({"w": endpoint}, "w", ledger, purse)
        requests = [Request(question, {"max_tokens": 100}, sample) for sample in range(1 + others)]
        return await asyncio.gather(*(asking(each, lambda said, _: whole(said)) for each in requests), return_exceptions=True)

    said = asyncio.run(ask())
    spent = purse.spent
    ledger.close()
    assert [str(each) for each in said] == (["again", "other"] if others else [""])
    assert not others or spent == 60, "what was sent twice is booked twice"


def test_a_lost_call_is_worth_what_is_known_now(tmp_path: Path) -> None:
    ledger = Ledger(Place.at(str(tmp_path)))
    purse = Purse(ledger, "r/s", Budget(tokens=1000))
    assert purse.reserve("a", 400) is Leave.GO
    assert purse.resend("a", 100)
    assert purse.set_aside == 200
    purse.let_go("a", lost=2, worst=90)
    assert purse.set_aside == 180
    ledger.close()
