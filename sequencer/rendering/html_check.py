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
from sequencer.rendering.names import PAGES
from sequencer.rendering.tokens import Inert, Kind, Piece

ADDRESSES: Final = frozenset({"href", "src", "action", "background", "poster", "cite", "formaction", "xlink:href"})
_BEGINNING: Final = re.compile(r"\s*(?:https?://(?!/)|mailto:|tel:|cid:|#)", re.IGNORECASE | re.ASCII)
"""Whatever follows one of these makes it no address of another kind."""
_UNESCAPABLE: Final = re.compile(r"style|srcdoc|srcset|on.*", re.IGNORECASE | re.DOTALL)
_OUR_OWN: Final = re.compile(rf"{'|'.join(PAGES)}|link\s*\((?:'[^']*'|\"[^\"]*\"|[^()])*\)")


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


def check_structure(html: str, items: Sequence[markup.Item], inert: Inert) -> list[Problem]:
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

    for item in items:
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


def check_places(html: str, items: Sequence[markup.Item], inert: Inert) -> Places:
    """Tokens in attributes, style sheets and scripts."""
    places = Places()
    for item in items:
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
    value = attribute.value or ""
    tokens = [(match, inert.token(match)) for match in inert.pattern.finditer(value)]
    if not tokens:
        return
    places.attributes |= {attribute.value_start + match.start() for match, _ in tokens}
    if _UNESCAPABLE.fullmatch(attribute.name):
        for _, piece in tokens:
            _no_style(places, piece)
    if fault := _unbalanced([piece for _, piece in tokens]):
        message = f"{fault.text} begins inside one attribute and ends outside of it: put both into the same quotes"
        places.problems.append(Problem(fault.mark(), "crossed-structure", message))
    elif attribute.name.lower() in ADDRESSES:
        _Address(places, attribute.value_start).read(value, tokens)


def _unbalanced(pieces: Sequence[Piece]) -> Piece | None:
    stack: list[Piece] = []
    for piece in pieces:
        if piece.keyword in ("if", "for"):
            stack.append(piece)
        elif piece.keyword in ("endif", "endfor", "elif", "else"):
            if not stack:
                return piece
            if piece.keyword.startswith("end"):
                stack.pop()
    return stack[0] if stack else None


@dataclass
class _If:
    before: bool
    begun: bool = True
    """In every branch so far."""
    complete: bool = False


class _Address:
    """Follows what an address may begin with through its branches, so that no way through makes a `javascript:`."""

    def __init__(self, places: Places, start: int) -> None:
        self._places = places
        self._start = start
        self._stack: list[_If] = []
        self._begun = False
        """Something harmless stands before, whichever branches come."""

    def read(self, value: str, tokens: Sequence[tuple[re.Match[str], Piece]]) -> None:
        position = 0
        for match, piece in tokens:
            self._literal(value[position : match.start()], piece)
            position = match.end()
            if piece.kind is Kind.PRINT:
                self._print(piece, match.start())
            else:
                self._statement(piece)
        self._literal(value[position:], tokens[-1][1])

    def _fault(self, piece: Piece, message: str) -> None:
        self._places.problems.append(Problem(piece.mark(), "bad-address", message))

    def _literal(self, text: str, near: Piece) -> None:
        if self._begun or not text.strip():
            return
        if not _BEGINNING.match(text):
            message = "expected an address that begins with https:// or with a value, whichever branch comes"
            self._fault(near, f"{message}; got “{text.strip()[:40]}” near {near.text}")
        self._begun = True

    def _print(self, piece: Piece, at: int) -> None:
        if not self._begun and not _OUR_OWN.fullmatch(piece.inner):
            self._places.guarded.add(self._start + at)
        self._begun = True

    def _statement(self, piece: Piece) -> None:
        if piece.keyword == "if":
            self._stack.append(_If(self._begun))
        elif piece.keyword in ("elif", "else", "endif"):
            top = self._stack[-1]
            top.begun &= self._begun
            top.complete |= piece.keyword == "else"
            self._begun = top.before
            if piece.keyword == "endif":
                self._begun = top.before or (top.begun and top.complete)
                self._stack.pop()
        elif not (self._begun and piece.keyword in ("for", "endfor")):
            self._fault(piece, f"{piece.text} may not stand here: an address begins with values and if only")


def guarded(piece: Piece) -> str:
    """The token with its value made harmless for the beginning of an address."""
    match = re.fullmatch(r"\{\{([-+]?)(.*?)([-+]?)\}\}", piece.text, re.DOTALL)
    assert match is not None
    return f"{{{{{match.group(1)} ({match.group(2).strip()}) | {URL_FILTER} {match.group(3)}}}}}"
