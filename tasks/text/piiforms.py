"""The forms of personal data: addresses, numbers and keys that look the part and pass their checksums.

Email: a local part, `@`, and a host with a top-level domain (RFC 5321). IP: version 4 that can be reached
from elsewhere (RFC 6890), and version 6 (RFC 4291). Card: 13 to 19 digits that pass Luhn (ISO/IEC 7812).
IBAN: of its country's length, remainder 1 by 97 (ISO 13616). Phone: international (E.164), North American,
or national with a leading nought. Key: the documented prefixes of providers' tokens, JSON web tokens
(RFC 7519) and private keys (RFC 7468).
"""

import numpy as np

from tasks.text.arrow import Bytes
from tasks.text.eights import load8
from tasks.text.kernel import inlined, kernel
from tasks.text.piitables import (
    ANY_DIGIT,
    AT_BYTE,
    COLON,
    COLON_BYTE,
    DIGIT_BYTE,
    DOT,
    DOT_BYTE,
    HEX_BYTE,
    HOST_BYTE,
    JWT,
    LETTER_BYTE,
    LINE_BYTE,
    LOCAL_BYTE,
    LONGEST_ARMOUR,
    LONGEST_HOST,
    LONGEST_KEY,
    LONGEST_LOCAL,
    NO_TRUNK,
    PARTING_BYTE,
    PRIVATE,
    TOKEN_BYTE,
    WORD_BYTE,
    Tables,
)
from tasks.text.wordlists import PII_KINDS

EMAIL, IP, PHONE, CARD, IBAN, KEY = range(len(PII_KINDS))
NONE = -1
AT_SIGN, DASH = 64, 45
ARMOUR_END = np.uint64(int.from_bytes(b"-----END", "little"))
DOCUMENTATION, SMALL = np.uint64(int.from_bytes(b"2001:db8", "little")), np.uint64(0x0020200000000000)


@inlined
def _is(text: Bytes, at: int, tables: Tables, bits: int) -> bool:
    return 0 <= at < len(text) and tables.bytes[text[at]] & bits != 0


@inlined
def _follows_word(text: Bytes, at: int, tables: Tables) -> bool:
    """Tell whether a letter, digit or underscore stands before a place."""
    two = at >= 2 and text[at - 1] >= 0x80 and tables.bytes[text[at - 2]] & WORD_BYTE and text[at - 2] >= 0x80
    return two or _is(text, at - 1, tables, WORD_BYTE)


@kernel
def _run(text: Bytes, at: int, stop: int, tables: Tables, bits: int) -> int:
    """Give where bytes of some kind end."""
    while at < stop and tables.bytes[text[at]] & bits:
        at += 1
    return at


@inlined
def _is_wide(text: Bytes, at: int) -> bool:
    """Tell a letter of two bytes, as ö."""
    return bool(0xC3 <= text[at] <= 0xDF)


@kernel
def _email(text: Bytes, at: int, low: int, stop: int, tables: Tables) -> tuple[int, int]:
    """Give the address around an `@`; where there is none, an empty range."""
    start = at
    while start > max(low, at - LONGEST_LOCAL):
        wide = start - 2 >= low and text[start - 1] >= 0x80 and _is_wide(text, start - 2)
        if not (wide or tables.bytes[text[start - 1]] & LOCAL_BYTE):
            break
        start -= 1 + wide
    while start < at and not tables.bytes[text[start]] & WORD_BYTE:
        start += 1
    end = _host(text, at + 1, min(stop, at + LONGEST_HOST), tables) if start < at and text[at - 1] != DOT else at
    return (start, end) if end > at else (at, at)


@kernel
def _host(text: Bytes, start: int, stop: int, tables: Tables) -> int:
    """Give the end of a host whose last label begins with two letters or more; where there is none, 0."""
    end, label, good = start, start, 0
    letters = False
    while end < stop and (text[end] == DOT or _is_wide(text, end) or tables.bytes[text[end]] & HOST_BYTE):
        if text[end] == DOT:
            if end == label:
                break
            label, letters = end + 1, True
        else:
            letters &= _is_wide(text, end) or tables.bytes[text[end]] & LETTER_BYTE != 0
            end += _is_wide(text, end)
            good = end + 1 if letters and end > label else good
        end += 1
    return good


@kernel
def _octet(text: Bytes, at: int, stop: int, tables: Tables) -> tuple[int, int]:
    """Read a number of 0 to 255 that is not padded: its value and its end; -1 where there is none."""
    end, value = at, 0
    while end < min(stop, at + 3) and tables.bytes[text[end]] & DIGIT_BYTE:
        value = value * 10 + text[end] - 48
        end += 1
    padded = end - at > 1 and text[at] == 48
    return (-1, at) if end == at or value > 255 or padded else (value, end)


@kernel
def _ip4(text: Bytes, at: int, stop: int, tables: Tables) -> int:
    """Give the end of a version 4 address that others can reach; where there is none, `at`."""
    head, end = _octet(text, at, stop, tables)
    for _ in range(3):
        if head < 0 or not _is(text, end, tables, DOT_BYTE):
            return at
        value, end = _octet(text, end + 1, stop, tables)
        head = head << 8 | value if value >= 0 else -1
    if head < 0 or _is(text, end, tables, WORD_BYTE):
        return at
    more = _is(text, end, tables, DOT_BYTE) and _is(text, end + 1, tables, DIGIT_BYTE)
    return at if more or tables.local[head >> 16] or _is_example(head >> 8) else end


@inlined
def _is_example(network: int) -> bool:
    """Tell the networks of 256 addresses that RFC 6890 sets aside: for protocols and for documentation."""
    return network == 0xC00000 or network == 0xC00002 or network == 0xC63364 or network == 0xCB0071


@kernel
def _is_global(text: Bytes, start: int, end: int) -> bool:
    """Tell a version 6 address that others can reach (2000::/3) and that is not for documentation (2001:db8::/32)."""
    reached = end - start > 5 and (text[start] == 0x32 or text[start] == 0x33) and text[start + 4] == COLON
    return bool(reached and (end - start < 8 or (load8(text, start) | SMALL) != DOCUMENTATION))


@kernel
def _ip6(text: Bytes, at: int, low: int, stop: int, tables: Tables) -> tuple[int, int]:
    """Give the version 6 address around a colon; where there is none, an empty range."""
    start = at
    while start > max(low, at - 5) and tables.bytes[text[start - 1]] & HEX_BYTE:
        start -= 1
    end = start
    groups = length = doubles = digits = longest = colons = 0
    while end < stop and tables.bytes[text[end]] & (HEX_BYTE | COLON_BYTE) and groups <= 8:
        colon = text[end] == COLON
        groups += (not colon) & (length == 0)
        length = 0 if colon else length + 1
        colons = colons + 1 if colon else 0
        longest = max(longest, length, 3 * (colons - 1))
        doubles += colons == 2
        digits += text[end] < COLON
        end += 1
    end -= colons == 1
    whole = (groups == 8) & (doubles == 0) | (doubles == 1) & (groups >= 2) & (groups <= 7)
    alone = not (_follows_word(text, start, tables) or _is(text, end, tables, WORD_BYTE))
    return (start, end) if whole & (digits > 0) & (longest <= 4) & alone and _is_global(text, start, end) else (at, at)


@kernel
def _card(text: Bytes, at: int, stop: int, tables: Tables) -> int:
    """Give the end of a card's number, whole or in groups of four (or four, six and the rest); where there is none, `at`."""
    end, count, good, group, groups = at, 0, at, 0, 0
    total = other = 0
    while end < stop and count < 20 and 50 <= text[at] <= 54:
        if tables.bytes[text[end]] & DIGIT_BYTE:
            value = int(text[end]) - 48
            total, other = other + value, total + 2 * value - 9 * (value > 4)
            count, group = count + 1, group + 1
            if 13 <= count <= 19 and total % 10 == 0 and not _is(text, end + 1, tables, WORD_BYTE):
                good = end + 1
        else:
            if not (tables.bytes[text[end]] & PARTING_BYTE and (group == 4 or (group == 6 and groups == 1))):
                break
            groups, group = groups + 1, 0
        end += 1
    return good


@kernel
def _phone(text: Bytes, at: int, stop: int, listed: int, tables: Tables) -> int:
    """Give the end of a telephone number in one of three ways to write it; where there is none, `at`; `listed`: a number stands before."""
    plus, nought = text[at] == 43, text[at] == 48
    if not plus and not nought:
        return _shaped(text, at, stop, tables)
    good, digits, groups, first, shortest = _groups_of(text, at + plus, stop, 11 if plus else 10, tables)
    national = (digits >= 9) & (digits <= 12) & (groups >= 2) & (groups <= 5) & (first >= 2) & (first <= 5)
    national &= (shortest >= 2) & (text[at + 1] != 48) & (listed == 0)
    fits = 8 <= digits <= 15 and text[at + 1] != 48 if plus else national and not _is_dated(text, at, good, stop, tables)
    return good if fits and not _is(text, good, tables, WORD_BYTE) else at


@kernel
def _is_dated(text: Bytes, at: int, end: int, stop: int, tables: Tables) -> bool:
    """Tell a date (01.02.2024), and numbers that go on behind: a time, a list."""
    year = _run(text, at + 6, at + 10, tables, DIGIT_BYTE) == at + 10
    date = year and text[at + 2] == text[at + 5] and tables.bytes[text[at + 2]] & PARTING_BYTE
    parted = end + 1 < stop and (text[end] == 32 or text[end] == COLON or text[end] == 47)
    return bool(date or (parted and tables.bytes[text[end + 1]] & DIGIT_BYTE))


@kernel
def _groups_of(text: Bytes, at: int, stop: int, enough: int, tables: Tables) -> tuple[int, int, int, int, int]:
    """Read groups of digits with signs between them until there are enough: the end, digits, groups, and the first and shortest group."""
    end, good, digits, group, groups, first, shortest, signs = at, at, 0, 0, 0, 0, 99, 0
    while end < stop and digits < 16:
        kind = tables.bytes[text[end]]
        if kind & DIGIT_BYTE:
            digits, group, signs, good = digits + 1, group + 1, 0, end + 1
        elif digits >= enough or signs == 2 or not kind & PARTING_BYTE:
            break
        else:
            signs += 1
        end += 1
        if group and not _is(text, end, tables, DIGIT_BYTE):
            first = group if groups == 0 else first
            groups, shortest, group = groups + 1, min(shortest, group), 0
    return good, digits, groups, first, shortest


@kernel
def _shaped(text: Bytes, at: int, stop: int, tables: Tables) -> int:
    """Give the end of a North American number: what one of its shapes fits; where none does, `at`."""
    for which in range(len(tables.shape_ends) - 1):
        start, size = tables.shape_ends[which], tables.shape_ends[which + 1] - tables.shape_ends[which]
        fits = at + size <= stop
        place = 0
        while fits and place < size:
            sign, byte = tables.shapes[start + place], text[at + place]
            fits = byte == sign or (sign == ANY_DIGIT and 48 <= byte <= 57) or (sign == NO_TRUNK and 50 <= byte <= 57)
            place += 1
        if fits and not _is(text, at + size, tables, WORD_BYTE):
            return int(at + size)
    return at


@kernel
def _iban(text: Bytes, at: int, stop: int, length: int, tables: Tables) -> int:
    """Give the end of an IBAN of its country's length; where there is none, `at`."""
    end, count, head, rest = at, 0, 0, 0
    while end < stop and count < length:
        if text[end] == 32 and count >= 4 and count % 4 == 0 and text[end - 1] != 32:
            end += 1
            continue
        value = tables.values[text[end]]
        if value > 35 - 26 * ((count == 2) | (count == 3)):
            return at
        power = 10 + 90 * (value > 9)
        head, rest = ((head * power + value) % 97, rest) if count < 4 else (head, (rest * power + value) % 97)
        count, end = count + 1, end + 1
    good = count == length and (rest * 1_000_000 + head) % 97 == 1
    return end if good and not _is(text, end, tables, WORD_BYTE) else at


@kernel
def _stands(text: Bytes, at: int, stop: int, which: int, tables: Tables) -> int:
    """Give the length of a prefix of keys that stands at a place; 0 where it does not."""
    start, size = tables.bounds[which], tables.bounds[which + 1] - tables.bounds[which]
    if at + size > stop or text[at] != tables.prefixes[start]:
        return 0
    same = True
    for place in range(size):
        same &= text[at + place] == tables.prefixes[start + place]
    return size if same else 0


@kernel
def _key(text: Bytes, at: int, stop: int, tables: Tables) -> int:
    """Give the end of a provider's token or a private key; where there is none, `at`."""
    for which in range(len(tables.least)):
        size = _stands(text, at, stop, which, tables)
        if size and which >= PRIVATE:
            return _private(text, at, stop, tables)
        if size:
            end = _run(text, at + size, min(stop, at + LONGEST_KEY), tables, TOKEN_BYTE)
            while end > at and not tables.bytes[text[end - 1]] & WORD_BYTE:
                end -= 1
            if end - at - size >= tables.least[which] and _is_mixed(text, at + size, end, which):
                return end
    return at


@kernel
def _is_mixed(text: Bytes, start: int, end: int, which: int) -> bool:
    """Tell a token from words: it has a digit, and a JSON web token has two dots."""
    digits = dots = 0
    for at in range(start, end):
        digits += 48 <= text[at] <= 57
        dots += text[at] == DOT
    return digits > 0 and (which != JWT or dots >= 2)


@kernel
def _line_end(text: Bytes, at: int, stop: int) -> int:
    """Give where the words of a line of armour end: at its dashes, or at the end of the line."""
    while at < stop and text[at] != DASH and text[at] != 10:
        at += 1
    return at


@kernel
def _private(text: Bytes, at: int, stop: int, tables: Tables) -> int:
    """Give the end of a private key in its armour: behind the line that says END; without one, of what is written as a key is."""
    begun, stop = _line_end(text, at + 11, stop), min(stop, at + LONGEST_ARMOUR)
    end = begun
    while end + 8 < stop and load8(text, end) != ARMOUR_END:
        end += 1
    if end + 8 >= stop:
        return _run(text, begun, stop, tables, TOKEN_BYTE | LINE_BYTE)
    end = _line_end(text, end + 8, stop)
    while end < stop and text[end] == DASH:
        end += 1
    return end


@kernel
def stands_at(text: Bytes, at: int, low: int, stop: int, tables: Tables) -> tuple[int, int, int]:
    """Tell what stands at, or around, a place: where it starts and ends, and its kind; NONE where there is nothing."""
    kind = tables.bytes[text[at]]
    if text[at] == AT_SIGN:
        start, end = _email(text, at, low, stop, tables)
        return start, end, EMAIL if end > start else NONE
    if kind & COLON_BYTE:
        start, end = _ip6(text, at, low, stop, tables)
        return start, end, IP if end > start else NONE
    if at > low and _follows_word(text, at, tables):
        return at, at, NONE
    return _named(text, at, stop, tables) if kind & LETTER_BYTE or text[at] == 45 else _number(text, at, low, stop, tables)


@kernel
def _named(text: Bytes, at: int, stop: int, tables: Tables) -> tuple[int, int, int]:
    """Tell what begins with letters or dashes: a key or an IBAN."""
    end = _key(text, at, stop, tables)
    if end > at:
        return at, end, KEY
    length = tables.ibans[np.int64(text[at]) | np.int64(text[at + 1]) << 8]
    end = _iban(text, at, stop, length, tables) if length else at
    return at, end, IBAN if end > at else NONE


@kernel
def _number(text: Bytes, at: int, low: int, stop: int, tables: Tables) -> tuple[int, int, int]:
    """Tell what begins with a digit, a plus or a bracket: an address, a card or a telephone number."""
    before = text[at - 1] if at - 1 > low else 0
    behind = (before in (DOT, DASH)) & (tables.bytes[text[at - 2]] & DIGIT_BYTE != 0)
    end, kind = at if behind else _ip4(text, at, stop, tables), IP
    if end == at and not behind:
        end, kind = _card(text, at, stop, tables), CARD
        if before == 32 and _follows_group(text, at - 1, low, tables) and _run(text, at, end, tables, DIGIT_BYTE) < end:
            end = at
        if end == at:
            listed = (before == 32) & (tables.bytes[text[at - 2]] & DIGIT_BYTE != 0)
            end, kind = _phone(text, at, stop, listed, tables), PHONE
            end = at if _is(text, end, tables, AT_BYTE) else end
    return at, end, kind if end > at else NONE


@kernel
def _follows_group(text: Bytes, at: int, low: int, tables: Tables) -> bool:
    """Tell whether four digits or capitals stand before a place: what follows goes on with them, as in an IBAN."""
    return (
        at - 4 >= low
        and tables.values[text[at - 4]] + tables.values[text[at - 3]] + max(tables.values[text[at - 2]], tables.values[text[at - 1]]) < 99
    )
