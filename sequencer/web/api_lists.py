"""`GET /api/…`: what there is, page by page. The gate has checked the key and its scope."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core import cursor
from sequencer.core.cursor import BadCursor, Place
from sequencer.core.enrollment import Status
from sequencer.core.handoff import State
from sequencer.core.lead import Lead
from sequencer.core.lead_input import InvalidLead, is_text, normal_email
from sequencer.core.questions import every
from sequencer.services import inspect
from sequencer.services.context import Context
from sequencer.store import handoffs, leads, listings
from sequencer.web.api_answers import json_answer, known
from sequencer.web.api_input import Refused

USUAL: Final = 100
MOST: Final = 1000
"""Of one page."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ListDoor:
    """Each method answers one route."""

    context: Context

    def leads(self, request: Request) -> Response:
        asked = _Asked(request, "owner")
        owner, (after,) = asked.email("owner"), asked.after(int) or (0,)
        with self.context.engine.connect() as conn:
            release = self.context.releases.deployed(conn) if owner else None
            workspace = release.workspace if release is not None else None
            found = listings.of_leads(conn, workspace, int(after), owner, asked.limit + 1)
        return asked.answer("leads", found, _lead, lambda one: (one.id,))

    def events(self, request: Request) -> Response:
        asked = _Asked(request, "email")
        place = asked.after(str, str)
        before = (asked.moment(place[0]), str(place[1])) if place else None
        with self.context.engine.connect() as conn:
            lead = asked.lead(conn)
            if lead is None:
                raise Refused(422, "email: expected the address of the lead whose events are asked for")
            found = listings.of_events(conn, lead.id, before, asked.limit + 1)
        return asked.answer(
            "events",
            found,
            lambda e: {
                "event": e.kind,
                "at": e.at.isoformat(),
                "source": e.source,
                "enrollment": e.enrollment_id,
                "step": e.step,
                "machine": e.machine,
                "data": dict(e.data),
            },
            lambda e: (e.at.isoformat(), e.key),
        )

    def enrollments(self, request: Request) -> Response:
        asked = _Asked(request, "email", "sequence", "status")
        (after,) = asked.after(int) or (0,)
        sequence, status = asked.text("sequence"), asked.one_of("status", Status)
        with self.context.engine.connect() as conn:
            lead = asked.lead(conn)
            lead_id = lead.id if lead is not None else None
            found, end = listings.of_enrollments(conn, int(after), lead_id, sequence, status, asked.limit + 1)
        return asked.answer(
            "enrollments",
            found,
            lambda one: {
                "id": one[0].id,
                "email": one[1],
                "sequence": one[0].sequence,
                "status": one[0].status.value,
                "reason": one[0].reason or None,
                "step": one[0].position,
                "due_at": inspect.iso(one[0].due_at),
                "entered_at": inspect.iso(one[0].entered_at),
                "ended_at": inspect.iso(one[0].ended_at),
            },
            lambda one: (one[0].id,),
            (end,) if end is not None else None,
        )

    def handoffs(self, request: Request) -> Response:
        asked = _Asked(request, "rep", "state")
        rep, state = asked.email("rep"), asked.one_of("state", State)
        place = asked.after(str, int)
        before = (asked.moment(place[0]), int(place[1])) if place else None
        with self.context.engine.connect() as conn:
            found = handoffs.listed(conn, rep, state, before, asked.limit + 1)
        return asked.answer(
            "handoffs",
            found,
            lambda row: {"lead": row.lead_id, "email": row.email, **inspect.handoff_view(handoffs.of(row))},
            lambda row: (row.at.isoformat(), row.lead_id),
        )

    def suppressions(self, request: Request) -> Response:
        asked = _Asked(request)
        place = asked.after(str, str, str)
        after = (str(place[0]), str(place[1]), str(place[2])) if place else None
        with self.context.engine.connect() as conn:
            found = listings.of_suppressions(conn, after, asked.limit + 1)
        return asked.answer(
            "suppressions",
            found,
            lambda row: {
                "email": row.email,
                "topic": row.topic or None,
                "reason": row.reason,
                "at": row.at.isoformat(),
            },
            lambda row: (row.email, row.topic, row.reason),
        )

    def forms(self, request: Request) -> Response:
        """All of them: there are as many as somebody wrote."""
        _Asked(request)
        with self.context.engine.connect() as conn:
            workspace = self.context.releases.current(conn).workspace
        found = [
            {
                "id": form.id,
                "title": form.title,
                "message": form.message or None,
                "questions": [
                    {"name": one.name, "type": one.kind, "choices": list(one.choices), "needed": one.needed}
                    for one in every(form, workspace)
                ],
            }
            for form in workspace.forms.values()
        ]
        return json_answer({"forms": found, "next": None})


class _Asked:
    """The question of a request, checked. Raises Refused."""

    def __init__(self, request: Request, *names: str) -> None:
        given = request.query_params
        wrong = [name for name in given if name not in (*names, "limit", "cursor")]
        if wrong:
            raise Refused(
                422, *(f"{one[:100]}: expected only {', '.join((*names, 'limit', 'cursor'))}" for one in wrong)
            )
        unfit = [name for name, value in given.multi_items() if not is_text(value) or len(value) > cursor.LONGEST]
        if unfit:
            raise Refused(422, *(f"{name}: expected text of at most {cursor.LONGEST} characters" for name in unfit))
        self._given = given
        self._cursor = given.get("cursor")
        self._question: dict[str, str | None] = {"": request.url.path, **{name: given.get(name) for name in names}}
        self.limit = self._limit(given.get("limit"))

    def _limit(self, given: str | None) -> int:
        if given is None:
            return USUAL
        if not (given.isascii() and given.isdecimal() and len(given) < 5 and 1 <= int(given) <= MOST):
            raise Refused(422, f"limit: expected a whole number from 1 to {MOST}, got `{given[:20]}`")
        return int(given)

    def text(self, name: str) -> str | None:
        return self._given.get(name)

    def email(self, name: str) -> str | None:
        given = self._given.get(name)
        if given is None:
            return None
        try:
            return normal_email(given)
        except InvalidLead as error:
            raise Refused(422, f"{name}: expected an address, got `{given[:100]}`") from error

    def one_of(self, name: str, known: Iterable[str]) -> str | None:
        given = self._given.get(name)
        if given is not None and given not in list(known):
            raise Refused(422, f"{name}: expected one of {', '.join(known)}, got `{given[:100]}`")
        return given

    def lead(self, conn: Connection) -> Lead | None:
        """The one that is asked about; None: nobody in particular."""
        email = self.email("email")
        return known(leads.by_email(conn, email), email) if email is not None else None

    def after(self, *types: type) -> Place | None:
        """Where the page begins; None: at the beginning."""
        if self._cursor is None:
            return None
        try:
            return cursor.read(self._question, self._cursor, types)
        except BadCursor as error:
            raise Refused(400, BAD_CURSOR) from error

    def moment(self, text: str | int) -> datetime:
        try:
            found = datetime.fromisoformat(str(text))
        except ValueError as error:
            raise Refused(400, BAD_CURSOR) from error
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

    def answer(
        self,
        noun: str,
        found: Sequence[Row],
        shown: Callable[[Row], dict[str, Any]],
        place: Callable[[Row], Place],
        end: Place | None = None,
    ) -> Response:
        """`found`: one more than the page has, if there is one. `end`: up to where was looked, if not at all."""
        page = found[: self.limit]
        after = place(page[-1]) if len(found) > self.limit else end
        following = cursor.write(self._question, after) if after is not None else None
        return json_answer({noun: [shown(one) for one in page], "next": following})


BAD_CURSOR: Final = "cursor: expected `next` of the page before, with the same question; leave it out to begin again"


def _lead(one: Lead) -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "first_name": one.first_name,
        "last_name": one.last_name,
        "title": one.title,
        "time_zone": one.zone,
        "country": one.country,
        "stage": one.stage,
        "status": one.status,
        "campaign": one.campaign,
        "owner_email": one.owner,
        "suppressed": one.suppressed,
        "fields": dict(one.fields),
        "created_at": inspect.iso(one.created_at),
    }
