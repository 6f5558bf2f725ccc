"""What happened to a lead, in the order of time and in sentences: the outcome of a simulation, for people to read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sequencer.core import explain
from sequencer.core.dating import after_waits
from sequencer.core.decision import Alert, Ask, Assign, Cancel, Change, Decision, Effect, Reason, Send
from sequencer.core.lead import Rep
from sequencer.core.mark import Mark
from sequencer.core.people import quiet_of
from sequencer.core.schedule import local_day
from sequencer.core.sequence import Email, Sequence
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `code` is that of a reason, or entered, refused, halted, impossible, did-EVENT."""

    at: datetime
    sequence: str
    """Empty for what the lead or an operator does."""
    code: str
    says: str
    step: str = ""
    until: datetime | None = None
    mark: Mark | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """sent: content, sender, for · tell, handoff: rep · set, handoff: values · start: sequence."""


class Timeline:
    """Entries in the order of time. What is said twice in a row of one sequence is said once."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.entries: list[Entry] = []
        self._last: dict[str, int] = {}
        """By sequence, the number of its last entry."""

    def add(self, entry: Entry) -> None:
        number = self._last.get(entry.sequence)
        if number is not None and entry.until is not None:
            last = self.entries[number]
            if (last.code, last.step) == (entry.code, entry.step) and last.until is not None:
                # The same rule holds on; when it will be over is known better now.
                self.entries[number] = replace(last, until=entry.until, says=entry.says)
                return
        self.entries.append(entry)
        if entry.sequence:
            self._last[entry.sequence] = len(self.entries) - 1

    def because(
        self,
        sequence: Sequence,
        reasons: Iterable[Reason],
        now: datetime,
        effects: Iterable[Effect] = (),
        owner: Rep | None = None,
        present: Rep | None = None,
    ) -> None:
        """An entry for each reason, with what the effect of its step did.

        `present`: who takes a handoff for the owner.
        """
        done = list(effects)
        for reason in reasons:
            data: dict[str, Any] = {}
            for effect in done:
                if isinstance(effect, Cancel) or (isinstance(effect, Ask) and reason.code != "review"):
                    continue
                if effect.step.id == reason.step:
                    data |= _data(effect, present if isinstance(effect, Alert) and effect.kind == "handoff" else owner)
            said = reason._replace(step=sequence.shown(reason.step))
            says = explain.reason(said, self.zone) + _more(said, data)
            self.add(Entry(now, sequence.id, said.code, says, said.step, said.until, said.mark, data))

    def waits(
        self, workspace: Workspace, sequence: Sequence, snapshot: Snapshot, decision: Decision, now: datetime
    ) -> None:
        """What an enrollment waits for, as a look before its time says it."""
        reason = decision.reasons[-1] if decision.reasons else None
        if reason is None or reason.until is None or decision.effects:
            return
        moved = _moved(workspace, sequence, snapshot, decision, reason, self.zone)
        reason = reason._replace(step=sequence.shown(reason.step))
        says = explain.reason(reason, self.zone) + (f" ({moved})" if moved else "")
        self.add(Entry(now, sequence.id, reason.code, says, reason.step, reason.until, reason.mark))


def _data(effect: Effect, owner: Rep | None) -> Mapping[str, Any]:
    if isinstance(effect, Send):
        by = {"sender": effect.sender.email} if effect.sender is not None else {}
        stands_in = {"for": effect.standing_in_for.email} if effect.standing_in_for is not None else {}
        follows = {"follows": effect.introduces.email} if effect.introduces is not None else {}
        return {"content": effect.step.content, **by, **stands_in, **follows}
    if isinstance(effect, Alert | Assign):
        return {"rep": owner.email if owner is not None else None}
    if isinstance(effect, Ask):
        return {"rep": effect.rep.email if effect.rep is not None else None}
    if isinstance(effect, Change):
        return {"values": dict(effect.values)}
    return _NOTHING


def _more(reason: Reason, data: Mapping[str, Any]) -> str:
    """What the sentence leaves out."""
    said = []
    if "content" in data and data["content"].rpartition("/")[2] != reason.step:
        said.append(data["content"])
    if "sender" in data:
        said.append(f"from {data['sender']}" + (f", who stands in for {data['for']}" if "for" in data else ""))
    if "follows" in data:
        said.append(f"who is introduced and follows {data['follows']}")
    if "rep" in data:
        said.append(data["rep"] or "nobody: the lead has no owner")
    said += [f"{name} = {explain.plain(value)}" for name, value in data.get("values", {}).items()]
    return f": {', '.join(said)}" if said else ""


def _moved(
    workspace: Workspace,
    sequence: Sequence,
    snapshot: Snapshot,
    decision: Decision,
    reason: Reason,
    zone: ZoneInfo,
) -> str:
    """Why a mail goes later than the wait before it says."""
    place = sequence.places[decision.enrollment.position]
    if reason.code != "wait" or not isinstance(place.step, Email) or reason.until is None:
        return ""
    quiet = quiet_of(workspace, snapshot.lead)
    over = after_waits(place.waits, decision.enrollment.since, zone, quiet, snapshot.lead)
    if over >= reason.until:
        return ""
    day = local_day(over, zone)
    if not sequence.exempt and quiet.is_holiday(day):
        why = f"a holiday in {quiet.country}"
    elif not sequence.exempt and day in quiet:
        why = "a quiet day"
    else:
        why = "outside of the sequence's hours"
    return f"the wait is over {explain.moment(over, zone)}, {why}"
