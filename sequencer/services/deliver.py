"""Hands batches to the provider and records what it said. No transaction is open during the request."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sequencer.core.mail import Answer, Outcome
from sequencer.core.message import State
from sequencer.services.compose import Outgoing
from sequencer.services.context import Context
from sequencer.store import clock, enrollments, messages
from sequencer.store.messages import Settled

log = logging.getLogger(__name__)

CONTENT_PAUSE = timedelta(hours=1)
"""The provider refuses the content itself: nobody's fault but the file's, so it goes again once that is mended."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
CREDENTIALS_PAUSE = timedelta(minutes=5)


def deliver(context: Context, outgoing: Sequence[Outgoing], fence: int) -> None:
    """Sends each batch and records its receipt."""
    for out in outgoing:
        receipt = context.provider.send(out.batch)
        outcomes = [receipt.of(number) for number in range(len(out.attempts))]
        record(context, out, outcomes, fence)


def record(context: Context, out: Outgoing, outcomes: Sequence[Outcome], fence: int) -> None:
    """Writes what became of each message of a request; guarded by the fence, touches only the ledger.

    What surely was not sent falls due again; its enrollment is dated accordingly.
    """
    with context.engine.begin() as conn:
        now = clock.now(conn)
        accepted = [
            attempt.enrollment_id
            for attempt, outcome in zip(out.attempts, outcomes, strict=True)
            if outcome.answer is Answer.ACCEPTED
        ]
        settled = [
            settlement(attempt.enrollment_id, attempt.attempt, outcome, now)
            for attempt, outcome in zip(out.attempts, outcomes, strict=True)
            if outcome.answer is not Answer.ACCEPTED
        ]
        if accepted:
            provider_id = next(o.provider_id for o in outcomes if o.answer is Answer.ACCEPTED)
            messages.accept(conn, out.batch.request_id, accepted, provider_id, now)
        ours = messages.settle(conn, out.batch.request_id, fence, settled)
        enrollments.redate(
            conn, {s.enrollment_id: s.retry_at for s in settled if s.enrollment_id in ours and s.retry_at is not None}
        )
    if settled:
        worst = next(o for o in outcomes if o.answer is not Answer.ACCEPTED)
        level = logging.ERROR if worst.scope == "credentials" else logging.WARNING
        log.log(
            level,
            "request %s: %d accepted, %d not (%s: %s)",
            out.batch.request_id,
            len(accepted),
            len(settled),
            worst.answer,
            worst.detail,
        )


def settlement(enrollment_id: int, attempt: int, outcome: Outcome, now: datetime) -> Settled:
    """What the ledger says of an attempt that was not accepted."""
    if outcome.answer is Answer.UNKNOWN:
        return Settled(enrollment_id, State.UNKNOWN, outcome.detail)
    if outcome.answer is Answer.REFUSED and outcome.scope == "message":
        return Settled(enrollment_id, State.REFUSED, outcome.detail)
    asked = min(outcome.retry_after or 0.0, LONGEST_PAUSE.total_seconds())
    wait = max(timedelta(seconds=asked), min(FIRST_PAUSE * 2 ** min(attempt - 1, 10), LONGEST_PAUSE))
    if outcome.scope == "content":
        wait = CONTENT_PAUSE
    elif outcome.scope == "credentials":
        wait = CREDENTIALS_PAUSE
    return Settled(enrollment_id, State.RETRY, outcome.detail, now + wait)
