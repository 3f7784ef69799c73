"""`noise`: a text with the slips of people and machines is the input; the text itself, or the answer that was there, the output."""

from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar, Literal

import polars as pl

from tasks.errors import Fault
from tasks.frames import Halves, dropped
from tasks.pairs import slips
from tasks.pairs.pairing import Pairing
from tasks.step import Context, Share
from tasks.store.keys import draw

OF_PLACES: dict[str, Callable[[str, float, Random], str]] = {
    "case": slips.case, "punctuation": slips.punctuation, "speech": slips.speech, "keyboard": slips.keyboard,
    "ocr": slips.ocr, "markup": slips.markup,
}  # fmt: skip
OF_TEXTS: dict[str, Callable[[str, Random], str]] = {"mojibake": slips.mojibake, "truncation": slips.truncation}


class Noise(Pairing):
    """Get a text wrong as people and machines do. Of documents the text is the output; of pairs the output stays, byte for byte.

    Each kind has a rate: the chance of a word (`case`, `speech`), a sign (`punctuation`), a letter (`keyboard`), a place
    that can be misread (`ocr`) or broken (`markup`), or of the whole text (`mojibake`, `truncation`). With `speech` the
    text is what a recogniser writes: small letters, no punctuation, some words misheard. `unchanged` is the share of rows whose input
    stays right, so that a model learns to leave good text alone. All is drawn by the row's id.
    A text of which nothing is left is dropped.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      pairs: {use: noise, keyboard: 0.02, case: 0.05, mojibake: 0.1}
      dataset: {use: write}
    ```
    """

    draws: ClassVar[bool] = True

    use: Literal["noise"] = "noise"
    case: Share = 0.0
    """Chance of a word to be in small letters, in capitals, or with its first letter in the other case."""
    punctuation: Share = 0.0
    """Chance of a sign to be missing, another one, doubled, or behind a space."""
    speech: Share = 0.0
    """Chance of a word of a transcript to be misheard, doubled, broken off or after a hesitation."""
    keyboard: Share = 0.0
    """Chance of a letter to be the one beside it, missing or doubled."""
    ocr: Share = 0.0
    """Chance of letters that look like others to be misread."""
    markup: Share = 0.0
    """Chance of a tag, entity or gap between words to be broken or to hold a stray one."""
    mojibake: Share = 0.0
    """Chance of a text that is not ASCII to be read by the wrong encoding."""
    truncation: Share = 0.0
    """Chance of a text to be cut off."""
    unchanged: Share = 0.05
    """The share of rows whose input stays as it is."""

    def faults(self) -> Sequence[Fault]:
        """One kind at least has a rate."""
        kinds = (*OF_PLACES, *OF_TEXTS)
        if any(getattr(self, kind) for kind in kinds):
            return ()
        return [Fault("use", f"makes no noise: give one of {', '.join(kinds)} a rate", "noise", "For instance `keyboard: 0.02`.")]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Make a pair of every row."""
        from tasks.text.hashing import chances

        side, right = ("text", "text") if "text" in frame.columns else ("input", "output")
        texts = frame[side].fill_null("")
        left = chances(frame["id"], draw(context.seed, context.step) >> 1) < self.unchanged
        heard = _transcript(texts) if self.speech else texts
        made = [
            text if stays else self.noised(said, Random(draw(context.seed, context.step, name)))
            for name, text, said, stays in zip(frame["id"], texts, heard, left, strict=True)
        ]
        wrong = pl.Series("_wrong", made, dtype=pl.String)
        empty = wrong.str.strip_chars() == ""
        held = frame.with_columns(wrong)
        kept = self.pairs(held.filter(~empty), [pl.col("_wrong").alias("input"), pl.col(right).alias("output")], context.step)
        return Halves(kept.drop("_wrong"), dropped(held.filter(empty), "nothing left"))

    def noised(self, text: str, lot: Random) -> str:
        """Give a text with all slips that its lot holds."""
        for kind, slip in OF_PLACES.items():
            text = slip(text, getattr(self, kind), lot)
        for kind, whole in OF_TEXTS.items():
            if lot.random() < getattr(self, kind):
                text = whole(text, lot)
        return text


def _transcript(texts: pl.Series) -> pl.Series:
    from tasks.text.unpunctuated import unpunctuated

    return unpunctuated(texts).str.to_lowercase()
