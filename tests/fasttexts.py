"""A small fastText classifier trained here: the model of Joulin et al. 2016 (a mean of word vectors, softmax) in fastText's file format."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MAGIC, VERSION, SOFTMAX, SUPERVISED = 793712314, 12, 3, 3
END = "</s>"


def train(lines: Sequence[tuple[str, str]], path: Path, dimensions: int = 8, epochs: int = 60, rate: float = 0.5) -> None:
    """Train on (label, text) and write the model."""
    draw = np.random.default_rng(5)
    vocabulary = sorted({word for _, text in lines for word in text.split()})
    names = [END, *vocabulary]
    labels = sorted({label for label, _ in lines})
    places = {word: place for place, word in enumerate(names)}
    inner = draw.uniform(-1 / dimensions, 1 / dimensions, (len(names), dimensions)).astype(np.float32)
    outer = np.zeros((len(labels), dimensions), np.float32)
    examples = [([places[word] for word in text.split()] + [0], labels.index(label)) for label, text in lines]
    for epoch in range(epochs):
        for number in draw.permutation(len(examples)):
            words, label = examples[number]
            hidden = inner[words].mean(axis=0)
            scores = np.exp(outer @ hidden)
            slope = scores / scores.sum()
            slope[label] -= 1
            step = rate * (1 - epoch / epochs)
            inner[words] -= step * (slope @ outer) / len(words)
            outer -= step * np.outer(slope, hidden)
    path.write_bytes(_file(names, labels, inner, outer))


def _file(names: Sequence[str], labels: Sequence[str], inner: np.ndarray, outer: np.ndarray) -> bytes:
    settings = (inner.shape[1], 5, 5, 1, 5, 1, SOFTMAX, SUPERVISED, 0, 0, 0, 100)
    entries = [(name, 0) for name in names] + [(f"__label__{label}", 1) for label in labels]
    held = [struct.pack("<ii", MAGIC, VERSION), struct.pack("<12i", *settings), struct.pack("<d", 1e-4)]
    held.append(struct.pack("<iiiqq", len(entries), len(names), len(labels), len(entries), -1))
    held += [name.encode() + b"\0" + struct.pack("<qb", 1, kind) for name, kind in entries]
    for matrix in (inner, outer):
        held += [b"\0", struct.pack("<qq", *matrix.shape), matrix.astype("<f4").tobytes()]
    return b"".join(held)
