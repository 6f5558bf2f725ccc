"""The dashboard: every sequence with the people in it, and every lead's story. All of it only shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.core import explain
from sequencer.core.lead import Lead, Rep
from sequencer.core.needs import lacks, says
from sequencer.core.release import Release
from sequencer.services import inspect
from sequencer.services.context import Context
from sequencer.services.owners import owners
from sequencer.services.standing import sentences, standing_view
from sequencer.services.why import handed, suppressed, why
from sequencer.store import clock, leads
from sequencer.web.flow import flow, slices
from sequencer.web.login import csrf_token
from sequencer.web.pages import page
from sequencer.web.timeline import timeline
from sequencer.web.webhooks import inbound_url

FOUND: Final = 100
"""Leads on a page."""
DEEDS: Final = 20
"""Events of a score on a lead's page, the weightiest first."""
HISTORY: Final = 500
"""Events on a lead's page."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Each method answers one route."""

    context: Context

    def root(self, request: Request) -> Response:
        return RedirectResponse("/dashboard", 303)

    def overview(self, request: Request) -> Response:
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            counted = self.context.census.now(conn)
            status, rows = inspect.status(conn, release, counted), inspect.steps(conn, release, counted)
        cards = [
            {
                "series": series,
                "topic": release.workspace.topics.get(series.topic),
                "counts": status["enrollments"].get(name, {}),
                "flow": flow(series, release.contents, rows[name], status["positions"].get(name, {})),
                "without_owner": status["without_owner"].get(name, 0),
                "older": [
                    (one, flow(steps.sequence, steps.release.contents, (), one["positions"]) if steps else ())
                    for one in status["keep_older_steps"]
                    if one["sequence"] == name
                    for steps in (release.kept.get((name, one["deployment"])),)
                ],
            }
            for name, series in release.workspace.sequences.items()
        ]
        return self._page(
            request,
            "overview.html",
            release,
            now=now,
            cards=sorted(cards, key=lambda card: -card["counts"].get("active", 0)),
            gone=sorted(set(status["enrollments"]) - set(release.workspace.sequences)),
            state=status,
            people=sum(counts.get("active", 0) + counts.get("paused", 0) for counts in status["enrollments"].values()),
            mails=slices(status["messages"]),
            mailed=sum(status["messages"].values()),
            zone=ZoneInfo(release.workspace.zone),
            addresses={
                "Event webhook": f"{self.context.public_url}/webhooks/sendgrid/events",
                "Inbound Parse": inbound_url(self.context),
            },
        )

    def leads(self, request: Request) -> Response:
        words = request.query_params.get("q", "").replace("\0", "").strip()[:200]
        with self.context.engine.connect() as conn:
            release = self.context.releases.current(conn)
            found = leads.search(conn, words, FOUND + 1)
            companies = leads.companies(conn, (lead.company_id for lead in found if lead.company_id is not None))
        return self._page(
            request,
            "leads.html",
            release,
            words=words,
            leads=[(lead, companies.get(lead.company_id or 0)) for lead in found[:FOUND]],
            more=len(found) > FOUND,
        )

    def lead(self, request: Request) -> Response:
        lead_id = request.path_params["id"]
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            found = leads.by_ids(conn, [lead_id]) if lead_id < 2**63 else []
            if not found:
                raise HTTPException(404, "There is no such lead.")
            [lead] = found
            view = inspect.lead_view(conn, release, lead, HISTORY)
            answers = why(conn, release, lead, None, now)
            stops, told = suppressed(conn, lead), handed(conn, release, lead)
            standing = standing_view(conn, release, lead, now)
            rep = owners(conn, release.workspace, [lead]).get(lead.id)
        zone = ZoneInfo(lead.zone or release.workspace.zone)
        running = {e["sequence"] for e in view["enrollments"] if e["status"] in ("active", "paused")}
        return self._page(
            request,
            "lead.html",
            release,
            lead=lead,
            company=view["lead"]["company"],
            facts=_facts(release, lead, rep, view["lead"]["sources"], zone),
            answers=[(answer, answer.sequence in running) for answer in answers if answer.now],
            titles={name: series.title for name, series in release.workspace.sequences.items()},
            stops=stops,
            told=told,
            stands=sentences(standing, zone) if standing is not None else [],
            deeds=[(one, datetime.fromisoformat(one["at"])) for one in standing["events"][:DEEDS]] if standing else [],
            held=[mail for mail in view["messages"] if mail["state"] == "unknown"],
            days=timeline(view, zone),
            cut=len(view["events"]) == HISTORY,
            zone=zone,
            now=now,
        )

    def _page(self, request: Request, name: str, release: Release, **values: Any) -> Response:
        return page(
            request, name, brand=release.workspace.brand.name, number=release.number, csrf=csrf_token(request), **values
        )


def _facts(
    release: Release, lead: Lead, rep: Rep | None, sources: Mapping[str, Mapping[str, Any]], zone: ZoneInfo
) -> list[tuple[str, str, str]]:
    """What is known of a lead, with the labels that people use, and who said so."""
    status = release.workspace.statuses.get(lead.status or "")
    missing = says(release.workspace, lead) if lacks(release.workspace, lead) else ""
    by_company = "through the company" if rep is not None and rep.email != lead.owner else ""
    known = [
        ("Stage", lead.stage, ""),
        ("Status", status.label if status is not None else lead.status, missing),
        ("Owner", rep.name if rep is not None else lead.owner, by_company),
        ("First touch", lead.campaign, ""),
        ("Country", lead.country, ""),
    ]
    for name, value in [("time_zone", lead.zone), *sorted(lead.fields.items())]:
        said = explain.sourced(sources[name], zone) if name in sources else ""
        known.append((name.replace("_", " ").capitalize(), value, said))
    return [(label, _text(value), said) for label, value, said in known if value not in (None, "", [])]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
