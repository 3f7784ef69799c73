import pytest

from flows.reader import read_recipe, warnings
from tasks.errors import RecipeError
from tasks.pairs.scramble import Scramble
from tasks.published.sink import Write
from tasks.recipe import Recipe
from tasks.sources.files import Files

GOOD = """name: x
steps:
  a: {use: files, path: "*.txt"}
  p: {use: passages}
  s: {use: scramble}
  w: {use: write}
"""


def faults(text: str, *sets: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        read_recipe(text, sets)
    return [str(fault) for fault in caught.value.faults]


def test_every_fault_is_told_at_once_with_line_place_value_and_the_nearest_name() -> None:
    found = faults("""name: x y
steps:
  a: {use: files, path: 3, limt: 5}
  b: {use: wikpedia}
  c: {use: passages, from: [aa], words: {min: 10, max: 5}}
  d: {use: scramble, lower: no, unchanged: 2}
  w: {use: write, from: d}
""")
    assert any(f.startswith("recipe:3: steps.a.limt") and "Did you mean `limit`" in f for f in found)
    assert any(f.startswith("recipe:3: steps.a.path: got 3: must be a valid string") for f in found)
    assert any(f.startswith("recipe:4: steps.b.use") and "`wikipedia`" in f for f in found)
    assert any(f.startswith("recipe:5: steps.c.from: got aa") and "`a`" in f for f in found)
    assert any(f.startswith("recipe:5: steps.c.words.min: got 10: must not be above max (5)") for f in found)
    assert any(f.startswith("recipe:6: steps.d.lower") and "write `false`" in f for f in found)
    assert any(f.startswith("recipe:6: steps.d.unchanged") for f in found)
    assert any(f.startswith("recipe:1: name") for f in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("s: {use: scramble}", "p: {use: scramble}"), "the key stands twice"),
        (GOOD.replace("use: passages}", "use: passages, words: *w}"), "aliases are not followed"),
        (GOOD.replace("{use: passages}", "!!python/object:os.system {use: passages}"), "tags are not followed"),
        (GOOD + "  more: {use: normalise, from: p}\n", "no step reads its rows"),
        (GOOD.replace("  w: {use: write}\n", ""), "no step writes the dataset"),
        (GOOD.replace("use: passages}", "use: passages, from: s}"), "in a circle"),
        (GOOD.replace("use: passages}", "use: columns, columns: {x: attrs.x}, drop: [y]}"), "column that no step before adds"),
        (GOOD.replace("{use: scramble}", "{use: split, validation: 0.7, test: 0.4}"), "add up to 1.1"),
        (GOOD.replace("use: write}", "use: write, from: p, layout: openai-chat}"), "is for pairs"),
        (GOOD.replace('path: "*.txt"}', 'path: "*.txt"}\n  b: {use: files, path: "*.md"}'), "after two sources in a row"),
        (GOOD.replace("s: {use: scramble}", "s: {use: scramble}\n  both: {use: dedup, from: [p, s]}"), "must be of one kind"),
        (GOOD + "  z: {use: write}\n", "after the sink"),
        (GOOD.replace("{use: passages}", "{use: passages, from: [a, a]}"), "names a step twice"),
        (GOOD.replace("use: files,", "use: files, from: p,"), "is a source and takes no rows"),
        (GOOD.replace("{use: scramble}", "{use: split, validation: 1.0}"), "neither a share nor a count"),
        (GOOD.replace("use: passages}", "use: normalise, fields: [authors]}"), "one of text is needed"),
        (GOOD.replace("use: passages}", "use: dedup, by: [span]}"), "one of text is needed"),
        (GOOD.replace("use: passages}", "use: split, test: 1, by: [tilte]}"), "Did you mean `title`"),
        (GOOD.replace("use: passages}", "use: split, test: 1, by: [zzz]}"), "attrs.zzz"),
        (GOOD.replace("use: files,", "use: files, columns: {id: x},"), "Dartboard fills itself"),
        (GOOD.replace("use: files,", "use: files, columns: {split: x},"), "lay beside rows"),
        (GOOD.replace("use: passages}", "use: columns, columns: {cuts: title}}"), "lay beside rows"),
        (GOOD.replace("use: passages}", "use: filter, rules: {gopher-quality: {min_words: 9, max_words: 4}}}"), "no row can pass"),
        (GOOD.replace("use: passages}", "use: filter, rules: {style: }}"), "bounds nothing"),
        (GOOD.replace('path: "*.txt"', "path: []"), "at least 1 item"),
        (GOOD.replace("s: {use: scramble}", "v: {use: split, test: 1}\n  s: {use: scramble, from: v}\n  t: {use: scramble, from: p}\n  u: {use: dedup, from: [s, t]}"), "`s` by `v`, `t` by nothing"),
        (GOOD.replace("use: passages}", "use: columns, columns: {id: title}}"), "Dartboard fills itself"),
        ('models: {w: {model: m, url: "http://x", streams: true}}\n' + GOOD, "models.w.streams: got streams: is no key here. Did you mean `stream`"),
        ('models: {w: {model: m, url: "http://x", price: {in: 3}}}\n' + GOOD, "models.w.price.in: got in: is no key here. Did you mean `input`?"),
        ("[1, 2]\n", "a recipe is a mapping"),
        ("name: [\n", "is not YAML"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "nested more than 50 deep"),
        ("name: x\nsteps: {}\n", "at least one step"),
        ("name: x\nseed: .inf\n" + GOOD[8:], "must be finite"),
        (GOOD.replace("{use: scramble}", '{use: template, input: "{{ text", output: "{{ nope }}"}'), "is no template"),
        (GOOD.replace("{use: scramble}", '{use: template, input: "{{ text }}", output: "{{ tilte }}"}'), "Did you mean `title`"),
        (GOOD.replace("s: {use: scramble}", "s: {use: scramble}\n  f: {use: filter, on: input, rules: {c4: }}"), "takes lines out of"),
        (GOOD.replace("use: passages}", "use: backtranslate, model: m, budget: {}}"), "is given either in `usd` or in `tokens`"),
        (GOOD.replace("use: passages}", "use: backtranslate, model: m, budget: {tokens: 5}}"), "is not among the models"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_a_fault_before_anything_runs(text: str, told: str) -> None:
    assert any(told in fault for fault in faults(text)), faults(text)


def test_words_that_look_like_booleans_and_dates_are_texts() -> None:
    recipe = read_recipe(GOOD.replace("use: files,", "use: files, licence: no,"))
    assert recipe.steps["a"].licence == "no"


def test_set_reaches_mappings_and_lists_and_may_add_them() -> None:
    sets = [
        "steps.p.words.max=90",
        "steps.p.words.min=9",
        "steps.a.path=[a.txt, b.txt]",
        "steps.a.path[1]=c.txt",
        "steps.s.lower=false",
        "seed=4",
    ]
    recipe = read_recipe(GOOD, sets)
    assert recipe.steps["p"].words.max == 90
    assert recipe.steps["a"].path == ("a.txt", "c.txt")
    assert recipe.steps["s"].lower is False
    assert recipe.seed == 4


@pytest.mark.parametrize("change", ["steps.a", "steps.a.path.x=1", "steps.a.limit.units.deep=1=", "=5"])
def test_a_set_that_leads_nowhere_is_a_fault(change: str) -> None:
    assert faults(GOOD, change)


def test_a_fault_of_a_set_is_blamed_on_it() -> None:
    found = faults(GOOD, "steps.p.words={min: 0}", "steps.a.limit=x")
    assert sorted(fault.partition(": got")[0] for fault in found) == ["--set: steps.a.limit", "--set: steps.p.words.min"]


def test_python_and_yaml_give_the_same_recipe() -> None:
    made = Recipe(
        name="x",
        steps={"a": Files(path="*.txt"), "p": read_recipe(GOOD).steps["p"], "s": Scramble(), "w": Write()},
    )
    assert read_recipe(made).canonical() == read_recipe(GOOD).canonical()


def test_the_canonical_form_reads_back_to_itself() -> None:
    canonical = read_recipe(GOOD).canonical()
    assert read_recipe(canonical).canonical() == canonical
    assert canonical["steps"]["p"] == {"use": "passages", "from": ["a"]}


def test_subsets_that_are_divided_differently_are_warned_of() -> None:
    text = GOOD.replace("  w: {use: write}", "  v: {use: split, from: p, test: 1}\n  w: {use: write}\n  x: {use: write, from: s}")
    assert "share rows of test and train" in warnings(read_recipe(text))[0]


def test_what_can_never_pass_is_warned_of() -> None:
    text = GOOD.replace("{use: passages}", "{use: passages, words: {min: 10, max: 40}}\n  f: {use: filter, rules: {gopher-quality: }}")
    assert "no row can pass" in warnings(read_recipe(text))[0]


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean `starter`"):
        read_recipe("startr")
