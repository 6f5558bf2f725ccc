"""What rendering one lead's mail may look up."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from markupsafe import Markup, escape

from sequencer.rendering.budget import Budget
from sequencer.rendering.environment import BUDGET, Mode, Record
from sequencer.rendering.links import tracked
from sequencer.rendering.names import PAGES, RECORDS
from sequencer.rendering.view import View

Line = Callable[["Scope"], str]
"""Renders the mail's subject or preheader."""


class Scope:
    """One lead's view together with what the mail itself gives: its links' numbers, subject and preheader."""

    def __init__(self, view: View, links: Mapping[str, int], lines: Mapping[str, Line]) -> None:
        self.view = view
        self._links = links
        self._lines = lines
        self._contexts: dict[Mode, dict[str, Any]] = {}

    def field(self, record: str, name: str) -> Any:
        """`lead.first_name`; None when the record or the field is unknown."""
        if record == "lead":
            return self.view.lead.get(name)
        thing = getattr(self.view, record)
        value = getattr(thing, name, None) if name in RECORDS[record] else None
        return None if value == "" else value

    def value(self, name: str) -> str:
        """A plain name: `unsubscribe_url`, `subject`."""
        line = self._lines.get(name)
        return line(self) if line is not None else self.view.page(name)

    def link(self, name: str, url: str) -> str:
        """The address of a named link, with this lead's token in it."""
        return tracked(url, self._links[name], self.view.link_token)

    def context(self, mode: Mode) -> dict[str, Any]:
        """The variables of a Jinja template, apart from `subject` and `preheader`."""
        if mode not in self._contexts:
            self._contexts[mode] = {**self._shared, "link": self._html_link if mode is Mode.HTML else self._text_link}
        return self._contexts[mode]

    @cached_property
    def _shared(self) -> dict[str, Any]:
        records: dict[str, Any] = {record: Record(self._reader(record)) for record in ("lead", *RECORDS)}
        return records | {
            BUDGET: Budget(),
            **{name: self.value(name) for name in PAGES},
        }

    def _reader(self, record: str) -> Callable[[str], Any]:
        return lambda name: self.field(record, name)

    def _html_link(self, name: str, url: str, text: Any = None) -> str:
        address = self.link(name, url)
        return address if text is None else Markup(f'<a href="{escape(address)}">{escape(text)}</a>')

    def _text_link(self, name: str, url: str, text: Any = None) -> str:
        address = self.link(name, url)
        return address if text is None else f"{text} ({address})"
