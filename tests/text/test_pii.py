"""Personal data: what is found, what is not, and marks in its place."""

import ipaddress
import random
import re
import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text.pii import counts, find, replaced
from tasks.text.wordlists import PII_KINDS
from tests.texts import EXAMPLES


def found(text: str) -> list[tuple[str, str]]:
    finds = find(pl.Series([text]))
    return [(PII_KINDS[kind], text.encode()[start:end].decode()) for start, end, kind in finds.spans.tolist()]


FOUND = [
    ("email", "bob.smith+x@mail.example.co.uk"), ("email", "x@y.org"), ("email", "o'neil@example.museum"), ("email", "a_b-c@d-e.fr"),
    ("ip", "8.8.8.8"), ("ip", "93.184.216.34"), ("ip", "2a00:1450:4001:81b::200e"), ("ip", "2001:4860:4860:0000:0000:0000:0000:8888"), ("ip", "2001:4860::"),
    ("card", "4111 1111 1111 1111"), ("card", "4111-1111-1111-1111"), ("card", "5500005555555559"), ("card", "378282246310005"), ("card", "3782 822463 10005"),
    ("iban", "DE89 3704 0044 0532 0130 00"), ("iban", "GB82WEST12345698765432"), ("iban", "FR1420041010050500013M02606"),
    ("phone", "+49 151 2345678"), ("phone", "+1 (415) 555-2671"), ("phone", "(415) 555-2671"), ("phone", "415-555-2671"), ("phone", "020 7946 0958"), ("phone", "+33 1 23 45 67 89"), ("phone", "1-800-555-1234"), ("phone", "1 (212) 555-1234"), ("phone", "01 23 45 67 89"), ("email", "jörg@müller.de"),
    ("key", "sk-abcdefghij1234567890ABCD"), ("key", "AKIA" + "IOSFODNN7EXAMPLE"), ("key", "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"),
    ("key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"),
    ("key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), FOUND, ids=[value[:20] for _, value in FOUND])
@pytest.mark.parametrize("around", ["{}", "See {}.", "({})", "Grüße: {}, danke", "“{}”"])
def test_what_looks_the_part_is_found(kind: str, value: str, around: str) -> None:
    assert found(around.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "@user foo@bar a@b.c x@1.2", "10.0.0.1 127.0.0.1 192.168.1.1 172.20.0.1 999.1.1.1 1.2.3 8.8.8.8.8 v8.8.8.8", "01.02.03.04",
        "12:30:45 std::string a::b ::1 fe80::1 aa:bb:cc", "4111 1111 1111 1112", "4111 11 11 1111 1111", "1234567890123456",
        "DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "in 1984-2001 on 12-31-2000 and 2019-10-11", "192.0 1000 2000 3000", "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
        "task-oriented-work-and-things sk-learn sk-ip-the-line-and-go-home-now", "-----BEGIN CERTIFICATE-----", "ISBN 978-3-16-148410-0", "115-555-2671",
        "on 01.02.2024 12:30 we", "05/06/2023 14:30", "+0.12345678", "02/03/1999-04/05/2000", "01 02 03 04 05 06 07", "192.0.2.5 198.18.0.5 203.0.113.9",
        "2001:db8::1 fe80::1ff:fe23:4567:890a 00:1A:2B:FF:FE:3C:4D:5E", "dead::beef1",
        "0.1234567890", "page 020", "00 49 123", "eyJustAWordThatGoesOnAndOnAndOnAndOn1",
    ],
)  # fmt: skip
def test_what_only_resembles_it_is_not(text: str) -> None:
    assert found(text) == []


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


@settings(max_examples=EXAMPLES)
@given(st.from_regex(r"[2-6][0-9]{12,18}", fullmatch=True))
def test_a_card_is_what_passes_luhn(digits: str) -> None:
    assert (("card", digits) in found(f"no. {digits} here")) == luhn(digits)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_an_address_is_one_that_others_can_reach(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    local = any(
        address in ipaddress.IPv4Network(net)
        for net in (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "224.0.0.0/3",
        )
    )
    assert (found(f"at {address}.") == [("ip", str(address))]) == (not local)


def remainder(iban: str) -> int:
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97


@settings(max_examples=EXAMPLES)
@given(st.from_regex(r"[0-9]{18}", fullmatch=True), st.integers(0, 99))
def test_an_iban_is_what_has_the_remainder_one(digits: str, check: int) -> None:
    iban = f"DE{check:02}{digits}"
    assert (found(f"to {iban}") == [("iban", iban)]) == (remainder(iban) == 1)


HOSTILE = st.lists(
    st.one_of(st.text(max_size=30), st.text(st.sampled_from("@.:+-0123456789abcdefABCDEFGHsk_ghpeyJ() \n/"), max_size=60)), max_size=5
)


@settings(max_examples=EXAMPLES)
@given(HOSTILE)
def test_finds_stand_in_order_inside_their_texts_and_marks_leave_all_else(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    finds = find(column)
    made, again = replaced(column, dict.fromkeys(PII_KINDS, "¶"))
    assert again.spans.tolist() == finds.spans.tolist()
    first = 0
    for text, last, new in zip(texts, finds.ends[1:].tolist(), made.to_list(), strict=True):
        encoded, at, expected = text.encode(), 0, b""
        for start, end, _ in finds.spans[first:last].tolist():
            assert at <= start < end <= len(encoded)
            expected += encoded[at:start] + "¶".encode()
            at = end
        assert new.encode() == expected + encoded[at:]
        first = last
    assert counts(column).sum_horizontal().to_list() == [
        text.count("¶") - old.count("¶") for text, old in zip(made.to_list(), texts, strict=True)
    ]


@pytest.mark.parametrize(
    "piece", ["sk-", "-----BEGIN PRIVATE KEY", "a:", "@a.", "a@", "1 ", "eyJ.", "+1 ", "AB12 ", "4111 ", "::", "(415) "]
)
def test_hostile_texts_take_time_in_proportion(piece: str) -> None:
    def seconds(count: int) -> float:
        text = pl.Series([piece * count])
        begun = time.process_time()
        find(text)
        return time.process_time() - begun

    find(pl.Series(["warm"]))
    assert seconds(40_000) < 20 * seconds(10_000) + 1.0


def test_an_oracle_of_mails_agrees_on_plain_ones() -> None:
    draw = random.Random(3)
    words = ["mail", "to", "ann", "bob", "x1", "at", "home"]
    for _ in range(200):
        text = " ".join(
            draw.choice(
                [
                    draw.choice(words),
                    f"{draw.choice(words)}.{draw.choice(words)}@{draw.choice(words)}.{draw.choice(['org', 'co.uk', 'de'])}",
                ]
            )
            for _ in range(12)
        )
        assert [value for _, value in found(text)] == re.findall(r"[a-z0-9.]+@[a-z0-9.]+", text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("jane@example.com--she, jane@example.com-based, jane@example.com1", "[EMAIL]--she, [EMAIL]-based, [EMAIL]1"),
        ("212-555-1234@vtext.com", "[EMAIL]"),
        ("Tel.212-555-1234", "Tel.[PHONE]"),
        ("Suite 100 212-555-1234", "Suite 100 [PHONE]"),
        ("Room 5 4111111111111111 and 12/25 4111 1111 1111 1111", "Room 5 [CARD] and 12/25 [CARD]"),
        ("The header -----BEGIN PRIVATE KEY----- marks a key.", "The header [KEY] marks a key."),
        ("-----BEGIN PRIVATE KEY-----\nMIIEabc+/=\nxyz\n\nLorem ipsum", "[KEY] ipsum"),
    ],
)
def test_what_stands_beside_is_left(text: str, left: str) -> None:
    assert replaced(pl.Series([text]), {kind: f"[{kind.upper()}]" for kind in PII_KINDS})[0].item() == left


def test_a_kind_that_is_not_looked_for_hides_no_other() -> None:
    assert replaced(pl.Series(["212-555-1234@vtext.com"]), {"email": "[EMAIL]"})[0].item() == "[EMAIL]"
