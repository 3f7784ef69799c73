"""Dedup, split and select as laws over rows."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.dedup.comparison import by_standing, met, places
from tasks.dedup.near import Near
from tasks.dedup.step import Dedup, keeper_rank
from tasks.errors import GateError
from tasks.frames import conform
from tasks.selection import Select, apportioned
from tasks.splits import Split
from tasks.step import BarrierStep, Context
from tasks.text.hashing import hash_texts
from tasks.text.joining import components
from tasks.text.shingles import jaccard, shingle_sets
from tests.texts import EXAMPLES, WORDS, prose


def documents(texts: list[str], **more: Any) -> pl.DataFrame:
    rows = {"id": [f"a/{n:04}" for n in range(len(texts))], "text": texts, **more}
    return conform(pl.DataFrame(rows, schema_overrides={"text": pl.String}), "documents")


def settle(step: BarrierStep, rows: pl.DataFrame, shards: int = 2, seed: int = 0) -> pl.DataFrame:
    """Run a barrier over rows cut into shards; give the rows with what was settled."""
    bounds = np.linspace(0, rows.height, shards + 1).astype(int)
    parts = [rows.slice(a, b - a).with_row_index("row") for a, b in zip(bounds, bounds[1:], strict=False)]
    context = Context("step", seed)
    wanted = set(step.reads(rows.columns)) | {"row"}
    seen = [part.select([name for name in part.columns if name in wanted]).with_columns(order=hash_texts(part["id"])) for part in parts]
    summaries = pl.concat(
        [
            step.summarise(part, context).with_columns(part["order"]).select(places(n, part["row"]), pl.all().exclude("row"))
            for n, part in enumerate(seen)
        ]
    )
    pairs = alike(step, seen, rows.columns)
    if step.paired_only:
        paired = pl.concat([pairs["left"], pairs["right"]])
        summaries = summaries.filter(pl.col("place").is_in(paired.implode()))
    held = summaries["place"].to_numpy()
    numbered = pairs.with_columns(pl.Series(side, np.searchsorted(held, pairs[side].to_numpy())) for side in ("left", "right"))
    settled = step.settle(summaries, numbered, context)
    laid = [
        part.with_columns(places(n, part["row"])).join(settled, on="place", how="left", maintain_order="left")
        for n, part in enumerate(parts)
    ]
    return pl.concat(laid).with_columns(pl.col("keep").fill_null(value=step.paired_only))


def alike(step: BarrierStep, parts: list[pl.DataFrame], columns: list[str]) -> pl.DataFrame:
    """Find the pairs as the flow does, with one partition and one block."""
    comparison = step.comparison(columns)
    schema = {"left": pl.UInt64, "right": pl.UInt64, "exact": pl.Boolean, "similarity": pl.Float64}
    if comparison is None:
        return pl.DataFrame(schema=schema)
    keys = [(held := comparison.keys(part)).select("key", places(n, held["row"]), "order") for n, part in enumerate(parts)]
    found = pl.concat([pl.DataFrame(schema=schema).drop("similarity"), *(piece.pairs for piece in met(pl.concat(keys)))])
    sets = pl.concat(
        [(held := comparison.sets(part)).select(places(n, held["row"]), pl.all().exclude("row")) for n, part in enumerate(parts)]
    )
    near = comparison.alike(by_standing(found), sets)
    both = [pl.DataFrame(schema=schema), found.filter("exact"), near]
    return pl.concat(both, how="diagonal").with_columns(pl.col("exact").fill_null(value=False), pl.col("similarity").fill_null(1.0))


def edited(text: str, places: list[int]) -> str:
    words = text.split()
    for place in places:
        words[place % len(words)] = f"other{place}"
    return " ".join(words)


def test_exact_duplicates_go_and_name_the_one_that_stays() -> None:
    rows = settle(Dedup(), documents(["A text, here.", "a TEXT here", "another", "  A text here!", ""]))
    assert rows["keep"].to_list() == [False, False, True, True, True]
    assert rows["duplicate_of"].to_list() == ["a/0003", "a/0003", None, None, None]


def test_signs_count_where_they_are_no_punctuation() -> None:
    texts = ["2-3", "2*3", "2 - 3", "2 * 3", "x²", "x2", ".5 mg", "5 mg", "a_b", "a b"]
    assert settle(Dedup(), documents(texts))["keep"].all()
    assert settle(Dedup(near=Near()), documents([*texts, "…", "!!", "—"]))["keep"].all()


def test_columns_are_compared_each_by_itself() -> None:
    context = prose(1, 30)
    rows = {
        "id": list("abcd"),
        "input": ["a b", "a", f"{context} Who?", f"{context} When?"],
        "output": ["c", "b c", "the teacher", "in 1902"],
    }
    pairs = conform(pl.DataFrame(rows), "pairs")
    assert settle(Dedup(near=Near()), pairs)["keep"].all()
    assert settle(Dedup(near=Near(), by=("input",)), pairs)["keep"].to_list() == [True, True, False, True]


def test_near_duplicates_are_found_verified_and_joined() -> None:
    base = [prose(n, 12) for n in range(40)]
    copies = [edited(text, [n]) for n, text in enumerate(base[:20])]
    far = [edited(text, list(range(0, 200, 4))) for text in base[20:30]]
    rows = settle(Dedup(near=Near(similarity=0.7)), documents(base + copies + far), shards=3)
    assert rows.filter("keep").height == 50
    lost = rows.filter(~pl.col("keep"))
    assert set(lost["reason"]) == {"duplicate"}
    assert rows["cluster"].is_not_null().sum() == 40


def test_candidates_that_are_not_alike_enough_both_stay() -> None:
    base = [prose(n, 12) for n in range(60)]
    alike = [edited(text, [n, n + 60]) for n, text in enumerate(base)]
    rows = settle(Dedup(near=Near(similarity=0.97, recall=0.9)), documents(base + alike))
    assert rows["keep"].all()


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_dedup_does_not_depend_on_shards_and_is_idempotent(seed: int, shards: int) -> None:
    draw = np.random.default_rng(seed)
    base = [prose(int(n), 6) for n in draw.integers(0, 6, 12)]
    texts = [edited(text, [int(draw.integers(0, 50))]) if draw.random() < 0.5 else text for text in base]
    step = Dedup(near=Near(similarity=0.6))
    one, many = settle(step, documents(texts), 1), settle(step, documents(texts), shards)
    assert one["keep"].to_list() == many["keep"].to_list()
    kept = one.filter("keep").select(documents(texts).columns)
    assert settle(step, kept)["keep"].all()


def test_the_keeper_is_of_test_before_train_and_human_before_model() -> None:
    rows = conform(
        pl.DataFrame(
            {
                "id": list("abcd"), "input": ["q"] * 4, "output": ["a"] * 4,
                "generator": ["model:m", "human", "rule:x", "human"], "split": ["train", "train", "test", "validation"],
            }
        ),
        "pairs",
    )  # fmt: skip
    assert settle(Dedup(), rows).filter("keep")["id"].to_list() == ["c"]
    assert settle(Dedup(), rows.drop("split")).filter("keep")["id"].to_list() == ["b"]


@pytest.mark.parametrize(("similarity", "recall"), [(0.7, 0.95), (0.8, 0.99), (0.9, 0.999)])
def test_bands_reach_the_recall_asked_for(similarity: float, recall: float) -> None:
    bands, rows = Near(similarity=similarity, recall=recall).bands()
    assert 1 - (1 - similarity**rows) ** bands >= recall
    assert bands * rows <= 256


def test_recall_of_planted_pairs_is_as_promised() -> None:
    base = [prose(n, 15) for n in range(300)]
    near = Near(similarity=0.8, recall=0.99)
    copies = [edited(text, [n]) for n, text in enumerate(base)]
    rows = settle(Dedup(near=near), documents(base + copies))
    assert rows.filter("keep").height <= 300 + 3


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_components_are_those_of_a_plain_search(edges: list[tuple[int, int]]) -> None:
    left, right = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    found = components(31, left, right)
    parent = list(range(31))

    def root(x: int) -> int:
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in edges:
        parent[max(root(a), root(b))] = min(root(a), root(b))
    assert found.tolist() == [root(x) for x in range(31)]


@given(st.integers(0, 10**6), st.integers(5, 60), st.floats(0.05, 0.4), st.integers(1, 3))
def test_splits_are_whole_groups_near_their_shares_and_independent_of_shards(seed: int, groups: int, share: float, shards: int) -> None:
    draw = np.random.default_rng(seed)
    group = [f"g{n}" for n in range(groups)] + [f"g{n}" for n in draw.integers(0, groups, 100)]
    rows = documents([str(n) for n in range(len(group))], group=group)
    step = Split(validation=share, test=1)
    made = settle(step, rows, shards, seed)
    assert made.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    assert set(made["split"]) == {"train", "validation", "test"}
    assert made["split"].to_list() == settle(step, rows, 1, seed)["split"].to_list()
    largest = made.group_by("group").len()["len"].max()
    assert abs((made["split"] == "validation").sum() - share * made.height) <= largest + 1


def test_a_count_gives_that_many_single_groups() -> None:
    made = settle(Split(validation=4, test=4), documents([str(n) for n in range(24)]))
    assert made["split"].value_counts().sort("split")["count"].to_list() == [4, 16, 4]


def test_clusters_and_named_columns_hold_rows_together() -> None:
    rows = documents(
        [str(n) for n in range(20)],
        cluster=pl.Series([7 if n in (1, 18) else None for n in range(20)], dtype=pl.UInt64),
        title=["t" if n in (2, 17) else str(n) for n in range(20)],
    )
    for seed in range(20):
        made = settle(Split(validation=0.4, by=("title",)), rows, 2, seed)["split"].to_list()
        assert made[1] == made[18]
        assert made[2] == made[17]


def test_too_few_groups_refuse_the_split() -> None:
    with pytest.raises(GateError, match="cannot fill 3 splits"):
        settle(Split(validation=0.1, test=0.1), documents(["a", "b", "c"], group=["g", "g", "h"]))


def test_a_selection_is_spread_over_its_cells() -> None:
    rows = documents([prose(n) for n in range(120)], source=["a"] * 100 + ["b"] * 15 + ["c"] * 5)
    made = settle(Select(rows=30, spread=("source",)), rows).filter("keep")
    assert made.height == 30
    counts = dict(made["source"].value_counts().iter_rows())
    assert counts["c"] == 5
    assert abs(counts["a"] - counts["b"]) <= 1


def test_a_selection_keeps_the_proportions_of_splits() -> None:
    rows = documents([WORDS[n % 30] for n in range(100)], split=["train"] * 80 + ["test"] * 20)
    made = settle(Select(rows=20), rows).filter("keep")
    assert dict(made["split"].value_counts().iter_rows()) == {"train": 16, "test": 4}
    assert settle(Select(rows=500), rows)["keep"].all()


def test_rows_with_the_same_text_are_never_on_both_sides() -> None:
    made = settle(Split(test=0.3), documents([str(n % 10) for n in range(40)]))
    assert made.group_by("text").agg(pl.col("split").n_unique())["split"].max() == 1


def test_nearly_equal_texts_are_never_on_both_sides_unless_that_is_wanted() -> None:
    base = [prose(n, 12) for n in range(30)]
    texts = base + [edited(text, [n]) for n, text in enumerate(base)]
    for seed in range(5):
        made = settle(Split(test=0.4), documents(texts), 3, seed)["split"].to_list()
        assert made[:30] == made[30:]
    loose = settle(Split(test=0.4, near=False), documents(texts))["split"].to_list()
    assert loose[:30] != loose[30:]


def test_one_large_component_fills_no_small_split() -> None:
    group = ["big"] * 60 + [f"g{n}" for n in range(40)]
    for seed in range(10):
        made = settle(Split(validation=0.1, test=5), documents([str(n) for n in range(100)], group=group), 2, seed)
        assert dict(made["split"].value_counts().iter_rows()) == {"train": 85, "validation": 10, "test": 5}


def test_a_train_that_is_given_has_an_end() -> None:
    made = settle(Split(train=10, test=2), documents([str(n) for n in range(40)]))
    assert dict(made.filter("keep")["split"].value_counts().iter_rows()) == {"train": 10, "test": 2}
    assert set(made.filter(~pl.col("keep"))["reason"]) == {"beyond train"}


def test_counts_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(GateError, match="leave nothing of 40 rows"):
        settle(Split(validation=20, test=20), documents([str(n) for n in range(40)]))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.integers(1, 3000))
def test_rows_are_apportioned_to_the_last(sizes: list[int], rows: int) -> None:
    given_ = apportioned(rows, sizes)
    assert sum(given_) == min(rows, sum(sizes))
    assert all(0 <= part <= size for part, size in zip(given_, sizes, strict=True))
    assert rows < len(sizes) or all(given_)


def test_chats_that_end_alike_are_not_the_same_and_null_is_like_nothing() -> None:
    turns = [[{"role": "user", "content": f"Is it {n}?"}, {"role": "assistant", "content": "Maybe."}] for n in ("one", "two")]
    chats = conform(pl.DataFrame({"id": ["a", "b"], "input": ["Sure?"] * 2, "output": ["Yes."] * 2, "turns": turns}), "pairs")
    assert settle(Dedup(near=Near()), chats)["keep"].all()
    assert settle(Dedup(by=("title",)), documents([str(n) for n in range(5)]))["keep"].all()


def test_inputs_that_differ_in_case_and_spaces_only_share_a_split() -> None:
    rows = {"id": [f"r{n}" for n in range(40)], "input": [f"question {n // 2}" + (" !" if n % 2 else "") for n in range(40)], "output": [f"{n} {'x' * n}" for n in range(40)]}  # fmt: skip
    made = settle(Split(test=0.4), conform(pl.DataFrame(rows), "pairs"))["split"].to_list()
    assert made[::2] == made[1::2]


def test_pairs_that_answer_one_question_differently_are_listed_or_the_best_stays() -> None:
    rows = {
        "id": list("abcdef"), "input": ["Who?", "who?", "Who", "When?", "When?", "Why?"], "output": ["I", "You", "you.", "Now", "now", "So"],
        "generator": ["model:m", "model:m", "human", "rule:x", "human", "human"],
    }  # fmt: skip
    pairs = conform(pl.DataFrame(rows), "pairs")
    listed = settle(Dedup(conflicts="list"), pairs)
    assert dict(listed.filter("keep").select("id", "conflicts_with").iter_rows()) == {"a": "c", "c": "a", "e": None, "f": None}
    dropped = settle(Dedup(conflicts="drop"), pairs)
    assert dropped.filter("keep")["id"].to_list() == ["c", "e", "f"]
    assert dict(dropped.filter(~pl.col("keep")).select("id", "reason").iter_rows()) == {"a": "conflict", "b": "duplicate", "d": "duplicate"}


@pytest.mark.parametrize(("keep", "kept"), [("longest", "b"), ("first", "a"), ({"best": "stars"}, "c")])
def test_the_users_rule_decides_who_is_kept(keep: Any, kept: str) -> None:
    rows = documents(["A text", "  A text...", "a text", "A text."], stars=["2", "3.5", "10", None])
    made = settle(Dedup(keep=keep), rows.with_columns(id=pl.Series(list("abcd"))))
    assert made.filter("keep")["id"].to_list() == [kept]


def test_strictly_a_row_goes_only_where_it_resembles_the_kept_one() -> None:
    words = [f"word{n}" for n in range(120)]
    chain = [" ".join([*words[: 120 - 12 * n], *(f"other{k}" for k in range(12 * n))]) for n in range(5)]
    rows = documents([f"{text}{'!' * (9 - n)}" for n, text in enumerate(chain)])
    loose = settle(Dedup(near=Near(similarity=0.75)), rows)
    strict = settle(Dedup(near=Near(similarity=0.75), strict=True), rows)
    assert loose["keep"].sum() == 1
    assert strict["keep"].sum() > 1
    texts = dict(strict.select("id", "text").iter_rows())
    kept = set(strict.filter("keep")["id"])
    for one, other, said in strict.filter(~pl.col("keep")).select("id", "duplicate_of", "similarity").iter_rows():
        assert other in kept
        sets = shingle_sets(pl.Series([texts[one], texts[other]]))
        assert jaccard(sets, np.array([0]), np.array([1]))[0] == pytest.approx(said)
        assert said >= 0.75


def test_rows_of_which_nothing_is_known_rank_alike_whether_the_columns_are_there_or_not() -> None:
    bare = pl.DataFrame({"id": ["a"]})
    empty = bare.with_columns(split=pl.lit(None, pl.String), generator=pl.lit(None, pl.String))
    ranks = [frame.select(rank=keeper_rank(frame.columns)) for frame in (bare, empty)]
    assert ranks[0].equals(ranks[1])
    assert ranks[0].schema == ranks[1].schema


def test_in_a_large_bucket_rows_are_compared_with_the_first_and_their_neighbours() -> None:
    keys = pl.DataFrame({"key": [7] * 300 + [9, 9], "place": range(302), "order": [n * 7919 % 302 for n in range(302)]}, schema={"key": pl.UInt64, "place": pl.UInt64, "order": pl.UInt64})  # fmt: skip
    (found,) = met(keys)
    assert (found.large, found.rows) == (1, 300)
    assert found.pairs.height == 28 + 292 * 8 + 291 + 1
    assert set(found.pairs["left"]) | set(found.pairs["right"]) == set(range(302))


@settings(max_examples=EXAMPLES)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 40))
def test_pairs_come_in_pieces_and_are_the_same_however_small_these_are(keys: list[int], most: int) -> None:
    drawn = {
        "key": [key << 1 | (key % 3 == 0) << 63 for key in keys],
        "place": range(len(keys)),
        "order": [n * 7 % 61 for n in range(len(keys))],
    }
    frame = pl.DataFrame(drawn, schema=dict.fromkeys(drawn, pl.UInt64))
    whole = list(met(frame))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.dedup.comparison.PIECE_PAIRS", most)
        pieces = list(met(frame))
    empty = pl.DataFrame(schema={"left": pl.UInt64, "right": pl.UInt64, "exact": pl.Boolean})
    assert all(piece.pairs.height < most + 60 * 59 // 2 for piece in pieces)
    one, two = (pl.concat([empty, *(piece.pairs for piece in held)]).sort(pl.all()) for held in (whole, pieces))
    assert one.equals(two)


def test_pairs_of_one_long_output_are_sought_by_their_inputs_and_found_though_some_are_short() -> None:
    rows = []
    for n in range(300):
        question = [f"word{n}x{k}" for k in range(19)]
        rows.append((" ".join(question), prose(7, 12)))
        question[4] += "s"
        rows.append((" ".join(question), prose(7, 12)))
    pairs = conform(
        pl.DataFrame({"id": [f"r{n}" for n in range(600)], "input": [row[0] for row in rows], "output": [row[1] for row in rows]}), "pairs"
    )
    made = settle(Dedup(near=Near(similarity=0.8)), pairs)
    assert abs(made.filter("keep").height - 300) <= 3
    keys = Dedup(near=Near()).comparison(pairs.columns).keys(pairs.with_row_index("row").with_columns(order=hash_texts(pairs["id"])))
    assert not any(piece.large for piece in met(keys.select("key", places(0, keys["row"]), "order")))


def test_pairs_of_nothing_are_no_duplicates() -> None:
    pairs = conform(pl.DataFrame({"id": ["a", "b"], "input": [None, None], "output": [None, None]}, schema_overrides={"input": pl.String, "output": pl.String}), "pairs")  # fmt: skip
    assert settle(Dedup(near=Near()), pairs)["keep"].all()


def test_candidates_of_which_one_column_is_less_alike_both_stay() -> None:
    rows = []
    for n in range(40):
        question = [f"word{n}x{k}" for k in range(60)]
        rows.append((" ".join(question), prose(n, 12)))
        question[10:19] = [f"other{n}x{k}" for k in range(9)]
        rows.append((" ".join(question), prose(n, 12)))
    held = {"id": [f"r{n}" for n in range(80)], "input": [row[0] for row in rows], "output": [row[1] for row in rows]}
    assert settle(Dedup(near=Near(similarity=0.8)), conform(pl.DataFrame(held), "pairs"))["keep"].all()
