"""Holds what the database says against the model and the provider's log, after every commit and at the end."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from sequencer.core.decision import Decision, Send
from sequencer.core.engine import SETTLING, decide
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.lead import Lead
from sequencer.core.release import Release
from sequencer.core.sequence import Email
from sequencer.services import snapshots
from sequencer.services.release import Releases
from sequencer.services.why import why
from sequencer.store import clock, enrollments, leads
from tests.stateful.model import Facts, Model
from tests.stateful.provider import Mail

Key = tuple[int, str]

GAP = timedelta(hours=20)
WEEK, A_WEEK = timedelta(days=7), 3
REPLY, AWAY, CLOCKS = timedelta(days=14), timedelta(days=7), timedelta(hours=1)
"""Pauses are so many days on the wall: the clocks may change meanwhile."""

WENT = frozenset({"accepted", "delivered", "bounced", "dropped"})
MAY_HAVE_GONE = WENT | {"sending", "unknown"}
NEXT = {
    "sending": MAY_HAVE_GONE | {"retry", "refused", "cancelled"},
    "retry": frozenset({"retry", "sending", "cancelled", "refused"}),
    "unknown": WENT | {"unknown"},
    "accepted": WENT,
    "delivered": frozenset({"delivered", "bounced", "dropped"}),
    "bounced": frozenset({"bounced"}),
    "dropped": frozenset({"dropped"}),
    "refused": frozenset({"refused"}),
    "cancelled": frozenset({"cancelled"}),
}
"""Where a message may be found after it was found in a state; docs/lifecycle.md, several steps at once."""

HELD = frozenset(
    "wait hours gap day week sending unknown retry no-owner owner-away awaiting paused behind sequence-stopped".split()
)
"""Reasons for which an enrollment may wait (sequencer.core.explain)."""


class Row(NamedTuple):
    """What is watched of a message."""

    state: str
    attempt: int
    lead: int
    sent_at: datetime
    exempt: bool
    accepted_at: datetime | None


class Watch:
    """`violations` gathers what must never be; `judge` raises it."""

    def __init__(self, spy: Engine, model: Model, log: Sequence[Mail]) -> None:
        self.spy, self.model, self.log = spy, model, log
        self.history: dict[Key, Row] = {}
        self.violations: list[str] = []
        self.looks = self.tried = 0
        self.again: set[Key] = set()
        """What went again although nobody knew whether it had gone."""
        self.paused = False
        self.may_try = False
        """While sending is paused: one mail may find out whether it still must be."""
        self._releases = Releases()

    def judge(self) -> None:
        assert not self.violations, "\n".join(self.violations)

    # --- after every commit

    def look(self) -> None:
        self.looks += 1
        with self.spy.connect() as conn:
            began = []
            for row in conn.execute(text(_MESSAGES)).all():
                key, found = (row[0], row[1]), Row(*row[2:])
                known = self.history.get(key)
                if known is None or found.attempt > known.attempt:
                    began.append((key, found))
                    if known is not None and known.state == "unknown":
                        self._goes_again(conn, key, known, found)
                    elif known is not None and known.state != "retry":
                        self._wrong(key, f"attempt {found.attempt} began while {known.attempt} was {known.state}")
                elif (
                    found.state not in NEXT[known.state] and not (key in self.again and found.state in WENT)
                ) or found.attempt < known.attempt:
                    self._wrong(key, f"went back from {known} to {found}")
                elif known.accepted_at is not None and found.accepted_at != known.accepted_at:
                    self._wrong(key, f"was accepted at {known.accepted_at}, and then at {found.accepted_at}")
                self.history[key] = found
            mailed = [(key, found) for key, found in began if found.state in MAY_HAVE_GONE]
            for key, found in mailed:
                self._began(conn, key, found)
            if mailed and self.paused:
                self.tried += 1
                if not self.may_try or len(mailed) > 1:
                    self.violations.append(f"sending is paused, and yet {len(mailed)} are mailed: {mailed}")
                self.may_try = False
            self._odd(conn)

    def _wrong(self, key: Key, what: str) -> None:
        self.violations.append(f"{key[0]}/{key[1]}: {what}")

    def _began(self, conn: Connection, key: Key, found: Row) -> None:
        """An attempt is committed, so its mail may go."""
        enrollment, step = key
        now, person = found.sent_at, self.model.people[found.lead]
        if any(mail.key == key for mail in self.log) and key not in self.again:
            self._wrong(key, "goes again, and the provider has taken it already")
        row = conn.execute(text(_ENROLLMENT), {"id": enrollment}).one()
        current = self._releases.current(conn)
        series = current.steps_of(row).sequence
        declared = series.steps.get(step)
        if row.status != "active" and (row.status, row.ended_at) != ("finished", now):
            # Its last mail ends it, in the same moment.
            self._wrong(key, f"is mailed though its enrollment is {row.status}")
        if person.barred:
            self._wrong(key, f"is mailed after a halt: {sorted(person.barred)}")
        if not person.wants(series.topic):
            self._wrong(key, f"is mailed about {series.topic}, which the lead does not want")
        if enrollment in self.model.silent_until:
            until = self.model.silent_until[enrollment]
            if until is None or now < until - CLOCKS:
                self._wrong(key, f"is mailed at {now} after an answer that silences until {until}")
        if row.sequence == "series" and conn.execute(text(_AHEAD), {"lead": found.lead}).scalar_one():
            self._wrong(key, "is mailed while the lead is in `owners`, which pauses it")
        if not isinstance(declared, Email) or row.deployment != current.number:
            self._wrong(key, f"is no mail of deployment {current.number}; its enrollment is in {row.deployment}")
            return
        if series.state.value not in ("live", "closed"):
            self._wrong(key, f"is mailed while the sequence is {series.state}")
        by_rep = series.sender == "owner" and row.rep == "ana@acme.example"
        zone = ZoneInfo(row.zone or ("America/New_York" if by_rep else "Europe/London"))
        self._in_hours(key, series, now.astimezone(zone))
        if not series.exempt:
            self._spaced(key, found)

    def _goes_again(self, conn: Connection, key: Key, known: Row, found: Row) -> None:
        """Nobody knew whether it had gone: only where the step wants it, once, and when its events would have come."""
        enrollment, step = key
        row = conn.execute(text(_ENROLLMENT), {"id": enrollment}).one()
        declared = self._releases.current(conn).steps_of(row).sequence.steps.get(step)
        after = declared.resend_after if isinstance(declared, Email) else None
        if after is None:
            self._wrong(key, "goes again, unknown as it is, and its step does not want that")
        elif found.sent_at < known.sent_at + after.elapsed:
            self._wrong(key, f"goes again at {found.sent_at}, less than {after} after {known.sent_at}")
        if key in self.again:
            self._wrong(key, "goes again a second time, unknown as it is")
        if not self.model.heard_since(known.sent_at, found.sent_at):
            self._wrong(key, f"goes again, and its events may be lost: {known.sent_at} to {found.sent_at}")
        self.again.add(key)

    def _odd(self, conn: Connection) -> None:
        mirror, stuck, reasons = conn.execute(text(_ODD)).one()
        self.violations += [f"the suppressions of {email} say other than its lead" for email in mirror]
        self.violations += [f"the enrollment {number} waits for nothing" for number in stuck]
        self.violations += [f"sending is paused: {reason}" for reason in reasons if reason != "credentials"]
        self.paused = bool(reasons)

    def _in_hours(self, key: Key, series: Any, wall: datetime) -> None:
        """By another calculation than the engine's."""
        if not series.exempt and wall.weekday() > 4:
            self._wrong(key, f"is mailed on a weekend: {wall}")
        hours = series.hours
        if hours is None:
            return
        shown = time(wall.hour, wall.minute, wall.second, wall.microsecond)
        if wall.weekday() not in hours.days or not hours.start <= shown < hours.end:
            self._wrong(key, f"is mailed out of hours: {wall}")

    def _spaced(self, key: Key, found: Row) -> None:
        others = [
            row.sent_at
            for other, row in self.history.items()
            if other != key and row.lead == found.lead and not row.exempt and row.state in MAY_HAVE_GONE
        ]
        if any(abs(found.sent_at - at) < GAP for at in others):
            self._wrong(key, f"is mailed at {found.sent_at}, too soon after {max(others)}")
        if sum(found.sent_at - WEEK < at <= found.sent_at for at in others) >= A_WEEK:
            self._wrong(key, f"is mailed at {found.sent_at}, over the cap of a week: {sorted(others)}")

    def replied(self, conn: Connection, lead: int, answer: Any, now: datetime) -> None:
        """An answer was taken in: by the rules, what the lead is in now is silent for a time or for good."""
        current = self._releases.current(conn)
        rows = conn.execute(
            text("SELECT id, sequence, deployment, pinned, entered_at FROM enrollment WHERE lead_id = :lead"),
            {"lead": lead},
        )
        for row in rows.all():
            series = current.steps_of(row).sequence
            if answer.automatic:
                self.model.silences(row.id, now + AWAY)
                continue
            leaves = any("replied()" in condition.source for condition in series.exit_on)
            heard = answer.at >= row.entered_at.replace(microsecond=0)
            self.model.silences(row.id, None if series.sender == "owner" or (leaves and heard) else now + REPLY)

    # --- when nothing is due

    def rests(self, releases: Releases) -> None:
        """Looking again at the same moment changes nothing, and nobody waits who could go on."""
        for enrollment, decision in self._decisions(releases):
            if enrollment.due_at is not None and enrollment.due_at <= self._soon():
                continue  # it stood behind an open request, and is looked at again within seconds
            if any(isinstance(effect, Send) and effect.resend for effect in decision.effects):
                continue  # whether the intake has proved itself is looked at once an hour
            if decision.effects or decision.enrollment.position != enrollment.position:
                self.violations.append(
                    f"{enrollment.id} rests at {enrollment.position} until {enrollment.due_at}, but looked at now:"
                    f" {[reason.code for reason in decision.reasons]} {decision.enrollment.position}"
                )

    def _soon(self) -> datetime:
        with self.spy.connect() as conn:
            return clock.now(conn) + SETTLING

    def waits_with_a_reason(self, releases: Releases) -> None:
        """Whoever is held is held for a reason that `why` shows."""
        for enrollment, decision in self._decisions(releases):
            if enrollment.due_at is not None and enrollment.due_at <= self._soon():
                continue
            code = decision.reasons[-1].code if decision.reasons else ""
            if any(isinstance(effect, Send) and effect.resend for effect in decision.effects):
                code = "unknown"
            if code not in HELD and not (code.startswith("ended-") and _only_entered(enrollment)):
                self.violations.append(f"held for no reason ({code}): {enrollment}")
            with self.spy.connect() as conn:
                [lead] = leads.by_ids(conn, [enrollment.lead_id])
                release, now = releases.current(conn), clock.now(conn)
                answers = [a for a in why(conn, release, lead, None, now) if a.sequence == enrollment.sequence]
                if not answers or not answers[0].now:
                    self.violations.append(f"`why` says nothing about {lead.email} in {enrollment.sequence}")

    def _decisions(self, releases: Releases) -> list[tuple[Enrollment, Decision]]:
        with self.spy.connect() as conn:
            release, now = releases.current(conn), clock.now(conn)
            return [
                (enrollment, self._decision(conn, release, enrollment, lead, now))
                for enrollment, lead in self._running(conn)
            ]

    def _decision(
        self, conn: Connection, release: Release, enrollment: Enrollment, lead: Lead, now: datetime
    ) -> Decision:
        series = release.steps_of(enrollment).sequence
        [snapshot] = snapshots.load(conn, release.workspace, series.asks, [(enrollment, lead)], now)
        return decide(release.workspace, series, snapshot, now)

    def _running(self, conn: Connection) -> list[tuple[Enrollment, Lead]]:
        known = {lead.id: lead for lead in leads.by_ids(conn, list(self.model.people))}
        found = enrollments.all_of(conn, list(known))
        return [(e, known[e.lead_id]) for e in found if e.status in RUNNING]

    # --- at the end

    def everything_is_told(self) -> None:
        """All events are in: the ledger knows what the provider knows, and every event counted once."""
        with self.spy.connect() as conn:
            rows = {(r.enrollment_id, r.step): r for r in conn.execute(text("SELECT * FROM message"))}
            stored = conn.execute(text("SELECT count(*) FROM event WHERE source = 'sendgrid'")).scalar_one()
            barred: dict[int, set[str]] = {number: set() for number in self.model.people}
            for row in conn.execute(text(_REASONS)):
                barred[row.id].add(row.reason)
        taken = [mail.key for mail in self.log]
        if doubled := {key for key in taken if taken.count(key) > 1 + (key in self.again)}:
            self.violations.append(f"accepted more than once: {doubled}")
        for key, row in rows.items():
            if (key in taken) != (row.state in WENT):
                self._wrong(key, f"is {row.state}; the provider has {'' if key in taken else 'not '}taken it")
        if lost := set(taken) - rows.keys():
            self.violations.append(f"accepted, and not in the ledger: {lost}")
        if stored != len(self.model.counted):
            self.violations.append(f"{len(self.model.counted)} different events came, {stored} are stored")
        for key in set(taken):
            said = self.model.facts.get(key, Facts())
            row = rows[key]
            if (row.opened_at, set(row.clicked), row.clicked_at) != (said.opened, said.clicked, said.clicked_at):
                self._wrong(key, f"has {row.opened_at}, {row.clicked}, {row.clicked_at}; the events say {said}")
        for number, person in self.model.people.items():
            if barred[number] != person.barred:
                self.violations.append(f"lead {number} is barred by {barred[number]}, by the model {person.barred}")

    def all_have_ended(self) -> None:
        with self.spy.connect() as conn:
            for enrollment, _ in self._running(conn):
                self.violations.append(f"never ends: {enrollment}")


def _only_entered(enrollment: Enrollment) -> bool:
    """What was true at the door already ends an enrollment only where it falls due first."""
    return not enrollment.outcomes and enrollment.since == enrollment.entered_at


_MESSAGES = "SELECT enrollment_id, step, state, attempt, lead_id, sent_at, exempt, accepted_at FROM message"
_ENROLLMENT = """
SELECT e.status, e.ended_at, e.sequence, e.deployment, e.pinned, l.zone, coalesce(l.owner, c.owner) AS rep
FROM enrollment e JOIN lead l ON l.id = e.lead_id LEFT JOIN company c ON c.id = l.company_id WHERE e.id = :id
"""
_AHEAD = """
SELECT EXISTS (SELECT 1 FROM enrollment
               WHERE lead_id = :lead AND sequence = 'owners' AND status IN ('active', 'paused'))
"""
_ODD = """
SELECT ARRAY(SELECT email FROM lead
             WHERE suppressed <> EXISTS (SELECT 1 FROM suppression s WHERE s.email = lead.email AND s.topic = '')),
       ARRAY(SELECT id FROM enrollment WHERE status IN ('active', 'paused') AND due_at IS NULL),
       ARRAY(SELECT reason FROM pause)
"""
_REASONS = "SELECT l.id, s.reason FROM suppression s JOIN lead l ON l.email = s.email WHERE s.topic = ''"
