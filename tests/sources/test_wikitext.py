"""What wikitext becomes: holes are closed where something was left out, and an author's own words and signs stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sources.wikitext import HOLE, read_wikitext

KEPT = (
    "Trade unions (or syndicates) and guilds (and clubs) met.",
    "Il dit : « Bien ! » ; puis il partit. Vraiment ?",
    "One criterion . . . is the length . . . of it.",
    "A call of f() gives a[0], and g(x) gives [].",
    "He said, 'so it is'; she said: no. (See below.)",
    "Ratio 3 : 4, or 3/4 (e.g. and/or).",
)


@pytest.mark.parametrize("text", KEPT)
def test_what_an_author_wrote_stays(text: str) -> None:
    assert read_wikitext(text).text() == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("A ({{x}}, plural As) b.", "A (plural As) b."),
        ("A ({{x}} or {{y}}) b.", "A b."),
        ("A (named {{x}}, plural {{y}}) b.", "A (named, plural) b."),
        ("A ({{x}}; {{y}} or also C) b.", "A (also C) b."),
        ("A ({{x}} and) b.", "A b."),
        ("A {{x}} {{y}}, b.", "A, b."),
        ("A, {{x}}, b.", "A, b."),
        ("It ended.<ref>r</ref> {{isbn}}. Then", "It ended. Then"),
        ("It ended {{x}}. {{y}}", "It ended."),
        ("A{{x}}b", "Ab"),
        ("A {{x}} b", "A b"),
        ("A ( {{x}} ) ({{y}}) b.", "A b."),
        ("A&nbsp;{{x}}– b", "A\u00a0– b"),
        ("{{x}} A", "A"),
        ("A\n{{x}}\nB {{y}}\n\n{{z}} C", "A\n\nB\n\nC"),
        ("A ; {{x}} B ; C", "A ; B ; C"),
        ("{{a|{{b|}}}} After.", "After."),
        ("{{a|\n{| class=x\n|c\n|}}} After.", "After."),
        ("{{a|b|}}} After.", "After."),
        ("Before [[File:a.png|thumb|b {{c}}]] after.", "Before after."),
        ("[[Foo|{{x}}]] is.", "Foo is."),
        ("A <math>x</math>, and b.", "A, and b."),
        ("A [http://x.org] b [http://x.org c].", "A b c."),
        ("A , b .", "A, b."),
        ("ب ({{x}}، ج) د {{y}}، ه.", "ب (ج) د، ه."),
        ("甲（{{x}}，乙）丙{{y}}。", "甲（乙）丙。"),
        ("A.\n\n[[Rummad:Kerioù]]\n[[Kaarangay:B|c]] [[xx-yy:B]]", "A."),
        ("[[2001: A Film]]\n\n[[2002: A Film]]", "2001: A Film\n\n2002: A Film"),
        ("甲-{zh-hans:联邦州; zh-hant:邦}-，-{乙}-，-{zh-hans|丙}--{H|zh:x;zh-tw:y}-。", "甲联邦州，乙，丙。"),
        ("A [[Restr:a b.JPG|thumb|c]] b.", "A b."),
    ],
)
def test_holes_are_closed(source: str, text: str) -> None:
    assert read_wikitext(source).text() == text


@given(
    st.lists(
        st.sampled_from([*"(),;.:[] ab\n|{}'=*", "{{x}}", "{{x|}}", "[[", "]]", "{|", "|}", "<ref>", "</ref>", " or ", HOLE]), max_size=40
    ).map("".join)
)
def test_no_hole_is_left_open(source: str) -> None:
    text = read_wikitext(source).text()
    assert HOLE not in text
    assert "( ," not in text
    assert " ,\n" not in text
