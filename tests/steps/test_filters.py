from pathlib import Path

import polars as pl
import pytest

from flows.build import build
from tasks.errors import RecipeError
from tasks.filters.c4 import C4
from tasks.filters.fineweb import FineWeb
from tasks.filters.gopher import GopherQuality, GopherRepetition
from tasks.filters.rule import RuleSet
from tasks.filters.sieve import Filter, Rules
from tasks.filters.style import Style, modern
from tasks.text.cuts import cut
from tasks.text.features import measure
from tests.texts import prose


def failing(rules: RuleSet, text: str) -> list[str]:
    features = measure(pl.Series([text]), rules.needs).with_columns(rules.derived())
    return [rule.name for rule in rules.rules() if not features.select(rule.ok).item()]


GOOD = prose(1, 12)


@pytest.mark.parametrize("rules", [GopherQuality(), GopherRepetition(), C4(), FineWeb()], ids=lambda rules: type(rules).__name__)
def test_plain_prose_passes(rules: RuleSet) -> None:
    assert failing(rules, GOOD) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The cat sat with the dog.", "words"),
        ("a b c to of " * 20, "word_length"),
        ("incomprehensibilities uncharacteristically " * 30 + "the and", "word_length"),
        (GOOD + " #" * 60, "hashes"),
        (GOOD + "..." * 2 + " ..." * 60, "ellipses"),
        ("\n".join(f"- {prose(n, 1)}" for n in range(12)), "bullet_lines"),
        ("\n".join(f"{prose(n, 1)[:-1]}..." for n in range(12)), "ellipsis_lines"),
        (GOOD + " 1234 567 89 10 11" * 30, "alphabetic"),
        ("river stone window garden letter morning winter paper copper bread " * 8, "stop_words"),
    ],
)
def test_each_quality_rule_drops_what_it_is_for(text: str, rule: str) -> None:
    assert rule in failing(GopherQuality(), text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("\n".join([prose(1, 1)] * 6), "duplicate_lines"),
        ("\n\n".join([prose(1, 1)] * 6), "duplicate_paragraphs"),
        ("same words here " * 40, "top_3_grams"),
        (prose(1, 4) + " " + prose(1, 4), "duplicate_10_grams"),
    ],
)
def test_each_repetition_rule_drops_what_it_is_for(text: str, rule: str) -> None:
    assert rule in failing(GopherRepetition(), text)


def test_fineweb_drops_lists_and_menus() -> None:
    assert "ended_lines" in failing(FineWeb(), "\n".join(["a line without an end to it at all that is quite long"] * 3 + ["b"]))
    assert "short_lines" in failing(FineWeb(), "Home\nNews\nAbout us.\nMenu")
    assert failing(FineWeb(), "") == ["lines", "ended_lines"]


def test_c4_takes_out_lines_and_then_counts_sentences() -> None:
    text = f"{prose(1, 2)}\nmenu home\n\nThis site uses JavaScript and it needs to be on.\nThis line goes on and on without ever...\n{prose(2, 2)}\n"
    features = measure(pl.Series([text, "Just one line of text here."]), C4.needs).with_columns(C4().derived())
    cuts = C4().cuts()
    assert cuts is not None
    assert cut(pl.Series([text]), features.head(1).select(cuts).to_series()).to_list() == [f"{prose(1, 2)}\n\n{prose(2, 2)}\n"]
    sentences = next(rule for rule in C4().rules() if rule.name == "sentences")
    assert features.select(sentences.ok).to_series().to_list() == [True, False]
    assert failing(C4(), GOOD + "\n{ }") == ["curly_bracket"]
    assert failing(C4(), GOOD + " Lorem Ipsum.") == ["lorem_ipsum"]


def test_modern_prose_scores_above_old() -> None:
    old = (
        "Wherefore hast thou, whilst the tempest raged upon the heath, betaken thyself hither, unto a house whence naught but sorrow doth proceed? "
        * 3
    )
    new = '"You could have called," she said. He shrugged and put the bag on the table. "I was on the train. There was no signal." ' * 3
    scores = measure(pl.Series([old, new]), Style.needs).select(modern()).to_series()
    assert scores[0] < 0.3
    assert scores[1] > 0.8


def test_a_filter_names_every_rule_with_its_set() -> None:
    step = Filter(rules=Rules(gopher_quality=GopherQuality(), fineweb=FineWeb()))
    assert list(step.keep())[:2] == ["gopher-quality.words", "gopher-quality.word_length"]
    assert "fineweb.newlines" in step.keep()
    assert step.needs() == ("structure",)


WHERE = """name: where
steps:
  notes: {{use: files, path: "notes.jsonl"}}
  good: {{use: filter, rules: {{where: {{short: "{short}", spaced: "text LIKE '% %'"}}}}}}
  dataset: {{use: write, format: jsonl}}
"""


def where(folder: Path, short: str) -> Path:
    (folder / "notes.jsonl").write_text(
        '{"text": "one two", "title": "a"}\n{"text": "three four", "title": "a long title"}\n{"text": "x", "title": "b"}\n{"text": "no title"}\n'
    )
    (folder / "r.yaml").write_text(WHERE.format(short=short))
    return folder / "r.yaml"


def test_a_users_own_expression_keeps_what_it_is_true_of(tmp_path: Path) -> None:
    ds = build(str(where(tmp_path, "length(title) < 5 AND source = 'files'")), out=str(tmp_path / "out"), runner="direct")
    assert ds.train.collect()["text"].to_list() == ["one two"]
    (good,) = [step for step in ds.summary["steps"] if step["name"] == "good"]
    assert good["dropped"] == {"where.short": 2, "where.spaced": 1}
    assert good["failed"] == {"where.short": 2, "where.spaced": 1}


@pytest.mark.parametrize(
    ("short", "told"),
    [
        ("length(titel) < 5", "Did you mean `title`"),
        ("length(title) <", "unable to parse"),
        ("read_csv('/etc/passwd') = 1", "read_csv"),
        ("length(title)", r"steps\.good\.rules\.where\.short: .*not true or false"),
    ],
)
def test_an_expression_that_is_none_is_refused(tmp_path: Path, short: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        build(str(where(tmp_path, short)), out=str(tmp_path / "out"), runner="direct")


def test_an_expression_sees_the_split_that_was_laid_beside(tmp_path: Path) -> None:
    recipe = where(tmp_path, "true").read_text().replace("  good:", "  split: {use: split, validation: 0.5}\n  good:")
    (tmp_path / "r.yaml").write_text(
        recipe.replace("spaced: \"text LIKE '% %'\"", "trained: \"split IN ('train', 'validation')\"").replace('short: "true", ', "")
    )
    ds = build(str(tmp_path / "r.yaml"), out=str(tmp_path / "out"), runner="direct")
    (good,) = [step for step in ds.summary["steps"] if step["name"] == "good"]
    assert (good["rows_in"], good["rows_out"]) == (4, 4)
