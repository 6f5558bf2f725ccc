"""What must hold of the compiled HTML: no token lost, no statement doubled, structure that no lead's data can break.

Also makes addresses that begin with data harmless.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sequencer.core.mark import Problem
from sequencer.rendering import markup
from sequencer.rendering.environment import URL_FILTER
from sequencer.rendering.tokens import Inert, Kind, Piece

ADDRESSES: Final = frozenset({"href", "src", "action", "background", "poster", "cite", "formaction", "xlink:href"})
_OUR_OWN: Final = re.compile(r"unsubscribe_url|preferences_url|link\s*\((?:'[^']*'|\"[^\"]*\"|[^()])*\)")


def check_tokens(html: str, inert: Inert) -> list[Problem]:
    """Tokens that compiling lost, doubled or put elsewhere."""
    found = inert.found(html)
    counts = Counter(map(id, found))
    problems: list[Problem] = []
    for piece in inert.tokens:
        count = counts[id(piece)]
        if not count:
            message = f"{piece.text} is lost when the mail is compiled: MJML ignores this place; put it into text"
            problems.append(Problem(piece.mark(), "token-lost", message))
        elif count > 1 and piece.kind is Kind.STATEMENT:
            message = f"{piece.text} comes {count} times in the compiled mail: choose between whole components instead"
            problems.append(Problem(piece.mark(), "token-doubled", message))
    statements = [piece for piece in found if piece.kind is Kind.STATEMENT]
    if not problems and statements != [piece for piece in inert.tokens if piece.kind is Kind.STATEMENT]:
        message = "statements change their order when the mail is compiled: keep each block inside one component"
        problems.append(Problem(statements[0].mark(), "token-lost", message))
    return problems


@dataclass
class _Branches:
    """An open `{% if %}`, `{% for %}` or `{% set %}`, and the tags seen in each of its branches."""

    piece: Piece | None
    net: list[list[str]] = field(default_factory=lambda: [[]])
    complete: bool = False
    """An `else` was seen: one of the branches always comes."""

    def tag(self, name: str, opens: bool) -> None:
        tags = self.net[-1]
        if not opens and tags and tags[-1] == f"<{name}>":
            tags.pop()
        else:
            tags.append(f"<{name}>" if opens else f"</{name}>")

    @property
    def sound(self) -> bool:
        """Whether every way through leaves the same tags open."""
        first = self.net[0]
        if self.complete and self.piece is not None and self.piece.keyword == "if":
            return all(net == first for net in self.net)
        return all(_neutral(net) for net in self.net)


def _neutral(net: Sequence[str]) -> bool:
    """Nothing, or `</li><li>`: closes what it opens again."""
    closed = [tag[2:-1] for tag in net if tag.startswith("</")]
    opened = [tag[1:-1] for tag in net if not tag.startswith("</")]
    return closed == opened[::-1]


def check_structure(html: str, inert: Inert) -> list[Problem]:
    """Statements whose branches would leave tags open or close those of others."""
    problems: list[Problem] = []
    stack = [_Branches(None)]

    def statement(piece: Piece) -> None:
        top = stack[-1]
        if piece.keyword in ("if", "for") or (piece.keyword == "set" and "=" not in piece.inner):
            stack.append(_Branches(piece))
        elif piece.keyword in ("elif", "else"):
            top.net.append([])
            top.complete |= piece.keyword == "else"
        elif piece.keyword.startswith("end") and top.piece is not None:
            stack.pop()
            if not top.sound:
                message = (
                    f"{top.piece.text} begins inside one element and ends inside another, "
                    "so the mail would break for some leads: put both around whole paragraphs, list items or sections"
                )
                problems.append(Problem(top.piece.mark(), "crossed-structure", message))
            elif top.complete:
                for tag in top.net[0]:
                    stack[-1].tag(tag.strip("</>"), not tag.startswith("</"))

    for item in markup.read(markup.without_conditionals(html)):
        if isinstance(item, markup.Tag) and not (item.opens and item.closes):
            stack[-1].tag(item.name, item.opens)
        elif isinstance(item, markup.Text):
            for piece in inert.found(html[item.start : item.end]):
                if piece.kind is Kind.STATEMENT:
                    statement(piece)
    return problems


@dataclass
class Places:
    """Offsets of tokens: `guarded` where an address begins with their value, `attributes` all those in attributes."""

    problems: list[Problem] = field(default_factory=list)
    guarded: set[int] = field(default_factory=set)
    attributes: set[int] = field(default_factory=set)
    raw: list[tuple[int, int]] = field(default_factory=list)
    """Runs of style sheets and scripts."""


def check_places(html: str, inert: Inert) -> Places:
    """Tokens in attributes, style sheets and scripts."""
    places = Places()
    for item in markup.read(markup.without_conditionals(html)):
        if isinstance(item, markup.Text) and item.raw:
            places.raw.append((item.start, item.end))
            for piece in inert.found(html[item.start : item.end]):
                _no_style(places, piece)
        elif isinstance(item, markup.Tag):
            for attribute in item.attributes:
                _attribute(places, attribute, inert)
    return places


def _no_style(places: Places, piece: Piece) -> None:
    message = f"{piece.text} may not stand in a style or script: no escaping makes it safe there"
    places.problems.append(Problem(piece.mark(), "token-in-style", message))


def _attribute(places: Places, attribute: markup.Attribute, inert: Inert) -> None:
    name, value = attribute.name.lower(), attribute.value or ""
    position, literal = 0, ""
    for match in inert.pattern.finditer(value):
        piece = inert.token(match)
        offset = attribute.value_start + match.start()
        places.attributes.add(offset)
        literal += value[position : match.start()]
        position = match.end()
        if name == "style" or name.startswith("on"):
            _no_style(places, piece)
        elif name in ADDRESSES and piece.kind is Kind.PRINT and not re.search("[:/?#]", literal):
            if not _OUR_OWN.fullmatch(piece.inner):
                places.guarded.add(offset)


def guarded(piece: Piece) -> str:
    """The token with its value made harmless for the beginning of an address."""
    match = re.fullmatch(r"\{\{([-+]?)(.*?)([-+]?)\}\}", piece.text, re.DOTALL)
    assert match is not None
    return f"{{{{{match.group(1)} ({match.group(2).strip()}) | {URL_FILTER} {match.group(3)}}}}}"
