"""Reads tags out of MJML and HTML with their positions, as far as checking needs it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

VOID: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())

_TAG: Final = re.compile(
    r"""<!--.*?-->|<!doctype[^>]*>|<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]*)"""
    r"""(?P<attributes>(?:\s+[^\s=<>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?)*)\s*(?P<empty>/?)>""",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(r"""([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?""", re.DOTALL)
_CONDITIONAL: Final = re.compile(r"<!--\[if[^\]]*\]>(?:<!-->)?|(?:<!--)?<!\[endif\]-->", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    value: str | None
    start: int
    """Where its name begins."""
    value_start: int


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    start: int
    end: int
    opens: bool
    closes: bool
    """Both for what stands alone, as `<br/>`."""
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between tags; `raw` inside style and script."""

    start: int
    end: int
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Stray:
    """A `<` that begins no tag."""

    start: int


Item: TypeAlias = Tag | Text | Stray


def without_conditionals(html: str) -> str:
    """Opens Outlook's conditional comments, so that their tags are seen; every offset stays."""
    return _CONDITIONAL.sub(lambda match: " " * len(match.group()), html)


def read_compiled(html: str) -> Sequence[Item]:
    """The same of compiled HTML, Outlook's conditional comments open."""
    return tuple(read(without_conditionals(html)))


def read(text: str) -> Iterator[Item]:
    """Tags, text and strays in order. Comments and doctypes are passed over."""
    position = 0
    while position < len(text):
        begin = text.find("<", position)
        if begin < 0:
            yield Text(position, len(text))
            return
        if begin > position:
            yield Text(position, begin)
        match = _TAG.match(text, begin)
        if match is None:
            yield Stray(begin)
            position = begin + 1
            continue
        position = match.end()
        name = match.group("name")
        if name is None:
            continue
        tag = _tag(match, name)
        yield tag
        if tag.name.lower() in ("style", "script", "mj-style") and tag.opens and not tag.closes:
            end = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE).search(text, position)
            stop = end.start() if end else len(text)
            yield Text(position, stop, raw=True)
            position = stop


def _tag(match: re.Match[str], name: str) -> Tag:
    if match.group("close"):
        return Tag(name, match.start(), match.end(), opens=False, closes=True)
    base = match.start("attributes")
    attributes = []
    for found in _ATTRIBUTE.finditer(match.group("attributes")):
        group = 2 if found.group(2) is not None else 3
        value = found.group(group)
        value_start = found.start(group) if value is not None else found.end(1)
        attributes.append(Attribute(found.group(1), value, base + found.start(1), base + value_start))
    alone = bool(match.group("empty")) or name.lower() in VOID
    return Tag(name, match.start(), match.end(), opens=True, closes=alone, attributes=tuple(attributes))
