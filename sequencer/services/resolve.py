"""An operator decides about messages of which nobody knows whether they went."""

from dataclasses import dataclass
from enum import StrEnum

from sequencer.core.message import State
from sequencer.errors import NotFound
from sequencer.services.context import Context
from sequencer.store import clock, enrollments, leads, messages

AT_ONCE = 500
"""Messages resolved in one transaction."""


class Verdict(StrEnum):
    """What the operator found out, or wants."""

    SENT = "sent"
    """It went: found in the provider's activity, say. The sequence goes on after it."""
    RESEND = "resend"
    """It goes again now, at the risk that the lead gets it twice."""
    DROP = "drop"
    """It did not go and never shall. The sequence goes on after it."""


_STATES = {Verdict.SENT: State.ACCEPTED, Verdict.RESEND: State.RETRY, Verdict.DROP: State.CANCELLED}
_FAILURES = {
    Verdict.SENT: None,
    Verdict.RESEND: "an operator asked for another attempt",
    Verdict.DROP: "an operator said that it did not go, and shall not",
}


@dataclass(slots=True)
class Resolved:
    """How many messages; those of ended enrollments cannot go again and stay held."""

    resolved: int = 0
    ended: int = 0


def resolve(
    context: Context, verdict: Verdict, email: str | None = None, step: str | None = None, sequence: str | None = None
) -> Resolved:
    """Decides all unknown messages that fit, in bounded pieces. Raises NotFound when the lead is not known."""
    lead_ids: list[int] | None = None
    if email is not None:
        with context.engine.begin() as conn:
            lead_id = leads.ids_by_email(conn, [email]).get(email)
        if lead_id is None:
            raise NotFound(f"there is no lead with the address {email}")
        lead_ids = [lead_id]
    steps = _steps(context, step) if step is not None else None
    done = Resolved()
    looked_at: set[tuple[int, str]] = set()
    while True:
        with context.engine.begin() as conn:
            # What cannot go again stays unknown, and is passed over here.
            found = messages.in_doubt(conn, lead_ids, steps, sequence, AT_ONCE + len(looked_at))
            some = [d for d in found if (d.enrollment_id, d.step) not in looked_at]
            if not some:
                return done
            looked_at |= {(d.enrollment_id, d.step) for d in some}
            now = clock.now(conn)
            leads.lock(conn, (d.lead_id for d in some))
            running = {e.id: e for e in enrollments.running_of(conn, sorted({d.lead_id for d in some}))}
            able = [d for d in some if verdict is not Verdict.RESEND or d.enrollment_id in running]
            moved = messages.resolve(conn, able, _STATES[verdict], _FAILURES[verdict], now)
            enrollments.redate(conn, dict.fromkeys(moved, now))
        done.resolved += len(moved)
        done.ended += len(some) - len(able)
        context.wake((running[i].sequence, running[i].position) for i in moved if i in running)


def _steps(context: Context, name: str) -> list[tuple[str, str]]:
    """Where the ledger holds a step of that name: by sequence, its key."""
    with context.engine.begin() as conn:
        known = context.releases.current(conn).workspace.sequences
    return [(sequence.id, sequence.key(name)) for sequence in known.values()]
