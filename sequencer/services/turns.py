"""People of one company in turn: what one gets counts for the next, in a batch and among those who work at once."""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Final, Self

from sqlalchemy import Connection

from sequencer.core.decision import Decision, Send
from sequencer.core.engine import open_message
from sequencer.core.lead import Lead
from sequencer.core.pressure import crowded
from sequencer.core.snapshot import Snapshot
from sequencer.core.turn import Turn, before
from sequencer.core.workspace import Workspace
from sequencer.services import snapshots
from sequencer.store import enrollments, readiness
from sequencer.store import turns as turns_

LONGEST_QUEUE: Final = 200
"""People of one company who wait in an order of their own; whoever comes after them asks again when these were served,
so that what a batch looks at stays bounded."""


class Turns:
    """One batch of leads whose companies may get no more than so many mails.

    A company has one batch at a time: the others pass its people over, who stay due and are looked at shortly. Whoever
    must wait is given a place behind those who do already, and is not overtaken by who comes later.
    """

    def __init__(
        self, workspace: Workspace, heads: Mapping[int, int], known: Mapping[int, Sequence[Turn]], now: datetime
    ) -> None:
        cap = workspace.pressure.company
        assert cap is not None
        self._pressure, self._now, self._since = workspace.pressure, now, now - cap.within
        self._heads = heads
        """By company that this batch has: the one that it counts with, or itself."""
        self._queues: dict[int, list[Turn]] = {heads[one]: list(turns) for one, turns in known.items()}
        self._decided: dict[int, list[Decision]] = {}
        """By head."""
        self._new: list[Turn] = []

    @classmethod
    def take(
        cls, conn: Connection, workspace: Workspace, sequence: str, people: Collection[Lead], now: datetime
    ) -> Self | None:
        """Of the companies of people whom the caller has locked; None where no cap asks for it.

        What is read of these companies' mails afterwards is all there is until the end of the transaction.
        """
        if workspace.pressure.company is None or not workspace.counts(workspace.sequences[sequence]):
            return None
        ids = (lead.company_id for lead in people if lead.company_id is not None)
        heads = readiness.lock_companies(conn, ids)
        known = snapshots.turns(conn, workspace, (one for one in people if one.company_id in heads), now)
        return cls(workspace, heads, known, now)

    def has(self, lead: Lead) -> bool:
        return lead.company_id is None or lead.company_id in self._heads

    def seen(self, snapshot: Snapshot) -> Snapshot:
        """With what colleagues got, are to get by this batch, or wait for."""
        company_id, enrollment = snapshot.lead.company_id, snapshot.enrollment
        if company_id is None or enrollment is None or not (queue := self._queues.get(self._heads[company_id])):
            return snapshot
        again = open_message(snapshot.messages, self._now) is not None
        return snapshot._replace(company_mailed_at=before(queue, (enrollment.id,), again))

    def note(self, seen: Snapshot, decision: Decision) -> None:
        """`seen`: what it was decided on."""
        lead = seen.lead
        if lead.company_id is None:
            return
        head, enrollment = self._heads[lead.company_id], decision.enrollment
        queue = self._queues.get(head, [])
        new = [
            Turn(lead.company_id, enrollment.id, effect.step.id, self._now)
            for effect in decision.effects
            if isinstance(effect, Send)
        ]
        mails = {one.step for one in new}
        queue = [one for one in queue if one.enrollment_id != enrollment.id or not (one.waits or one.step in mails)]
        if _waits(decision) and sum(one.waits for one in queue) < LONGEST_QUEUE:
            due = enrollment.due_at
            # Not for the moment at which it is given up, when others are before it too.
            if due is not None and crowded(self._pressure, seen.company_mailed_at, due).rule is None:
                new.append(Turn(lead.company_id, enrollment.id, "", due))
        self._queues[head] = queue + new
        self._new += new
        self._decided.setdefault(head, []).append(decision)

    def write(self, conn: Connection, begun: Set[tuple[int, str]]) -> set[int]:
        """What came of it. `begun`: the mails that go, by enrollment and step.

        Who waited behind a mail that does not go, because it could not be rendered, is to be looked at again at once:
        returns these enrollments.
        """
        again: set[int] = set()
        for decisions in self._decided.values():
            sends = {(d.enrollment.id, e.step.id) for d in decisions for e in d.effects if isinstance(e, Send)}
            if not sends <= begun:
                again |= {d.enrollment.id for d in decisions if _waits(d)}
        decided = [d.enrollment.id for decisions in self._decided.values() for d in decisions]
        if decided:
            new = [
                one
                for one in self._new
                if (one.waits and one.enrollment_id not in again) or (one.enrollment_id, one.step) in begun
            ]
            turns_.write(conn, self._heads, decided, new, self._since)
            enrollments.wake(conn, sorted(again), self._now)
        return again


def _waits(decision: Decision) -> bool:
    return bool(decision.reasons) and decision.reasons[-1].code == "company"
