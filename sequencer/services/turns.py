"""People of one company in turn: what one gets counts for the next, in a batch and among those who work at once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from sqlalchemy import Connection

from sequencer.core.decision import Decision, Send
from sequencer.core.lead import Lead
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.store import readiness


class Turns:
    """One batch of leads whose companies may get no more than so many mails.

    A company has one batch at a time: the others pass its people over, who stay due and are looked at shortly.
    """

    def __init__(self, heads: Mapping[int, int]) -> None:
        self._heads = heads
        """By company that this batch has: the one that it counts with, or itself."""
        self._sent = Counter[int]()

    @classmethod
    def take(cls, conn: Connection, workspace: Workspace, sequence: str, people: Iterable[Lead]) -> Self | None:
        """Of the companies of people whom the caller has locked; None where no cap asks for it.

        What is read of these companies' mails afterwards is all there is until the end of the transaction.
        """
        if workspace.pressure.company is None or not workspace.counts(workspace.sequences[sequence]):
            return None
        ids = (lead.company_id for lead in people if lead.company_id is not None)
        return cls(readiness.lock_companies(conn, ids))

    def has(self, lead: Lead) -> bool:
        return lead.company_id is None or lead.company_id in self._heads

    def seen(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """With what colleagues are to get by this batch."""
        company_id = snapshot.lead.company_id
        sent = self._sent[self._heads[company_id]] if company_id is not None else 0
        if not sent:
            return snapshot
        return snapshot._replace(company_mailed_at=(*snapshot.company_mailed_at, *(now,) * sent))

    def note(self, lead: Lead, decision: Decision) -> None:
        if lead.company_id is not None:
            self._sent[self._heads[lead.company_id]] += sum(isinstance(one, Send) for one in decision.effects)
