"""Rules beside those of the papers, through whole builds."""

import random
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from flows import workplace
from flows.build import build
from tasks.errors import DartboardError, RecipeError
from tasks.text.classifying import languages_model
from tasks.text.pairwise import breaks_off
from tasks.text.tokens import count_tokens
from tests.fasttexts import train
from tests.texts import WORDS, prose

GERMAN = "Der Fluss war im Winter so hoch, dass niemand mehr über die alte Brücke gehen wollte, und die Kinder blieben zu Hause."
FRENCH = "La rivière était si haute en hiver que personne ne voulait plus traverser le vieux pont, et les enfants restaient à la maison."


def filtered(folder: Path, rows: list[dict[str, Any]], rules: Any, **settings: Any) -> tuple[list[str], dict[str, int]]:
    """Build with one filter: the texts (or outputs) of what is kept, and the reasons of what is not."""
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    steps = {
        "rows": {"use": "files", "path": "rows.jsonl", "as": "pairs" if "output" in rows[0] else "documents"},
        "good": {"use": "filter", "rules": rules, **settings},
        "dataset": {"use": "write"},
    }
    (folder / "r.yaml").write_bytes(orjson.dumps({"name": "made", "steps": steps}))
    ds = build(str(folder / "r.yaml"), out=str(folder / "out"), runner="direct")
    kept = ds.train.collect()
    (good,) = [step for step in ds.summary["steps"] if step["name"] == "good"]
    return kept["output" if "output" in kept.columns else "text"].to_list(), good["dropped"]


def texts(*held: str, **more: str) -> list[dict[str, Any]]:
    return [{"text": text, **more} for text in held]


def test_language_keeps_what_is_written_in_it(tmp_path: Path) -> None:
    kept, dropped = filtered(tmp_path, texts(GERMAN, FRENCH, prose(1), "12 34"), {"language": {"is": ["de", "FR"]}})
    assert kept == [GERMAN, FRENCH]
    assert dropped == {"language.is": 2}


def test_thresholds_vary_by_source_by_language_and_by_what_is_detected(tmp_path: Path) -> None:
    short = {"gopher-quality": {"min_words": {"by": "detected", "values": {"de": 5, "fr": 500}, "default": 20}, "stop_words": 0}}
    kept, dropped = filtered(tmp_path / "a", texts(GERMAN, FRENCH, prose(1), "Nine words are here and that is not enough."), short)
    assert kept == [GERMAN, prose(1)]
    assert dropped == {"gopher-quality.words": 2}
    rows = [{"text": GERMAN, "language": "de"}, {"text": GERMAN + " ", "language": "nl"}, {"text": GERMAN + "  "}]
    lasting = {"gopher-quality": {"min_words": {"by": "language", "values": {"de": 5}}, "stop_words": 0}}
    assert filtered(tmp_path / "b", rows, lasting) == ([GERMAN], {"gopher-quality.words": 2})
    by_source = {"style": {"words": {"min": {"by": "source", "values": {"files": 1}, "default": 99999}}}}
    assert filtered(tmp_path / "c", texts("one two"), by_source)[0] == ["one two"]


def test_a_classifier_that_was_trained_here_keeps_its_label(tmp_path: Path) -> None:
    draw = random.Random(4)
    good, bad = WORDS[:15], WORDS[15:]
    lines = [(label, " ".join(draw.choices(words, k=12))) for _ in range(100) for label, words in (("good", good), ("bad", bad))]
    train(lines, tmp_path / "model.bin")
    unseen = [" ".join(draw.choices(words, k=12)) for words in (good, bad, good, bad)]
    rules = {"classifier": {"path": "model.bin", "label": "good", "min": 0.9}}
    assert filtered(tmp_path, texts(*unseen), rules) == ([unseen[0], unseen[2]], {"classifier.label": 2})
    train([("good" if label == "bad" else "bad", text) for label, text in lines], tmp_path / "model.bin")
    assert filtered(tmp_path, texts(*unseen), rules)[0] == [unseen[1], unseen[3]], "another model under the same name is another key"
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(DartboardError, match="model"):
        filtered(tmp_path, texts(*unseen), rules)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(RecipeError, match=r"rules.classifier.path: .*does not exist"):
        filtered(tmp_path, texts(*unseen), rules)


def test_a_model_that_changed_while_the_build_ran_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train([("good", "a b"), ("bad", "c d")], tmp_path / "model.bin")

    def changed(address: str, version: str) -> str:
        told = hash_of(address, version)
        (tmp_path / "model.bin").write_bytes((tmp_path / "model.bin").read_bytes() + b" ")
        return told

    hash_of = workplace._hash_of
    monkeypatch.setattr(workplace, "_hash_of", changed)
    with pytest.raises(DartboardError, match="was changed while the build ran"):
        filtered(tmp_path, texts("a b"), {"classifier": {"path": "model.bin", "label": "good"}})


def test_any_keeps_what_passes_one_group_whole(tmp_path: Path) -> None:
    either = {"any": [{"style": {"words": {"max": 3}}}, {"language": {"is": "de"}, "where": {"long": "length(text) > 100"}}]}
    assert filtered(tmp_path, texts("one two", GERMAN, GERMAN[:50], FRENCH), either) == (["one two", GERMAN], {"any.alternatives": 2})


def test_style_drops_by_each_score_and_exemplars(tmp_path: Path) -> None:
    plain = "I went home. I don't know why. It was late and I was tired, so I slept. " * 4
    legal = "The party of the first part, hereinafter the lessee, shall upon notice thereof remit to the lessor such sums as are due; " * 4
    (tmp_path / "mine.txt").write_text("I don't think so. It was late and I was at home.\n\nI slept, so I don't know.")
    for rules, kept in (
        ({"flesch": {"min": 80}}, [plain]), ({"grade": {"min": 12}}, [legal]), ({"first_person": {"min": 5}}, [plain]), ({"jargon": {"min": 0.1}}, [legal]),
        ({"contractions": {"max": 0}}, [legal]), ({"archaic": {"max": 0}}, [plain]), ({"punctuation": {";": {"max": 1}}}, [plain]),
        ({"grammar": {"upon": {"max": 0.1}}}, [plain]), ({"like": {"path": "mine.txt", "max": 0.4}}, [plain]), ({"modern": {"min": 0.5}}, [plain]),
        ({"sentence_words": {"max": 10}, "sentence_spread": {"max": 5}, "type_token": {"min": 0.1}, "mtld": {"min": 1}, "passive": {"max": 9}}, [plain]),
    ):  # fmt: skip
        assert filtered(tmp_path, texts(plain, legal), {"style": rules})[0] == kept, rules


PAIRS = [
    {"input": "what is two and two", "output": "Four."},
    {"input": "say it again", "output": "say it again "},
    {"input": "write much", "output": "word " * 60},
    {"input": "a story", "output": "He came home. She was there. They sat down and"},
    {"input": "as json", "output": '{"a": [1, 2'},
    {"input": "code", "output": "Here it is:\n```python\nprint(1)\n"},
    {"input": "nothing", "output": ""},
]


def test_pairs_whose_sides_do_not_belong_together_go(tmp_path: Path) -> None:
    kept, dropped = filtered(tmp_path / "a", PAIRS, {"pairs": {}})
    assert kept == ["Four."]
    assert dropped == {"pairs.length_ratio": 1, "pairs.same": 1, "pairs.truncated": 3} | (
        {"pairs.output": 1} if "pairs.output" in dropped else {}
    )
    kept, _ = filtered(tmp_path / "b", PAIRS, {"pairs": {"same": True, "truncated": True, "length_ratio": 100}})
    assert len(kept) == 6
    told = "the river was so high in winter that nobody would cross the old bridge and the children stayed at home"
    copying = [
        {"input": told, "output": f"It says: {told}"},
        {"input": told, "output": "In winter nobody crossed the river, and children had to stay at home all day."},
    ]
    assert filtered(tmp_path / "c", copying, {"pairs": {"copied": 0.5}})[1] == {"pairs.copied": 1}


def test_tokens_are_those_of_the_encoding(tmp_path: Path) -> None:
    assert count_tokens(pl.Series(["hello world", "", None, "<|endoftext|>"]), "o200k_base").to_list()[:3] == [2, 0, 0]
    rows = [{"input": "hello world", "output": "hello world"}, {"input": "hello", "output": "hello world " * 50}]
    assert filtered(tmp_path, rows, {"pairs": {"same": True, "length_ratio": 999, "tokens": {"max": 10}}})[1] == {"pairs.tokens": 1}


def test_personal_data_drops_rows_or_is_redacted(tmp_path: Path) -> None:
    held = texts("Ask ann@example.org.", "Nothing here.", "Call +49 151 2345678 or 8.8.8.8.")
    assert filtered(tmp_path / "a", held, {"pii": {}}) == (["Nothing here."], {"pii.email": 1, "pii.ip": 1})
    assert filtered(tmp_path / "b", held, {"pii": {"kinds": ["email"]}})[1] == {"pii.email": 1}
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, held)))
    steps = {"rows": {"use": "files", "path": "rows.jsonl"}, "safe": {"use": "redact", "mark": "<{kind}>"}, "dataset": {"use": "write"}}
    (tmp_path / "r.yaml").write_bytes(orjson.dumps({"name": "made", "steps": steps}))
    rows = build(str(tmp_path / "r.yaml"), out=str(tmp_path / "out"), runner="direct").train.collect()
    assert rows["text"].to_list() == ["Ask <EMAIL>.", "Nothing here.", "Call <PHONE> or <IP>."]
    assert rows["span"].struct.field("start").is_null().to_list() == [True, False, True]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"any": [{}]}, r"rules.any\[0\]: must name at least one rule set"),
        ({"any": [{"c4": {}}]}, r"rules.any\[0\].c4: cannot stand inside `any`"),
        ({"style": {}}, "rules.style: bounds nothing"),
        ({"style": {"grammar": {"banana": {"max": 1}}}}, "banana.* is no word that is counted"),
        ({"style": {"punctuation": {"%": {"max": 1}}}}, "punctuation"),
        ({"pairs": {}}, "input"),
        ({"pii": {"kinds": ["mail"]}}, "pii.kinds"),
        ({"language": {}}, "language.is.* is required"),
        ({"fineweb": {"short_lines": {"by": "author", "values": {"a": 1}}}}, "short_lines"),
        ({"style": {"like": {"path": "none.txt"}}}, "like.path.* does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_its_place(tmp_path: Path, rules: Any, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        filtered(tmp_path, texts("one"), rules)


def test_one_name_may_stand_for_two_expressions_and_two_encodings(tmp_path: Path) -> None:
    rules = {"where": {"a": "length(text) > 1"}, "any": [{"where": {"a": "length(text) > 5"}}, {"where": {"a": "length(text) < 3"}}]}
    assert filtered(tmp_path / "a", texts("x", "ab", "abcd", "abcdef"), rules)[0] == ["ab", "abcdef"]
    counted = [{"pairs": {"tokens": {"max": 3}}}, {"pairs": {"tokens": {"max": 3}, "encoding": "cl100k_base"}}]
    assert filtered(tmp_path / "b", [*PAIRS[:1], {"input": "a", "output": "b"}], {"any": counted}) == (["b"], {"any.alternatives": 1})


def test_a_model_that_is_cut_off_or_has_no_such_label_is_told(tmp_path: Path) -> None:
    whole = languages_model().read_bytes()
    (tmp_path / "cut.ftz").write_bytes(whole[:900_000])
    with pytest.raises(RecipeError, match=r"steps.good.rules.classifier.path: cannot be used: it cannot be loaded"):
        filtered(tmp_path, texts("one"), {"classifier": {"path": "cut.ftz", "label": "en"}})
    (tmp_path / "cut.ftz").write_bytes(whole)
    with pytest.raises(RecipeError, match="it has no label goood, but"):
        filtered(tmp_path, texts("one"), {"classifier": {"path": "cut.ftz", "label": "goood"}})


def test_earlier_turns_are_redacted_too(tmp_path: Path) -> None:
    said = ["Mail bob@corp.com please.", "Noted bob@corp.com.", "And eve@corp.com?", "Yes."]
    roles = ["user", "assistant", "user", "assistant"]
    messages = [{"role": role, "content": content} for role, content in zip(roles, said, strict=True)]
    (tmp_path / "c.jsonl").write_bytes(orjson.dumps({"messages": messages}) + b"\n" + orjson.dumps({"messages": messages[2:]}))
    steps = {"rows": {"use": "files", "path": "c.jsonl", "as": "pairs"}, "safe": {"use": "redact"}, "dataset": {"use": "write"}}
    (tmp_path / "r.yaml").write_bytes(orjson.dumps({"name": "made", "steps": steps}))
    rows = build(str(tmp_path / "r.yaml"), out=str(tmp_path / "out"), runner="direct").train.collect()
    assert "corp.com" not in str(rows.select("turns", "input", "output").to_dicts())
    assert sorted(rows["turns"].list.len()) == [0, 0, 2] or sorted(rows["turns"].list.len()) == [0, 2]


@pytest.mark.parametrize(
    ("output", "broken"),
    [
        ("<think>Two plus two.</think> The answer is 4.", False), ("[Applause] Thank you all for coming.", False), ("[Docs](http://x.y) has it. See there.", False),
        ("Steps follow. Do them. \n- wash\n- dry", False), ('{"a": [1, 2', True), ("He came. She was there. They sat down and", True), ("<a><b>x</b>", False),
        ("[1, 2", True), ("Four.", False), ("Here:\n```py\nx", True), ("<doc><item>one", True), ("", False),
    ],
)  # fmt: skip
def test_an_output_that_breaks_off_is_told_from_one_that_ends(output: str, broken: bool) -> None:  # noqa: FBT001
    assert pl.DataFrame({"output": [output]}).select(breaks_off(pl.col("output"))).item() is broken
