"""Tells software from people: scanners and proxies open and click too, and must not count as engagement."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

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


@lru_cache(maxsize=1024)
def is_machine(agent: str) -> bool:
    """Whether a user agent admits to being software. Kept, because few agents do most of the reading."""
    lowered = agent.lower()
    return _BOT.search(lowered) is not None or any(part in lowered for part in AGENTS)


def bursts(clicks: Sequence[tuple[datetime, str]], links: int) -> list[bool]:
    """Of clicks (time, link) in one message, which belong to a burst that follows every link of it, as scanners do.

    `links`: how many links the message has. A message with one link tells nothing. More clicks never make a machine's
    click a person's again, so that the order in which they become known does not matter.
    """
    found = [False] * len(clicks)
    if links < 2:
        return found
    order = sorted(range(len(clicks)), key=lambda n: clicks[n][0])
    times = [clicks[n][0] for n in order]
    for first, at in enumerate(times):
        if first and times[first - 1] == at:
            continue  # providers tell whole seconds: a storm of clicks has few different beginnings
        burst = order[first : bisect_right(times, at + BURST)]
        if len({clicks[n][1] for n in burst}) >= links:
            for n in burst:
                found[n] = True
    return found
