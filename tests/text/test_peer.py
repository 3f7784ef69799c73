"""Features and lines as datatrove counts them, each against a plain oracle, over texts of every kind."""

import re
from collections import Counter

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.filters.c4 import C4
from tasks.text.classes import LIMIT, STOP, table
from tasks.text.cuts import cut
from tasks.text.features import measure
from tasks.text.grams import PEER
from tasks.text.lines import fields_by, lines
from tasks.text.peer import peer_features
from tests.text.test_kernels import TEXTS, WORDS
from tests.texts import EXAMPLES, records_of

CITATION = re.compile(r"\[[0-9]*]|\[edit]|\[citation needed]")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
PIECES = [
    "One two three.", "Has it ended?", " [1] Two words!", "no end to this line", "It uses Cookies here.", "JavaScript is needed here.", "a { b c.",
    "Lorem ipsum dolor sit.", "", " ", "\t", "It goes on...", 'He said "no more now."', "x [edit] y z.", "[citation needed] Too few.", "é 東京 ok now.",
]  # fmt: skip
PAGES = st.lists(st.sampled_from(PIECES), max_size=8).flatmap(
    lambda held: st.lists(st.sampled_from(["\n", "\r\n", "\n\n"]), min_size=len(held), max_size=len(held)).map(
        lambda ends: "".join(piece + end for piece, end in zip(held, ends, strict=True))
    )
)


def stops(line: str) -> bool:
    return bool(line) and ord(line[-1]) < LIMIT and bool(table()[0][ord(line[-1])] & STOP)


def repeats(parts: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    again = [part for part in parts if part in seen or seen.add(part)]  # type: ignore[func-returns-value]
    return len(again), sum(map(len, again))


@settings(max_examples=EXAMPLES)
@given(TEXTS)
@example(["", "\n", "\n\n\n", "a\n\na", "\x00", "\u2028a\u2028", "a\n \na\n"])
def test_lines_and_paragraphs_are_those_of_the_oracle(texts: list[str]) -> None:
    found = peer_features(pl.Series(texts, dtype=pl.String))
    for text, row in zip(texts, found.iter_rows(named=True), strict=True):
        filled = [line for line in text.split("\n") if line.strip()]
        split = re.split("\n+", text) if text else []
        paragraphs = re.split("\n{2,}", text.strip())
        wanted = {
            "chars": len(text),
            "newlines": text.count("\n"),
            "hashes": text.count("#"),
            "ellipses": text.count("...") + text.count("…"),
            "lines": len(text.splitlines()),
            "bullet_lines": sum(line.lstrip().startswith(("-", "•")) for line in text.splitlines()),
            "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in text.splitlines()),
            "filled_lines": len(filled),
            "ended_lines": sum(map(stops, filled)),
            "short_lines": sum(len(line) <= 30 for line in filled),
            "line_chars": len(text) - text.count("\n"),
            "filled_duplicate_chars": repeats(filled)[1],
            "split_lines": len(split),
            "duplicate_lines": repeats(split)[0],
            "duplicate_line_chars": repeats(split)[1],
            "paragraphs": len(paragraphs),
            "duplicate_paragraphs": repeats(paragraphs)[0],
            "duplicate_paragraph_chars": repeats(paragraphs)[1],
        }
        assert {name: row[name] for name in wanted} == wanted


@settings(max_examples=EXAMPLES)
@given(st.lists(WORDS, max_size=4))
def test_n_grams_are_counted_as_datatrove_counts_them(texts: list[list[str]]) -> None:
    found = peer_features(pl.Series([" ".join(words) for words in texts], dtype=pl.String))
    for words, row in zip(texts, found.iter_rows(named=True), strict=True):
        for n in (2, 3, 4):
            held = [" ".join(words[at : at + n]) for at in range(len(words) - n + 1)]
            most = Counter(held).most_common(1)
            assert row[f"top_{n}"] == (len(most[0][0]) * most[0][1] if most else 0)
        for n in (5, 7, 10):
            seen: set[tuple[str, ...]] = set()
            total = at = 0
            while at < len(words) - n + 1:
                gram = tuple(words[at : at + n])
                again = gram in seen
                total += len("".join(gram)) if again else 0
                seen.add(gram)
                at += n if again else 1
            assert row[f"duplicate_{n}"] == total


def left_of(text: str) -> tuple[str, str]:
    """The oracle of C4 as datatrove has it: why a page goes, whatever its sentences, and what is left of it."""
    kept: list[str] = []
    for piece in text.splitlines():
        line, count = piece.strip(), len(piece.split())
        line = CITATION.sub("", line)
        if not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...") or count < 3:
            continue
        if "lorem ipsum" in line.lower():
            return "lorem_ipsum", ""
        if "javascript" in line.lower():
            continue
        if "{" in line:
            return "curly_bracket", ""
        if not any(phrase in line.lower() for phrase in POLICY):
            kept.append(line)
    return "", "\n".join(kept).strip()


@settings(max_examples=400)
@given(st.lists(PAGES, min_size=1, max_size=5))
def test_what_c4_leaves_is_what_the_oracle_leaves(texts: list[str]) -> None:
    held = pl.Series(texts, dtype=pl.String)
    rules = C4(sentences=0)
    features = measure(held, ["peer_lines"]).with_columns(rules.derived("datatrove"))
    cuts = rules.cuts("datatrove")
    assert cuts is not None
    left = cut(held, features.select(cuts).to_series()).to_list()
    judged = features.select(rule.ok.alias(rule.name) for rule in rules.rules("datatrove")).to_dicts()
    for text, ours, verdicts in zip(texts, left, judged, strict=True):
        reason, wanted = left_of(text)
        assert next((name for name, good in verdicts.items() if not good), "") == reason
        assert reason or ours == wanted


@given(TEXTS, st.integers(0, 1))
def test_lines_of_any_text_lie_end_to_end(texts: list[str], rule: int) -> None:
    found = lines(pl.Series(texts, dtype=pl.String), rule)["lines_of"]
    for text, of in zip(texts, records_of(found, fields_by(rule)), strict=True):
        assert [line["start"] for line in of] == [0, *(line["end"] for line in of[:-1])]
        encoded = text.encode()
        for line in of:
            if rule == PEER:
                assert encoded[line["first"] : line["last"]].decode() == encoded[line["start"] : line["end"]].decode().strip()


@pytest.mark.parametrize("group", ["structure", "repetition", "lines", "peer", "peer_lines"])
def test_a_line_of_ten_megabytes_is_measured(group: str) -> None:
    text = "a word and another one, " * 420_000
    found = measure(pl.Series([text, "short."]), [group])
    assert found.height == 2
