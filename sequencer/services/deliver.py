"""Hands batches to the provider and records what it said. No transaction is open during the request."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from sequencer.core.mail import Answer, Outcome
from sequencer.core.message import State
from sequencer.services.compose import Outgoing
from sequencer.services.context import Context
from sequencer.services.heartbeat import pause
from sequencer.store import clock, enrollments, leads, messages, pauses, requests
from sequencer.store.messages import Settled
from sequencer.store.pauses import Reason

log = logging.getLogger(__name__)

CONTENT_PAUSE = timedelta(hours=1)
"""The provider refuses the content itself: nobody's fault but the file's, so it goes again once that is mended."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
RECORDING, RECORD_AGAIN = 4.0, 0.25
"""Seconds for which recording an answer is tried while the database is away, and between two tries. With the
provider's time it stays within what a dyno has to go."""
CREDENTIALS_PAUSE = 300.0
"""Seconds of operating time after which one mail tries whether the provider takes our key again."""


def deliver(context: Context, outgoing: Sequence[Outgoing], fence: int, leased_at: float, trial: bool = False) -> None:
    """Sends each batch and records its receipt. `leased_at`: monotonic time at which the ledger was written.

    `trial`: sending is paused because of our credentials; when the provider takes this, the pause is over.
    What cannot be begun (an earlier batch failed, the lease is half over, the process is told to go, an outage began
    and fewer are to try whether it is over) was surely not sent and is released.
    """
    for number, out in enumerate(outgoing):
        late = time.monotonic() > leased_at + context.lease / 2
        if late or context.stopping.is_set() or not context.probe.lets(len(out.attempts)):
            release(context, outgoing[number:])
            return
        try:
            receipt = context.provider.send(out.batch)
            outcomes = receipt.outcomes(len(out.attempts))
            context.probe.answered(receipt.answers(len(outcomes)))
            context.respite.answered(receipt.different(len(outcomes)))
            _record(context, out, outcomes, fence, trial)
            _heard(context, out, outcomes)
        except Exception:
            release(context, outgoing[number + 1 :])
            raise


def release(context: Context, outgoing: Sequence[Outgoing]) -> None:
    """Makes due again what surely was never handed over."""
    ids = [out.batch.request_id for out in outgoing]
    if not ids:
        return
    try:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            steps = messages.release(conn, ids, now)
            enrollments.reopen(conn, steps, now)
            _again(conn, steps, dict.fromkeys(steps, now))
    except DBAPIError:
        log.error("the database is away; %d requests are left to the reaper, none of them was sent", len(ids))


def _again(conn: Connection, steps: Mapping[int, str], dues: Mapping[int, datetime]) -> None:
    """Dates whose mail goes again. That of somebody who was halted since it was begun never will."""
    running = enrollments.redate(conn, dues)
    messages.cancel(conn, [(number, steps[number]) for number in dues if number not in running])


def _record(context: Context, out: Outgoing, outcomes: Sequence[Outcome], fence: int, trial: bool) -> None:
    """Records, over a short absence of the database too: an answer that is lost leaves messages in doubt."""
    until = time.monotonic() + RECORDING
    while True:
        try:
            record(context, out, outcomes, fence, trial)
            return
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(RECORD_AGAIN)


def _heard(context: Context, out: Outgoing, outcomes: Sequence[Outcome]) -> None:
    """Notes which leads know their new owner by a mail that the provider took: what it did not introduces nobody.

    Apart from the record, which waits for no lead's lock. Whoever dies in between has them introduced once more.
    """
    if not out.newly_owned:
        return
    accepted = [
        out.newly_owned[attempt.enrollment_id]
        for attempt, outcome in zip(out.attempts, outcomes, strict=True)
        if outcome.answer is Answer.ACCEPTED and attempt.enrollment_id in out.newly_owned
    ]
    if accepted:
        with context.engine.begin() as conn:
            now = leads.lock(conn, (lead.id for lead in accepted))
            # Whose owner changed once more meanwhile has not heard from that one.
            known = [
                one.id
                for one in accepted
                if one.id in now and (now[one.id].owner_before, now[one.id].owner) == (one.owner_before, one.owner)
            ]
            leads.succeed(conn, dict.fromkeys(known))


def record(context: Context, out: Outgoing, outcomes: Sequence[Outcome], fence: int, trial: bool = False) -> None:
    """Writes what became of each message of a request; guarded by the fence, touches only the ledger.

    What surely was not sent falls due again; its enrollment is dated accordingly, and reopened if that was its last
    mail, as where nobody knows. Refused credentials pause all sending: every mail would meet the same.
    """
    request_id = out.batch.request_id
    with context.engine.begin() as conn:
        now = requests.begun(conn, request_id)
        accepted = {
            attempt.enrollment_id: outcome.provider_id
            for attempt, outcome in zip(out.attempts, outcomes, strict=True)
            if outcome.answer is Answer.ACCEPTED
        }
        settled = [
            settlement(attempt.enrollment_id, attempt.common.attempt, outcome, now)
            for attempt, outcome in zip(out.attempts, outcomes, strict=True)
            if outcome.answer is not Answer.ACCEPTED
        ]
        if accepted:
            messages.accept(conn, request_id, accepted, now, close=not settled)
        if settled:
            _settle(conn, out, settled, fence, now)
        refused = next((o for o in outcomes if o.scope == "credentials"), None)
        if refused is not None:
            pause(conn, Reason.CREDENTIALS, refused.detail, CREDENTIALS_PAUSE)
        elif trial and accepted:
            pauses.end(conn, Reason.CREDENTIALS)
            log.warning("sending goes on: the provider takes our mail again")
    if settled:
        worst = next(o for o in outcomes if o.answer is not Answer.ACCEPTED)
        log.warning(
            "request %s: %d accepted, %d not (%s: %s)",
            request_id,
            len(accepted),
            len(settled),
            worst.answer,
            worst.detail,
        )


def _settle(conn: Connection, out: Outgoing, settled: Sequence[Settled], fence: int, now: datetime) -> None:
    """Writes what was not accepted, and closes the request if it is known of all what became of them."""
    request_id = out.batch.request_id
    ours = messages.settle(conn, request_id, fence, settled)
    # What is not ours any more the reaper has called unknown.
    if len(ours) == len(settled) and not any(s.state is State.UNKNOWN for s in settled):
        requests.close(conn, [request_id])
    else:
        requests.doubt(conn, [request_id])
    going = [s.enrollment_id for s in settled if s.enrollment_id in ours and s.state is not State.REFUSED]
    enrollments.reopen(conn, going, now)
    again = {s.enrollment_id: s.retry_at for s in settled if s.enrollment_id in ours and s.retry_at is not None}
    _again(conn, {attempt.enrollment_id: attempt.step for attempt in out.attempts}, again)


def settlement(enrollment_id: int, attempt: int, outcome: Outcome, now: datetime) -> Settled:
    """What the ledger says of an attempt that was not accepted."""
    if outcome.answer is Answer.UNKNOWN:
        return Settled(enrollment_id, State.UNKNOWN, outcome.detail)
    if outcome.answer is Answer.UNTRIED:
        return Settled(enrollment_id, State.RETRY, outcome.detail, now)
    if outcome.answer is Answer.REFUSED and outcome.scope == "message":
        return Settled(enrollment_id, State.REFUSED, outcome.detail)
    asked = min(outcome.retry_after or 0.0, LONGEST_PAUSE.total_seconds())
    wait = max(timedelta(seconds=asked), min(FIRST_PAUSE * 2 ** min(attempt - 1, 10), LONGEST_PAUSE))
    if outcome.scope == "content":
        wait = CONTENT_PAUSE
    elif outcome.scope == "credentials":
        wait = timedelta()  # the pause of all sending holds it
    return Settled(enrollment_id, State.RETRY, outcome.detail, now + wait)
