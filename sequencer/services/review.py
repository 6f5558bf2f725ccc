"""A rep looks at a mail before it goes: sees it as the lead would get it, may change it, and has it sent or skipped.

Under the lead's lock, and only while the lead stands before that mail. Nothing is sent here: the enrollment falls due,
and the workers ask again whatever stands in a mail's way.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sequencer.core import operate
from sequencer.core.decision import Send
from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.operate import Impossible
from sequencer.core.people import owner_of, sender_of
from sequencer.core.release import Release
from sequencer.core.sequence import Email
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.errors import NotFound
from sequencer.rendering.edit import Draft, tidy_body, tidy_subject
from sequencer.rendering.view import View
from sequencer.services import edited
from sequencer.services.context import Context
from sequencer.services.inspect import shown
from sequencer.services.migrate import migrated
from sequencer.store import clock, enrollments, leads, reviews
from sequencer.store.reviews import SENT, SKIPPED, Edit, Key


class Seen(NamedTuple):
    """A mail that waits, as a rep sees it."""

    row: Any
    """Of the store: who, when, and until when."""
    lead: Lead
    company: Company | None
    sender: Sender | Rep
    draft: Draft
    text: str
    """The whole mail as the lead would read it."""
    then: str
    """What happens when nobody looks in time: `send` or `skip`."""
    answers: bool
    """It goes on in a conversation, with the subject of the mails before."""
    release: Release
    """With the copy that counts for this lead."""


class Said(NamedTuple):
    """What was done."""

    sequence: str
    step: str
    name: str
    """Of the step, as the file calls it."""
    edited: bool


def look(conn: Connection, release: Release, key: Key) -> Seen:
    """Raises NotFound, Impossible when it is not to be looked at any more, and RenderingFailed."""
    row = _row(conn, key)
    if not row.waits:
        raise Impossible("This mail was reviewed, or did not wait any longer.")
    [lead] = leads.by_ids(conn, [row.lead_id])
    company = leads.companies(conn, [lead.company_id]).get(lead.company_id) if lead.company_id is not None else None
    release, series = _steps(conn, release, row)
    step = series.steps.get(row.step) if series is not None else None
    item = release.contents.get(row.content)
    if series is None or not isinstance(step, Email) or step.review is None or item is None:
        raise Impossible("This mail is gone from the workspace: nothing is to be reviewed.")
    sender = sender_of(release.workspace, series, Send(step, 1, release.workspace.reps.get(row.sender or "")))
    seen = _view(release, lead, company, sender)
    return Seen(
        row=row,
        lead=lead,
        company=company,
        sender=sender,
        draft=edited.first_draft(release, item, seen),
        text=edited.reads(item.read_in(lead.get("language")), seen)[1],
        then=step.review.then,
        answers=bool(step.thread),
        release=release,
    )


def reads_with(seen: Seen, subject: str | None, body: str | None) -> str:
    """The whole mail as the lead would read it with what was written. Raises Unfit and RenderingFailed."""
    edit = _edit(seen, subject, body)
    if edit is None:
        return seen.text
    view = _view(seen.release, seen.lead, seen.company, seen.sender)
    return edited.reads(edited.content(seen.release, seen.lead, edit), view, keep=False)[1]


def send(context: Context, conn: Connection, key: Key, subject: str | None = None, body: str | None = None) -> Said:
    """Has the mail go as soon as nothing stands in its way, with what was changed of it.

    Raises NotFound, Impossible, and Unfit when what was written cannot go as a mail.
    """
    release = _locked(context, conn, key)
    seen = look(conn, release, key)
    # As it will be sent: what fails now would fail then.
    reads_with(seen, subject, body)
    edit = _edit(seen, subject, body)
    return _answer(context, conn, release, seen.row, SENT, edit)


def skip(context: Context, conn: Connection, key: Key) -> Said:
    """Has the mail never go; the sequence goes on. Raises NotFound and Impossible."""
    release = _locked(context, conn, key)
    return _answer(context, conn, release, _row(conn, key), SKIPPED, None)


def one_of(conn: Connection, release: Release, email: str, step: str | None) -> Key:
    """The mail to this lead that waits. Raises NotFound, and Impossible when it is not clear which is meant."""
    lead_id = leads.ids_by_email(conn, [email]).get(email)
    if lead_id is None:
        raise NotFound(f"there is no lead with the address {email}")
    names = {
        (row.enrollment_id, row.step): shown(release, row.sequence, row.step) for row in reviews.of_lead(conn, lead_id)
    }
    found = [key for key, name in names.items() if step in (None, name)]
    if not found:
        raise NotFound(f"no mail to {email} waits for a review")
    if len(found) > 1:
        raise Impossible(f"several mails to {email} wait ({', '.join(sorted(names.values()))}): say which with --step")
    return found[0]


def _steps(conn: Connection, release: Release, row: Any) -> tuple[Release, Series | None]:
    """What the lead goes by who waits for the review; no sequence when its file is gone."""
    of_lead = enrollments.all_of(conn, [row.lead_id])
    waiting = next((e for e in of_lead if e.id == row.enrollment_id), None)
    if waiting is None or waiting.sequence not in release.workspace.sequences:
        return release, None
    steps = release.steps_of(waiting)
    return steps.release, steps.sequence


def _edit(seen: Seen, subject: str | None, body: str | None) -> Edit | None:
    """What differs from the mail as it is. Raises Unfit."""
    new_subject = tidy_subject(subject) if subject is not None and not seen.answers else None
    new_body = tidy_body(body) if body is not None and seen.draft.body is not None else None
    if new_subject == " ".join(seen.draft.subject.split()):
        new_subject = None
    if new_body == seen.draft.body:
        new_body = None
    return Edit(seen.row.content, new_subject, new_body) if (new_subject, new_body) != (None, None) else None


def _view(release: Release, lead: Lead, company: Company | None, sender: Sender | Rep) -> View:
    return edited.view(release, lead, company, owner_of(release.workspace, Snapshot(lead, company, None)), sender)


def _row(conn: Connection, key: Key) -> Any:
    row = reviews.find(conn, key) if key[0] < 2**63 else None
    if row is None:
        raise NotFound("There is no such mail to review.")
    return row


def _locked(context: Context, conn: Connection, key: Key) -> Release:
    """What runs now, with the lead locked."""
    leads.lock(conn, [_row(conn, key).lead_id])
    return context.releases.current(conn)


def _answer(context: Context, conn: Connection, release: Release, row: Any, by: str, edit: Edit | None) -> Said:
    now: datetime = clock.now(conn)
    running = next((e for e in enrollments.running_of(conn, [row.lead_id]) if e.id == row.enrollment_id), None)
    if running is None or row.sequence not in release.workspace.sequences:
        raise Impossible("The lead has left the sequence: nothing is to be reviewed.")
    enrollment = migrated(conn, context.releases, release, running)
    series = release.steps_of(enrollment).sequence
    after = operate.review(series, enrollment, row.step, by == SENT, edit is not None, now)
    if not reviews.answer(conn, (row.enrollment_id, row.step), by, edit, now):
        raise Impossible("This mail was reviewed before.")
    enrollments.update(conn, [after])
    return Said(series.id, row.step, series.shown(row.step), edit is not None)
