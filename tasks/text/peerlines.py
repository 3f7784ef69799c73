"""Sentences of lines by datatrove's tokens: apart from `lines`, so that who keeps to the papers compiles no tokens."""

import numpy as np

from tasks.text.arrow import Buffers, Bytes, Offsets
from tasks.text.blocks import find
from tasks.text.classes import INNER, PUNCTUATION, STOP, Classes, table
from tasks.text.kernel import kernel
from tasks.text.lines import FIRST, LAST, OPEN, SENTENCES, Found, Words, without_notes
from tasks.text.peertokens import STACK, Lexicon, Spans, lexicon, peer_tokens
from tasks.text.scratch import Scratch, after, classed, largest, load, scratch_for


@kernel
def sentences_of(room: Scratch, out: Spans, tokens: int) -> int:
    """Count sentences as a sentencizer does: one begins after a token that is a stop, where no punctuation follows."""
    count, ended = min(tokens, 1), False
    for token in range(tokens):
        start, end = out.starts[token], out.ends[token]
        stop = after(room.marks, start) == end and (room.marks[start] & STOP) != 0
        if ended and not stop and not _is_punctuation(room, start, end):
            count, ended = count + 1, False
        elif stop:
            ended = True
    return count


@kernel
def _is_punctuation(room: Scratch, start: int, end: int) -> bool:
    """Tell whether all characters are punctuation by Unicode."""
    every = True
    for at in range(start, end):
        every &= (room.marks[at] & (PUNCTUATION | INNER)) != 0
    return every


@kernel
def _count(data: Bytes, offsets: Offsets, classes: Classes, words: Words, listed: Lexicon, found: Found, firsts: Offsets) -> None:
    most = largest(offsets)
    room, spare = scratch_for(most), scratch_for(most)
    out = Spans(np.empty(most + 1, np.int64), np.empty(most + 1, np.int64), np.empty(STACK, np.int64))
    for i in range(len(offsets) - 1):
        load(data, offsets[i], offsets[i + 1], classes, room)
        noted = firsts[1, i]
        for line in range(firsts[0, i], firsts[0, i + 1]):
            view, start, end = room, int(np.int64(found.lines[line, FIRST])), int(np.int64(found.lines[line, LAST]))
            if find(room.text, start, end, OPEN) < end:
                end, count = without_notes(room, start, end, words, spare.text, found.notes[noted:])
                classed(end, classes, spare)
                view, start, noted = spare, 0, noted + count
            found.lines[line, SENTENCES] = sentences_of(view, out, peer_tokens(view.text, view.marks, (start, end), listed, out))


def count_sentences(texts: Buffers, words: Words, found: Found, firsts: Offsets) -> None:
    """Write how many sentences each line has, where `lines` has measured it."""
    _count(texts.data, texts.offsets, table()[0], words, lexicon(), found, firsts)
