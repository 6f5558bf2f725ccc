"""What follows when somebody sends a form: at once, or after they have confirmed that the address is theirs.

Anybody can type anybody's address. So what is known of a lead is overwritten only by who has shown that they read the
lead's mail; everybody else may add what nobody knows yet. And whom a form writes to is never told to who sent it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from sequencer.core import beacon, token
from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.form import UNCONFIRMED, Form
from sequencer.core.guess import NO_TRACES, Traces
from sequencer.core.lead import BUILT_IN, FORM, Lead
from sequencer.core.lead_input import read
from sequencer.core.learn import is_inferred
from sequencer.core.release import Release
from sequencer.services.context import Awake
from sequencer.services.leads import enter, save
from sequencer.services.react import react
from sequencer.services.visits import touch
from sequencer.store import events, leads, messages, suppressions, visits
from sequencer.store.visits import Visitor

SOURCE: Final = FORM
CONFIRMABLE: Final = timedelta(days=30)
"""So long what was sent waits to be confirmed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent by a form, checked."""

    form: str
    email: str
    answers: Mapping[str, Any]
    """By field, without the address."""
    text: str = ""
    """What they wrote in their own words."""
    traces: Traces = NO_TRACES
    touch: Mapping[str, str] = field(default_factory=dict)
    visitor: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """confirm: nothing follows before the address is confirmed."""

    confirm: bool
    awake: Awake


def submit(
    conn: Connection, release: Release, sent: Sent, key: str, proven: int | None, human: bool, now: datetime
) -> Taken:
    """`key` makes it count once; `proven`: the lead whose mail the sender reads; `human`: no software, surely."""
    form = release.workspace.forms[sent.form]
    before = _locked(conn, sent.email)
    trusted = before is not None and before.id == proven
    # By what was sent alone: what is known of the lead would show in the answer.
    asked = form.double_opt_in is not None and form.double_opt_in.asks(sent.answers.get("country"))
    waits = form.confirm is not None and not trusted and (asked or not human)
    if before is not None and events.known_since(conn, before.id, key, now - CONFIRMABLE):
        return Taken(waits, set())
    if waits:
        return Taken(True, _ask(conn, release, form, sent, key, now))
    kept = answered(conn, before) if before is not None and not trusted else frozenset()
    return Taken(False, _apply(conn, release, form, sent, before, key, trusted, kept, now))


def _ask(conn: Connection, release: Release, form: Form, sent: Sent, key: str, now: datetime) -> Awake:
    """Mails the question whether the address is theirs. Of who is new nothing but the address is kept as theirs, and
    until they answer nothing else is mailed.
    """
    saved = save(conn, release, [read({"email": sent.email}, release.workspace)], SOURCE, now, announce_new=False)
    [lead_id] = saved.all
    if saved.new:
        rows = [(sent.email, topic, suppressions.UNCONFIRMED, now, key) for topic in sorted(release.workspace.topics)]
        suppressions.add(conn, rows)
    told = Event(UNCONFIRMED, now, lead_id, key, SOURCE, data=_kept(sent))
    awake = react(conn, release, [told], now).awake
    series = release.workspace.sequences[form.confirmation]
    if enter(conn, release, series, [lead_id], f"form {form.id}", now).leads:
        awake.add((series.id, series.start))
    return awake


def confirm(conn: Connection, release: Release, ref: token.Ref, now: datetime) -> list[Form]:
    """Whoever reads the mail that the token names says that the address is theirs: all that waited for it counts. Said
    again, it changes nothing. Who falls due by it is found by the clock.

    Where what waits does not agree, somebody else typed the address too. So of that nothing takes the place of what is
    known of the lead: they did not say which of it is theirs.

    Gives the forms that were sent, each once; none: it is no such mail, or nothing waited.
    """
    found = _mail(conn, ref)
    forms = release.workspace.forms
    if found is None or found.sequence not in {form.confirmation for form in forms.values() if form.confirm}:
        return []
    lead = leads.lock(conn, [found.lead_id]).get(found.lead_id)
    waiting = events.of_leads(conn, [found.lead_id], {UNCONFIRMED}, now - CONFIRMABLE).get(found.lead_id, [])
    told = [e for e in waiting if e.source == SOURCE and e.data.get("form") in forms]
    if lead is None or not told:
        return []
    suppressions.confirm(conn, lead.email)
    since = now - CONFIRMABLE
    news = [e for e in told if not events.known_since(conn, lead.id, _confirmed(e), since)]
    kept = answered(conn, lead) - _agreed(news) if news else frozenset()
    for e in news:
        _apply(conn, release, forms[e.data["form"]], _sent(lead.email, e.data), lead, _confirmed(e), True, kept, now)
    return [forms[name] for name in dict.fromkeys(e.data["form"] for e in told)]


def _confirmed(e: Event) -> str:
    """The key of what follows once it is confirmed."""
    return f"{e.key}.confirmed"


def _agreed(told: Sequence[Event]) -> set[str]:
    """The fields to which all submissions give the same answer."""
    first, *others = (e.data["answers"] for e in told)
    return {name for name, value in first.items() if all(name in one and one[name] == value for one in others)}


class Mailed(NamedTuple):
    """By which sequence a form mailed its link, and by which deployment."""

    sequence: str
    deployment: int


def mailed(conn: Connection, ref: token.Ref) -> Mailed | None:
    """The mail that the token of a download names."""
    found = _mail(conn, ref)
    return Mailed(found.sequence, found.deployment) if found is not None else None


def downloadable(release: Release | None, sequence: str) -> Form | None:
    """The form that mails by this sequence what it gives access to; None where no form does."""
    forms = release.workspace.forms.values() if release is not None else ()
    return next((form for form in forms if form.magnet and form.delivery == sequence), None)


def reader(conn: Connection, ref: token.Ref) -> int | None:
    """Whom the mail went to that the token names."""
    found = _mail(conn, ref)
    return int(found.lead_id) if found is not None else None


def answered(conn: Connection, lead: Lead) -> frozenset[str]:
    """The fields that somebody filled; what was only inferred is not among them."""
    inferred = {name for name, said in leads.sources(conn, [lead.id]).get(lead.id, {}).items() if is_inferred(said)}
    own = {name for name in BUILT_IN if lead.get(name) is not None}
    return frozenset((own | lead.fields.keys()) - inferred)


def _mail(conn: Connection, ref: token.Ref) -> Any:
    """The ledger's row."""
    return next((row for row in messages.described(conn, [ref.enrollment_id]) if ref.names(row.step)), None)


def _apply(
    conn: Connection,
    release: Release,
    form: Form,
    sent: Sent,
    before: Lead | None,
    key: str,
    trusted: bool,
    kept: Collection[str],
    now: datetime,
) -> Awake:
    """`kept`: fields of which this changes nothing."""
    given = {name: value for name, value in sent.answers.items() if name not in kept}
    if (before is None or before.stage is None) and release.workspace.stages:
        given.setdefault("stage", release.workspace.stages[0])
    one = read({"email": sent.email, **given}, release.workspace)
    saved = save(conn, release, [one], SOURCE, now, announce_new=True, traces=sent.traces, theirs=trusted)
    [lead_id] = saved.all
    awake = saved.awake
    happened = _consented(conn, release, form, sent.email, lead_id, key, trusted, now)
    happened.append(Event(kinds.SUBMITTED, now, lead_id, key, SOURCE, data=_said(sent)))
    if form.event is not None:
        happened.append(Event(form.event, now, lead_id, f"{key}.{form.event}", SOURCE, data={"form": form.id}))
    if sent.touch:
        locked = leads.lock(conn, [lead_id])
        this = {**sent.touch, "at": now.isoformat()}
        happened += touch(conn, [Visitor("", lead_id, first_touch=this, last_touch=this)], locked, now)
    awake |= react(conn, release, happened, now).awake
    if form.enroll is not None:
        series = release.workspace.sequences[form.enroll]
        if enter(conn, release, series, [lead_id], f"form {form.id}", now).leads:
            awake.add((series.id, series.start))
    if sent.visitor is not None:
        visits.put_ours(conn, beacon.write(sent.visitor, ["email", *sent.answers]), lead_id, now)
    return awake


def _consented(
    conn: Connection, release: Release, form: Form, email: str, lead_id: int, key: str, trusted: bool, now: datetime
) -> list[Event]:
    """They asked for the topic. Who unsubscribed from it takes that back only if it is surely them."""
    if form.topic is None:
        return []
    said = suppressions.consents(conn, [email]).get(email)
    refused = said is not None and form.topic in said.refused
    if (said is not None and form.topic in said.given) or (refused and not trusted):
        return []
    suppressions.give(conn, email, form.topic, now, key)
    return [Event(kinds.RESUBSCRIBED, now, lead_id, f"{key}.{form.topic}", SOURCE, data={"topic": form.topic})]


def _locked(conn: Connection, email: str) -> Lead | None:
    ids = leads.ids_by_email(conn, [email])
    return leads.lock(conn, ids.values()).get(ids[email]) if ids else None


def _said(sent: Sent) -> dict[str, Any]:
    """What is sent, as an event tells it."""
    said = {"form": sent.form, "answers": dict(sent.answers)}
    return said | ({"text": sent.text} if sent.text else {})


def _kept(sent: Sent) -> Mapping[str, Any]:
    """The whole of it, for when it is confirmed."""
    further = {"traces": list(sent.traces), "touch": dict(sent.touch), "visitor": sent.visitor}
    return _said(sent) | {name: value for name, value in further.items() if value}


def _sent(email: str, kept: Mapping[str, Any]) -> Sent:
    # What an older version kept has the browser's zone alone, by itself; it may be confirmed for weeks.
    traces = kept.get("traces", [kept.get("zone")])
    return Sent(
        kept["form"],
        email,
        kept["answers"],
        kept.get("text", ""),
        Traces(*traces),
        kept.get("touch", {}),
        kept.get("visitor"),
    )
