"""How near the `datatrove` profile of the filters comes to datatrove: `python -m tests.quality.parity TEXTS.jsonl DECISIONS.parquet`.

DECISIONS holds, for each filter F of FILTERS, `F_keep` and `F_reason`, and `c4_text_hash`. Printed are
the agreement by our own tokens, with every disagreement, and by spaCy's tokens in their place.
"""

import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.filters.c4 import C4
from tasks.filters.fineweb import FineWeb
from tasks.filters.gopher import GopherQuality, GopherRepetition
from tasks.filters.rule import RuleSet
from tasks.text import grams
from tasks.text.arrow import packed, unpacked
from tasks.text.cuts import cut
from tasks.text.features import PEER, measure
from tasks.text.lines import ENDED, POLICY, SCRIPT, fields_by
from tasks.text.peer import Given, peer_features
from tests.texts import records_of

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
FILTERS: Mapping[str, RuleSet] = {"gopher_quality": GopherQuality(), "gopher_rep": GopherRepetition(), "c4": C4(), "fineweb": FineWeb()}
REASONS = {
    "gopher_quality": (
        "gopher_short_doc", "gopher_below_avg_threshold", "gopher_too_many_hashes", "gopher_too_many_ellipsis", "gopher_too_many_bullets",
        "gopher_too_many_end_ellipsis", "gopher_below_alpha_threshold", "gopher_enough_stop_words",
    ),
    "gopher_rep": (
        "empty", "dup_para_frac", "dup_para_char_frac", "dup_line_frac", "dup_line_char_frac", "top_2_gram", "top_3_gram", "top_4_gram",
        *(f"duplicated_{n}_n_grams" for n in range(5, 11)),
    ),
    "c4": ("lorem_ipsum", "curly_bracket", "too_few_sentences"),
    "fineweb": ("empty", "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio"),
}  # fmt: skip
"""What datatrove calls the drops of our rules, in their order; a rule with two bounds has two names there."""
UPPER = {"gopher_short_doc": "gopher_long_doc", "gopher_below_avg_threshold": "gopher_above_avg_threshold"}


def reasons(name: str, features: pl.DataFrame) -> pl.Series:
    """Give the first reason of each text, in datatrove's words; null where it is kept."""
    first = pl.lit(None, pl.String)
    rules = FILTERS[name].rules("datatrove")
    for rule, reason in reversed(list(zip(rules, REASONS[name], strict=True))):
        said = pl.when(rule.score > rule.high).then(pl.lit(UPPER[reason])).otherwise(pl.lit(reason)) if reason in UPPER else pl.lit(reason)
        first = pl.when(rule.ok).then(first).otherwise(said)
    return features.with_columns(FILTERS[name].derived("datatrove")).select(first.alias(name)).to_series()


def rewritten(texts: pl.Series, features: pl.DataFrame) -> list[str]:
    """Give the hashes of what C4's rules leave of the texts."""
    cuts = C4().cuts("datatrove")
    assert cuts is not None
    left = cut(texts, features.select(cuts).to_series())
    return [hashlib.blake2b(text.encode(), digest_size=8).hexdigest() for text in left]


def by_spacy(texts: pl.Series) -> pl.DataFrame:
    """Measure texts with spaCy's tokens and sentences in the place of ours."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.max_length = 10**9
    firsts, starts, ends = [0], [], []
    for text in texts:
        places = np.cumsum([0, *(len(char.encode()) for char in text)])
        for token in nlp(text):
            word = token.text.strip()
            if word:
                at = token.idx + token.text.index(word)
                starts.append(places[at])
                ends.append(places[at + len(word)])
        firsts.append(len(starts))
    features = peer_features(texts, Given(*(np.array(found, np.int64) for found in (firsts, starts, ends))))
    lines = measure(texts, ["peer_lines"])
    column, fields = lines[f"{PEER}lines_of"], fields_by(grams.PEER)
    counted = [_line(nlp, text.encode(), line) for text, of in zip(texts, records_of(column, fields), strict=True) for line in of]
    records = np.array([[line[field] for field in fields] for line in counted], np.uint32)
    changed = packed(column.name, records, unpacked(column, len(fields))[1])
    return features.select(pl.all().name.prefix(PEER)).hstack(lines.with_columns(changed))


def _line(nlp: Any, text: bytes, line: dict[str, int]) -> dict[str, int]:
    """Count a line's sentences as spaCy does, where the line may stay."""
    if not line["flags"] & ENDED or line["flags"] & (SCRIPT | POLICY):
        return line
    content = CITATION.sub("", text[line["first"] : line["last"]].decode())
    return line | {"sentences": sum(bool(sentence.text.strip()) for sentence in nlp(content).sents)}


def compared(texts: pl.DataFrame, decisions: pl.DataFrame, features: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Give the texts on which a filter disagrees: id, our reason and datatrove's; `c4_text` where what C4 leaves differs."""
    found = {}
    for name in FILTERS:
        table = pl.DataFrame({"id": texts["id"], "ours": reasons(name, features), "theirs": decisions[f"{name}_reason"]})
        found[name] = table.filter(~pl.col("ours").eq_missing(pl.col("theirs")))
    kept = decisions["c4_reason"].is_null() & reasons("c4", features).is_null()
    table = pl.DataFrame({"id": texts["id"], "ours": rewritten(texts["text"], features), "theirs": decisions["c4_text_hash"]})
    found["c4_text"] = table.filter(kept & (pl.col("ours") != pl.col("theirs")))
    return found


def agreement(found: pl.DataFrame, count: int) -> float:
    """Give the share of texts on which both keep or both drop."""
    return 1 - found.filter(pl.col("ours").is_null() != pl.col("theirs").is_null()).height / count


def main(texts: str, decisions: str) -> int:
    """Print the tables."""
    held, told = pl.read_ndjson(Path(texts)), pl.read_parquet(decisions)
    for name, features in (("our tokens", measure(held["text"], ["peer", "peer_lines"])), ("spaCy's tokens", by_spacy(held["text"]))):
        for kind, found in compared(held, told, features).items():
            same = "" if kind == "c4_text" else f"decisions {agreement(found, held.height):.4f}, "
            sys.stdout.write(f"{name}: {kind}: {same}differ {found.height} of {held.height}\n")
            for row in found.iter_rows():
                sys.stdout.write(f"  {row[0]}: {row[1]} here, {row[2]} there\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
