"""What a reply, an automatic one, a rep's own contact or what a colleague did does to a lead's enrollments."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.operate import is_held
from sequencer.core.people import quiet_of
from sequencer.core.schedule import shift
from sequencer.core.sequence import DONE_BY, Sequence, Task
from sequencer.core.workspace import Workspace

TOUCHES: Final[Mapping[str, str]] = {
    "call_logged": "call",
    "meeting_booked": "meeting",
    "meeting_held": "meeting",
    "mail_logged": "mail",
}
"""By the event that tells of it: how a rep was in touch with the lead, as `contact` in workspace.yaml names it."""


def after_reply(
    workspace: Workspace, sequence: Sequence, enrollment: Enrollment, lead: Lead, zone: ZoneInfo, now: datetime
) -> Enrollment:
    """A human reply ends the owner's sequences and pauses the others."""
    if sequence.sender == "owner":
        return enrollment.ended(Status.LEFT, "replied", now)
    return _paused(enrollment, "replied", shift(now, workspace.reply_pause, zone, quiet_of(workspace, lead)), now)


def after_touch(
    workspace: Workspace,
    sequence: Sequence,
    enrollment: Enrollment,
    lead: Lead,
    touch: Event,
    zone: ZoneInfo,
    now: datetime,
) -> Enrollment:
    """A rep called, met or wrote: sequences are silent for as long as workspace.yaml says, from then on.

    But for transactional ones, and for the one that waits for this very call.
    """
    silence = workspace.silences.get(TOUCHES.get(touch.kind, ""))
    if silence is None or sequence.exempt or _waits_for(sequence, enrollment, touch.kind):
        return enrollment
    until = shift(min(touch.at, now), silence, zone, quiet_of(workspace, lead))
    return _paused(enrollment, TOUCHES[touch.kind], until, now) if until > now else enrollment


def _waits_for(sequence: Sequence, enrollment: Enrollment, kind: str) -> bool:
    """Whether it stands at a task that is done by such an event."""
    step = sequence.steps.get(enrollment.position)
    if not isinstance(step, Task) or not step.hold:
        return False
    return DONE_BY[step.kind] == kind and enrollment.passed(step.given) is not None


def after_colleague(
    workspace: Workspace,
    sequence: Sequence,
    enrollment: Enrollment,
    lead: Lead,
    kind: str,
    zone: ZoneInfo,
    now: datetime,
) -> Enrollment:
    """What somebody else of the company did pauses marketing's sequences; the owner's talk goes on with everybody.

    Nor does what is free of caps wait: the lead asked for that.
    """
    pause = workspace.colleagues.pauses(kind)
    if pause is None or sequence.sender == "owner" or sequence.exempt:
        return enrollment
    until = shift(now, pause, zone, quiet_of(workspace, lead))
    return _paused(enrollment, kind.replace("_", " "), until, now)


def after_out_of_office(
    workspace: Workspace,
    sequence: Sequence,
    enrollment: Enrollment,
    lead: Lead,
    back: date | None,
    zone: ZoneInfo,
    now: datetime,
) -> Enrollment:
    """An automatic reply pauses until the day of return, else as long as workspace.yaml says."""
    until = shift(now, workspace.out_of_office, zone, quiet_of(workspace, lead))
    if back is not None:
        latest = shift(now, workspace.out_of_office_at_most, zone, quiet_of(workspace, lead))
        until = min(datetime.combine(back, time(), zone), latest)
    if until <= now + timedelta(hours=1):
        return enrollment
    return _paused(enrollment, "out of office", until, now)


def _paused(enrollment: Enrollment, reason: str, until: datetime, now: datetime) -> Enrollment:
    """A pause that is already on may only get longer; it began when it began.

    One that waits behind another sequence, and so for no moment, waits for this one as well.
    """
    if is_held(enrollment) or (enrollment.resume_at is not None and enrollment.resume_at >= until):
        return enrollment
    return enrollment._replace(
        status=Status.PAUSED,
        reason=reason,
        paused_at=enrollment.paused_at or now,
        resume_at=until,
        due_at=until,
    )
