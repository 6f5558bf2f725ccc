"""What an operator may do to one lead's passage by hand: skip a step, stand before another, wait, go on."""

from datetime import datetime
from typing import Final

from sequencer.core.enrollment import END, Enrollment, Outcome, Status
from sequencer.core.sequence import Arm, Email, Fork, Sequence
from sequencer.errors import SequencerError

OPERATOR: Final = "operator"
"""The reason of a pause that an operator began, and what outcomes say that an operator decided."""
SEQUENCE: Final = "sequence paused"
"""The reason of whoever fell due while an operator had paused the whole sequence."""


EDITED: Final = "as the rep wrote it"
"""What the history says of a mail into which its rep wrote."""


class Impossible(SequencerError):
    """Where this lead stands, it cannot be done; the message says why."""


def skip(sequence: Sequence, enrollment: Enrollment, now: datetime) -> tuple[Enrollment, str]:
    """Past the step that the lead stands before, with all its arms and the waits before it; and what was skipped.

    At an arm's end that is the wait there. Raises Impossible at the end of the sequence.
    """
    place = sequence.places[enrollment.position]
    if place.position == END:
        raise Impossible("the lead stands at the end of the sequence: nothing is left to skip")
    if place.step is None:
        return _at(enrollment, place.following, now), f"the wait after `{sequence.shown(enrollment.position)}`"
    passed = Outcome(place.step.id, "skipped", now, OPERATOR)
    return _at(_noted(enrollment, passed), place.following, now), f"`{sequence.shown(place.step.id)}`"


def move(sequence: Sequence, enrollment: Enrollment, step: str, now: datetime) -> Enrollment:
    """Before that step, since now: the waits that stand before it begin anew.

    Inside an arm, the arm counts as taken. Raises Impossible when the lead went down another one.
    """
    for fork, arm in reversed(_around(sequence, step)):
        passed = enrollment.passed(fork.id)
        if passed is None:
            enrollment = _noted(enrollment, Outcome(fork.id, arm.name, now, OPERATOR))
        elif passed.outcome != arm.name:
            raise Impossible(
                f"`{sequence.shown(step)}` is in the arm `{arm.name}` of `{sequence.shown(fork.id)}`, "
                f"and this lead went down `{passed.outcome}` there"
            )
    return _at(enrollment, step, now)


def review(
    sequence: Sequence, enrollment: Enrollment, step: str, send: bool, edited: bool, now: datetime
) -> Enrollment:
    """What the rep said of a mail that waits for it; looked at at once. Raises Impossible when it does not wait."""
    mail = sequence.steps.get(enrollment.position)
    if not isinstance(mail, Email) or mail.id != step or mail.review is None or enrollment.passed(mail.asked) is None:
        raise Impossible(f"`{step}` does not wait for a review any more")
    if enrollment.passed(mail.reviewed) is not None:
        raise Impossible(f"`{step}` was reviewed before")
    said = Outcome(mail.reviewed, "rep_approved" if send else "rep_declined", now, EDITED if edited else "")
    return _noted(enrollment, said)._replace(due_at=now)


def pause(enrollment: Enrollment, until: datetime | None, now: datetime) -> Enrollment:
    """Waits until then, or until an operator lets it go on; what the lead does meanwhile may still end it."""
    return enrollment._replace(
        status=Status.PAUSED,
        reason=OPERATOR,
        paused_at=enrollment.paused_at or now,
        resume_at=until,
        due_at=until,
    )


def set_aside(enrollment: Enrollment, now: datetime) -> Enrollment:
    """Fell due while the sequence is paused: waits until that goes on. What is late then was expected now."""
    expected_at = enrollment.expected_at or enrollment.due_at
    return pause(enrollment, None, now)._replace(reason=SEQUENCE, expected_at=expected_at)


def resume(enrollment: Enrollment, now: datetime) -> Enrollment:
    """Goes on where it stood, with the wait that was left; looked at at once, whoever paused it.

    Behind another sequence it stays: that is not written down, and found again.
    """
    return enrollment._replace(reason="", resume_at=None, due_at=now)


def is_held(enrollment: Enrollment) -> bool:
    """Whether only an operator lets it go on."""
    return (
        enrollment.reason in (OPERATOR, SEQUENCE)
        and enrollment.status is Status.PAUSED
        and enrollment.resume_at is None
    )


def _around(sequence: Sequence, step: str) -> list[tuple[Fork, Arm]]:
    """The forks that a step is inside of, the innermost first, and in which of their arms."""
    found = []
    place = sequence.places[step]
    while place.fork is not None:
        found.append((place.fork, place.arm))
        place = sequence.places[place.fork.id]
    return found


def _noted(enrollment: Enrollment, outcome: Outcome) -> Enrollment:
    return enrollment._replace(outcomes=(*enrollment.outcomes, outcome))


def _at(enrollment: Enrollment, position: str, now: datetime) -> Enrollment:
    """There since now, and looked at at once: that finds when it is due. A pause that is on goes on."""
    paused_at = now if enrollment.paused_at is not None else None
    return enrollment._replace(position=position, since=now, due_at=now, expected_at=None, paused_at=paused_at)
