"""The inbox in the browser: mails as their recipients see them, and buttons for what recipients do.

Everything shown was sent by somebody else: pages are escaped and have a policy that allows no script, and a mail's
HTML is shown in a frame of its own, sandboxed, with its links led through the page that tells where they go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from sequencer.sandbox import mailbox, reaction, store
from sequencer.sandbox.links import redirect
from sequencer.sandbox.mailbox import Message
from sequencer.sandbox.preheader import preheader
from sequencer.sandbox.reaction import Reaction
from sequencer.sandbox.reactor import Reactor

PAGE: Final = 50
_TABS: Final = ("html", "text", "headers")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; font-src data: https:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_WAIT: Final = 2.0
"""Seconds that a button waits for its webhook to be received, so that the page it leads to can tell."""

_LABELS: Final = {
    "processed": "Processed",
    "delivered": "Delivered",
    "dropped": "Dropped",
    "bounce": "Bounced",
    "open": "Opened",
    "open by machine": "Opened by machine",
    "click": "Clicked",
    "spamreport": "Reported as spam",
    "reply": "Replied",
    "auto_reply": "Out of office",
    "one_click": "Unsubscribed",
}
_CHIPS: Final = ("bounce", "dropped", "spamreport", "one_click", "reply", "auto_reply", "click", "open", "delivered")


@dataclass(frozen=True, slots=True)
class InboxDoor:
    """Each method answers one route of `app.build`."""

    engine: Engine
    now: Callable[[Connection], datetime]
    reactor: Reactor

    def inbox(self, request: Request) -> Response:
        query = request.query_params
        to, search, before = query.get("to", "").strip(), query.get("q", "").strip(), query.get("before", "")
        last = int(before) if before.isdecimal() and len(before) < 19 else None
        with self.engine.connect() as conn:
            now = self.now(conn)
            lines = mailbox.page(conn, _storable(to), _storable(search), last, PAGE + 1)
        shown = lines[:PAGE]
        return page(
            request,
            "inbox.html",
            lines=[_listed(line) for line in shown],
            to=to,
            search=search,
            first=last is None,
            next_before=shown[-1].message.id if len(lines) > PAGE else None,
            now=now,
        )

    def message(self, request: Request) -> Response:
        tab = request.query_params.get("tab", "html")
        with self.engine.connect() as conn:
            now = self.now(conn)
            mail = self._find(conn, request)
            followed = mailbox.reactions(conn, mail.id, now)
        if tab not in _TABS or (tab == "html" and not mail.html):
            tab = "text"
        return page(
            request,
            "message.html",
            mail=mail,
            tab=tab,
            tabs=[name for name in _TABS if name != "html" or mail.html],
            links=list(enumerate(mail.links)),
            followed=[{**one, "label": _label(one["kind"], one["data"])} for one in followed],
            frame=f"/sandbox/messages/{mail.id}/frame{'?seen=1' if 'seen' in request.query_params else ''}",
            now=now,
        )

    def frame(self, request: Request) -> Response:
        """The mail's HTML. Loading it loads the tracking pixel, so to speak: it counts as opened.

        Coming back to it with `seen`, from a button or a link, does not.
        """
        with self.engine.begin() as conn:
            store.reacting(conn)
            mail = self._find(conn, request)
            if mail.track_opens and "seen" not in request.query_params:
                told = _by(reaction.opened(self.now(conn)), request)
                store.add_reaction(conn, mail.id, mail.to_email, told)
        self.reactor.wake()
        html = redirect(mail.html or "", lambda number: f"/sandbox/messages/{mail.id}/links/{number}")
        return HTMLResponse(html, headers={**_SAFE, "Content-Security-Policy": _FRAME_POLICY})

    def link(self, request: Request) -> Response:
        """Following a link: fires the click and shows where it would lead."""
        with self.engine.begin() as conn:
            store.reacting(conn)
            mail = self._find(conn, request)
            links, number = mail.links, request.path_params["number"]
            if number >= len(links):
                raise HTTPException(404, "The mail has no such link.")
            ids = []
            if mail.track_clicks:
                told = _by(reaction.clicked(self.now(conn), links[number].url, number), request)
                ids = [store.add_reaction(conn, mail.id, mail.to_email, told)]
        self._settle(ids)
        return page(
            request, "link.html", mail=mail, link=links[number], tracked=mail.track_clicks, back=_back(mail, request)
        )

    async def act(self, request: Request) -> Response:
        """A button: `open`, `reply`, `auto_reply`, `unsubscribe`, `spamreport`, `bounce`."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "Only the sandbox's own pages may press its buttons.")
        async with request.form(max_part_size=1024 * 1024) as form:
            words = form.get("text", "")
        return await run_in_threadpool(self._act, request, words if isinstance(words, str) else "")

    def _act(self, request: Request, words: str) -> Response:
        with self.engine.begin() as conn:
            store.reacting(conn)
            mail = self._find(conn, request)
            told = _reaction(request.path_params["action"], mail, self.now(conn), _storable(words))
            if told is None:
                raise HTTPException(404, "The mail does not offer that.")
            ids = [store.add_reaction(conn, mail.id, mail.to_email, reaction.answering(_by(told, request), mail))]
        self._settle(ids)
        return RedirectResponse(f"{_back(mail, request)}#activity", status_code=303)

    def _find(self, conn: Connection, request: Request) -> Message:
        number = request.path_params["id"]
        mail = mailbox.message(conn, number) if number < 2**63 else None
        if mail is None:
            raise HTTPException(404, "There is no such message.")
        return mail

    def _settle(self, ids: list[int]) -> None:
        def settled() -> bool:
            with self.engine.connect() as conn:
                return "pending" not in mailbox.states(conn, ids)

        if ids:
            self.reactor.settle(settled, _WAIT)


def problem_page(request: Request, problem: Exception) -> Response:
    """Every refusal of the inbox as a page."""
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    detail = problem.detail if isinstance(problem, HTTPException) else "Something went wrong."
    return page(request, "problem.html", status=status, detail=detail)


def _reaction(action: str, mail: Message, now: datetime, words: str) -> Reaction | None:
    match action:
        case "open":
            return reaction.opened(now)
        case "bounce":
            return reaction.bounced(now)
        case "spamreport":
            return Reaction("spamreport", now)
        case "reply":
            return Reaction("reply", now, {"text": words or "Thanks, tell me more."})
        case "auto_reply":
            return Reaction("auto_reply", now, {"text": words or "I am out of the office."})
        case "unsubscribe" if mail.one_click_url:
            return Reaction("one_click", now)
    return None


def _back(mail: Message, request: Request) -> str:
    """The mail's page with the tab that was left."""
    tab = request.query_params.get("tab", "html")
    return f"/sandbox/messages/{mail.id}?tab={tab if tab in _TABS else 'html'}&seen=1"


def _by(told: Reaction, request: Request) -> Reaction:
    """The person at the browser did it."""
    if told.kind not in ("open", "click"):
        return told
    agent = request.headers.get("user-agent", reaction.BROWSER)
    return told._replace(data={**told.data, "useragent": agent, "ip": request.client.host if request.client else ""})


def _listed(line: mailbox.Line) -> dict[str, Any]:
    chips = [kind for kind in _CHIPS if kind in line.followed]
    if chips != ["delivered"]:
        chips = [kind for kind in chips if kind != "delivered"]
    text = preheader(line.message.html or "") or " ".join((line.message.text or "").split())
    return {"mail": line.message, "chips": [(kind, _LABELS[kind]) for kind in chips[:3]], "snippet": text[:160]}


def _label(kind: str, data: dict[str, Any]) -> str:
    return _LABELS.get(f"{kind} by machine" if data.get("sg_machine_open") else kind, kind)


def _moment(value: datetime, now: datetime) -> str:
    value, now = value.astimezone(UTC), now.astimezone(UTC)
    if value.date() == now.date():
        return f"{value:%H:%M}"
    return f"{value:%-d %b}" if value.year == now.year else f"{value:%-d %b %Y}"


def _exact(value: datetime) -> str:
    return f"{value.astimezone(UTC):%a %-d %b %Y, %H:%M:%S} UTC"


def _hue(email: str) -> int:
    """One of the stylesheet's eight avatar colours, always the same for an address."""
    return sum(email.lower().encode()) % 8


def _storable(text: str) -> str:
    return text.replace("\0", "")


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(moment=_moment, exact=_exact, hue=_hue)
_templates = Jinja2Templates(env=_environment)


def page(request: Request, name: str, status: int = 200, **context: Any) -> Response:
    context["status"] = status
    return _templates.TemplateResponse(
        request, name, context, status, headers={**_SAFE, "Content-Security-Policy": _POLICY}
    )
