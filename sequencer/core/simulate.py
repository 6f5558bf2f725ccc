"""One lead through a workspace on a virtual clock, by the decisions that the workers take. Pure.

What the shell would keep in tables is kept here for one lead: its enrollments, its mails, what it did. Everything that
is decided comes from the same functions that the services call (`decide`, `settled`, `refuses`, `entrances`); mail is
taken by the provider at once, and what software opens or clicks is left out.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core import explain, watch
from sequencer.core.away import return_date
from sequencer.core.content import Content
from sequencer.core.dating import first_due
from sequencer.core.decision import Cancel, Change, Decision, Enter, Send
from sequencer.core.engine import decide
from sequencer.core.enrollment import HOLDOUT, RUNNING, Enrollment, Outcome, Status
from sequencer.core.entry import asks_of, entrances, holds_out, manual, refuses
from sequencer.core.event import Event
from sequencer.core.intent import standing
from sequencer.core.interest import Interest, interest
from sequencer.core.lanes import Other, concerned
from sequencer.core.lead import Company, Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.learn import SOURCE, Source, learned, teaches
from sequencer.core.message import Message, State
from sequencer.core.owner import present
from sequencer.core.people import changed, owner_of, quiet_of, zone_of
from sequencer.core.reaction import concerns, settled, suppresses, written
from sequencer.core.readiness import Readiness, handed_to, judged, next_look, told
from sequencer.core.schedule import shift
from sequencer.core.score import Counts, changes_on, thresholds
from sequencer.core.script import COLLEAGUE_MAILED, HALTED, OF_A_MAIL, Cue, Deed, changed_to
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.snapshot import Consent, Snapshot, Standing
from sequencer.core.succession import owner_before
from sequencer.core.timeline import Entry, Timeline
from sequencer.core.workspace import Workspace

LONGEST: Final = timedelta(days=400)
"""How far a simulation goes unless it is told otherwise; the longest series are over by then."""

MOST_AT_ONCE: Final = 200
"""Decisions at one moment after which it is cut off: sequences that start one another may go round for ever."""
MOST: Final = 5_000
"""The same over its whole time."""


class Arrival(NamedTuple):
    """Time lets the lead into a sequence then, if it still fits."""

    at: datetime
    sequence: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Past:
    """Where a lead stands already when the simulation begins."""

    enrollments: tuple[Enrollment, ...] = ()
    messages: Mapping[int, Mapping[str, Message]] = field(default_factory=dict)
    """By enrollment and step."""
    events: tuple[Event, ...] = ()
    mailed_at: tuple[datetime, ...] = ()
    """As far as it counts for gap and caps."""
    company_mailed_at: tuple[datetime, ...] = ()
    """The same of everybody in the lead's company, the lead among them."""
    arrivals: tuple[Arrival, ...] = ()
    standing: Standing = field(default_factory=Standing)
    """How it stands by all that it ever did. Its score fades on; what colleagues do, and who becomes ready, stays."""


@dataclass(frozen=True, slots=True)
class Case:
    """Who goes through, from when on, and what happens meanwhile."""

    lead: Lead
    start: datetime
    company: Company | None = None
    consent: Consent = field(default_factory=Consent)
    received: frozenset[str] = frozenset()
    """Contents that the lead got before."""
    cues: tuple[Cue, ...] = ()
    enrolled: bool = True
    """False: only something that happens lets the lead in."""
    span: timedelta = LONGEST
    told: bool = True
    """Whether the timeline also says what was waited for; that takes as long again."""
    past: Past | None = None
    """None: the lead becomes known at the start, and time lets it in as it would anybody new."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that has just gone, for whoever answers it."""

    lead: Lead
    sequence: str
    step: str
    content: str
    at: datetime


Audience = Callable[[Sent], Iterable[tuple[datetime, Deed]]]
"""What follows a mail, when nobody wrote it down: deeds and their times, none of them before the mail."""


class Letter(NamedTuple):
    """A mail that went, with what it was decided on."""

    at: datetime
    sequence: str
    send: Send
    snapshot: Snapshot


@dataclass(slots=True)
class Simulation:
    """What came of it."""

    zone: ZoneInfo
    """The lead's in the sequence that is simulated; times are shown by it."""
    timeline: Timeline
    lead: Lead
    """As it is at the end."""
    enrollments: tuple[Enrollment, ...]
    """As they are at the end, in the order of entering."""
    messages: Mapping[int, Mapping[str, Message]]
    """By enrollment and step."""
    letters: tuple[Letter, ...]
    played: tuple[tuple[datetime, Deed], ...]
    """What was done, and when."""
    ended_at: datetime
    """The last moment that was looked at."""
    unplayed: tuple[Cue, ...]
    """Cues whose time never came."""
    cut: bool
    """Whether it was still going round when it was cut off."""
    sequences: Mapping[str, Series]

    def shown(self, sequence: str, key: str) -> str:
        """A step or position of one of the sequences, as its file calls it."""
        return self.sequences[sequence].shown(key)


def person(given: LeadInput, at: datetime) -> tuple[Lead, Company | None]:
    """Somebody who becomes known just now, and the company behind the address."""
    company = Company(1, given.domain, given.company) if given.domain is not None else None
    lead = Lead(1, given.email, company_id=company.id if company is not None else None, created_at=at)
    return changed(lead, {**given.own, **given.fields}), company


def begins(workspace: Workspace, sequence: Series, given: LeadInput, wall: datetime) -> datetime:
    """The moment at which the lead's clock shows this time."""
    lead, company = person(given, wall.replace(tzinfo=UTC))
    zone = zone_of(workspace, sequence, lead, owner_of(workspace, Snapshot(lead, company, None)))
    return wall.replace(tzinfo=zone).astimezone(UTC)


def simulate(
    workspace: Workspace,
    sequence: Series,
    contents: Mapping[str, Content],
    case: Case,
    audience: Audience = lambda _sent: (),
) -> Simulation:
    """From the start until nothing more can happen, or the case's span is over."""
    return _World(workspace, sequence, contents, case, audience).run()


@dataclass(slots=True)
class _Timed:
    """A deed whose time is known."""

    at: datetime
    number: int
    deed: Deed | Arrival
    about: tuple[int, str] | None = None
    """The mail (enrollment, step) that it is about; None: the deed names it."""


@dataclass(slots=True)
class _Watch:
    """A trigger that time fires, and when the lead is to be looked at for it; None: when something changes."""

    series: Series
    trigger: Trigger
    at: datetime | None

    def order(self) -> tuple[datetime, str, str]:
        assert self.at is not None
        return self.at, self.series.id, watch.name_of(self.trigger)


@dataclass
class _World:
    """What the tables hold of one lead, and the clock."""

    workspace: Workspace
    sequence: Series
    contents: Mapping[str, Content]
    case: Case
    audience: Audience
    enrollments: dict[int, Enrollment] = field(default_factory=dict)
    messages: dict[int, dict[str, Message]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    mailed: list[tuple[int, str]] = field(default_factory=list)
    """(enrollment, step) of every mail, the last one last."""
    mailed_at: list[datetime] = field(default_factory=list)
    """When, as far as it counts for gap and caps."""
    company_mailed_at: list[datetime] = field(default_factory=list)
    """The same, with what colleagues are said to have got."""
    letters: list[Letter] = field(default_factory=list)
    played: list[tuple[datetime, Deed]] = field(default_factory=list)
    barred: set[str] = field(default_factory=set)
    """Why nothing at all may be mailed."""
    agenda: list[_Timed] = field(default_factory=list)
    watches: list[_Watch] = field(default_factory=list)
    waiting: list[Cue] = field(default_factory=list)
    """Cues whose step has not been done yet."""
    sources: dict[str, Source] = field(default_factory=dict)
    """Of fields that were learned; all others are answers."""
    ready: Readiness | None = None
    """The last one."""
    weigh_at: datetime | None = None
    """When to look at how the lead stands; None: when something happens."""
    counted: int = 0
    looks: int = 0
    at_once: int = 0

    def __post_init__(self) -> None:
        self.now = self.case.start
        self.lead = self.case.lead
        self.consent = self.case.consent
        self.received = self.case.received
        past = self.case.past or Past()
        self.enrollments |= {e.id: e for e in past.enrollments}
        self.messages |= {number: dict(rows) for number, rows in past.messages.items()}
        self.events += past.events
        self.mailed_at += past.mailed_at
        self.company_mailed_at += past.company_mailed_at
        self.interests: dict[str, Interest] = {
            name: interest(self.workspace, [sequence]) for name, sequence in self.workspace.sequences.items()
        }
        self.zone = zone_of(self.workspace, self.sequence, self.lead, owner_of(self.workspace, self.snapshot(None)))
        self.timeline = Timeline(self.zone)
        for series, trigger in watch.watched(self.workspace) if self.case.past is None else ():
            at = self.opens(series, trigger)
            if trigger.kind != "at" or (at is not None and at >= self.now - watch.SLACK):
                self.watches.append(_Watch(series, trigger, at))
        # Of a real lead only what its sequences ask is known, which is too little to say how it stands.
        self.weighs = self.workspace.signals if self.case.past is None else None
        self.weigh_at = self.now if self.weighs is not None else None
        self.marks = thresholds(self.weighs.conditions()) if self.weighs is not None else frozenset()
        for cue in self.case.cues:
            if cue.after:
                self.waiting.append(cue)
            else:
                self.plan(self.later(self.case.start, cue), cue.deed)
        for arrival in past.arrivals:
            self.plan(arrival.at, arrival)

    # --- time

    def run(self) -> Simulation:
        until, ended_at = self.case.start + self.case.span, self.case.start
        if self.case.enrolled:
            self.enroll(self.sequence, self.lead, manual(self.sequence))
        while self.looks < MOST and self.at_once < MOST_AT_ONCE:
            timed = min(self.agenda, key=lambda one: (one.at, one.number), default=None)
            due = min(self.due(), default=None)
            looked = min((w for w in self.watches if w.at is not None), key=_Watch.order, default=None)
            dated = looked.at if looked else None
            times = (timed.at if timed else None, self.weigh_at, dated, due[0] if due else None)
            moments = [one for one in times if one is not None]
            if not moments or min(moments) > until:
                break
            if (moment := min(moments)) > self.now:
                self.now, self.at_once = moment, 0
            if timed is not None and timed.at <= self.now:
                self.agenda.remove(timed)
                self.does(timed.deed, timed.about)
            elif self.weigh_at is not None and self.weigh_at <= self.now:
                self.at_once += 1
                if not self.weigh():
                    continue  # that nothing came of it is no part of what happened
            elif looked is not None and looked.at is not None and looked.at <= self.now:
                self.fire(looked)
            elif due is not None:
                self.looks += 1
                self.at_once += 1
                self.look(self.enrollments[due[1]])
            ended_at = self.now
        return Simulation(
            zone=self.zone,
            timeline=self.timeline,
            lead=self.lead,
            enrollments=tuple(self.enrollments.values()),
            messages=self.messages,
            letters=tuple(self.letters),
            played=tuple(self.played),
            ended_at=ended_at,
            unplayed=tuple(self.waiting),
            cut=self.looks >= MOST or self.at_once >= MOST_AT_ONCE,
            sequences=self.workspace.sequences,
        )

    def due(self) -> Iterable[tuple[datetime, int]]:
        """When each running enrollment is to be looked at; those that nothing dates wait for an event."""
        return [(e.due_at, e.id) for e in self.enrollments.values() if e.status in RUNNING and e.due_at is not None]

    def plan(self, at: datetime, deed: Deed | Arrival, about: tuple[int, str] | None = None) -> None:
        self.counted += 1
        self.agenda.append(_Timed(at, self.counted, deed, about))

    def later(self, since: datetime, cue: Cue) -> datetime:
        return shift(since, cue.wait, self.zone, quiet_of(self.workspace, self.lead))

    # --- what decisions are taken on

    def snapshot(self, enrollment: Enrollment | None) -> Snapshot:
        return Snapshot(
            lead=self.lead,
            company=self.case.company,
            enrollment=enrollment,
            messages=self.messages.get(enrollment.id, {}) if enrollment is not None else {},
            events=tuple(self.events),
            received=self.received,
            mailed_at=tuple(self.mailed_at),
            company_mailed_at=tuple(self.company_mailed_at) if self.lead.company_id is not None else (),
            consent=self.consent,
            others=self.others(enrollment) if enrollment is not None else (),
            standing=self.standing(),
        )

    def standing(self) -> Standing:
        """How the lead stands by what happened; of colleagues nothing is known but what they are said to do."""
        if self.case.past is not None:
            return self.case.past.standing
        found = standing(self.workspace, self.events)
        return found if self.ready is None else found._replace(ready=self.ready.over_at is None)

    def others(self, enrollment: Enrollment) -> tuple[Other, ...]:
        """The lead's enrollments that may hold this one up."""
        ahead = self.workspace.held_by.get(enrollment.sequence, ())
        return tuple(
            Other(e.id, e.sequence, e.status, e.entered_at, e.ended_at, e.held_out)
            for e in self.enrollments.values()
            if e.sequence in ahead and e.status in {*RUNNING, Status.CONVERTED}
        )

    def moved(self, *sequences: str) -> None:
        """Has those looked at who waited behind somebody that has just entered or left one of these."""
        moves = [(self.lead.id, name) for name in sequences]
        for e in concerned(self.workspace.held_by, self.running(), moves):
            if e.due_at is None or e.due_at > self.now:
                self.enrollments[e.id] = e._replace(due_at=self.now)

    # --- the workers' part

    def look(self, enrollment: Enrollment) -> None:
        """One decision, and everything that it writes."""
        series, snapshot = self.workspace.sequences[enrollment.sequence], self.snapshot(enrollment)
        decision = decide(self.workspace, series, snapshot, self.now)
        after = decision.enrollment
        self.enrollments[after.id] = after
        owner = owner_of(self.workspace, snapshot)
        taken = present(self.workspace, owner, self.now) if owner is not None else None
        self.timeline.because(series, decision.reasons, self.now, decision.effects, owner, taken)
        self.arrived(series, enrollment, after)
        for effect in decision.effects:
            if isinstance(effect, Send):
                self.send(series, snapshot._replace(enrollment=after), effect)
            elif isinstance(effect, Cancel):
                row = self.messages[after.id][effect.step]
                self.messages[after.id][effect.step] = row._replace(state=State.CANCELLED)
        if after.status not in RUNNING:
            self.moved(after.sequence)
        for effect in decision.effects:
            # Its file may be gone since somebody got the steps that they keep.
            if isinstance(effect, Enter) and (target := self.workspace.sequences.get(effect.step.sequence)) is not None:
                self.enroll(target, snapshot.lead, None)
        self.write(decision, snapshot.lead)
        self.foresee(after.id)

    def foresee(self, number: int) -> None:
        """Notes what somebody waits for who has nothing to do now."""
        enrollment = self.enrollments[number]
        if not self.case.told or enrollment.status not in RUNNING or (enrollment.due_at or self.now) <= self.now:
            return
        series, snapshot = self.workspace.sequences[enrollment.sequence], self.snapshot(enrollment)
        self.timeline.waits(
            self.workspace, series, snapshot, decide(self.workspace, series, snapshot, self.now), self.now
        )

    def send(self, series: Series, snapshot: Snapshot, send: Send) -> None:
        step, enrollment = send.step.id, snapshot.enrollment
        assert enrollment is not None
        self.messages.setdefault(enrollment.id, {})[step] = Message(
            enrollment_id=enrollment.id,
            step=step,
            lead_id=self.lead.id,
            state=State.ACCEPTED,
            attempt=send.attempt,
            content=send.step.content,
            sent_at=self.now,
            accepted_at=self.now,
        )
        self.mailed.append((enrollment.id, step))
        self.received |= {send.step.content}
        if send.introduces is not None:
            self.lead = self.lead._replace(owner_before=None)
        if self.workspace.counts(series):
            self.mailed_at.append(self.now)
            insort(self.company_mailed_at, self.now)
        self.letters.append(Letter(self.now, series.id, send, snapshot))
        for at, deed in self.audience(Sent(self.lead, series.id, step, send.step.content, self.now)):
            self.plan(max(at, self.now), deed, (enrollment.id, step))

    def write(self, decision: Decision, before: Lead) -> None:
        """`set` and `handoff`: the fields, and what follows from their change."""
        happened: list[Event] = []
        for effect in decision.effects:
            if isinstance(effect, Change):
                self.lead = changed(self.lead, effect.values)
                happened += written(effect, decision.enrollment, before, self.now)
        if happened:
            self.react(happened)

    def arrived(self, series: Series, before: Enrollment, after: Enrollment) -> None:
        """Times the cues that waited for a step which has just been done."""
        if series is not self.sequence:
            return
        done = {series.shown(o.step) for o in after.outcomes[len(before.outcomes) :] if o.outcome != "skipped"}
        for cue in [cue for cue in self.waiting if cue.after in done]:
            self.waiting.remove(cue)
            self.plan(self.later(self.now, cue), cue.deed)

    # --- how the lead stands

    def _changes(self, counts: Counts) -> date | None:
        if self.weighs is None:
            return None
        return changes_on(self.weighs, counts, self.marks, self.now.astimezone(UTC).date())

    def weigh(self) -> bool:
        """What signals.yaml makes of what happened: fields that were learned, a stage, readiness. False: nothing."""
        before, last, counts = self.lead, self.ready, self.standing().counts
        taught = teaches(before, self.sources, learned(self.workspace, counts))
        if taught is not None:
            self.lead = taught.applied(before)
            self.sources = {n: said for n, said in self.sources.items() if n not in taught.gone} | dict(taught.sources)
        snapshot = self.snapshot(None)
        verdict = judged(self.workspace, snapshot, last, self.now)
        self.weigh_at = next_look(self.workspace, snapshot, self._changes, last, verdict, self.now)
        stage, number = verdict.stage, last.number + 1 if last is not None else 1
        if verdict.over and last is not None:
            self.ready = last._replace(over_at=self.now)
        if verdict.reasons:
            self.ready = Readiness(number, self.now, None, verdict.reasons)
            stage = handed_to(self.workspace, stage or before.stage) or stage
        if stage is not None:
            self.lead = changed(self.lead, {"stage": stage})
        if happened := told(before, taught, verdict, stage, number, self.now):
            self.react(happened)
        return bool(happened)

    # --- who enters

    def enroll(self, series: Series, lead: Lead, trigger: Trigger | None, by_time: bool = False) -> None:
        """`by_time`: that nobody enters another sequence just then is not worth a line."""
        condition = trigger.condition if trigger is not None else None
        snapshot = self.snapshot(None)._replace(lead=lead)
        before = [e for e in self.enrollments.values() if e.sequence == series.id]
        refusal = (
            f"the sequence is {series.state.value}"
            if not series.takes_in
            else refuses(self.workspace, series, snapshot, before, condition, self.now)
        )
        if refusal is not None and by_time and series is not self.sequence:
            return
        if refusal is not None:
            mark = trigger.mark if trigger is not None else series.mark
            self.timeline.add(Entry(self.now, series.id, "refused", f"does not enter: {refusal}", mark=mark))
            return
        number = max(self.enrollments, default=0) + 1
        due = first_due(self.workspace, series, lead, owner_of(self.workspace, snapshot), self.now)
        held_out = (Outcome(HOLDOUT, "held_out", self.now),) if holds_out(series, lead) else ()
        self.enrollments[number] = Enrollment(
            number, lead.id, series.id, 1, self.now, series.start, self.now, due, outcomes=held_out
        )
        says = "enters" if not held_out else f"enters, and {explain.outcome(held_out[0])}"
        self.timeline.add(Entry(self.now, series.id, "entered", says, mark=series.mark))
        self.moved(series.id)
        self.foresee(number)

    def opens(self, series: Series, trigger: Trigger) -> datetime | None:
        owner, last = owner_of(self.workspace, self.snapshot(None)), self.last_of(trigger)
        return watch.opens_at(self.workspace, series, trigger, self.lead, owner, last)

    def last_of(self, trigger: Trigger) -> datetime | None:
        """When the lead last had the event of a `silent`."""
        if trigger.kind != "silent":
            return None
        return max((e.at for e in self.events if e.kind == trigger.name), default=None)

    def fire(self, one: _Watch) -> None:
        """Time lets the lead in, or it is seen that it does not yet."""
        series, trigger, last = one.series, one.trigger, self.last_of(one.trigger)
        owner = owner_of(self.workspace, self.snapshot(None))
        before = [e for e in self.enrollments.values() if e.sequence == series.id]
        then = watch.waits(self.workspace, series, trigger, self.lead, owner, last, before, self.now)
        if then is None:
            self.enroll(series, self.lead, trigger, by_time=True)
            before = [e for e in self.enrollments.values() if e.sequence == series.id]
            then = watch.after(self.workspace, series, trigger, self.lead, before, self.now)
        one.at = then.at
        if then.never:
            self.watches.remove(one)

    # --- what the lead does

    def does(self, deed: Deed | Arrival, about: tuple[int, str] | None = None) -> None:
        if isinstance(deed, Arrival):
            if not any(e.sequence == deed.sequence for e in self.running()):
                self.enroll(self.workspace.sequences[deed.sequence], self.lead, deed.trigger)
            return
        self.played.append((self.now, deed))
        if deed.kind == HALTED:
            self.halt()
        elif deed.kind == COLLEAGUE_MAILED:
            self.timeline.add(Entry(self.now, "", "colleague-mailed", "a colleague gets a mail"))
            insort(self.company_mailed_at, self.now)
        elif deed.kind in OF_A_MAIL:
            key = about or self.mail_of(deed)
            if key is None:
                says = f"{deed}: cannot be, {f'no {deed.of}' if deed.of else 'nothing'} was mailed by then"
                self.timeline.add(Entry(self.now, "", "impossible", says))
                return
            self.react([self.about_mail(deed, *key)])
        elif deed.kind == kinds.CHANGED:
            self.change(deed)
        elif deed.kind == kinds.RESUBSCRIBED:
            self.resubscribe(deed.of)
        elif deed.kind == kinds.UNSUBSCRIBED:
            self.unsubscribe(deed.of)
        elif deed.kind == kinds.SUBMITTED:
            self.submit(deed)
        else:
            self.react([self.event(deed.kind, _data(deed))])

    def mail_of(self, deed: Deed) -> tuple[int, str] | None:
        """The mail that a deed is about: the last one of that step of the simulated sequence, or of that content."""
        for key in reversed(self.mailed):
            enrollment, step = key
            if not deed.of or ("/" in deed.of and self.messages[enrollment][step].content == deed.of):
                return key
            if step == self.sequence.key(deed.of) and self.enrollments[enrollment].sequence == self.sequence.id:
                return key
        return None

    def about_mail(self, deed: Deed, enrollment: int, step: str) -> Event:
        row = self.messages[enrollment][step]
        data: dict[str, Any] = {}
        if deed.kind in (kinds.OPENED, kinds.CLICKED):
            data["content"] = row.content
            if row.content in self.contents:
                data["kind"] = self.contents[row.content].kind
        if deed.kind == kinds.CLICKED and deed.more:
            data["link"] = deed.more
        if deed.kind == kinds.AUTO_REPLIED and (back := return_date(deed.more, self.now.date())) is not None:
            data["back"] = back.isoformat()
        return self.event(deed.kind, data)._replace(enrollment_id=enrollment, step=step)

    def event(self, kind: str, data: Mapping[str, Any]) -> Event:
        self.counted += 1
        return Event(kind, self.now, self.lead.id, f"simulated.{self.counted}", "simulation", data=data)

    def change(self, deed: Deed) -> None:
        """The CRM, a form or an import changes a field."""
        happened = []
        for name, value in changed_to(deed, self.workspace).items():
            name = "time_zone" if name == "zone" else name
            if (old := self.lead.get(name)) != value:
                happened.append(self.event(kinds.CHANGED, {"field": name, "before": old, "after": value}))
                self.lead = changed(self.lead, {name: value})
        self.react(happened)

    def wanted(self) -> set[str]:
        """The topics that the lead may be mailed about."""
        if self.barred:
            return set()
        return self.by_topic()

    def by_topic(self) -> set[str]:
        """The same, as if nothing barred all mail."""
        declared = {one.id for one in self.workspace.topics.values() if one.default}
        return (declared | self.consent.given) - self.consent.refused

    def unsubscribe(self, topic: str) -> None:
        """On the page of topics, where choosing none of them is unsubscribing; said twice, it is one event."""
        wanted = self.wanted()
        if topic and wanted - {topic}:
            if topic in wanted:
                self.react([self.event(kinds.UNSUBSCRIBED, {"topic": topic})])
        elif "unsubscribed" not in self.barred:
            self.react([self.event(kinds.UNSUBSCRIBED, {})])

    def resubscribe(self, topic: str) -> None:
        """On the page of topics. What was off because everything was stays off."""
        if self.barred - {"unsubscribed"} or topic in self.wanted():
            return
        happened = [self.event(kinds.RESUBSCRIBED, {"topic": topic})]
        if self.barred:
            self.barred.clear()
            self.lead = self.lead._replace(suppressed=False)
            off = sorted(self.by_topic() - {topic})
            happened += [self.event(kinds.UNSUBSCRIBED, {"topic": one}) for one in off]
        self.consent = replace(self.consent, given=self.consent.given | {topic}, refused=self.consent.refused - {topic})
        self.react(happened)

    def submit(self, deed: Deed) -> None:
        """What forms.yaml lets follow from a form, too; one of another system is declared nowhere."""
        form, happened = self.workspace.forms.get(deed.of), [self.event(deed.kind, _data(deed))]
        if form is None:
            self.react(happened)
            return
        # Anybody can type an address: that takes back no unsubscription.
        if form.topic is not None and form.topic not in self.consent.given | self.consent.refused:
            self.consent = replace(self.consent, given=self.consent.given | {form.topic})
            happened.insert(0, self.event(kinds.RESUBSCRIBED, {"topic": form.topic}))
        if form.event is not None:
            happened.append(self.event(form.event, {"form": form.id}))
        self.react(happened)
        if form.enroll is not None and not any(e.sequence == form.enroll for e in self.running()):
            series = self.workspace.sequences[form.enroll]
            self.enroll(series, self.lead, manual(series))

    def halt(self) -> None:
        self.timeline.add(Entry(self.now, "", "halted", "is halted by an operator"))
        self.barred.add("operator")
        self.lead = self.lead._replace(suppressed=True)
        for e in self.running():
            self.enrollments[e.id] = e.ended(Status.STOPPED, "operator", self.now)

    def running(self) -> list[Enrollment]:
        return [e for e in self.enrollments.values() if e.status in RUNNING]

    def react(self, happened: Sequence[Event]) -> None:
        """What the intake does with events: facts of the mails, suppressions, ends and pauses, entrances."""
        if self.weighs is not None and any(e.kind in self.weighs.stirred_by for e in happened):
            self.weigh_at = self.now
        for e in happened:
            if e.kind == kinds.CHANGED and e.source != SOURCE:
                self.sources.pop(str(e.data.get("field")), None)
            self.events.append(e)
            if e.source != "sequence":
                of = self.shown(e)
                self.timeline.add(Entry(self.now, "", f"did-{e.kind}", explain.event(of), step=of.step or ""))
            self.notice(e)
            self.suppress(e)
        self.lead = self.lead._replace(
            owner_before=owner_before(self.workspace, self.lead, happened, self.case.company)
        )
        known, over = [(e, self.snapshot(e)) for e in self.running()], []
        for enrollment, snapshot in known:
            asked = self.interests[enrollment.sequence]
            if not any(concerns(asked, e.kind, e.step, e.data) for e in happened):
                continue
            series = self.workspace.sequences[enrollment.sequence]
            after = settled(self.workspace, series, snapshot, happened, self.now)
            self.enrollments[enrollment.id] = after.enrollment
            self.timeline.because(series, after.reasons, self.now)
            if after.enrollment.status not in RUNNING:
                over.append(enrollment.sequence)
        self.moved(*over)
        inside = {e.sequence for e in self.running()}
        for series, trigger, _ in entrances(self.workspace, happened):
            # Who is in it already stays in it: nothing that is worth a line happens.
            if series.id not in inside:
                self.enroll(series, self.lead, trigger)
        for one in self.watches:
            if any(watch.touches(one.trigger, asks_of(one.series, one.trigger.condition), e) for e in happened):
                one.at = self.now

    def shown(self, e: Event) -> Event:
        """The event with its step as people call it."""
        if e.enrollment_id is None or e.step is None:
            return e
        return e._replace(step=self.workspace.sequences[self.enrollments[e.enrollment_id].sequence].shown(e.step))

    def notice(self, e: Event) -> None:
        """What an event says of its mail."""
        if e.enrollment_id is None or e.step is None or e.source == "sequence":
            return
        row = self.messages[e.enrollment_id][e.step]
        if e.kind == kinds.OPENED:
            row = row._replace(opened_at=row.opened_at or e.at)
        elif e.kind == kinds.CLICKED:
            links = {*row.clicked, str(e.data["link"])} if "link" in e.data else {*row.clicked}
            row = row._replace(clicked_at=row.clicked_at or e.at, clicked=tuple(sorted(links)))
        elif e.kind == kinds.BOUNCED:
            row = row._replace(state=State.BOUNCED)
        self.messages[e.enrollment_id][e.step] = row

    def suppress(self, e: Event) -> None:
        reason = suppresses(e.kind, e.data)
        if reason is None:
            return
        topic = e.data.get("topic")
        if topic is None:
            self.barred.add(reason)
            self.lead = self.lead._replace(suppressed=True)
        else:
            consent = self.consent
            self.consent = replace(consent, refused=consent.refused | {topic}, given=consent.given - {topic})


def _data(deed: Deed) -> dict[str, Any]:
    if not deed.of:
        return {}
    return {{kinds.SUBMITTED: "form", kinds.VISITED: "page"}[deed.kind]: deed.of}
