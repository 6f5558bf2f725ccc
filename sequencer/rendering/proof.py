"""Proves an item on sample leads: skeleton and slots come to what plain Jinja makes of it, and the mail can be made.

The samples are extremes: a lead of whom nothing is known; leads whose every field is hostile text, a number, a list, a
date. Words between the tokens are the same for all of them, so mails with the same tokens are proved once.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import date
from typing import Any, Final

from sequencer.core.content import Content
from sequencer.core.lead import Company, Lead, Rep
from sequencer.core.mail import join
from sequencer.core.mark import Problem
from sequencer.core.workspace import Brand
from sequencer.rendering.environment import ENVIRONMENTS, Mode
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.prepare import Prepared, prepare
from sequencer.rendering.scope import Scope
from sequencer.rendering.tokens import Kind, Piece
from sequencer.rendering.view import Letterhead, Pages, View

_HOSTILE: Final = "O'<b>&amp;\"{{ 7*7 }}"
_OWNER: Final = Rep("rep@sender.example", "Ana")
_LETTERHEAD: Final = Letterhead(
    Brand("Brand & Co", "https://www.brand.example", "1 <Street>"),
    Pages.all_at("https://mail.brand.example/u/t?a=1&b="),
)
NOBODY: Final = Lead(1, "nobody@lead.example")


def samples(names: TemplateNames) -> Iterator[View]:
    yield _view(NOBODY, None, _OWNER)
    for value in (_HOSTILE, 50.0, ["cost", "<i>"], date(2026, 12, 21)):
        told: dict[str, Any] = dict.fromkeys(names.fields, value)
        lead = Lead(2, "some.body@lead.example", _HOSTILE, _HOSTILE, title="CEO", stage="lead", fields=told)
        yield _view(lead, Company(1, "lead.example", _HOSTILE), None if isinstance(value, float) else _OWNER)


def _view(lead: Lead, company: Company | None, owner: Rep | None) -> View:
    return View(lead, company, owner, _OWNER, _LETTERHEAD, "a" * 32, "b" * 32)


def prove(content: Content, names: TemplateNames, pieces: Sequence[Piece], subject: Piece) -> Iterator[Problem]:
    """Problems: parts that differ, mails that cannot be made, subjects that stay empty.

    `pieces` are all that the mail was put together from, `subject` stands where the subject is written.
    """
    if not _TOKEN.sub("", content.subject).strip() or "{%" in content.subject:
        yield from _empty(content, names, subject)
    tokens = tuple(tuple(_tokens(part)) for part in (content.subject, content.preheader, content.html, content.text))
    if (tokens, names) in _PROVED:
        return
    try:
        prepared = prepare(content, _LETTERHEAD, keep=False)
        plain = _Plain(content)
    except Exception:
        # Nothing that was admitted does this; should it ever, `check` says so and does not break off.
        yield Problem(pieces[0].mark(), "renders-differently", OURS)
        return
    for number, view in enumerate(samples(names)):
        expected, got = _or_error(plain.render, view), _or_error(lambda one: _joined(prepared, one), view)
        if isinstance(expected, Exception) and isinstance(got, Exception):
            if number == 0:
                yield _cannot(pieces, plain.scope(view))
                return
        elif expected != got:
            yield Problem(pieces[0].mark(), "renders-differently", OURS)
            return
    if len(_PROVED) < PROVED:
        _PROVED.add((tokens, names))


OURS: Final = (
    "this mail would not be what its template says, which is a mistake of ours: "
    "please report it with this file, and say the same in another way until it is mended"
)

PROVED: Final = 10_000
"""Mails with different tokens that a process remembers."""

_PROVED: Final[set[Hashable]] = set()
_TOKEN: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TEXT: Final = r"""(?:"[^"]*"|'[^']*')"""
_LITERAL_LINK: Final = re.compile(rf"\{{\{{-?\s*link\(\s*{_TEXT}(?:\s*,\s*{_TEXT}){{1,2}}\s*\)\s*-?\}}\}}")


def _tokens(template: str) -> Iterator[str]:
    """The tokens; of links with nothing but literals in them, which all mails have, only what signs they hold."""
    for token in _TOKEN.findall(template):
        yield re.sub(r"[\w./ -]+", "a", token) if _LITERAL_LINK.fullmatch(token) else token


def _empty(content: Content, names: TemplateNames, subject: Piece) -> Iterator[Problem]:
    plain = ENVIRONMENTS[Mode.HEADER].from_string(content.subject)
    scope = Scope(next(samples(names)), {}, {})
    said = _or_error(lambda _: (plain.render(scope.context(Mode.HEADER)), "", ""), scope.view)
    if isinstance(said, tuple) and not said[0].strip():
        message = "the subject is empty for a lead of whom nothing is known: put words outside of {% if %} and {{ … }}"
        yield Problem(subject.mark(), "empty-subject", message)


def _or_error(make: Callable[[View], tuple[str, str, str]], view: View) -> tuple[str, str, str] | Exception:
    try:
        return make(view)
    except Exception as error:
        return error


def _joined(prepared: Prepared, view: View) -> tuple[str, str, str]:
    values = prepared.values(view)
    skeleton = prepared.skeleton
    return join(skeleton.subject, values), join(skeleton.html, values), join(skeleton.text, values)


class _Plain:
    """The whole item rendered by Jinja alone."""

    def __init__(self, content: Content) -> None:
        self._numbers = {link.name: number for number, link in enumerate(content.links, 1)}
        header = ENVIRONMENTS[Mode.HEADER]
        lines = {"subject": content.subject, "preheader": content.preheader}
        compiled = {name: header.from_string(text) for name, text in lines.items()}
        self._lines = {
            name: lambda scope, template=template: template.render(scope.context(Mode.HEADER))
            for name, template in compiled.items()
        }
        self._html = ENVIRONMENTS[Mode.HTML].from_string(content.html)
        self._text = ENVIRONMENTS[Mode.TEXT].from_string(content.text)

    def scope(self, view: View) -> Scope:
        return Scope(view, self._numbers, self._lines)

    def render(self, view: View) -> tuple[str, str, str]:
        scope = self.scope(view)
        lines = {name: scope.value(name) for name in self._lines}
        html = self._html.render(scope.context(Mode.HTML) | lines)
        return lines["subject"], html, self._text.render(scope.context(Mode.TEXT) | lines)


def _cannot(pieces: Sequence[Piece], scope: Scope) -> Problem:
    """At the first token that fails by itself, else where the mail begins."""
    place = next((piece for piece in pieces if piece.kind is Kind.PRINT and _fails(piece, scope)), None)
    what = place.text if place else "something in this mail"
    message = (
        f"{what} fails for a lead of whom nothing is known, so that no mail could be made for them: "
        "say what to take then, as {{ (lead.employees or 0) + 1 }}, or put it into an {% if %}"
    )
    return Problem((place or pieces[0]).mark(), "cannot-render", message)


def _fails(piece: Piece, scope: Scope) -> bool:
    lines = {"subject": "", "preheader": "", "content": ""}
    try:
        ENVIRONMENTS[Mode.TEXT].from_string(piece.text).render(scope.context(Mode.TEXT) | lines)
    except Exception:
        return True
    return False
