"""What hosts ask of their visitors: how far apart calls must be, how many at once, and who is a visitor at all."""

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit


class Manners(NamedTuple):
    """The bucket that a host's calls are counted in, the seconds between them, and how many run at once."""

    bucket: str
    seconds: float
    at_once: int


_RULES = (
    ("oaipmh.arxiv.org", "", Manners("arxiv", 3.0, 1)),
    ("export.arxiv.org", "/api/", Manners("arxiv", 3.0, 1)),
    ("export.arxiv.org", "", Manners("arxiv-files", 1.0, 1)),
    ("arxiv.org", "", Manners("arxiv", 3.0, 1)),
    ("gutenberg.org", "", Manners("gutenberg", 2.0, 1)),
    ("dumps.wikimedia.org", "", Manners("wikimedia-dumps", 0.5, 2)),
    ("wikipedia.org", "", Manners("wikimedia-api", 0.2, 1)),
    ("wikimedia.org", "", Manners("wikimedia-api", 0.2, 1)),
)
"""The first rule that fits: a host's ending and a path's beginning.

arXiv: one call every three seconds over one connection for OAI, API and RSS together, files one a
second (arXiv API user's manual; July 2026). Gutenberg: two seconds between calls (its robot page).
Wikimedia: calls one after the other, and what the answers say (its robot policy, April 2025).
"""
OTHER_SECONDS = 0.5
"""Between calls to a public host without a rule of its own: a mirror of the user's choice."""
WIKIS = ("wiktionary.org", "wikibooks.org", "wikinews.org", "wikiquote.org", "wikisource.org", "wikiversity.org", "wikivoyage.org")


def is_public(url: str) -> bool:
    """Tell whether an address is outside this machine and its own network."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host in ("", "localhost") or host.endswith((".localhost", ".local", ".internal")):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return True


def manners_of(url: str) -> Manners:
    """Give what the host of an address asks; hosts of one's own network ask nothing."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not is_public(url):
        return Manners(f"{host}_{parts.port or 0}", 0.0, 8)
    if host.endswith(WIKIS):
        host = "wikipedia.org"
    for ending, beginning, manners in _RULES:
        if (host == ending or host.endswith(f".{ending}")) and parts.path.startswith(beginning):
            return manners
    return Manners(host, OTHER_SECONDS, 2)
