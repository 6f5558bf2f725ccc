"""`site` in sequences/workspace.yaml: whose pages may tell of visits."""

import re
from datetime import timedelta
from typing import Final

from sequencer.core.site import Site
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Text, as_texts

HOST: Final = re.compile(r"(?=.{1,259}$)[a-z0-9-]+(\.[a-z0-9-]+)*(:[1-9]\d{0,4})?")
LONGEST: Final = timedelta(days=90)
"""Events of so long ago can still be stored."""


def read_site(block: Map | None) -> Site | None:
    if block is None:
        return None
    hosts = (read_host(text) for text in as_texts(block.need("hosts", "[www.example.com]"), "a list of hosts"))
    asks = values.choice(block.text("consent"), ("asked", "assumed")) != "assumed"
    return Site(frozenset(host for host in hosts if host is not None), asks, read_keep(block.text("keep")))


def read_host(text: Text) -> str | None:
    if HOST.fullmatch(text.value.lower()):
        return text.value.lower()
    text.bad("a host as `www.example.com`, without https:// and without a path")
    return None


def read_keep(text: Text | None) -> timedelta:
    default = Site(frozenset()).keep
    found = values.duration(text)
    if found is None or text is None:
        return default
    if found.unit not in ("day", "week") or not timedelta() < found.elapsed <= LONGEST:
        text.bad("from 1 to 90 days, as `30 days`", "bad-duration")
        return default
    return found.elapsed
