"""What personal data begins with and is made of, as tables that kernels look up."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.text.arrow import Bytes, Offsets

_PREFIXES = (
    ("sk-", 20), ("sk_live_", 16), ("sk_test_", 16), ("pk_live_", 16), ("rk_live_", 16), ("ghp_", 36), ("gho_", 36), ("ghu_", 36),
    ("ghs_", 36), ("ghr_", 36), ("github_pat_", 22), ("glpat-", 20), ("xoxb-", 20), ("xoxp-", 20), ("xoxa-", 20), ("xoxr-", 20),
    ("xoxs-", 20), ("AKIA", 16), ("ASIA", 16), ("AIza", 35), ("ya29.", 20), ("hf_", 30), ("npm_", 36), ("pypi-AgEI", 50), ("SG.", 40),
    ("eyJ", 30), ("dop_v1_", 64), ("shpat_", 32), ("sq0atp-", 22), ("AGE-SECRET-KEY-1", 40),
)  # fmt: skip
"""How a provider's tokens begin, and how many characters follow at least."""
JWT = [prefix for prefix, _ in _PREFIXES].index("eyJ")
_PRIVATE = tuple(f"-----BEGIN {kind}PRIVATE KEY".encode() for kind in ("", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "PGP "))
"""How private keys begin (RFC 7468); they end with the line that says so."""
PRIVATE = len(_PREFIXES)
"""From this prefix on they begin private keys."""
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
"""Lengths of the IBAN registry (SWIFT, release 100)."""
LONGEST_KEY, LONGEST_LOCAL, LONGEST_HOST, LONGEST_ARMOUR = 8192, 64, 255, 20_000
"""Bytes after which a token, the parts of an address and a private key are looked at no further."""
WORD_BYTE, TOKEN_BYTE, LOCAL_BYTE, HEX_BYTE, DIGIT_BYTE, HOST_BYTE, LETTER_BYTE, PARTING_BYTE, DOT_BYTE, COLON_BYTE, AT_BYTE, LINE_BYTE = (
    1 << bit for bit in range(12)
)
DOT, COLON = 46, 58
ANY_DIGIT, NO_TRUNK = ord("d"), ord("n")
_SHAPES = (
    "1-ndd-ddd-dddd", "1.ndd.ddd.dddd", "1 ndd ddd dddd", "1 (ndd) ddd-dddd", "1-(ndd)-ddd-dddd", "1(ndd)ddd-dddd",
    "ndd-ddd-dddd", "ndd.ddd.dddd", "ndd ddd dddd", "(ndd) ddd-dddd", "(ndd)ddd-dddd", "(ndd) ddd.dddd", "(ndd) ddd dddd",
)  # fmt: skip
"""North American numbers: `d` is a digit, `n` one of 2 to 9."""


class Tables(NamedTuple):
    """What bytes are, by which two bytes something may begin, the lengths of IBANs by country, and prefixes of keys end to end."""

    bytes: npt.NDArray[np.uint16]
    values: npt.NDArray[np.int64]
    """What digits and capitals stand for in an IBAN; 99 for all others."""
    begins: npt.NDArray[np.bool_]
    ibans: npt.NDArray[np.uint8]
    prefixes: Bytes
    bounds: Offsets
    least: Offsets
    local: npt.NDArray[np.bool_]
    """By the first two bytes of a version 4 address, whether it is one that only its own network reaches."""
    shapes: Bytes
    shape_ends: Offsets


def _byte_kinds() -> npt.NDArray[np.uint16]:
    """Give what each byte is, as bits."""
    letters, digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
    signs = (
        (letters + digits + "_", WORD_BYTE), (letters + digits + "_-.=/+", TOKEN_BYTE), (letters + digits + "._%+-'", LOCAL_BYTE),
        (digits + "abcdefABCDEF", HEX_BYTE), (digits, DIGIT_BYTE), (letters + digits + "-", HOST_BYTE), (letters, LETTER_BYTE),
        (" -./()", PARTING_BYTE), (".", DOT_BYTE), (":", COLON_BYTE), ("@", AT_BYTE), ("\r\n", LINE_BYTE),
    )  # fmt: skip
    kinds = np.zeros(256, np.uint16)
    for chars, bit in signs:
        kinds[[ord(char) for char in chars]] |= bit
    kinds[0xC3:0xE0] |= WORD_BYTE  # the first bytes of letters beyond ASCII in scripts that part words by spaces
    return kinds


def pii_tables() -> Tables:
    """Make the tables."""
    kinds, begins, ibans = _byte_kinds(), np.zeros(1 << 16, np.bool_), np.zeros(1 << 16, np.uint8)
    square = begins.reshape(256, 256)  # [second, first]
    square[:, [ord(sign) for sign in "@0123456789"]] = True
    square[ord("0") : ord("9") + 1, [ord("+"), ord("(")]] = True
    square[:, COLON] = kinds & (HEX_BYTE | COLON_BYTE) != 0
    for entry in _IBAN_LENGTHS.split():
        pair = ord(entry[0]) | ord(entry[1]) << 8
        ibans[pair], begins[pair] = int(entry[2:]), True
    prefixes = [*(prefix.encode() for prefix, _ in _PREFIXES), *_PRIVATE]
    for prefix in prefixes:
        begins[prefix[0] | prefix[1] << 8] = True
    least = np.array([*(least for _, least in _PREFIXES), *(0 for _ in _PRIVATE)], np.int64)
    shapes, shape_ends = np.frombuffer("".join(_SHAPES).encode(), np.uint8), np.cumsum([0, *map(len, _SHAPES)])
    bounds = np.cumsum([0, *map(len, prefixes)])
    values = np.full(256, 99, np.int64)
    values[ord("0") : ord("9") + 1], values[ord("A") : ord("Z") + 1] = np.arange(10), np.arange(10, 36)
    return Tables(kinds, values, begins, ibans, np.frombuffer(b"".join(prefixes), np.uint8), bounds, least, _local(), shapes, shape_ends)


def _local() -> npt.NDArray[np.bool_]:
    """Mark the networks of RFC 6890 that are not global, and multicast, by the first 16 bits of their addresses."""
    local = np.zeros((256, 256), np.bool_)
    local[[0, 10, 127, *range(224, 256)]] = True
    local[198, 18:20] = True
    local[172, 16:32] = local[100, 64:128] = True
    local[192, 168] = local[169, 254] = True
    return local.reshape(-1)
