"""Companies: who of them is engaged, whom sales talks to, and whose sequences rest because of that. It only shows."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sequencer.errors import NotFound
from sequencer.services import companies
from sequencer.services.context import Context
from sequencer.store import clock
from sequencer.web.login import csrf_token
from sequencer.web.pages import day, page


@dataclass(frozen=True, slots=True)
class CompanyDoor:
    """Each method answers one route."""

    context: Context

    def show(self, request: Request) -> Response:
        company_id = request.path_params["id"]
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            try:
                found = companies.view(conn, release, company_id if company_id < 2**63 else 0, now)
            except NotFound as error:
                raise HTTPException(404, "There is no such company.") from error
        zone = ZoneInfo(release.workspace.zone)
        entries = [(datetime.fromisoformat(one["at"]), one) for one in found["events"]]
        return page(
            request,
            "company.html",
            brand=release.workspace.brand.name,
            csrf=csrf_token(request),
            company=found,
            emails={one["id"]: one["name"] or one["email"] for one in found["people"]},
            names={email: one.name for email, one in release.workspace.reps.items()},
            titles={name: series.title for name, series in release.workspace.sequences.items()},
            paused=[(one, datetime.fromisoformat(one["until"]) if one["until"] else None) for one in found["paused"]],
            days=[(name, list(some)) for name, some in groupby(entries, lambda entry: day(entry[0], zone))],
            now=now,
            zone=zone,
        )
