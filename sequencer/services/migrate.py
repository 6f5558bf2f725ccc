"""After a deploy: takes the people inside to the new deployment, batch by batch, and dates anew whom it concerns."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from sequencer.core import migrate as editing
from sequencer.core import pin
from sequencer.core.enrollment import Enrollment
from sequencer.core.redate import Redating, Version, redating
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.store import clock, enrollments, leads, releases


def migrate(context: Context) -> bool:
    """One batch. True: there may be more. Until it is reached, an enrollment is migrated when it acts."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.current(conn)
        rows = enrollments.behind(conn, release.number, context.batch)
        known = with_companies(conn, rows)
        edits = Edits(partial(context.releases.at, conn), release)
        same: list[int] = []
        moved: list[Enrollment] = []
        soon: list[int] = []
        for snapshot in known:
            before = snapshot.enrollment
            assert before is not None
            if edits.untouched(before):
                same.append(before.id)
                continue
            after = edits.migrated(before)
            due = edits.due(before, after, snapshot, now)
            if due is not None and due <= now:
                soon.append(len(moved))
            moved.append(after if due is None else after._replace(due_at=due, expected_at=None))
        slots = _slots(conn, release, len(soon), now)
        for number, slot in zip(soon, slots, strict=True):
            moved[number] = moved[number]._replace(due_at=slot)
        enrollments.carry(conn, same, release.number)
        enrollments.update(conn, moved)
    context.wake((e.sequence, e.position) for e in moved if e.due_at is not None and e.due_at <= now)
    return len(rows) == context.batch


def _slots(conn: Connection, release: Release, people: int, now: datetime) -> list[datetime]:
    """When to look at people who fall due by an edit: one after another, at the workspace's rate.

    Nobody of them is late: the edit made them due, and the rate is ours.
    """
    apart = release.workspace.pressure.apart
    if not people or not apart:
        return [now] * people
    first = releases.reserve(conn, release.number, now, people * apart)
    return [first + number * apart for number in range(people)]


class Edits:
    """What the deployments since then mean for people who were dated in them."""

    def __init__(self, known: Callable[[int], Release | None], current: Release) -> None:
        """`known`: a deployment by its number. `current` need not be deployed yet: so its effects can be foreseen."""
        self._known = known
        self._current = current
        self._found: dict[tuple[str, int, int | None, int | None], Redating | None] = {}
        self._same: dict[tuple[str, int, int | None], bool] = {}
        self._same_steps: dict[tuple[str, int], bool] = {}

    def _at(self, number: int) -> Release | None:
        return self._current if number == self._current.number else self._known(number)

    def migrated(self, enrollment: Enrollment) -> Enrollment:
        """The enrollment at its place in the current deployment, taken through each one in between.

        Where the file says `edits: pin` it stays at its place, and keeps its steps.
        """
        if enrollment.deployment == self._current.number:
            return enrollment
        name = enrollment.sequence
        for number in range(enrollment.deployment, self._current.number):
            old, new = (self._at(one) for one in (number, number + 1))
            if new is None or (after := new.workspace.sequences.get(name)) is None:
                continue
            gone = old is not None and name not in old.workspace.sequences
            if not after.pins or (gone and enrollment.pinned is None):
                enrollment = self._follows(enrollment, number)
            elif enrollment.pinned is None and not self._same_steps_in(old, after):
                enrollment = enrollment._replace(pinned=number)
        return enrollment._replace(deployment=self._current.number)

    def _follows(self, enrollment: Enrollment, number: int) -> Enrollment:
        """To the deployment after that number; from the one whose steps it kept, through each."""
        first, enrollment = enrollment.pinned or number, enrollment._replace(pinned=None)
        for one in range(first, number + 1):
            new = self._at(one + 1)
            if new is not None and (after := new.workspace.sequences.get(enrollment.sequence)) is not None:
                old = self._at(one)
                before = old.workspace.sequences.get(enrollment.sequence) if old is not None else None
                enrollment = editing.migrate(before, after, enrollment, one + 1)
        return enrollment

    def _same_steps_in(self, old: Release | None, after: Series) -> bool:
        """Whether the deployment after the old one left to those inside what they would keep."""
        if old is None:
            return False
        key = (after.id, old.number)
        if key not in self._same_steps:
            self._same_steps[key] = pin.same_steps(old.workspace.sequences[after.id], after)
        return self._same_steps[key]

    def due(self, before: Enrollment, after: Enrollment, known: Snapshot, now: datetime) -> datetime | None:
        """When to look at somebody next; None: as they are dated. What is not in the future is to be soon."""
        found = self._redating(before, after)
        return found.due(before, after, known, now) if found is not None else None

    def may_end(self, before: Enrollment, after: Enrollment) -> bool:
        """Whether what ends a passage in its sequence is another by now."""
        found = self._redating(before, after)
        return found is not None and found.everybody

    def untouched(self, enrollment: Enrollment) -> bool:
        """Whether nothing that concerns anybody in its sequence changed, in any deployment since."""
        name, pinned = enrollment.sequence, enrollment.pinned
        key = (name, enrollment.deployment, pinned)
        if key not in self._same:
            since = range(enrollment.deployment, self._current.number)
            self._same[key] = all(self._same_in(number, name, pinned) for number in since)
        return self._same[key]

    def _same_in(self, number: int, sequence: str, pinned: int | None) -> bool:
        old, new = (self._version(one, sequence, pinned) for one in (number, number + 1))
        if old is None or new is None or (pinned is not None and not new.sequence.pins):
            return False
        return redating(old, new).untouched

    def _redating(self, before: Enrollment, after: Enrollment) -> Redating | None:
        """None: the sequence is not there now, or the steps that are kept cannot be had."""
        key = (before.sequence, before.deployment, before.pinned, after.pinned)
        if key not in self._found:
            new = self._version(self._current.number, before.sequence, after.pinned)
            old = self._version(before.deployment, before.sequence, before.pinned)
            self._found[key] = redating(old, new) if new is not None else None
        return self._found[key]

    def _version(self, number: int, sequence: str, pinned: int | None) -> Version | None:
        at = self._at(number)
        found = at.workspace.sequences.get(sequence) if at is not None else None
        if at is None or found is None or pinned is None:
            return Version(at.workspace, found) if at is not None and found is not None else None
        entered = self._at(pinned)
        then = entered.workspace.sequences.get(sequence) if entered is not None else None
        return Version(at.workspace, pin.merged(found, then)) if then is not None else None


def with_companies(conn: Connection, rows: Sequence[enrollments.Row]) -> list[Snapshot]:
    """As much of each as a date depends on."""
    companies = leads.companies(conn, (lead.company_id for _, lead in rows if lead.company_id is not None))
    return [Snapshot(lead, companies.get(lead.company_id or 0), enrollment) for enrollment, lead in rows]


def migrated(conn: Connection, known: Releases, current: Release, enrollment: Enrollment) -> Enrollment:
    """The enrollment at its place in the current deployment; of many, see `Edits`."""
    return Edits(partial(known.at, conn), current).migrated(enrollment)


def release_at(conn: Connection, known: Releases, current: Release, number: int) -> Release | None:
    """The deployment of that number. `current` need not be deployed yet: so its effects can be foreseen."""
    return current if number == current.number else known.at(conn, number)
