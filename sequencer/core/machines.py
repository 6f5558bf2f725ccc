"""Tells software from people: scanners and proxies open and click too, and must not count as engagement."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

AGENTS = (
    "barracuda",
    "crawler",
    "curl/",
    "google-http-java-client",
    "headlesschrome",
    "mimecast",
    "proofpoint",
    "python-requests",
    "safelinks",
    "scanner",
    "spider",
    "symantec",
    "urlscan",
    "wget/",
)
"""Parts of user agents that link scanners and crawlers name themselves by."""

_BOT = re.compile(r"(?<!cu)bot\b")
"""Googlebot and its like; CUBOT makes phones."""

BURST = timedelta(seconds=5)
"""Nobody reads and follows several links within so little time."""


def is_machine(agent: str) -> bool:
    """Whether a user agent admits to being software."""
    lowered = agent.lower()
    return _BOT.search(lowered) is not None or any(part in lowered for part in AGENTS)


def bursts(clicks: Iterable[tuple[datetime, str]], links: int) -> bool:
    """Whether these clicks (time, link) in one message follow every link of it in one burst, as scanners do.

    `links`: how many links the message has. A message with one link tells nothing.
    """
    first: dict[str, datetime] = {}
    for at, link in clicks:
        first[link] = min(first.get(link, at), at)
    if links < 2 or len(first) < links:
        return False
    return max(first.values()) - min(first.values()) <= BURST
