"""What the sources leave in and leave out: `python -m tests.quality.sources FOLDER` prints tables of leaks and recall.

Leaks are counted for a thousand words of what comes out; recall is the share of the file's own
8-word shingles that are still there, of the words that a reader of the site would see.
"""

import html
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from tasks.sources.arxiv import Arxiv
from tasks.sources.charset import decode
from tasks.sources.fragments import fragments, parse, text_of
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.opening import chunks, whole
from tasks.sources.wikipedia import Wikipedia
from tasks.sources.wikitext import FILES
from tasks.step import Context, SourceStep, Unit

SHINGLE = 8
WIKI_LEAKS = {
    "templates": r"\{\{|\}\}", "references": r"</?ref|(?<=\S)\[\d+\]", "tables": r"\{\||\|\}|^\|-", "captions": r"\b(?:thumb|px)\|", "categories": r"\[\[Category:",
    "links": r"\[\[|\]\]", "bold quotes": r"'{2,}", "headings": r"^=+[^=]+=+$", "tags": r"</?[a-z]+[^>]*>", "entities": r"&(?:#\d+|[a-z]{2,8});",
    "holes": r"\(\s*[,;]|\(\s*\)|[^.]\s,",
}  # fmt: skip
BOOK_LEAKS = {
    "legal text": r"Project Gutenberg|gutenberg\.(?:org|net)|Small Print|\bEBook\b|\betext", "markers": r"\*\*\* ?(?:START|END)|^\*END",
    "transcribers": r"Transcriber'?s?'? [Nn]ote|Produced by|Proofread",
}  # fmt: skip
PAPER_LEAKS = {
    "commands": r"\\[a-zA-Z]{2,}", "braces": r"[{}]", "environments": r"\\(?:begin|end)", "definitions": r"newcommand|\\def\b", "references": r"\\cite|\\ref",
}  # fmt: skip


class Found(NamedTuple):
    """What was found of one file."""

    name: str
    rows: int
    skipped: Counter[str]
    words: int
    leaks: Counter[str]
    recall: float | None


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def recall(seen: str, text: str) -> float | None:
    """Give the share of the shingles of `seen` that `text` holds; None for what is too short to say."""
    source, made = words_of(seen), words_of(text)
    wanted = {tuple(source[n : n + SHINGLE]) for n in range(len(source) - SHINGLE + 1)}
    held = {tuple(made[n : n + SHINGLE]) for n in range(len(made) - SHINGLE + 1)}
    return len(wanted & held) / len(wanted) if len(wanted) >= 50 else None


def judge(step: SourceStep, unit: Unit, leaks: Mapping[str, str], seen: Callable[[Unit], str]) -> Found:
    """Read a unit and count what leaked and what is left."""
    texts: list[str] = []
    skipped: Counter[str] = Counter()
    for reading in step.read(unit, Context("quality")):
        texts.extend(reading.rows["text"].to_list())
        skipped.update(skip.reason for skip in reading.skips)
    text = "\n\n".join(texts)
    looked_at = re.sub(r"\$[^$\n]*\$", "", text) if leaks is PAPER_LEAKS else text
    counts = Counter({name: len(re.findall(pattern, looked_at, re.MULTILINE)) for name, pattern in leaks.items()})
    return Found(unit.key, len(texts), skipped, len(words_of(text)), counts, recall(seen(unit), text) if texts else None)


def seen_book(unit: Unit) -> str:
    """Give what stands between the first START and the last END line of a plain book."""
    text = decode(whole(unit)).text
    start = re.search(r"^\*{3}\s*START.*(?:\n\S.*)?\*{3}|^\*END.*SMALL PRINT.*$", text, re.MULTILINE)
    ends = list(re.finditer(r"^\*{3}\s*END OF.*$|^End of (?:the |this )?Project Gutenberg.*$", text, re.MULTILINE))
    return text[start.end() if start else 0 : ends[-1].start() if ends else len(text)]


def seen_wiki(unit: Unit) -> str:
    """Give the words of the articles outside templates, tables, references, files and categories."""
    return html.unescape("\n\n".join(_bare(source) for source in _articles(unit)))


def _articles(unit: Unit) -> Iterator[str]:
    for piece in fragments(chunks(unit), "page"):
        page = parse(piece.data) if piece.kind == "record" else None
        if (
            page is not None
            and text_of(page, "ns") in ("", "0")
            and not text_of(page, "revision", "text").lstrip().upper().startswith("#REDIRECT")
        ):
            yield text_of(page, "revision", "text")


def _bare(source: str) -> str:
    source = re.sub(r"<!--.*?-->|<ref[^>]*/>|<ref.*?</ref>|<(?:gallery|math|timeline|nowiki)\b.*?</\w+>", " ", source, flags=re.DOTALL)
    source = re.sub(r"-\{(?:[^{}|;]*\||(?:[a-z-]+:)?([^{};]*);?[^{}]*)\}-", r"\1", source)
    source = re.sub(r"(?<=\w)\{\{[^{}]*\}\}(?=\w)", "", source)
    for pattern in (
        r"\{\{[^{}]*\}\}",
        r"\{\|(?:(?!\{\|).)*?\|\}",
        rf"\[\[(?:{'|'.join(FILES)}|[a-z-]{{2,12}}):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]",
        r"\[\[[^\[\]|:\n]{2,30}:[^\[\]|\n]*\.(?:jpe?g|png|svg|gif|ogg|webm)\s*(?:\|(?:[^\[\]]|\[\[[^\[\]]*\]\])*)?\]\]",
    ):
        before = ""
        while before != source:
            before, source = source, re.sub(pattern, " ", source, flags=re.DOTALL | re.IGNORECASE)
    source = re.sub(r"^(?:\[\[[^\[\]|:\n]+:\S[^\[\]\n]*\]\][ \t]*)+$", " ", source, flags=re.MULTILINE)
    source = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]", r"\1", source)
    source = re.sub(r"\[https?:\S+ ?([^\]]*)\]", r"\1", source)
    return re.sub(r"<[^>]+>|'{2,}|^[=*#:;|!]+.*=*$", " ", source, flags=re.MULTILINE)


def kind_of(unit: Unit) -> str:
    """Tell a dump from a paper from a book; nothing for what is none of them by its name."""
    name = unit.key.lower()
    if name.endswith((".tsv", ".csv", ".json", ".jsonl", ".md", ".pdf")):
        return ""
    if name.endswith((".xml", ".xml.bz2", ".bz2")):
        return "wikipedia"
    return "arxiv" if name.endswith((".tex", ".gz", ".tar", ".tgz")) or not name.endswith(".txt") else "gutenberg"


def main(folder: str) -> int:
    """Print the tables of all files below a folder."""
    books = Gutenberg(path="x")
    sources: dict[str, tuple[SourceStep, Mapping[str, str], Callable[[Unit], str]]] = {
        "gutenberg": (books, BOOK_LEAKS, seen_book),
        "wikipedia": (Wikipedia(path="x"), WIKI_LEAKS, seen_wiki),
        "arxiv": (Arxiv(path="x", licences="any"), PAPER_LEAKS, lambda _: ""),
    }
    for name, (step, leaks, seen) in sources.items():
        units = [unit for unit in step.units([folder]) if kind_of(unit) == name]
        found = [judge(step, unit, leaks, seen) for unit in units]
        if found:
            _table(name, found, leaks)
    return 0


def said(line: str) -> None:
    """Print a line of a table."""
    print(line)  # noqa: T201  the tool's output


def _table(name: str, found: list[Found], leaks: Mapping[str, str]) -> None:
    said(f"\n{name}: {len(found)} files, {sum(one.rows for one in found)} rows, {sum(one.words for one in found):,} words")
    said(f"{'file':<44} {'rows':>5} {'words':>8} {'recall':>7}  leaks a thousand words; skips")
    for one in found:
        told = ", ".join(f"{kind} {1000 * count / max(one.words, 1):.3f}" for kind, count in one.leaks.items() if count)
        skips = ", ".join(f"{reason} {count}" for reason, count in one.skipped.items())
        said(f"{one.name[-44:]:<44} {one.rows:>5} {one.words:>8,} {'' if one.recall is None else f'{one.recall:.3f}':>7}  {told}; {skips}")
    words = max(sum(one.words for one in found), 1)
    said("all: " + ", ".join(f"{kind} {1000 * sum(one.leaks[kind] for one in found) / words:.4f}" for kind in leaks))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
