"""What led somebody to us: what the address says (UTM, click ids), else the site before; and the campaign of that.

`source` and `medium` mean what analytics tools mean by them, so that both can be laid side by side: the words are
those of Google Analytics (https://support.google.com/analytics/answer/9756891): cpc, organic, social, referral.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from sequencer.core.lead_input import is_text
from sequencer.core.shared_domain import with_parents

Touch = Mapping[str, str]

UTM: Final = ("source", "medium", "campaign", "term", "content")
ADS: Final = {
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "msclkid": "bing",
    "li_fat_id": "linkedin",
    "ttclid": "tiktok",
}
"""What advertising networks put into the addresses that their advertisements lead to, and whose it is."""
SHARED: Final = {"fbclid": "facebook"}
"""What a network puts into every address that leads out of it, paid for or not."""
_SEARCH: Final = {
    "google": "google.* com.google.android.googlequicksearchbox",
    "bing": "bing.com cn.bing.com",
    "yahoo": "yahoo.com search.yahoo.com search.yahoo.co.jp *.search.yahoo.com",
    "duckduckgo": "duckduckgo.com html.duckduckgo.com lite.duckduckgo.com",
    "yandex": "yandex.* ya.ru",
    "baidu": "baidu.com m.baidu.com",
    "brave": "search.brave.com",
    "ecosia": "ecosia.org",
    "kagi": "kagi.com",
    "naver": "search.naver.com m.search.naver.com",
    "qwant": "qwant.com lite.qwant.com",
    "seznam": "search.seznam.cz",
    "startpage": "startpage.com",
}
"""Search engines, and the hosts at which they answer. `google.*`: in any country; mail.google.com is none of these."""
_SOCIAL: Final = {
    "facebook": "facebook.com fb.com fb.me",
    "instagram": "instagram.com",
    "linkedin": "linkedin.com lnkd.in com.linkedin.android",
    "mastodon": "mastodon.social",
    "pinterest": "pinterest.com pin.it",
    "quora": "quora.com",
    "reddit": "reddit.com com.reddit.frontpage",
    "threads": "threads.net threads.com",
    "tiktok": "tiktok.com",
    "x": "x.com twitter.com t.co com.twitter.android",
    "xing": "xing.com",
    "youtube": "youtube.com youtu.be",
}
"""Networks, and their domains with all that is under them."""
_LONGEST: Final = 200
_OF_NOBODY: Final = ("localhost", "local", "internal", "home.arpa")
"""Domains that mean another machine to everybody (RFC 6761, 6762, 8375, and ICANN's for private use)."""


def touch_of(query: Any, referrer: Any, hosts: Collection[str] = ()) -> Touch:
    """Of an address's query and the address before; empty when nothing is known. `hosts` of our own, and what is under
    them, lead nobody here; nor does what is no site for others, such as a developer's machine.

    Where UTM does not name a source, a click id or the site before does, and the medium with it.
    """
    found = _said(query)
    host = _host(referrer)
    if host and not _is_under(_name(host), map(_name, hosts)) and not _is_private(_name(host)):
        found["referrer"] = host
    if found and "source" not in found:
        source, medium = _from(found)
        if source:
            found = {"source": source, "medium": medium} | found
    return found


def campaign_of(touch: Touch) -> str | None:
    """The campaign's name, else the source and the medium as `google / organic`; None: there is neither."""
    return touch.get("campaign") or " / ".join(touch[one] for one in ("source", "medium") if one in touch) or None


def _said(query: Any) -> dict[str, str]:
    if not isinstance(query, str):
        return {}
    try:
        given = parse_qsl(query[:4000].removeprefix("?"), max_num_fields=100)
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for name, value in given:
        name = name.lower().removeprefix("utm_") if name.lower().startswith("utm_") else name.lower()
        if (name in UTM or name in ADS or name in SHARED) and is_text(value) and name not in found:
            found[name] = value.strip()[:_LONGEST]
    return {name: value for name, value in found.items() if value}


def _from(touch: Touch) -> tuple[str, str]:
    """Source and medium of what names no source; empty: only somebody's campaign is known."""
    by_ad = next((ADS[name] for name in ADS if name in touch), None)
    if by_ad is not None:
        return by_ad, "cpc"
    if "referrer" in touch:
        return _site(touch["referrer"])
    shared = next((SHARED[name] for name in SHARED if name in touch), None)
    return (shared, "social") if shared is not None else ("", "")


def _site(host: str) -> tuple[str, str]:
    host = _name(host)
    for source, pattern in _ENGINES:
        if pattern.fullmatch(host):
            return source, "organic"
    for source, domains in _SOCIAL.items():
        if _is_under(host, domains.split()):
            return source, "social"
    return host, "referral"


def _name(host: str) -> str:
    """Without port, the dot of the root, and `www.`."""
    name = host if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".").removeprefix("www.")


def _is_under(name: str, domains: Iterable[str]) -> bool:
    return not set(with_parents(name)).isdisjoint(domains)


def _is_private(name: str) -> bool:
    """Whether it is a machine's own name or its address: what ends in a number is one (https://url.spec.whatwg.org)."""
    last = name.rpartition(".")[2]
    return name.startswith("[") or "." not in name or last.isdigit() or _is_under(name, _OF_NOBODY)


def _pattern(hosts: str) -> re.Pattern[str]:
    """`*` at the end: as in `google.co.uk`, in any country; at the beginning: a country."""
    written = re.escape(hosts).replace(r"\ ", "|")
    written = written.replace(r"\.\*", r"\.(?:com|[a-z]{2}|com?\.[a-z]{2})").replace(r"\*\.", r"[a-z]{2}\.")
    return re.compile(written)


_ENGINES: Final = [(source, _pattern(hosts)) for source, hosts in _SEARCH.items()]


def _host(referrer: Any) -> str:
    if not isinstance(referrer, str):
        return ""
    try:
        host = urlsplit(referrer[:2000]).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
    return host if len(host) <= _LONGEST and host.isascii() and host.isprintable() else ""
