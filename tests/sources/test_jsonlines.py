"""JSON lines by columns give what reading each line by itself gives."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.frames import Skip
from tasks.sources import jsonlines
from tasks.sources.columnwise import asked_of, documents
from tasks.sources.files import Files
from tasks.sources.jsonlines import Block, blocks, lines
from tasks.step import Context, Unit

NAMES = ("text", "title", "url", "licence", "group", "created", "id", "authors", "private", "body", "hue", "n", "é", 'q"', "span")
TEXT = st.text(alphabet=st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from('\\"\n\t/é€😀 \x1c\x00'))) | st.sampled_from(
    ["", " ", "\x1c ", "A sentence."]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUE = TEXT | SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(st.sampled_from(NAMES), SCALAR, max_size=2)
RECORD = st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=6) | st.fixed_dictionaries(
    {"text": TEXT, "title": TEXT | st.none(), "n": SCALAR}
)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A line as some writer makes it, sometimes with a byte changed, put in or taken out."""
    spaces = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    line = json.dumps(draw(RECORD), ensure_ascii=draw(st.booleans()), separators=spaces).encode()
    line = draw(st.sampled_from([b"", b" "])) + line + draw(st.sampled_from([b"", b"\r", b" x"]))
    if draw(st.integers(0, 3)):
        return line
    at = draw(st.integers(0, len(line)))
    byte = draw(st.sampled_from(list(b'"\\{}[],:x0\xff\xc3\xed \t')).map(lambda value: bytes([value])))
    return line[:at] + draw(st.sampled_from([b"", byte])) + line[at + draw(st.integers(0, 1)) :]


def one_by_one(step: Files, unit: Unit, data: bytes) -> tuple[pl.DataFrame, list[Skip]]:
    return gathered(step._rows(unit, "", lines(iter([data])), Context("s")))  # what the fast way must agree with


def by_columns(step: Files, unit: Unit, data: bytes) -> tuple[pl.DataFrame, list[Skip]]:
    asked = asked_of(step.columns)
    assert asked
    return gathered(step._blocks(asked, blocks(iter([data])), step._shared(unit, "", Context("s"))))


def gathered(readings: object) -> tuple[pl.DataFrame, list[Skip]]:
    held = list(readings)  # type: ignore[call-overload]  # an iterator of readings
    return pl.concat([reading.rows for reading in held], how="diagonal"), [skip for reading in held for skip in reading.skips]


@pytest.mark.parametrize("columns", [{}, {"text": "body"}, {"title": "hue", "colour": "body"}, {"hue": "hue", "text": "text"}], ids=str)
@settings(max_examples=250, deadline=None)
@given(st.lists(written(), max_size=8))
@example([b'{"text": "a", "n": 1}', b'{"text": "b", "n": 01}', b'{"text": "c", "n": [1}, "x": {]}'])
@example([b'{"text": "a", "text": "b"}', b'{"text": null, "text": "b"}', b'{"text": "b", "text": null}'])
@example([b'{"text": "\\ud83d\\ude00 \\u00e9 \\ud83d"}', b'{"text": "\\uD83D\\uDE00 \\u00E9"}', b'{"text": "\\u12"}', b'{"text": "\\'])
@example([b'{"text": "a",}', b'{,"text": "a"}', b'{"text" "a"}', b'{"text": "a"} {"text": "b"}', b'["text"]', b"{", b"{}", b'{"n":}'])
@example(
    [
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "\xc0\x80"}',
        b'{"text": "\xf4\x90\x80\x80"}',
        b'{"text": "\xe2\x82"}',
        b'\xef\xbb\xbf{"text": "a"}',
    ]
)
def test_reading_by_columns_is_reading_line_by_line(columns: dict[str, str], written: list[bytes]) -> None:
    step = Files(path="x", columns=columns, licence="CC0-1.0")
    unit = Unit("a.jsonl", "a.jsonl", "1", 0)
    data = b"\n".join(written)
    slow, slow_skips = one_by_one(step, unit, data)
    fast, fast_skips = by_columns(step, unit, data)
    assert fast_skips == slow_skips
    assert all(fast[name].is_null().all() for name in set(fast.columns) - set(slow.columns)), "a column that no record fills"
    assert fast.select(sorted(slow.columns)).equals(slow.select(sorted(slow.columns))) or fast.height == slow.height == 0


def test_usual_lines_are_read_by_columns_and_unusual_ones_are_not() -> None:
    usual = [b'{"id": 1, "text": "A\\nb\\u00e9.", "meta": {"a": [1, "}"]}}', b'{"text":"\xc3\xa9","title":null}']
    unusual = [b'{"text": "a", "private": true}', b'{"text": 5}', b'{"text": "a"', b'{"te\\u0078t": "a"}']
    asked = asked_of({})
    assert asked
    shared = Files(path="x")._shared(Unit("a", "a", "1", 0), "", Context("s"))
    rows, odd = documents(Block(1, b"\n".join([*usual, *unusual])), asked, shared)
    assert rows["text"].to_list() == ["A\nbé.", "é"]
    assert rows["attrs"].to_list() == ['{"id":1,"meta":{"a":[1,"}"]}}', None]
    assert [row.place for row in odd] == ["3", "4", "5", "6"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda part: part.replace(b"\0", b"")), max_size=12), st.integers(1, 40), st.integers(5, 60))
def test_blocks_are_the_lines_of_the_stream(parts: list[bytes], block: int, longest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonlines, "BLOCK_BYTES", block)
        patch.setattr(jsonlines, "MAX_LINE_BYTES", longest)
        data = b"x" + b"".join(parts)
        found = [row for each in blocks(iter([b"x", *parts])) for row in each.rows()]
    wanted = {str(n): len(line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()}
    told = {row.place: row.fault for row in found}
    assert {place for place, fault in told.items() if fault == jsonlines.TOO_LONG} == {n for n, size in wanted.items() if size > longest}
    assert set(told) == set(wanted)


def test_a_line_too_long_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonlines, "MAX_LINE_BYTES", 3_000_000)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "first"}\n{"text": "' + b"x" * 5_000_000 + b'"}\n{"text": "last"}\n')
    step = Files(path=str(path))
    (unit,) = step.units([str(path)])
    rows, skips = gathered(step.read(unit, Context("s")))
    assert rows["text"].to_list() == ["first", "last"]
    assert rows["id"].to_list() == ["s/rows.jsonl#1", "s/rows.jsonl#3"]
    assert skips == [Skip("rows.jsonl", "2", jsonlines.TOO_LONG)]
