"""The twenty-five kinds of bad input, each beside a good record: the good comes whole, the bad is counted and named.

A case is a folder of files and what must come of it: words of every good text, and for each file the
reasons of its skips. The folder itself, and what is beside it, stay as they were.
"""

import bz2
import gzip
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.catalogue import catalogue
from tasks.frames import Skip
from tasks.step import SourceStep
from tests.mirrors.archive import CC_BY, record
from tests.packing import tar_of, zip_of
from tests.sources.helpers import read_all
from tests.sources.test_formats import book
from tests.texts import prose

HEAD = '<mediawiki xml:lang="en"><siteinfo><sitename>W</sitename><dbname>w</dbname><base>http://w.org/wiki/M</base></siteinfo>'
TAIL = "</mediawiki>"
GOOD, ALSO = prose(1, 12), prose(2, 12)


class Case(NamedTuple):
    """What lies in the folder, and what must come of it."""

    use: str
    files: Mapping[str, bytes]
    good: tuple[str, ...]
    skips: Mapping[str, tuple[str, ...]] = {}
    settings: Mapping[str, object] = {}
    absent: tuple[str, ...] = ()
    """What no text may hold."""
    make: Callable[[Path], None] | None = None
    """What bytes alone cannot lay into the folder."""


def page(title: str, text: str, *, ns: int = 0, more: str = "") -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    about = f"<title>{title}</title><ns>{ns}</ns><id>{abs(hash(title)) % 1000}</id>{more}"
    return f"<page>{about}<revision><id>1</id><text>{escaped}</text></revision></page>\n"


def wiki(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + TAIL).encode()


def latex(body: str, preamble: str = "") -> bytes:
    return f"\\documentclass{{article}}{preamble}\\begin{{document}}{body}\\end{{document}}".encode()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def streams(*texts: str) -> list[bytes]:
    """Give a dump of one page a stream, each packed by itself."""
    inner = [page(f"P{n}", text) for n, text in enumerate(texts)]
    return [bz2.compress(each.encode()) for each in (HEAD, *inner, TAIL)]


def broken_stream() -> bytes:
    parts = streams(GOOD, prose(9, 40), ALSO)
    return b"".join([*parts[:2], flipped(parts[2], len(parts[2]) // 2), *parts[3:]])


def entities() -> bytes:
    kinds = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    bomb = f"<page><title>B</title><ns>0</ns><id>7</id><revision><text>{prose(7, 12)} &c;&f;</text></revision></page>"
    return (kinds + HEAD + page("A", GOOD) + bomb + page("C", ALSO) + TAIL).encode()


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    (folder / "around").symlink_to(folder)


def double(text: str) -> bytes:
    return text.encode().decode("cp1252").encode()


PRINT = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nLegal words.\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.02/11/02*END*\n"
JSON_GOOD = f'{{"text": "{GOOD}"}}\n'.encode()
JSON_ALSO = f'{{"text": "{ALSO}"}}\n'.encode()
MIXED = f"{GOOD} Na\u00efve.\n".encode() + f"{ALSO} Caf\u00e9.\n".encode("cp1252")
ANY = {"licences": "any"}

CASES = {
    "1 truncated bz2": Case(
        "wikipedia", {"a.xml.bz2": b"".join(streams(GOOD, ALSO, prose(3, 30))[:3]) + bz2.compress(page("Z", prose(3, 30)).encode())[:80]},
        (GOOD, ALSO), {"a.xml.bz2": ("bz2 ends too early",)},
    ),
    "2 corrupt stream in the middle": Case("wikipedia", {"a.xml.bz2": broken_stream()}, (GOOD, ALSO), {"a.xml.bz2": ("bz2 is damaged: 1 streams stepped over",)}),
    "3 flipped bit": Case("files", {"a.jsonl.gz": flipped(gzip.compress(JSON_GOOD * 3, mtime=0), -6), "b.jsonl": JSON_ALSO}, (GOOD, GOOD, GOOD, ALSO), {"a.jsonl.gz": ("gzip is damaged",)}),
    "3 junk at the end": Case("files", {"a.jsonl.gz": gzip.compress(JSON_GOOD) + b"junk", "b.jsonl.bz2": bz2.compress(JSON_ALSO) + b"\0\0junk"}, (GOOD, ALSO)),
    "4 dump in UTF-16": Case("wikipedia", {"a.xml": wiki(page("A", GOOD), page("B", ALSO)).decode().encode("utf-16")}, (GOOD, ALSO)),
    "5 control characters": Case("wikipedia", {"a.xml": wiki(page("A", GOOD.replace(" ", "\x0b ", 3)), page("B", "\x1b" + ALSO))}, (GOOD, ALSO), absent=("\x0b", "\x1b")),
    "6 entities": Case("wikipedia", {"a.xml": entities()}, (GOOD, ALSO), {"a.xml": ("broken XML",)}, absent=("root:", "aaaaaaaaaa")),
    "7 templates 5000 deep": Case("wikipedia", {"a.xml": wiki(page("A", "{{a|" * 5000 + "x" + "}}" * 5000 + "\n\n" + GOOD), page("B", ALSO))}, (GOOD, ALSO), absent=("{{",)),
    "7 unclosed template": Case("wikipedia", {"a.xml": wiki(page("A", "{{box|a=b\n\n" + GOOD), page("B", ALSO))}, (GOOD, ALSO), absent=("{{", "a=b")),
    "8 tables and boxes": Case(
        "wikipedia", {"a.xml": wiki(page("A", f"{{{{Infobox\n| a = {{{{b|c}}}}\n| d = [[e|f]]\n}}}}\n{GOOD}\n{{| class=x\n! h\n|-\n| cell || {{{{y|z}}}}\n|}}\n{ALSO}"))},
        (GOOD, ALSO), absent=("cell", "class", "Infobox", "{", "|"),
    ),
    "9 no articles": Case(
        "wikipedia",
        {"a.xml": wiki(page("R", "#REDIRECT [[A]]"), page("D", "It may be:\n* [[A]]\n{{disambig}}"), page("Talk:A", GOOD, ns=1), page("E", ""), page("A", GOOD), page("S", "Few words."), page("N", "#WEITERLEITUNG [[A]]", more='<redirect title="A"/>'))},
        (GOOD,), {"a.xml": ("redirect", "disambiguation", "other namespace", "empty", "too few words", "redirect")}, {"min_words": 5},
    ),
    "10 scripts": Case(
        "wikipedia", {"a.xml": wiki(page("A", "هذه مقالة عن المدينة القديمة وأهلها."), page("B", "这座城市很古老，居民很多。"), page("C", "यह शहर बहुत पुराना है।"), page("D", "[[קובץ:a.png]]העיר העתיקה."))},
        ("هذه مقالة عن المدينة القديمة وأهلها.", "这座城市很古老，居民很多。", "यह शहर बहुत पुराना है।", "העיר העתיקה."), settings={"min_words": 1},
    ),
    "11 page cut in the middle": Case("wikipedia", {"a.xml": (HEAD + page("A", GOOD) + page("C", prose(5))[:-30] + page("B", ALSO) + TAIL).encode()}, (GOOD, ALSO), {"a.xml": ("record cut in the middle",)}, absent=(prose(5)[:60],)),
    "11 dump cut at its end": Case("wikipedia", {"a.xml": (HEAD + page("A", GOOD) + page("C", prose(5))[:-30]).encode()}, (GOOD,), {"a.xml": ("record cut in the middle",)}, absent=(prose(5)[:60],)),
    "12 wrong declared charset": Case(
        "gutenberg",
        {"a.txt": book(f"Na\u00efve \u201cwords\u201d. {GOOD}").replace("Title:", "Character set encoding: ISO-8859-1\nTitle:", 1).encode(), "b.txt": book(f"Caf\u00e9. {ALSO}").replace("Title:", "Character set encoding: UTF-8\nTitle:", 1).encode("cp1252")},
        (f"Na\u00efve \u201cwords\u201d. {GOOD}", f"Caf\u00e9. {ALSO}"),
    ),
    "13 line ends and marks": Case("files", {"a.txt": b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n", "b.txt": (ALSO + "\rNext.\r").encode(), "c.jsonl": b"\xef\xbb\xbf" + JSON_GOOD.replace(b"\n", b"\r\n") + JSON_ALSO}, (GOOD, ALSO, "\nNext.", GOOD, ALSO), absent=("\r", "\ufeff")),
    "14 mixed encodings": Case("gutenberg", {"a.txt": book("@").encode().replace(b"@", MIXED)}, ("Na\u00efve.", "Caf\u00e9.", GOOD, ALSO)),
    "14 mixed encodings in records": Case("files", {"a.jsonl": JSON_GOOD + JSON_ALSO[:-3] + ' Caf\u00e9"}\n'.encode("cp1252")}, (GOOD, "Caf\u00e9")),
    "15 no marker": Case("gutenberg", {"a.txt": f"The Project Gutenberg Etext of Rivers, by Ada Reed\n\n{GOOD}\n\n{ALSO}\n".encode()}, (GOOD, ALSO)),
    "15 wrapped marker": Case("gutenberg", {"a.txt": book(GOOD, start="*** START OF THIS PROJECT GUTENBERG EBOOK A LONG TITLE\nOF MANY WORDS ***").encode()}, (GOOD,), absent=("OF MANY WORDS", "***")),
    "15 marker twice": Case("gutenberg", {"a.txt": book(f"{GOOD}\n\n*** START OF THIS PROJECT GUTENBERG EBOOK T ***\n\n{ALSO}").encode()}, (GOOD, ALSO), absent=("START OF",)),
    "15 small print": Case("gutenberg", {"a.txt": f"The Project Gutenberg Etext of T\n\n{PRINT}\n\n{GOOD}\n\n{ALSO}\n\nEnd of the Project Gutenberg Etext of T\n".encode()}, (GOOD, ALSO), absent=("Legal words", "SMALL PRINT", "Gutenberg")),
    "16 not a book": Case(
        "gutenberg", {"a.txt": book(GOOD).encode(), "error.txt": b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>", "empty.txt": b"", "list.txt": b"Index of /1/2/3\n../\n12345-0.txt  2020-01-01\n"},
        (GOOD,), {"error.txt": ("not a book",), "empty.txt": ("not a book",), "list.txt": ("not a book",)},
    ),
    "17 copyrighted book": Case("gutenberg", {"a.txt": book(GOOD).encode(), "c.txt": book(ALSO).replace("Title:", "** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **\nTitle:", 1).encode()}, (GOOD,), {"c.txt": ("copyrighted",)}, absent=(ALSO[:60],)),
    "18 macros": Case(
        "arxiv", {"1.tex": latex(rf"\me\ {GOOD} \loop \beq x = 1 \eeq {ALSO}", r"\def\beq{\begin{equation}}\def\eeq{\end{equation}}\newcommand{\me}{We say}\def\loop{\loop\loop}"), "2.tex": latex(prose(3, 12))},
        (GOOD, ALSO, prose(3, 12), "We say"), settings=ANY, absent=("\\def", "\\begin", "x = 1", "newcommand", "sayThe"),
    ),
    "19 several files": Case(
        "arxiv",
        {"a.tar": tar_of({"main.tex": latex(rf"{GOOD} \input{{b}} \input{{gone}}"), "b.tex": rf"{ALSO} \input{{main}} \input{{b}}".encode()}), "b.tar": tar_of({"one.tex": latex(prose(3, 30)), "two.tex": latex(prose(4, 4))})},
        (GOOD, ALSO, prose(3, 30)), settings=ANY,
    ),
    "20 wrong container": Case(
        "files", {"a.txt.gz": tar_of({"in.txt": GOOD.encode()}), "b.pdf": b"Rar!\x1a\x07\x00 more \x00\x00", "c.txt": gzip.compress(ALSO.encode()), "d.txt": gzip.compress(b"%PDF-1.4 nothing")},
        (GOOD, ALSO), {"b.pdf": ("not a text",), "d.txt": ("PDF",)},
    ),
    "21 no source": Case(
        "arxiv", {"1.gz": gzip.compress(latex(GOOD)), "2.gz": b"", "3.gz": gzip.compress(b"%PDF-1.5 x"), "4.gz": gzip.compress(b"%!PS-Adobe x"), "5.gz": gzip.compress(b"<html><body>x</body></html>"), "6.gz": gzip.compress(b"%auto-ignore\n")},
        (GOOD,), {"2.gz": ("empty: withdrawn",), "3.gz": ("PDF only",), "4.gz": ("PostScript only",), "5.gz": ("HTML only",), "6.gz": ("not LaTeX",)}, ANY,
    ),
    "22 names that lead out": Case(
        "files", {"a.zip": zip_of({"../up.txt": b"up", "/abs.txt": b"abs", "C:\\x.txt": b"drive", "in/good.txt": GOOD.encode()}), "b.tar": tar_of({"../../up.txt": b"up", "good.txt": ALSO.encode()}, {"link.txt": (tarfile.SYMTYPE, "/etc/passwd"), "hard.txt": (tarfile.LNKTYPE, "/etc/passwd"), "pipe": (tarfile.FIFOTYPE, "")})},
        (GOOD, ALSO), {"a.zip": ("leads out",) * 3, "b.tar": ("leads out",)}, absent=("root:", "drive", "abs"),
    ),
    "22 pipes and loops of links": Case("files", {"a.txt": GOOD.encode()}, (GOOD,), make=fifo),
    "23 old TeX": Case(
        "arxiv", {"a.tar": tar_of({"._main.tex": b"\x00\x05\x16\x07 junk", "main.tex": latex(f"Na\u00efve. {GOOD}").decode().encode("latin-1")}), "b.tex": latex(ALSO).replace(b"}", b"}\r").replace(b". ", b".\r")},
        ("Na\u00efve.", GOOD, ALSO), settings=ANY,
    ),
    "24 nested and broken archives": Case(
        "files",
        {
            "a.zip": zip_of({"in.zip": zip_of({"x.txt": b"deep"}), "in.txt.gz": gzip.compress(GOOD.encode()), "bad.zip.gz": b"\x1f\x8bbroken"}),
            "b.tar": tar_of({"one.txt": ALSO.encode(), "two.txt": prose(3, 200).encode()})[:6000],
            "c.tar": b"\0" * 10240, "d.zip": zip_of({"x.txt": GOOD.encode()})[:60], "e.txt.gz": gzip.compress(b"\0" * (60 << 20)), "f.zip": zip_of({"bomb.txt": b"\0" * (60 << 20), "after.txt": prose(4, 12).encode()}),
        },
        (GOOD, ALSO, prose(4, 12)),
        {"a.zip": ("", ""), "b.tar": ("tar",), "c.tar": ("",), "d.zip": ("zip is damaged",), "e.txt.gz": ("swells",), "f.zip": ("swells",)},
    ),
    "25 records of the archive": Case(
        "arxiv",
        {
            "a.xml": f"<OAI-PMH><ListRecords>{record('2601.00001')}{record('2601.00003', deleted=True)}{record('2601.00004')[:200]}{record('2601.00005')}</ListRecords></OAI-PMH>".encode(),
            "b.xml": b'<OAI-PMH><error code="noRecordsMatch">none</error></OAI-PMH>',
            "c.xml": b"<OAI-PMH><ListRecords><record><header>",
            "d.jsonl": b'{"id": "2601.00009", "title": "T", "abstract": "' + GOOD.encode() + b'", "license": "' + CC_BY.encode() + b'"}\n{"id": \n',
        },
        (prose(10, 2), prose(10, 2), GOOD), {"a.xml": ("deleted", "record cut in the middle"), "b.xml": ("OAI error noRecordsMatch",), "c.xml": ("record cut in the middle",), "d.jsonl": ("broken JSON",)},
    ),
    "25 a line of 10 MB": Case("files", {"a.jsonl": JSON_GOOD + b'{"text": "' + b"word " * 2_000_000 + b'", \n' + JSON_ALSO}, (GOOD, ALSO), {"a.jsonl": ("broken JSON",)}),
}  # fmt: skip


def told(skips: list[Skip]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for skip in skips:
        found.setdefault(skip.file.rpartition("/")[2], []).append(skip.reason)
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_costs_itself_only_and_is_named(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    if case.make:
        case.make(folder)
    before = Counter(str(path) for path in tmp_path.rglob("*"))
    step = catalogue()[case.use](**{"path": "x", **({"min_words": 5} if case.use == "wikipedia" else {}), **case.settings})
    assert isinstance(step, SourceStep)
    rows, skips = read_all(step, [str(folder)])
    texts = [" ".join(row["text"].split()) for row in rows]
    whole = "\n".join(row["text"] for row in rows)
    for wanted in case.good:
        assert any(" ".join(wanted.split()) in text for text in texts), f"lost: {wanted[:80]}"
    for unwanted in case.absent:
        assert unwanted not in whole
    assert {name: len(reasons) for name, reasons in told(skips).items()} == {name: len(reasons) for name, reasons in case.skips.items()}
    for name, reasons in case.skips.items():
        assert all(any(reason in each for each in told(skips)[name]) for reason in reasons), told(skips)[name]
    assert Counter(str(path) for path in tmp_path.rglob("*")) == before, "something was written"


def test_every_kind_is_here() -> None:
    assert {int(name.split()[0]) for name in CASES} == set(range(1, 26))
