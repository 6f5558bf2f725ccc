"""`decide`: what happens to one enrollment now. Used by workers, `why`, simulation and tests alike.

A position is *before step S* or *at the end of an arm*, since a moment; when it falls due follows from that, the
waits in between and the sequence as it is now. So waking an enrollment too early is always harmless.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sequencer.core.dating import (
    after_waits,
    coming_to,
    due_at,
    next_round,
    rounds_done,
    shared_after_waits,
    wait_over,
)
from sequencer.core.decision import Alert, Ask, Assign, Cancel, Change, Decision, Effect, Enter, Reason, Send, made
from sequencer.core.duration import Duration
from sequencer.core.enrollment import RUNNING, Enrollment, Outcome, Passage, Status, became
from sequencer.core.fork import chosen, drawn
from sequencer.core.lanes import converted, holder
from sequencer.core.lead import Rep
from sequencer.core.mark import Mark
from sequencer.core.may_mail import NOTHING_NEW, RELOOK, Hold, Skip, Standing, may_mail
from sequencer.core.message import Message, State
from sequencer.core.operate import EDITED, SEQUENCE, is_held
from sequencer.core.people import changed
from sequencer.core.schedule import UntilDate, shift
from sequencer.core.sequence import (
    DONE_BY,
    INTRODUCED,
    Branch,
    Choose,
    Email,
    Exit,
    Fork,
    Handoff,
    Place,
    Review,
    Rounds,
    Sequence,
    Set,
    Split,
    Start,
    Step,
    Task,
    Tell,
    contents_of,
)
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

SETTLING = timedelta(seconds=5)
"""How soon to look again while the provider's answer to the last mail is still out."""

GIVEN_UP = timedelta(hours=24)
"""After so long an unknown message counts as sent for the sequence's progress."""

RESEND_RELOOK = timedelta(hours=1)
"""How often an unknown message that may go again is looked at while the webhooks' intake does not prove itself."""


def decide(workspace: Workspace, sequence: Sequence, snapshot: Snapshot, now: datetime) -> Decision:
    """Moves the enrollment as far as it can go at `now`: to its end, to a wait, or past one email."""
    enrollment = snapshot.enrollment
    if enrollment is None or enrollment.status not in RUNNING:
        raise ValueError("decide takes a running enrollment")
    run = _Run(workspace, sequence, snapshot, enrollment, now)
    run.go()
    return made((run.passage.enrollment(), run.effects, run.reasons))


def departure(workspace: Workspace, sequence: Sequence, snapshot: Snapshot, now: datetime) -> Decision | None:
    """Only the part of `decide` that ends an enrollment; None when it goes on.

    Runs in the transaction that stores an event, so that a halt is effective when that commits.
    """
    enrollment = snapshot.enrollment
    if enrollment is None or enrollment.status not in RUNNING:
        return None
    run = _Run(workspace, sequence, snapshot, enrollment, now)
    return Decision(run.passage.enrollment(), run.effects, run.reasons) if run.leaves() else None


def open_message(messages: Mapping[str, Message], now: datetime) -> Message | None:
    """The mail of an enrollment of which it is still open what becomes of it: nothing else is mailed before."""
    for message in messages.values():
        if message.state in (State.SENDING, State.RETRY):
            return message
        if message.state is State.UNKNOWN and message.sent_at + GIVEN_UP > now:
            return message
    return None


def ends_after_mail(workspace: Workspace, sequence: Sequence) -> bool:
    """Whether `decide` could only end who stands at the end after a mail, once the provider took or refused it."""
    waits = sequence.body.waits or sequence.id in workspace.rivals or sequence.id in workspace.waits_by_status
    return not (sequence.ends_by_mailing or sequence.reviews or waits)


class _Run(Standing):
    """One call of `decide`: the enrollment as it moves, and what has come of it so far."""

    __slots__ = ("effects", "passage", "reasons")

    def __init__(
        self, workspace: Workspace, sequence: Sequence, snapshot: Snapshot, before: Enrollment, now: datetime
    ) -> None:
        super().__init__(workspace, sequence, snapshot, before, now)
        self.effects: tuple[Effect, ...] = ()
        self.reasons: tuple[Reason, ...] = ()
        self.passage = Passage(before)

    # --- the whole

    def go(self) -> None:
        if self.leaves() or self.is_held_up():
            return
        messages = self.snapshot.messages
        if messages and (message := open_message(messages, self.now)) is not None:
            if message.state is not State.RETRY:
                self.settle(message)
                return
            if self.retries(message):
                return
        while self.step_on():
            pass

    def step_on(self) -> bool:
        """One place further; False when there is nothing more to do now."""
        place = self.sequence.places[self.passage.position]
        step, due = place.step, self.passage.since
        if place.personal:
            if isinstance(step, Rounds):
                place = next_round(place, step, self.passage)
                if self.over(step, place):
                    return True
            due = after_waits(place.waits, due, self.zone, self.quiet, self.lead)
        elif place.waits:
            due = shared_after_waits(self.sequence, place.position, due, self.zone, self.quiet)
        if due > self.now:
            self.wait(place)
            return False
        if step is None:
            return self.join(place)
        # Nothing is met twice at one time, so what was passed was passed before.
        if self.before.outcomes:
            if (passed := self.before.passed(step.id)) is not None:
                return self.pass_again(step, passed)
            if isinstance(step, Task) and (given := self.before.passed(step.given)) is not None:
                return self.call(step, given)
        if place.personal and (missed := self.missed(place)) is not None:
            self.skip(step, "date", str(missed))
            return True
        if isinstance(step, Email):
            return self.email(step, due)
        if isinstance(step, Branch):
            return self.branch(step, due)
        if isinstance(step, (Choose, Split)):  # a union would be put together anew each time
            return self.fork(step)
        if isinstance(step, Rounds):
            return self.rounds(step, due)
        if isinstance(step, Task):
            return self.task(step)
        self.act(step)
        # What a step changed may be what ends the enrollment: no mail goes before that was asked.
        return self.passage.status is Status.ACTIVE and not self.leaves()

    def missed(self, place: Place) -> UntilDate | None:
        """The date that was to be waited for and is not known, or was past already: what follows it is skipped."""
        for number, wait in enumerate(place.waits):
            if isinstance(wait, UntilDate):
                lead, since = self.lead, self.passage.since
                reached = after_waits(place.waits[:number], since, self.zone, self.quiet, lead)
                if wait_over(wait, reached, self.zone, self.quiet, lead) is None:
                    return wait
        return None

    # --- what ends or holds an enrollment

    def leaves(self) -> bool:
        sequence, snapshot = self.sequence, self.snapshot
        topic, consent, lead = sequence.topic, snapshot.consent, snapshot.lead
        if lead.suppressed:
            return self.end(Status.STOPPED, "suppressed", sequence.mark)
        status = self.workspace.statuses.get(lead.status) if lead.status else None
        if status is not None and status.stops:
            return self.end(Status.STOPPED, "status", sequence.mark, status.id)
        for condition in sequence.never:
            if condition.test(self):
                return self.end(Status.STOPPED, "never", condition.mark, condition.source)
        if topic in consent.refused:
            return self.end(Status.LEFT, "unsubscribed", sequence.mark, topic)
        declared = self.workspace.topics.get(topic)
        if declared is not None and not declared.default and topic not in consent.given:
            return self.end(Status.LEFT, "no-consent", sequence.mark, topic)
        if sequence.goal is not None and sequence.goal.test(self):
            return self.end(Status.CONVERTED, "goal", sequence.goal.mark, sequence.goal.source)
        for condition in sequence.exit_on:
            if condition.test(self):
                return self.end(Status.LEFT, "exit_on", condition.mark, condition.source)
        if snapshot.others:
            sequences = self.workspace.sequences
            if (reached := converted(sequences, sequence, self.before, snapshot.others)) is not None:
                return self.end(Status.LEFT, "goal-elsewhere", sequences[reached].mark, reached)
        return False

    def is_held_up(self) -> bool:
        """Because the sequence is stopped; by an operator; by what the lead did, until a moment; by the lead's status,
        as long as they have it; or because another sequence goes first, until then.
        """
        if not self.sequence.goes_on:
            self.hold("sequence-stopped", self.sequence.mark, self.now + RELOOK, detail=self.sequence.state.value)
            return True
        e, others, lead = self.before, self.snapshot.others, self.lead
        if e.status is Status.ACTIVE and e.paused_at is e.resume_at is None and not (lead.status or others):
            return False
        if is_held(e):
            self.hold("sequence-paused" if e.reason == SEQUENCE else "held", self.sequence.mark, None)
            return True
        if e.resume_at is not None and e.resume_at > self.now:
            self.hold("paused", self.sequence.mark, e.resume_at, detail=e.reason)
            return True
        status = self.workspace.statuses.get(lead.status) if lead.status else None
        if status is not None and self.sequence.id in status.pauses:
            self.pause(f"status {status.id}")
            self.hold("status-pauses", self.sequence.mark, self.now + RELOOK, detail=status.label)
            return True
        if others and (ahead := holder(self.workspace.sequences, self.sequence, e, others)) is not None:
            self.pause(f"behind {ahead}")
            self.hold("behind", self.sequence.mark, self.now + RELOOK, detail=ahead)
            return True
        if e.paused_at is not None:
            # The remaining wait is kept: the time spent in the pause does not count.
            p = self.passage
            p.since += self.now - e.paused_at
            p.status, p.reason, p.paused_at, p.resume_at = Status.ACTIVE, "", None, None
        return False

    def pause(self, reason: str) -> None:
        """As long as that is so: for no moment that is known."""
        p = self.passage
        p.status, p.reason, p.paused_at, p.resume_at = Status.PAUSED, reason, p.paused_at or self.now, None

    # --- the mail before

    def settle(self, message: Message) -> None:
        """Waits for what becomes of the mail before; an unknown one goes again where the step says so."""
        mark = self.mark_of(message.step)
        if message.state is State.SENDING:
            self.hold("sending", mark, self.now + SETTLING, message.step, message.failure or "")
            return
        until = message.sent_at + GIVEN_UP
        step = self.mailing(message)
        passed = self.passage.passed(message.step)
        if step is not None and step.resend_after is not None and passed is not None:
            again = message.sent_at + step.resend_after.elapsed
            if message.sent_at >= passed.at + step.resend_after.elapsed:
                again = until  # once, and not as often as nobody answers
            if again <= self.now and self.resends(step, message):
                return
            until = min(until, again if again > self.now else self.now + RESEND_RELOOK)
        self.hold("unknown", mark, until, message.step, message.failure or "")

    def mailing(self, message: Message) -> Email | None:
        """The step that a message was sent for, with the content it has if that was picked; None: it is gone."""
        step = self.sequence.step_of(message.step)
        if isinstance(step, Rounds):
            step = Email(message.step, step.mark, (), "", pick=step.pick)
        if not isinstance(step, Email) or step.id != message.step:
            return None
        if step.pick is not None and message.content in contents_of(step.pick):
            return replace(step, content=message.content, pick=None)
        return step

    def resends(self, step: Email, message: Message) -> bool:
        """Another attempt, if its events would have come by now; what forbids a mail leaves it held."""
        sound = self.snapshot.intake_sound_since
        if sound is None or sound > message.sent_at:
            return False
        # The attempt in doubt counts for gap and caps, and must not stand in its own way.
        others = _without(self.snapshot.mailed_at, message.sent_at)
        colleagues = _without(self.snapshot.company_mailed_at, message.sent_at)
        self.snapshot = self.snapshot._replace(mailed_at=others, company_mailed_at=colleagues)
        send = self.may_mail(step, self.passage.since)
        if isinstance(send, Skip):
            return False
        if send is not None:
            self.mail(send._replace(attempt=message.attempt + 1, resend=True), self.passage.position)
        return True

    def retries(self, message: Message) -> bool:
        """True when nothing more is to be done now."""
        step = self.mailing(message)
        if step is None:
            # The step is gone from the file; its mail was surely not sent and never will be.
            self.effects += (Cancel(message.step),)
            return False
        if message.retry_at is not None and message.retry_at > self.now:
            self.hold("retry", step.mark, message.retry_at, step.id, message.failure or "")
            return True
        send = self.may_mail(step, self.passage.since)
        if isinstance(send, Skip):
            self.reasons += (Reason(f"skipped-{send.why}", step.mark, step.id, detail=send.detail),)
            self.effects += (Cancel(step.id),)
            return False
        if send is not None:
            self.mail(send._replace(attempt=message.attempt + 1), self.passage.position)
        return True

    # --- steps

    def email(self, step: Email, due: datetime) -> bool:
        asked = self.passage.passed(step.asked) if step.review is not None else None
        if step.review is not None and asked is not None:
            over = self.reviewed(step, step.review, asked)
            if not isinstance(over, datetime):
                return over
            # Hours, gap and caps are asked from then on: the mail could not go before.
            due = max(due, over)
        send = self.may_mail(step if asked is None else chosen_then(step, asked), due)
        if isinstance(send, Skip):
            self.skip(step, send.why, send.detail)
            return True
        if send is not None and step.review is not None and asked is None:
            self.ask(send, step.review)
        elif send is not None:
            if send.introduces is not None:
                self.introduce(send, send.introduces)
            sent = became(step.id, "sent", self.now, send.step.content if step.pick is not None else "")
            self.passage.outcomes += (sent,)
            self.mail(send, self.sequence.places[step.id].following)
        return False

    def ask(self, send: Send, review: Review) -> None:
        """The mail could go now: so its rep is asked."""
        step = send.step
        due = shift(self.now, review.within, self.zone, self.quiet)
        self.effects += (Ask(step, due, send.sender, send.sender or self.owner),)
        self.reasons += (Reason("review", step.mark, step.id, due),)
        self.note_as(step.asked, "asked_rep", step.content)
        self.hold("review-open", step.mark, due, step.id, review.then)

    def reviewed(self, step: Email, review: Review, asked: Outcome) -> datetime | bool:
        """When the rep let it go, or the time was over; before that, and when it is skipped, whether to step on."""
        said = self.passage.passed(step.reviewed)
        if said is not None and said.outcome == "rep_approved":
            return said.at
        if said is not None:
            self.skip(step, "review", "")
            return True
        if self.unneeded(step):
            return True
        due = shift(asked.at, review.within, self.zone, self.quiet)
        if due > self.now:
            self.hold("review-open", step.mark, due, step.id, review.then)
            return False
        if review.then == "skip":
            self.skip(step, "not-reviewed", "")
            return True
        return due

    def rounds(self, step: Rounds, due: datetime) -> bool:
        """The next mail of a series; the series is over when nothing is left for this lead."""
        number = rounds_done(step, self.passage) + 1
        mail = Email(step.round(number), step.mark, (), "", pick=step.pick)
        send = self.may_mail(mail, due)
        if isinstance(send, Skip) and send.why == NOTHING_NEW:
            return self.finish(step, f"nothing new of the kind {send.detail} was left")
        if send is None:
            return False
        if isinstance(send, Skip):
            self.reasons += (Reason(f"skipped-{send.why}", step.mark, mail.id, detail=send.detail),)
            self.note(mail, "skipped", f"{send.why}: {send.detail}" if send.detail else send.why)
        else:
            if send.introduces is not None:
                self.introduce(send, send.introduces)
            self.note(mail, "sent", send.step.content)
        if number >= step.up_to:
            self.finish(step, f"all {step.up_to} rounds were made")
        else:
            self.move(step.id)
        if isinstance(send, Send):
            self.mail(send, self.passage.position)
            return False
        return True

    def over(self, step: Rounds, place: Place) -> bool:
        """Ends a series of which enough was sent; True when it did."""
        done = rounds_done(step, self.passage)
        if self.passage.passed(step.id) is not None or not done:
            return False
        if done >= step.up_to:
            return self.finish(step, f"{done} rounds were made")
        if step.until is not None and step.until.test(self):
            return self.finish(step, f"`{step.until.source}` is true")
        return False

    def finish(self, step: Rounds, why: str) -> bool:
        self.reasons += (Reason("series-over", step.mark, step.id, detail=why),)
        self.pass_step(step, "done", why)
        return True

    def introduce(self, send: Send, before: Rep) -> None:
        self.note_as(send.step.introduced, "introduced", before.email)

    def mail(self, send: Send, position: str) -> None:
        """`position`: where the lead comes to by it."""
        passage, step, now = self.passage, send.step, self.now
        self.effects += (send,)
        self.reasons += (_sent(step),)
        place, due = coming_to(self.sequence, position, now, self.zone, self.quiet)
        if due is None:
            due = self.next_look(place)
        if step.resend_after is not None:
            # Nobody wakes an enrollment when an answer stays out: so it is looked at when the mail might go again.
            due = min(due, now + step.resend_after.elapsed)
        passage.position, passage.since, passage.due_at = place.position, now, due

    def may_mail(self, step: Email, due: datetime) -> Send | Skip | None:
        """The mail, when nothing stands in the way now; None: held, and the enrollment is dated."""
        ruling = may_mail(self, step, due)
        if isinstance(ruling, Send):
            if ruling.introduces is not None and self.is_introduced(step, ruling.introduces):
                return ruling._replace(introduces=None)
            return ruling
        if isinstance(ruling, Hold):
            self.hold(ruling.why, step.mark, ruling.until, step.id, ruling.detail)
            return None
        return ruling

    def is_introduced(self, step: Email, before: Rep) -> bool:
        """Whether the mail is the rep's own words, or one before introduced them of which an event alone told that it
        went: whoever takes the answer of a provider notes on the lead that it knows its owner.
        """
        said = self.passage.passed(step.reviewed)
        if said is not None and said.detail == EDITED:
            return True
        noted = [o for o in self.passage.outcomes if o.outcome == "introduced"]
        if not noted or noted[-1].detail != before.email:
            return False
        message = self.snapshot.messages.get(noted[-1].step.removesuffix(INTRODUCED))
        return message is not None and message.accepted_at is not None

    def branch(self, step: Branch, due: datetime) -> bool:
        if step.condition.test(self):
            return self.take(step, "then")
        if step.within is not None:
            deadline = shift(max(due, self.accepted()), step.within, self.zone, self.quiet)
            if deadline > self.now:
                until = self.look_again(step, deadline)
                self.hold("awaiting", step.condition.mark, until, step.id, step.condition.source)
                return False
        return self.take(step, "else")

    def take(self, step: Branch, arm: str) -> bool:
        position, reason, outcome = _taking(self.sequence, step.id, arm, self.now)
        self.reasons += (reason,)
        self.passage.outcomes += (outcome,)
        self.passage.position, self.passage.since = position, self.now
        return True

    def fork(self, step: Choose | Split) -> bool:
        if isinstance(step, Choose):
            number = chosen(step, self)
            taken = step.conditions[number] if number < len(step.conditions) else None
            why = f"`{taken.source}` is true" if taken is not None else "nothing above it is true"
            mark = taken.mark if taken is not None else step.mark
        else:
            number = drawn(step, self.sequence.id, self.lead.email)
            mark, why = step.mark, f"drawn, a share of {step.shares[number]} %"
        arm = step.arms[number].name
        self.reasons += (Reason("arm", mark, step.id, detail=f"`{arm}`: {why}"),)
        self.note(step, arm)
        self.enter(step, arm)
        return True

    def enter(self, step: Fork, arm: str) -> None:
        self.move(_entrance(self.sequence, step, arm))

    def accepted(self) -> datetime:
        """When the provider took the last mail, for `within`; when no mail came before, when this place was reached."""
        since = self.passage.since
        last = next((o for o in reversed(self.passage.outcomes) if o.outcome != "done"), None)
        message = self.snapshot.messages.get(last.step) if last and last.outcome == "sent" else None
        return max(since, message.accepted_at) if message and message.accepted_at else since

    def unneeded(self, step: Email | Task | Tell | Set | Handoff | Start | Exit) -> bool:
        """Whether the step's `unless` skips it."""
        if step.unless is None or not step.unless.test(self):
            return False
        self.skip(step, "unless", step.unless.source)
        return True

    def task(self, step: Task) -> bool:
        if self.before.held_out:
            self.skip(step, "holdout", "")
            return True
        if self.unneeded(step):
            return True
        due = shift(self.now, step.due, self.zone, self.quiet)
        self.effects += (Assign(step, due),)
        self.reasons += (Reason("task", step.mark, step.id, due),)
        if not step.hold:
            self.pass_step(step, "assigned")
            return True
        self.note_as(step.given, "assigned")
        return self.call(step, self.passage.outcomes[-1])

    def call(self, step: Task, given: Outcome) -> bool:
        """Waits for a task that was given: True when it goes on."""
        due = shift(given.at, step.due, self.zone, self.quiet)
        # Whoever tells of it may cut the time off to whole seconds.
        since = given.at.replace(microsecond=0)
        done = any(e.kind == DONE_BY[step.kind] and e.at >= since for e in self.snapshot.events)
        if step.hold and not done and due > self.now:
            self.hold("task-open", step.mark, due, step.id, step.kind)
            return False
        why = f"the {step.kind} was logged" if done else f"the {step.kind} was not logged in time"
        self.reasons += (Reason("task-over", step.mark, step.id, detail=why),)
        self.pass_step(step, "went_on", why)
        return True

    def act(self, step: Tell | Set | Handoff | Start | Exit) -> None:
        if self.before.held_out and not isinstance(step, Exit):
            self.skip(step, "holdout", "")
            return
        if self.unneeded(step):
            return
        if isinstance(step, Exit):
            self.note(step, "exit", step.reason)
            self.end(Status.LEFT, "exit", step.mark, step.reason)
            return
        if isinstance(step, Tell):
            self.effects += (Alert(step, "tell"),)
            self.pass_step(step, "told")
        elif isinstance(step, Set):
            self.change(step, self.resolved(step.values))
            self.pass_step(step, "set")
        elif isinstance(step, Handoff):
            lead = self.lead
            if self.workspace.stage_rank(step.stage) > self.workspace.stage_rank(lead.stage):
                self.change(step, {"stage": step.stage})
            self.effects += (Alert(step, "handoff"),)
            self.pass_step(step, "handed_off")
        else:
            self.effects += (Enter(step),)
            self.pass_step(step, "started", step.sequence)
        self.reasons += (Reason(type(step).__name__.lower(), step.mark, step.id),)

    def change(self, step: Set | Handoff, values: Mapping[str, Any]) -> None:
        if "stage" in values and self.workspace.stage_rank(values["stage"]) < self.workspace.stage_rank(
            self.lead.stage
        ):
            # Automation never moves a lead backwards; the CRM may.
            values = {name: value for name, value in values.items() if name != "stage"}
        if values:
            self.effects += (Change(step, values),)
            lead = changed(self.lead, values)
            self.snapshot, self.lead = self.snapshot._replace(lead=lead), lead

    def resolved(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Durations from now become dates in the lead's zone."""
        return {
            name: shift(self.now, value, self.zone, self.quiet).astimezone(self.zone).date().isoformat()
            if isinstance(value, Duration)
            else value
            for name, value in values.items()
        }

    # --- moving

    def join(self, place: Place) -> bool:
        if place.fork is None:
            self.reasons += (Reason("finished", self.sequence.mark),)
            self.passage = Passage(self.passage.enrollment().ended(Status.FINISHED, "finished", self.now))
            return False
        self.move(place.following)
        return True

    def pass_again(self, step: Step, passed: Outcome) -> bool:
        """A step already passed is never done twice; a fork is followed as it was taken."""
        if isinstance(step, Fork):
            self.enter(step, passed.outcome)
        else:
            self.move(self.sequence.places[step.id].following)
        return True

    def skip(self, step: Step, why: str, detail: str) -> None:
        self.reasons += (Reason(f"skipped-{why}", step.mark, step.id, detail=detail),)
        self.pass_step(step, "skipped", f"{why}: {detail}" if detail else why)

    def pass_step(self, step: Step, outcome: str, detail: str = "") -> None:
        self.note(step, outcome, detail)
        self.move(self.sequence.places[step.id].following)

    def note(self, step: Step, outcome: str, detail: str = "") -> None:
        self.note_as(step.id, outcome, detail)

    def note_as(self, key: str, outcome: str, detail: str = "") -> None:
        self.passage.outcomes += (became(key, outcome, self.now, detail),)

    def move(self, position: str) -> None:
        self.passage.position, self.passage.since = position, self.now

    def next_look(self, place: Place) -> datetime:
        """When to look again after a mail, at a place where that depends on the lead: no sooner than it can matter."""
        step = place.step
        if isinstance(step, Rounds):
            place = next_round(place, step, self.passage)
        due = due_at(self.sequence, place, self.now, self.zone, self.quiet, self.lead)
        if isinstance(step, Branch) and step.within is not None and not place.waits and not step.condition.test(self):
            due = self.look_again(step, shift(self.now, step.within, self.zone, self.quiet))
        return due

    def look_again(self, step: Branch, deadline: datetime) -> datetime:
        """What other sequences mail wakes nobody here: a branch that asks for it looks from time to time."""
        asks = step.condition.asks
        return min(deadline, self.now + RELOOK) if asks.contents or asks.topics else deadline

    def wait(self, place: Place) -> None:
        step, since = place.step, self.passage.since
        until = due_at(self.sequence, place, since, self.zone, self.quiet, self.lead)
        mark = step.mark if step is not None else self.sequence.mark
        self.hold("wait", mark, until, step.id if step is not None else "")

    def hold(self, code: str, mark: Mark, until: datetime | None, step: str = "", detail: str = "") -> None:
        self.reasons += (Reason(code, mark, step, until, detail),)
        self.passage.due_at = until

    def end(self, status: Status, reason: str, mark: Mark, detail: str = "") -> bool:
        self.effects += tuple(Cancel(m.step) for m in self.snapshot.messages.values() if m.state is State.RETRY)
        self.reasons += (Reason(f"ended-{reason}", mark, detail=detail),)
        ended = self.passage.enrollment().ended(status, f"{reason}: {detail}" if detail else reason, self.now)
        self.passage = Passage(ended)
        return True

    def mark_of(self, step: str) -> Mark:
        found = self.sequence.step_of(step)
        return found.mark if found is not None else self.sequence.mark


def _entrance(sequence: Sequence, step: Fork, arm: str) -> str:
    """Into that arm; past all of them when it is gone from the file."""
    return sequence.enters(step, arm) or sequence.places[step.id].following


# What is said of a step is the same for everybody who passes it.
@lru_cache(maxsize=1_000)
def _taking(sequence: Sequence, branch: str, arm: str, now: datetime) -> tuple[str, Reason, Outcome]:
    """Where an arm of a branch leads, why it is taken, and that it was."""
    step = sequence.steps[branch]
    assert isinstance(step, Branch)
    condition = step.condition
    reason = Reason(arm, condition.mark, branch, detail=condition.source)
    return _entrance(sequence, step, arm), reason, became(branch, arm, now)


@lru_cache(maxsize=1_000)
def _sent(step: Email) -> Reason:
    return Reason("sent", step.mark, step.id)


def chosen_then(step: Email, asked: Outcome) -> Email:
    """The step with what was picked when the rep was asked about it, and nothing else, to pick from."""
    if step.pick is None:
        return step
    candidates = tuple(one for one in step.pick.candidates if one.id == asked.detail)
    fallback = step.pick.fallback if step.pick.fallback == asked.detail else None
    return replace(step, pick=replace(step.pick, candidates=candidates, fallback=fallback))


def _without(times: tuple[datetime, ...], one: datetime) -> tuple[datetime, ...]:
    """All but one of those at that moment: colleagues may have been mailed at the very same."""
    if one not in times:
        return times
    number = times.index(one)
    return times[:number] + times[number + 1 :]
