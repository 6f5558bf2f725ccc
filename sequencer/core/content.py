"""A mailable item, compiled once at release time."""

from collections.abc import Mapping
from dataclasses import dataclass


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

    def read_in(self, language: object) -> "Content":
        """The item for a reader of that language, as `de` or `de-AT`; itself when it has no such variant."""
        if not self.variants or not isinstance(language, str):
            return self
        return next((self.variants[one] for one in languages(language) if one in self.variants), self)


def languages(language: str) -> tuple[str, ...]:
    """A language as it is written, then without what narrows it: `de-at`, `de`."""
    whole = language.strip().lower().replace("_", "-")
    return tuple(dict.fromkeys((whole, whole.partition("-")[0])))
