"""What people of a company are told of one another: that somebody was handed to sales, or answered a mail."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from sequencer.core import event as kinds
from sequencer.core.duration import Duration
from sequencer.core.event import Event
from sequencer.core.lead import Lead

SOURCE: Final = "company"

TELLS: Final[Mapping[str, str]] = {
    kinds.HANDED_OFF: kinds.COLLEAGUE_HANDED_OFF,
    kinds.REPLIED: kinds.COLLEAGUE_REPLIED,
}
"""By what somebody does: as what the others hear of it."""


@dataclass(frozen=True, slots=True)
class Colleagues:
    """How long marketing's sequences rest when somebody else of the company does something; None: they go on."""

    handoff: Duration | None = field(default_factory=lambda: Duration(14, "day"))
    reply: Duration | None = None

    def pauses(self, kind: str) -> Duration | None:
        """`kind`: as what the lead hears of it."""
        return {kinds.COLLEAGUE_HANDED_OFF: self.handoff, kinds.COLLEAGUE_REPLIED: self.reply}.get(kind)


class News(NamedTuple):
    """Something that the others of a company are to hear."""

    lead_id: int
    """Who did it."""
    at: datetime
    key: str
    """Of the event."""
    kind: str
    """As what they hear of it."""
    company_id: int
    told_to: int = 0
    """Everybody up to this id has heard it."""


def news(
    policy: Colleagues, asked: Collection[str], people: Mapping[int, Lead], happened: Iterable[Event]
) -> Iterator[News]:
    """What others are to hear, as far as it changes anything for them.

    `asked`: kinds of events that sequences and signals ask for.
    """
    for e in happened:
        kind = TELLS.get(e.kind)
        if kind is None or e.machine or e.lead_id not in people:
            continue
        company_id = people[e.lead_id].company_id
        if company_id is not None and (policy.pauses(kind) or kind in asked):
            yield News(e.lead_id, e.at, e.key, kind, company_id)


def heard(one: News, lead_id: int) -> Event:
    """The news, as it comes to one of the others; once, however often it is told."""
    key = f"{SOURCE}.{one.lead_id}.{one.key}"
    return Event(one.kind, one.at, lead_id, key, SOURCE, data={"colleague": one.lead_id})
