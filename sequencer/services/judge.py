"""Says of SendGrid's events which message of ours each is about, and whether a person did it or a machine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.content import Link
from sequencer.core.event import Event, made
from sequencer.core.machines import BURST, bursts, is_machine
from sequencer.core.made import maker
from sequencer.core.reaction import SUPPRESSES
from sequencer.providers.sendgrid_events import Incoming
from sequencer.services.release import Releases
from sequencer.store import enrollments, events, messages, partitions
from sequencer.store.events import Span
from sequencer.store.messages import Origin

_LINK = re.compile(r"[?&]sq=([a-z2-7]{32})\.(\d{1,4})(?:[&#]|$)")

UNRECORDED = "sent, but not in this ledger: was the database restored from a backup?"


class Ours(NamedTuple):
    """An event, and the message of ours that it is about."""

    said: Incoming
    origin: Origin


_ours = maker(Ours)


@dataclass(slots=True)
class Recognised:
    """Events by whose they are."""

    ours: list[Ours] = field(default_factory=list)
    foreign: list[Incoming] = field(default_factory=list)
    """About messages that are not in our ledger as they say: another installation's on the same account, say; and
    about those of people who were erased."""
    unrecorded: list[Incoming] = field(default_factory=list)
    """About messages, or attempts, that only this installation can have sent, and that its ledger does not know."""
    forgotten: list[Incoming] = field(default_factory=list)
    """About messages whose part of the ledger was taken off because it is old."""
    known: Mapping[tuple[int, str], Origin] = field(default_factory=dict)
    """What the ledger says of messages (enrollment, step)."""

    def but(self, left: Iterable[object]) -> "Recognised":
        """Without these."""
        without = set(map(id, left))
        return Recognised(
            [one for one in self.ours if id(one.said) not in without],
            self.foreign,
            [said for said in self.unrecorded if id(said) not in without],
            [said for said in self.forgotten if id(said) not in without],
            self.known,
        )

    @property
    def respected(self) -> list[Event]:
        """What our leads asked for in answer to mails that the ledger does not know: it holds all the same."""
        unknown = (*self.unrecorded, *self.forgotten)
        return [_event(said, said.machine, said.data) for said in unknown if said.kind in SUPPRESSES]


def recognise(conn: Connection, incoming: Sequence[Incoming]) -> Recognised:
    """Compares what events say of themselves with the ledger."""
    of = [(i.enrollment_id, i.step) for i in incoming]
    origins = messages.origins(conn, set(of))
    found = Recognised(known=origins)
    missing = {key[0] for key in of if key not in origins}
    lead_of = enrollments.lead_of(conn, sorted(missing)) if missing else {}
    for i, key in zip(incoming, of, strict=True):
        origin = origins.get(key)
        if (origin.lead_id if origin is not None else lead_of.get(i.enrollment_id)) != i.lead_id:
            found.foreign.append(i)
        elif origin is not None and origin.erased:
            found.foreign.append(i)
        elif origin is None or origin.attempt < i.attempt:
            # An attempt is committed to the ledger before it is made, so the ledger has lost it since.
            found.unrecorded.append(i)
        else:
            found.ours.append(_ours((i, origin)))
    if found.unrecorded:
        gone = partitions.forgotten(conn, (i.enrollment_id for i in found.unrecorded))
        found.forgotten = [i for i in found.unrecorded if i.enrollment_id in gone]
        found.unrecorded = [i for i in found.unrecorded if i.enrollment_id not in gone]
    return found


@dataclass(slots=True)
class Judged:
    """Events as they are to be stored."""

    events: list[Event] = field(default_factory=list)
    mistaken: list[Event] = field(default_factory=list)
    """Stored clicks that turn out to belong to a scanner's burst."""


def judge(conn: Connection, releases: Releases, ours: Sequence[Ours]) -> Judged:
    """Adds what the ledger knows: the content, the link's name, whether a machine did it. The leads are locked."""
    found = Judged()
    mails: dict[tuple[int, str], _Mail] = {}
    clicked: dict[tuple[int, str], list[Ours]] = {}
    for one in ours:
        said, origin = one
        if said.kind == kinds.CLICKED:
            clicked.setdefault((said.enrollment_id, said.step), []).append(one)
            continue
        machine, data = said.machine, said.data
        if said.kind == kinds.OPENED:
            data.update(_mail(conn, releases, origin, mails).names)
            machine = machine or _by_software(data)
        found.events.append(_event(said, machine, data))
    of = {key: _mail(conn, releases, clicks[0].origin, mails) for key, clicks in clicked.items()}
    earlier = _earlier(conn, {key: clicks for key, clicks in clicked.items() if len(of[key].links) > 1})
    for key, clicks in clicked.items():
        _judge_clicks(clicks, of[key], earlier.get(key, ()), found)
    return found


class _Mail(NamedTuple):
    """What its content says of a message."""

    names: dict[str, str]
    """The content's own, and its kind's: kept with the event."""
    links: Sequence[Link]
    """In their order."""


def _mail(conn: Connection, releases: Releases, origin: Origin, found: dict[tuple[int, str], _Mail]) -> _Mail:
    """`found`: those of a batch, who are few."""
    place = (origin.deployment, origin.content)
    mail = found.get(place)
    if mail is None:
        release = releases.at(conn, origin.deployment)
        content = release.contents.get(origin.content) if release is not None else None
        names = {"content": origin.content}
        mail = _Mail(names | {"kind": content.kind}, content.links) if content is not None else _Mail(names, ())
        found[place] = mail
    return mail


def _judge_clicks(clicks: Sequence[Ours], mail: _Mail, earlier: Sequence[Event], found: Judged) -> None:
    """Of one message: clicks that are new, and those that are stored already."""
    links = mail.links
    new = [(said, said.data | mail.names) for said, _ in clicks]
    followed = [(said.at, _url(data)) for said, data in new] + [(e.at, _url(e.data)) for e in earlier]
    burst = bursts(followed, len(links))
    for (said, data), in_burst in zip(new, burst, strict=False):
        machine = said.machine or in_burst or _by_software(data)
        if (number := link_number(_url(data))) and number <= len(links):
            data["link"] = links[number - 1].name
        found.events.append(_event(said, machine, data))
    found.mistaken += [
        e for e, in_burst in zip(earlier, burst[len(clicks) :], strict=True) if in_burst and not e.machine
    ]


def _earlier(conn: Connection, clicked: Mapping[tuple[int, str], Sequence[Ours]]) -> dict[tuple[int, str], list[Event]]:
    """Stored clicks that may belong to one burst with these, by message."""
    spans = []
    for key, clicks in clicked.items():
        moments = [said.at for said, _ in clicks]
        spans.append(Span(clicks[0].said.lead_id, *key, min(moments) - BURST, max(moments) + BURST))
    found: dict[tuple[int, str], list[Event]] = {}
    for e in events.clicks(conn, spans):
        found.setdefault((e.enrollment_id or 0, e.step or ""), []).append(e)
    return found


def link_number(url: str) -> int | None:
    """Which named link a clicked URL is, by its `sq` parameter."""
    match = _LINK.search(url)
    return int(match[2]) if match else None


def _by_software(data: Mapping[str, Any]) -> bool:
    return is_machine(data.get("useragent", ""))


def _url(data: Mapping[str, Any]) -> str:
    return str(data.get("url", ""))


def _event(said: Incoming, machine: bool, data: Mapping[str, Any]) -> Event:
    return made((said.kind, said.at, said.lead_id, said.key, "sendgrid", said.enrollment_id, said.step, machine, data))
