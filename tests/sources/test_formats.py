import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import SourceError
from tasks.sources.arxiv import Arxiv
from tasks.sources.charset import decode
from tasks.sources.files import Files, Seeds
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.latex import read_latex
from tasks.sources.latexsource import flatten
from tasks.sources.wikipedia import Wikipedia
from tasks.sources.wikitext import read_wikitext
from tests.sources.helpers import read_all, reasons
from tests.texts import prose


def test_a_bad_line_costs_itself_only(tmp_path: Path) -> None:
    lines = ['{"text": "good one"}', "{broken", '{"text": 5}', "[1]", '{"text": "good two"}', '{"text": "bad \\ud800"}', ""]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows, skips = read_all(Files(path="x"), [str(tmp_path / "a.jsonl")])
    assert [row["text"] for row in rows] == ["good one", "good two"]
    assert {skip.place for skip in skips} == {"2", "3", "4", "6"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read_by_what_they_are(tmp_path: Path, pack: object) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(pack(b'{"text": "inside"}\n'))  # type: ignore[operator]
    rows, _ = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["inside"]


def test_a_cut_archive_gives_what_was_good_and_says_so(tmp_path: Path) -> None:
    data = gzip.compress("".join(json.dumps({"text": prose(n)}) + "\n" for n in range(3000)).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert 500 < len(rows) < 3000
    assert "gzip ends too early" in reasons(skips)


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.txt.bz2").write_bytes(bz2.compress(b"\0" * (100 << 20)))
    (tmp_path / "b.txt").write_text("good")
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["good"]
    assert "swells" in skips[0].reason


def test_members_of_archives_never_leave_them(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in ("good.txt", "../evil.txt", "/abs.txt", "._good.txt"):
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(b"words"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        zipped.writestr("in/zip.txt", "zipped")
        zipped.writestr("../up.txt", "up")
    rows, _ = read_all(Files(path="x"), [str(tmp_path)])
    assert sorted(row["text"] for row in rows) == ["words", "zipped"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("problem;solution\nEn ä;Ein ö\n".encode("cp1252"), [("En ä", "Ein ö")]),
        ('\ufeffproblem,solution\na,"b, c"\n'.encode(), [("a", "b, c")]),
        (b"problem\tsolution\r\na\tb\r\n", [("a", "b")]),
        (b'problem,solution\n"a\nb",c\nonly one\nd,e\n', [("a\nb", "c"), ("d", "e")]),
        ("problem,solution\na,b\n".encode("utf-16"), [("a", "b")]),
    ],
    ids=["semicolons in cp1252", "BOM and quotes", "tabs and CRLF", "line in a cell, short row", "UTF-16"],
)  # fmt: skip
def test_csv_as_spreadsheets_write_it(tmp_path: Path, data: bytes, expected: list[tuple[str, str]]) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    rows, _ = read_all(Seeds(path="x", columns={"input": "problem", "output": "solution"}), [str(tmp_path)])
    assert [(row["input"], row["output"]) for row in rows] == expected
    assert all(row["generator"] == "human" for row in rows)


def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path) -> None:
    lines = ["q,a", 'q1,"open', "q2,a2", 'q3,"two\nlines"', "q4,a4", '"q5,a5', 'q6,"a6"', 'q7,"cut']
    (tmp_path / "a.csv").write_text("\n".join(lines))
    rows, skips = read_all(Seeds(path="x", columns={"input": "q", "output": "a"}), [str(tmp_path)])
    assert [row["input"] for row in rows] == ["q2", "q3", "q4", "q6"]
    assert rows[1]["output"] == "two\nlines"
    assert [(skip.place, skip.reason) for skip in skips] == [(place, "broken CSV: quotes out of place") for place in ("2", "7", "9")]


def test_a_column_that_comes_again_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,note,text\nfirst,n,second\n")
    (row,), (skip,) = read_all(Files(path="x"), [str(tmp_path)])
    assert (row["text"], json.loads(row["attrs"])) == ("first", {"note": "n", "text.2": "second"})
    assert "text.2" in skip.reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_in_other_encodings_is_read(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes('{"text": "naïve"}\n{"text": "two"}\n'.encode(encoding))
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["naïve", "two"]
    assert not skips


def test_records_in_archives_are_records(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        zipped.writestr("in/a.jsonl", '{"text": "one"}\n{broken\n{"text": "two"}')
        zipped.writestr("in/b.csv.gz", gzip.compress(b"text\nthree\n"))
        zipped.writestr("c.txt", "four")
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert sorted(row["text"] for row in rows) == ["four", "one", "three", "two"]
    assert len({row["id"] for row in rows}) == 4
    assert [skip.place for skip in skips] == ["in/a.jsonl#2"]


def test_what_is_no_plain_text_is_named_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"%!PS-Adobe words")
    (tmp_path / "b.doc").write_bytes(b"\xd0\xcf\x11\xe0 words")
    (tmp_path / "c.txt").write_bytes(b"words\0\1\2")
    with zipfile.ZipFile(tmp_path / "d.docx", "w") as zipped:
        zipped.writestr("[Content_Types].xml", "<x/>")
        zipped.writestr("word/document.xml", "")
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert not rows
    assert [skip.reason.partition(":")[0] for skip in skips] == [
        "PostScript", "old office document", "not a text", "word/document.xml is missing or broken",
    ]  # fmt: skip


def test_a_page_says_its_charset(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(
        '<html><head><meta charset="koi8-r"><title>t</title></head><body><p>слово</p></body></html>'.encode("koi8-r")
    )
    (row,), _ = read_all(Files(path="x"), [str(tmp_path)])
    assert row["text"] == "слово"


RECORDS = {
    "prompt": {"prompt": "q", "completion": "a"},
    "chat": {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
    "alpaca": {"instruction": "do", "input": "it", "output": "a"},
    "sharegpt": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    "trl": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "trl chat": {"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]},
}  # fmt: skip


@pytest.mark.parametrize("form", RECORDS)
def test_rows_that_trainers_use_are_recognised(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORDS[form]) + "\n" + '{"odd": 1}\n')
    (row,), skips = read_all(Seeds(path="x"), [str(tmp_path)])
    assert row["output"] == "a"
    assert row["input"] == ("do\n\nit" if form == "alpaca" else "q")
    assert row["rejected"] == ("b" if form.startswith("trl") else None)
    assert row["system"] == ("s" if form == "chat" else None)
    assert len(skips) == 1


def test_every_turn_of_a_conversation_can_become_a_pair(tmp_path: Path) -> None:
    turns = [{"role": role, "content": str(n)} for n, role in enumerate(["user", "assistant"] * 3)]
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": turns}))
    rows, _ = read_all(Seeds(path="x", turns="every"), [str(tmp_path)])
    assert [(row["input"], row["output"], len(row["turns"])) for row in rows] == [("0", "1", 0), ("2", "3", 2), ("4", "5", 4)]
    assert len({row["id"] for row in rows}) == 3


def test_parquet_rows_keep_unused_fields_in_attrs(tmp_path: Path) -> None:
    pl.DataFrame({"body": ["words"], "stars": [4]}).write_parquet(tmp_path / "a.parquet")
    (row,), _ = read_all(Files(path="x", columns={"text": "body"}), [str(tmp_path)])
    assert row["text"] == "words"
    assert json.loads(row["attrs"]) == {"stars": 4}


def test_html_gives_its_main_text(tmp_path: Path) -> None:
    page = "<html><head><title>T</title><script>evil()</script></head><body><nav>menu</nav><main><p>One <b>bold</b> word.</p><p>Two.</p></main></body></html>"
    (tmp_path / "a.html").write_text(page)
    (row,), _ = read_all(Files(path="x"), [str(tmp_path)])
    assert (row["title"], row["text"]) == ("T", "One bold word.\n\nTwo.")


def test_nothing_that_matches_is_an_error_that_names_the_pattern(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        Files(path="x").units([str(tmp_path / "*.none")])


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("naïve\r\nline".encode(), "naïve\nline", "utf-8"),
        ("naïve".encode("cp1252"), "naïve", "cp1252"),
        ("é one\n".encode() + "é two".encode("cp1252"), "é one\né two", "mixed"),
        ("words".encode("utf-16-le"), "words", "utf-16-le"),
        ("\ufeffwords".encode("utf-16"), "words", "utf-16-le"),
        (b"a\x00\x07b", "ab", "utf-8"),
    ],
)
def test_bytes_become_text_whatever_they_declare(data: bytes, text: str, encoding: str) -> None:
    assert decode(data, "ISO-8859-1") == (text, encoding)


def test_wikitext_loses_its_markup_and_keeps_its_words() -> None:
    source = (
        "{{Infobox|a=[[b]]|c={{d}}}}\n'''Lorry''' (from {{lang|fr|lorrie}}, {{IPA|x}}) is {{convert|12|km|mi}} [[road|long]], {{cvt|3|e6carat|kg}}.<ref>no</ref>\n\n"
        "[[File:x.jpg|thumb|A [[caption]]]]\n== Use ==\n* first [[item]]\n* second\n{| class=x\n| cell\n|}\nAfter<!-- no --> it &amp; all. [http://x.y shown]\n"
        "[[Category:Cars]]"
    )
    outline = read_wikitext(source)
    assert outline.text() == "Lorry (from lorrie) is 12 km long, 3 million carat.\n\nfirst item\nsecond\n\nAfter it & all. shown"
    (section,) = outline.sections()
    assert (section["title"], section["level"]) == ("Use", 2)
    assert outline.text().encode()[section["start"] :].decode().startswith("first item")


def test_what_a_formula_leaves_behind_is_closed() -> None:
    assert read_wikitext("The area is\n\n<math>x</math>\n, where it is large.\n* ; one").text() == "The area is\n\nwhere it is large.\none"


@pytest.mark.parametrize(
    "source", ["{{" * 5000, "[[" * 5000 + "x", "{{a|" * 3000 + "}}" * 3000, "{| " * 300, "}}" * 100 + "words", "{{a\n\nwords after"]
)
def test_broken_nesting_of_any_depth_ends(source: str) -> None:
    read_wikitext(source).text()


def test_one_broken_page_of_a_dump_costs_one_page(tmp_path: Path) -> None:
    page = "<page><title>{0}</title><ns>0</ns><id>{1}</id><revision><text>{2}</text></revision></page>"
    pages = [
        page.format("A", 1, prose(1)),
        page.format("B", 2, "&broken; <x"),
        page.format("C", 3, prose(3)),
        page.format("D", 4, prose(4))[:80],
    ]
    (tmp_path / "d.xml").write_text('<mediawiki xml:lang="en"><siteinfo><dbname>w</dbname></siteinfo>' + "\n".join(pages), encoding="utf-8")
    rows, skips = read_all(Wikipedia(path="x"), [str(tmp_path)])
    assert [row["title"] for row in rows] == ["A", "C"]
    assert reasons(skips) == {"broken XML": 1, "record cut in the middle": 1}


def test_entities_in_xml_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    page = f"<page><title>A</title><ns>0</ns><id>1</id><revision><text>{prose(1)} &x;</text></revision></page>"
    (tmp_path / "d.xml").write_text(f'<!DOCTYPE m [<!ENTITY x SYSTEM "{secret}">]><mediawiki>{page}</mediawiki>')
    rows, skips = read_all(Wikipedia(path="x"), [str(tmp_path / "d.xml")])
    assert "SECRET" not in str(rows) + str(skips)


BOOK = "The Project Gutenberg eBook of T\n\nTitle: T\nAuthor: A B\nLanguage: French\n\n{start}\n\nProduced by C\n\n{body}\n\n{end}\n\nlicence words\n"


def book(
    body: str, start: str = "*** START OF THE PROJECT GUTENBERG EBOOK T ***", end: str = "*** END OF THE PROJECT GUTENBERG EBOOK T ***"
) -> str:
    return BOOK.format(start=start, body=body, end=end)


def test_a_book_is_unwrapped_and_its_verse_is_not(tmp_path: Path) -> None:
    wrapped = "\n".join(line for n in range(30) for line in _wrap(prose(n, 2)) + [""])
    verse = "    A line of verse,\n    another short one,\n      and an indented."
    again = "*** START OF THE PROJECT GUTENBERG EBOOK T ***"
    (tmp_path / "t.txt").write_text(book(f"CHAPTER I\n\n{wrapped}\n{verse}\n\n{again}\n\nCHAPTER II\n\n{wrapped}"))
    (row,), _ = read_all(Gutenberg(path="x"), [str(tmp_path)])
    assert prose(3, 2) in row["text"]
    assert verse in row["text"]
    assert "GUTENBERG" not in row["text"]
    assert "Produced by" not in row["text"]
    assert "licence words" not in row["text"]
    assert [section["title"] for section in row["sections"]] == ["CHAPTER I", "CHAPTER II"]
    assert (row["title"], row["authors"], row["language"]) == ("T", ["A B"], "fr")


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 70)


def test_licences_of_papers_are_an_allow_list(tmp_path: Path) -> None:
    body = "\\documentclass{article}\\begin{document}\\section{One}" + prose(1) + "\\end{document}"
    for number in (1, 2, 3):
        (tmp_path / f"2601.0000{number}.tex").write_text(body)
    licences = {1: "http://creativecommons.org/licenses/by/4.0/", 2: "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"}
    metadata = "\n".join(
        json.dumps({"id": f"2601.0000{n}", "title": f"T{n}", "license": licence, "abstract": "x"}) for n, licence in licences.items()
    )
    rows, skips = read_all(Arxiv(path="x", metadata="m"), [f"{tmp_path}/*.tex"], {"metadata": metadata})
    assert [(row["title"], row["licence"]) for row in rows] == [("T1", "CC-BY-4.0")]
    assert set(reasons(skips)) == {"licence LicenseRef-arXiv-nonexclusive-distrib", "licence unknown"}


def test_latex_macros_inputs_and_accents_become_words(tmp_path: Path) -> None:
    folder = tmp_path / "2601.00001"
    folder.mkdir()
    main = (
        "\\documentclass{article}\n\\newcommand{\\sys}[1]{the \\emph{#1} system}\n\\def\\loop{\\loop}\n\\title{A \\textbf{title}}\n\\begin{document}\n"
        "\\begin{abstract}Short.\\end{abstract}\n\\section{One \\& two}\nWe tried \\sys{red} on caf\\'e data~\\cite{x}, see Figure~\\ref{f}. % no\n"
        "\\begin{figure}\\caption{gone}\\end{figure}\nWith $x^2$ we won.\n\\input{more}\n\\input{main}\n\\loop after\n\\begin{thebibliography}{9}gone\\end{thebibliography}\n"
        "\\end{document}"
    )
    (folder / "main.tex").write_text(main)
    (folder / "more.tex").write_text("More ``quoted'' words --- here. " + prose(5))
    (row,), _ = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert "We tried the red system on café data [ref], see Figure [ref]." in row["text"]
    assert "With $x^2$ we won." in row["text"]
    assert "More “quoted” words — here." in row["text"]
    assert "gone" not in row["text"]
    assert row["title"] == "A title"
    assert json.loads(row["attrs"])["abstract"] == "Short."
    assert [section["title"] for section in row["sections"]] == ["One & two"]


def test_what_a_row_says_of_itself_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("input,output,private\nq1,a1,True\nq2,a2,1\nq3,a3,no\nq4,a4,\n")
    rows, _ = read_all(Seeds(path="x"), [str(tmp_path / "a.csv")])
    assert [row["private"] for row in rows] == [True, True, False, False]
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    records = [
        {"prompt": "q", "messages": turns, "chosen": turns, "rejected": [{"role": "assistant", "content": "b"}]},
        {"system": "s", "messages": turns},
    ]
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    rows, _ = read_all(Seeds(path="x"), [str(tmp_path / "b.jsonl")])
    assert [row["system"] for row in rows][-1] == "s"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"Before. \iffalse hidden \else seen \fi after.", "Before. seen after."),
        (r"A \ifx\a\b first \else second \fi end.", "A first end."),
        (r"One \iffalse two \iftrue three \fi four \fi five.", "One five."),
        (r"It holds $a \iff b$ always.", "It holds $a \\iff b$ always."),
        (r"\newif\ifdraft \ifdraft yes \fi kept.", "yes kept."),
        (r"Open \iffalse without end.", "Open without end."),
        ("As e.g.\\ this, \\TeX\\ or\\\tthat.", "As e.g. this, TeX or that."),
        (r"\verb|100%| stays here. More.", "100% stays here. More."),
        (r"Use \lstinline!x{y! or \verb+a_b+.", "Use x{y or a_b."),
        (r"A note\footnote{never closed and more words.", "A note never closed and more words."),
        (r"Before. \begin{figure} lost? After it.", "Before.\n\nlost? After it."),
        (r"Before. \begin{figure}\begin{figure}x\end{figure}y\end{figure} After it.", "Before.\n\nAfter it."),
    ],
)
def test_latex_shows_what_a_reader_would_see(source: str, expected: str) -> None:
    paper = read_latex(flatten("m", {"m": "\\begin{document}\n" + source + "\n\\end{document}"}))
    assert paper.outline.text() == expected


def test_a_paper_is_the_uppermost_folder_that_holds_latex(tmp_path: Path) -> None:
    source = "\\documentclass{article}\\begin{document}" + prose(1, 20) + "\\input{parts/two}\\end{document}"
    for name, text in {"set/README": "papers", "set/a/main.tex": source, "set/a/parts/two.tex": prose(2), "set/b/main.tex": source}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    rows, skips = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert [row["unit"] for row in rows] == ["set/a", "set/b"]
    assert prose(2)[:40] in rows[0]["text"]
    assert [(skip.file, skip.reason) for skip in skips] == [("set/README", "not LaTeX")]


def test_macros_without_end_are_not_expanded_and_the_paper_says_so(tmp_path: Path) -> None:
    bomb = "".join(
        f"\\newcommand{{\\m{chr(98 + n)}}}{{{chr(92)}m{chr(97 + n)}" * 1 + f"{chr(92)}m{chr(97 + n)} " * 9 + "}" for n in range(12)
    )
    text = "\\documentclass{article}\\newcommand{\\ma}{word }" + bomb + "\\begin{document}" + prose(1) + "\\mm\\end{document}"
    (tmp_path / "2601.00001.tex").write_text(text)
    (tmp_path / "2601.00002.tex").write_text("\\documentclass{article}\\begin{document}" + prose(2) + "\\end{document}")
    (tmp_path / "2601.00003.txt").write_text("plain")
    rows, skips = read_all(Arxiv(path="x", licences="any"), [str(tmp_path)])
    assert {row["unit"]: json.loads(row["attrs"] or "{}").get("fallback") for row in rows} == {
        "2601.00001.tex": "macros without end",
        "2601.00002.tex": None,
    }
    assert prose(1) in rows[0]["text"]
    assert {skip.file: skip.reason for skip in skips} == {"2601.00003.txt": "not LaTeX"}


CHAT = {
    "a call of a tool": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"id": 1}]}, {"role": "tool", "content": "r"}, {"role": "assistant", "content": "a"}],
    "a system message in the middle": [{"role": "user", "content": "q"}, {"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}],
    "two answers in a row": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
    "an answer to a tool": [{"role": "user", "content": "q"}, {"role": "tool", "content": "r"}, {"role": "assistant", "content": "a"}],
    "an odd role": [{"role": ["user"], "content": "q"}, {"role": "assistant", "content": "a"}],
}  # fmt: skip


@pytest.mark.parametrize("odd", CHAT)
def test_a_conversation_that_a_pair_cannot_hold_is_skipped_and_never_bent(tmp_path: Path, odd: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": CHAT[odd]}) + '\n{"input": "q", "output": "a"}\n')
    rows, skips = read_all(Seeds(path="x"), [str(tmp_path)])
    assert [row["input"] for row in rows] == ["q"]
    assert len(skips) == 1


@pytest.mark.parametrize(
    "record",
    [
        {"input": "i", "output": "o", "system": {"x": 1}}, {"input": "i", "output": "o", "rejected": ["x"]}, {"instruction": ["x"], "output": "o"},
        {"input": "i", "output": "o", "tools": "not json"}, {"prompt": "p", "completion": "c", "system": ["s"]},
        {"id": 1, "source": "s", "unit": "u", "span": None, "attrs": {}, "group": "g", "input": "i", "output": "o"},
    ],
)  # fmt: skip
def test_a_field_of_another_type_costs_its_own_row(tmp_path: Path, record: dict[str, object]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + '\n{"input": "q", "output": "a"}\n')
    rows, skips = read_all(Seeds(path="x"), [str(tmp_path)])
    assert [row["input"] for row in rows] == ["q"]
    assert len(skips) == 1


def test_columns_that_are_named_are_obeyed_whatever_else_a_record_holds(tmp_path: Path) -> None:
    records = [
        {"question": "Q1", "answer": "A1", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        {"question": "Q2", "answer": "A2", "instruction": "meta", "turns": 3, "completion": "c", "text": "t"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    rows, skips = read_all(Seeds(path="x", columns={"input": "question", "output": "answer"}), [str(tmp_path)])
    assert [(row["input"], row["output"]) for row in rows] == [("Q1", "A1"), ("Q2", "A2")]
    assert json.loads(rows[1]["attrs"]) == {"instruction": "meta", "turns": 3, "completion": "c", "text": "t"}
    assert not skips


def test_columns_may_be_swapped_and_used_twice(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"input": "a", "output": "b"}\n')
    (row,), _ = read_all(Seeds(path="x", columns={"input": "output", "output": "input", "title": "input"}), [str(tmp_path)])
    assert (row["input"], row["output"], row["title"]) == ("b", "a", "a")


def test_null_fields_are_absent_and_numbers_that_json_lacks_are_null(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"messages": null, "prompt": null, "input": "q", "output": "a"}\n')
    pl.DataFrame({"text": ["words"], "score": [float("nan")], "topic": ["sea"]}).write_parquet(tmp_path / "b.parquet")
    rows, _ = read_all(Seeds(path="x"), [str(tmp_path / "a.jsonl")])
    assert rows[0]["input"] == "q"
    (row,), _ = read_all(Files(path="x"), [str(tmp_path / "b.parquet")])
    assert json.loads(row["attrs"]) == {"score": None, "topic": "sea"}


def test_a_record_of_its_own_is_no_wrapper(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"input": "x", "output": "y", "sources": [{"url": "u"}]}')
    (row,), _ = read_all(Seeds(path="x"), [str(tmp_path)])
    assert row["output"] == "y"
    (tmp_path / "a.json").write_text('{"body": "main", "comments": [{"body": "comment"}]}')
    (row,), _ = read_all(Files(path="x", columns={"text": "body"}), [str(tmp_path)])
    assert row["text"] == "main"


def test_what_a_step_says_of_its_rows_holds_for_rows_of_our_own_form_too(tmp_path: Path) -> None:
    own = {"id": "a", "source": "s", "unit": "u", "span": None, "attrs": None, "group": "g", "text": "words"}
    (tmp_path / "a.jsonl").write_text(json.dumps(own))
    (row,), _ = read_all(Files(path="x", private=True, licence="MIT"), [str(tmp_path)])
    assert (row["private"], row["licence"]) == (True, "MIT")


@pytest.mark.parametrize(
    ("data", "cells"),
    [
        ('n,text\n1,"He said \\"hi\\" to me"\n', ['He said "hi" to me']),
        ('n,text\n1,"x" y\n2,good\n', ["good"]),
        ('n\ttext\n1\t"Quoted start" then more\n', ['"Quoted start" then more']),
        ("sep=;\nn;text\n1;a,b\n", ["a,b"]),
    ],
    ids=["backslashes", "out of place", "letters in a TSV", "a line for spreadsheets"],
)
def test_odd_quotes_are_read_right_or_not_at_all(tmp_path: Path, data: str, cells: list[str]) -> None:
    (tmp_path / ("a.tsv" if "\t" in data else "a.csv")).write_text(data)
    rows, _ = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == cells


def test_times_before_the_calendar_cost_nothing(tmp_path: Path) -> None:
    table = pa.table({"text": ["words", "more"], "at": pa.array([-(10**18), 0], pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "a.parquet")
    rows, _ = read_all(Files(path="x"), [str(tmp_path)])
    assert [row["text"] for row in rows] == ["words", "more"]


def test_members_left_out_are_named_and_equal_names_are_kept_apart(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in (("10:30 notes.txt", b"one"), ("b.txt", b"two"), ("b.txt", b"three"), ("../up.txt", b"four")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    rows, skips = read_all(Files(path="x"), [str(tmp_path)])
    assert sorted(row["text"] for row in rows) == ["one", "three", "two"]
    assert [(skip.place, skip.reason) for skip in skips] == [("../up.txt", "a name that leads out of the archive")]


def test_pages_keep_their_lines_their_articles_and_are_known_when_packed(tmp_path: Path) -> None:
    page = b"<html><body><article><p>First.</p></article><article><pre>a = 1\nb = 2</pre></article></body></html>"
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(page))
    (row,), _ = read_all(Files(path="x"), [str(tmp_path)])
    assert row["text"] == "First.\n\na = 1\nb = 2"
