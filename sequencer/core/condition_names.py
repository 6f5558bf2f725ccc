"""What conditions stand on: the facts they ask for, the names they may use, and what they turn out to depend on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from sequencer.core.duration import Duration
from sequencer.core.field import Field

STANDING: Final = frozenset({"score", "fit", "engaged_people", "sales_ready"})
"""What signals.yaml makes of a lead's behaviour."""


class Facts(Protocol):
    """What a condition may ask about one lead. Unknown values are None; opens and clicks are those of humans.

    How far back a question reaches: `within` when given, else everything if `ever`, else this enrollment's start.
    """

    @property
    def lead(self) -> Any:
        """The lead, or what answers as it does: built-in fields by name, others by `get` or in `fields`."""

    def company(self, name: str, /) -> Any:
        """`name`, `domain` or `owner` of the lead's company."""

    def opened(self, step: str, /) -> bool:
        """Whether the mail of this enrollment's step was opened."""

    def clicked(self, step: str, link: str | None, /) -> bool:
        """Whether that link (None: any) in the mail of this enrollment's step was clicked."""

    def opened_content(self, content: str, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        """Whether that content, from whatever sequence, was opened so often."""

    def clicked_content(
        self, content: str, link: str | None, /, *, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        """Whether that link (None: any) of that content, from whatever sequence, was clicked so often."""

    def clicked_kind(self, kinds: tuple[str, ...], /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        """Whether links in content of any of these kinds were clicked so often."""

    def clicked_among(
        self, contents: tuple[str, ...], /, *, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        """Whether links in any of these contents were clicked so often."""

    def happened(self, kind: str, detail: str | None, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        """Whether an event of that kind came so often. `detail`: the form, or the page with `*` for anything."""

    def asked_about(self, inquiry: str, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        """Whether the lead asked about that so often in an answer or a form."""

    def received(self, content: str, /) -> bool:
        """Whether that content was ever mailed to the lead, from any source."""

    def consent(self, topic: str, /) -> bool:
        """Whether the lead may be mailed about that topic."""

    def score(self) -> int:
        """What the lead's behaviour is worth now, in whole points."""

    def fit(self) -> int:
        """What the lead is worth by itself, in points."""

    def sales_ready(self) -> bool:
        """Whether sales is to talk to the lead."""

    def engaged_people(self, *, within: Duration) -> int:
        """How many people of the lead's company did something that counts for them, within so long."""


class MadeUp:
    """Answers for a lead that there is not. `get` tells what a field holds, whatever it is asked by."""

    def __init__(self, get: Callable[[str], Any]) -> None:
        self.get = get

    @property
    def fields(self) -> "MadeUp":
        return self

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


class Group(Protocol):
    """A condition that has a name, an audience: what it says, what it asks for, and how to ask."""

    @property
    def source(self) -> str: ...

    @property
    def asks(self) -> "Asks": ...

    @property
    def test(self) -> Callable[[Facts], bool]: ...


@dataclass(frozen=True, slots=True)
class Names:
    """What a condition may name. None for what is declared nowhere: anything goes."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    """The declared ones; those that every lead has need not be among them."""
    stages: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    steps: Mapping[str, str | None] = field(default_factory=dict)
    """This sequence's steps, and the content that each mails."""
    was: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By step: the names that it had before, the oldest first."""
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The named links of each content."""
    contents: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    """Kinds of content."""
    tags: Mapping[str, frozenset[str]] | None = None
    """The contents that have a tag in their head."""
    topics: frozenset[str] | None = None
    inquiries: frozenset[str] = frozenset()
    """What signals.yaml has phrases for."""
    audiences: Mapping[str, Group] = field(default_factory=dict)
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values from a file of one a line, by the file's name."""
    standing: frozenset[str] = frozenset()
    """Which of STANDING may be asked for."""
    counted: frozenset[str] = frozenset()
    """Kinds of events that change the score."""
    scope: Literal["enrollment", "ever"] = "enrollment"
    """What counts unless the condition says otherwise. `ever` where leads enrol: no step has been passed there."""

    def key(self, step: str) -> str:
        """What facts know a step by: the first name that it ever had."""
        return self.was.get(step, (step,))[0]


@dataclass(frozen=True, slots=True)
class Asks:
    """What a condition depends on, so that only this is looked up."""

    fields: frozenset[str] = frozenset()
    """Of the lead."""
    company: frozenset[str] = frozenset()
    """Fields of the company."""
    steps: frozenset[str] = frozenset()
    """Steps of this enrollment whose ledger rows are needed."""
    events: frozenset[str] = frozenset()
    """Kinds of events to look up."""
    contents: frozenset[str] = frozenset()
    """Contents of which to know whether they were ever mailed to the lead."""
    topics: frozenset[str] = frozenset()
    """Topics whose consent matters."""
    standing: frozenset[str] = frozenset()
    """Of STANDING."""
    awaits: frozenset[str] = frozenset()
    """Kinds of events that change how the lead stands; they are not looked up."""
    windows: frozenset[Duration] = frozenset()
    """In which the engaged people of the company are counted. Never in business days."""
    bounded: Duration | None = None
    """Events from so long ago may count, also from before the enrollment. Never in business days."""
    ever: bool = False
    """Events from any time may count."""
    links: frozenset[str] = frozenset()
    """Links that are asked for by name, whatever mail they are in."""


def merged(several: Iterable[Asks]) -> Asks:
    """What several conditions depend on together."""
    every = tuple(several)
    none: frozenset[str] = frozenset()
    bounds = [asks.bounded for asks in every if asks.bounded is not None]
    return Asks(
        none.union(*(asks.fields for asks in every)),
        none.union(*(asks.company for asks in every)),
        none.union(*(asks.steps for asks in every)),
        none.union(*(asks.events for asks in every)),
        none.union(*(asks.contents for asks in every)),
        none.union(*(asks.topics for asks in every)),
        none.union(*(asks.standing for asks in every)),
        none.union(*(asks.awaits for asks in every)),
        frozenset[Duration]().union(*(asks.windows for asks in every)),
        max(bounds, key=lambda bound: bound.elapsed, default=None),
        any(asks.ever for asks in every),
        none.union(*(asks.links for asks in every)),
    )
