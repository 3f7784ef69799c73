"""What kernels must find, in plain and slow Python: written from the rules, sharing no code with the kernels."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.filters.c4 import JUDGED
from tasks.filters.sieve import Filter
from tasks.text.classes import LIMIT
from tasks.text.lines import CURLY, LOREM, POLICY, SCRIPT
from tasks.text.wordlists import STOP_WORDS

ALONE = ((0x2E80, 0x2FDF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
JOINERS = "'-\u2019\u2010"
ENDS = ".!?…。！？؟।॥۔։"
SPACES = re.compile("[" + "".join(chr(point) for point in range(LIMIT) if chr(point).isspace()) + "]")
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
BULLETS = ("- ", "* ", "•", "‣", "▪", "●", "◦")


def is_word(char: str) -> bool:
    """Tell a letter, a digit or a mark upon one."""
    return ord(char) < LIMIT and (
        char.isalnum() or (not char.isspace() and char not in ENDS and unicodedata.category(char) in ("Mn", "Mc"))
    )


def is_alone(char: str) -> bool:
    """Tell a character that is a word by itself."""
    return is_word(char) and any(low <= ord(char) <= high for low, high in ALONE)


def words(text: str) -> list[str]:
    """Cut a text into words."""
    found: list[str] = []
    held = ""
    for at, char in enumerate(text):
        after = text[at + 1 : at + 2]
        if is_alone(char):
            found += [held, char]
            held = ""
        elif is_word(char) or (held and char in JOINERS and after and is_word(after) and not is_alone(after)):
            held += char
        else:
            found.append(held)
            held = ""
    return [word for word in [*found, held] if word]


def trimmed(text: str) -> str:
    """Take ASCII white space off both ends."""
    return text.strip(" \t\n\r\x0b\x0c")


def structure_of(text: str) -> dict[str, int]:
    """Give what `structure` counts, repetition apart."""
    held = words(text)
    rows = [line for line in map(trimmed, text.split("\n")) if line]
    parts = [part for part in map(trimmed, text.split("\n\n")) if part]
    known = [char for char in text if ord(char) < LIMIT]
    return {
        "chars": len(text),
        "words": len(held),
        "word_chars": sum(map(len, held)),
        "alphabetic": sum(any(char.isalpha() and ord(char) < LIMIT for char in word) for word in held),
        "stop_words": len({word.lower() for word in held} & set(STOP_WORDS)),
        "hashes": text.count("#"),
        "ellipses": text.count("…") + len(re.findall(r"\.{3,}", text)),
        "newlines": text.count("\n"),
        "capitals": sum(char.isupper() and char.isalnum() for char in known),
        "digits": sum(map(str.isdigit, known)),
        "longest_word": max(map(len, held), default=0),
        "lines": len(rows),
        "bullet_lines": sum(line.startswith(BULLETS) for line in rows),
        "ellipsis_lines": sum(line.endswith(("...", "…")) for line in rows),
        "ended_lines": sum(line.rstrip("'\")]’”»")[-1:] in tuple(ENDS) for line in rows),
        "short_lines": sum(len(line) <= 30 for line in rows),
        "line_chars": sum(map(len, rows)),
        **_again(rows, "duplicate_lines", "duplicate_line_chars"),
        "paragraphs": len(parts),
        **_again(parts, "duplicate_paragraphs", "duplicate_paragraph_chars"),
    }


def _again(parts: Sequence[str], count: str, chars: str) -> dict[str, int]:
    """Count the parts that were there before, and their characters."""
    counts = Counter(parts)
    return {count: len(parts) - len(counts), chars: sum(len(part) * (times - 1) for part, times in counts.items())}


def grams(held: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Give all n-grams of words."""
    return [tuple(held[at : at + n]) for at in range(len(held) - n + 1)]


def repetition_of(text: str) -> dict[str, int]:
    """Give what `structure` counts of repeated n-grams."""
    held = words(text)
    small = [word.lower() for word in held]
    found = {}
    for n in (2, 3, 4):
        counts = Counter(grams(small, n))
        found[f"top_{n}"] = max((count * sum(map(len, gram)) for gram, count in counts.items() if count > 1), default=0)
    for n in range(5, 11):
        seen: set[tuple[str, ...]] = set()
        covered: set[int] = set()
        for at, gram in enumerate(grams(small, n)):
            if gram in seen:
                covered |= set(range(at, at + n))
            seen.add(gram)
        found[f"duplicate_{n}"] = sum(len(held[at]) for at in covered)
    return found


def line_flags(line: str) -> int:
    """Tell what C4 looks for in a line."""
    small = re.sub("[A-Z]", lambda found: found[0].lower(), line)
    found = SCRIPT * ("javascript" in small) | LOREM * ("lorem ipsum" in small) | CURLY * ("{" in line)
    return found | POLICY * any(phrase in small for phrase in POLICIES)


def sentences_in(line: str) -> int:
    """Count what marks of sentences part, quotes and white space apart."""
    return sum(part != "" for part in re.split(f"[{ENDS}]", SPACES.sub("", line).replace('"', "")))


def c4_of(text: str) -> dict[str, int]:
    """Judge a text by C4's rules with the thresholds of the papers."""
    judged = {"lorem_ipsum": 0, "curly": 0, "sentences": 0}
    for line in text.split("\n"):
        whole, left = line.strip(), CITATION.sub("", line.strip())
        runs = [run for run in SPACES.split(whole) if run]
        flags = line_flags(left)
        if flags & LOREM:
            judged["lorem_ipsum"] = 1
        elif flags & CURLY:
            judged["curly"] = 1
        ended = left.endswith((".", "?", "!", '"', "”", "’", "。", "！", "？")) and not left.endswith("...")
        if len(runs) >= 5 and max(map(len, runs)) <= 1000 and ended and not flags & (SCRIPT | POLICY):
            judged["sentences"] += sentences_in(left)
    return judged


def verdicts(texts: Sequence[str], step: Filter) -> list[bool]:
    """Tell which texts a filter of the four rule sets by the papers keeps."""
    rows: list[dict[str, Any]] = [structure_of(text) | repetition_of(text) | {JUDGED: c4_of(text)} for text in texts]
    return pl.DataFrame(rows).select(pl.all_horizontal(rule.ok.fill_null(value=False) for rule in step.all_rules())).to_series().to_list()
