"""A mailable item, compiled once at release time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Link:
    """A named link of a content item. Its number (from 1) is its place in `Content.links`."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Content:
    """`subject`, `html` and `text` are Jinja2 templates; MJML and Markdown are compiled already.

    Plain data, so that a release can carry it; rendering turns it into a skeleton and slots.
    """

    id: str
    file: str
    kind: str
    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[Link, ...] = ()
    stages: tuple[str, ...] = ()
    pains: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] | None = None
    """Further front-matter tags."""
    variants: "Mapping[str, Content] | None" = None
    """The same in other languages, named in small letters; each has the same named links in the same order."""

    def names(self, name: str) -> bool:
        """Whether a name stands somewhere in it, as `download_url` does where there is a link to it."""
        return any(name in part for part in (self.subject, self.preheader, self.html, self.text))

    def read_in(self, language: object) -> "Content":
        """The item for a reader of that language, as `de` or `de-AT`; itself when it has no such variant."""
        if not self.variants or not isinstance(language, str):
            return self
        return next((self.variants[one] for one in languages(language) if one in self.variants), self)


_ALSO: Final = {
    "fil": "tl",
    "he": "iw",
    "id": "in",
    "in": "id",
    "iw": "he",
    "nb": "no nn",
    "nn": "no nb",
    "no": "nb nn",
    "tl": "fil",
    "zh": "zh-hans zh-cn",
    "zh-cn": "zh-hans",
    "zh-hans": "zh-cn",
    "zh-hant": "zh-tw zh-hk",
    "zh-hk": "zh-hant zh-tw",
    "zh-mo": "zh-hant zh-hk zh-tw",
    "zh-sg": "zh-hans zh-cn",
    "zh-tw": "zh-hant zh-hk",
}
"""What readers of a language read as well: both Norwegians and the name of both, Chinese by its script and by where
that is written (the Unicode CLDR's likely subtags), codes that were renamed."""


@lru_cache(maxsize=1024)
def languages(language: str) -> tuple[str, ...]:
    """The languages that a reader of this one reads, the nearest first, in small letters: as it is written, and then
    without what narrows it (`de-at`, `de`), each with what is the same by another name (`nb`, `no`).
    """
    return tuple(dict.fromkeys(one for tag in narrowed(language) for one in (tag, *_ALSO.get(tag, "").split())))


def narrowed(language: str) -> tuple[str, ...]:
    """A language as it is written, then with less and less of what narrows it (RFC 4647, 3.4), in small letters."""
    parts = language.strip().lower().replace("_", "-").split("-")
    # What a single letter begins is nothing without what follows it.
    return tuple("-".join(parts[:n]) for n in range(len(parts), 0, -1) if n == 1 or len(parts[n - 1]) > 1)
