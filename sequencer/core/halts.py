"""What a reply, or an automatic one, does to a lead's enrollments unless their sequence declares otherwise."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.lead import Lead
from sequencer.core.operate import is_held
from sequencer.core.people import quiet_of
from sequencer.core.schedule import shift
from sequencer.core.sequence import Sequence
from sequencer.core.workspace import Workspace


def after_reply(
    workspace: Workspace, sequence: Sequence, enrollment: Enrollment, lead: Lead, zone: ZoneInfo, now: datetime
) -> Enrollment:
    """A human reply ends the owner's sequences and pauses the others."""
    if sequence.sender == "owner":
        return enrollment.ended(Status.LEFT, "replied", now)
    return _paused(enrollment, "replied", shift(now, workspace.reply_pause, zone, quiet_of(workspace, lead)), now)


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
