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
