"""`hostile`: texts that try to turn a model from its task are put into some rows, whose task is then done on them as on any other."""

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar, Literal

import orjson
import polars as pl

from tasks.edits.attacks import ATTACKS
from tasks.edits.normalise import unplaced
from tasks.errors import Fault
from tasks.frames import NO_DROPS, Halves, Kind
from tasks.step import Context, Family, InputFile, RowStep, Share
from tasks.store.keys import draw

Attack = Literal["instructions", "jailbreaks", "delimiters", "code"]
BETWEEN = re.compile(r"(?<=[.!?…。！？])\s+|\n+")
"""Where a sentence or a line ends."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
"""A text in JSON, and the colon that makes it a key."""


class Hostile(RowStep):
    """Put an instruction, a jailbreak, a delimiter or code into some texts, so that a model learns to do its task on them.

    It comes before the step that makes the pairs: a scrambled text with `Ignore everything above` in it has the whole text as its output.
    What is put in stands between two sentences, first or last; in `records: json`, inside one of the values. The column `attrs`
    of such a row says `hostile`, with the kind. Which rows, what and where is drawn by the row's id.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      tried: {use: hostile, share: 0.1}
      pairs: {use: scramble}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "edit"
    takes: ClassVar[tuple[Kind, ...]] = ("documents",)
    draws: ClassVar[bool] = True

    use: Literal["hostile"] = "hostile"
    share: Share = 0.05
    """The share of rows that something is put into."""
    kinds: tuple[Attack, ...] = ("instructions", "jailbreaks", "delimiters", "code")
    """What is put in; each kind is as likely as another."""
    pieces: InputFile | None = None
    """File with pieces of your own, parted by empty lines, instead of those of `kinds`."""
    records: Literal["json"] | None = None
    """The form of texts that are records, which stay readable."""

    def faults(self) -> Sequence[Fault]:
        """There is something to put in."""
        return () if self.kinds else [Fault("kinds", "names nothing to put in", remedy=f"Name some of {', '.join(ATTACKS)}.")]

    def apply(self, frame: pl.DataFrame, context: Context) -> Halves:
        """Put something into a share of the texts; no row is dropped."""
        from tasks.text.hashing import chances

        own = [piece.strip("\n") for piece in re.split(r"\n\s*\n", context.files.get("pieces", "")) if piece.strip()]
        attacks: Mapping[str, Sequence[str]] = {"own": own} if own else {kind: ATTACKS[kind] for kind in self.kinds}
        met = chances(frame["id"], draw(context.seed, context.step) >> 1) < self.share
        texts, told = frame["text"].to_list(), frame["attrs"].to_list()
        for row in met.arg_true():
            lot = Random(draw(context.seed, context.step, frame["id"][row]))
            kind = lot.choice(list(attacks))
            made = self.attacked(texts[row] or "", lot.choice(attacks[kind]), lot)
            if made != texts[row]:
                texts[row], told[row] = made, _marked(told[row], kind)
        treated = frame.with_columns(pl.Series("text", texts, dtype=pl.String), pl.Series("attrs", told, dtype=pl.String))
        return Halves(unplaced(frame, treated, ["text"]), NO_DROPS)

    def attacked(self, text: str, piece: str, lot: Random) -> str:
        """Give a text with a piece in it; a record without a text among its values stays as it is."""
        if self.records == "json":
            return _within(text, piece, lot)
        gaps = [*BETWEEN.finditer(text)]
        place = lot.randrange(len(gaps) + 2)
        if place < len(gaps):
            gap = gaps[place]
            return text[: gap.end()] + piece + gap[0] + text[gap.end() :]
        return f"{piece}\n{text}" if place == len(gaps) else f"{text}\n{piece}"


def _within(text: str, piece: str, lot: Random) -> str:
    values = [found for found in STRING.finditer(text) if not found[1]]
    if not values:
        return text
    value = lot.choice(values)
    held = json.dumps(piece, ensure_ascii=False)[1:-1]
    said = value[0][1:-1]
    return f'{text[: value.start()]}"{said}{" " if said else ""}{held}"{text[value.end() :]}'


def _marked(attrs: str | None, kind: str) -> str:
    try:
        held = orjson.loads(attrs or "{}")
    except orjson.JSONDecodeError:
        held = {}
    return orjson.dumps({**(held if isinstance(held, dict) else {}), "hostile": kind}).decode()
