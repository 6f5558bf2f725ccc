"""`/f/{form}`: a form as a page, in a frame on other sites, or as JSON; and what follows its mails: `/c/…`, `/d/…`.

Works without scripts. Who the browser belongs to decides what is asked, and is never shown: no answer of before stands
in a field, and no page says whether an address is known.
"""

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from sequencer.core import beacon, challenge, token
from sequencer.core.beacon import host_of
from sequencer.core.country import country_of, named
from sequencer.core.form import Form
from sequencer.core.guess import Traces, readable
from sequencer.core.lead_input import LONGEST_ZONE, is_text, is_zone
from sequencer.core.questions import Question, Unanswered, answers, every, questions
from sequencer.core.release import Release
from sequencer.core.touch import touch_of
from sequencer.services import forms
from sequencer.services.context import Context
from sequencer.services.forms import Sent
from sequencer.store import challenges, clock, leads, visits
from sequencer.web.bodies import FORM, first, read, read_form
from sequencer.web.callers import caller_of
from sequencer.web.gate import POLICY
from sequencer.web.pages import page
from sequencer.web.site import FOLDER, KEPT, allowing
from sequencer.web.throttle import Throttle

log = logging.getLogger(__name__)

COOKIE: Final = "sq_v"
TRAP: Final = "sq-website"
"""A field that nobody sees: only software fills it in. No field of a lead can have a hyphen in its name."""
NO_SCRIPT: Final = "We could not tell that you are a person: please allow this page to run its script, and send again."
USED: Final = "This page was sent already. Please send it again."
STALE: Final = "This page was open for too long. Please send it again."

REMEMBERED: Final = 1000
"""Forms of earlier deployments; to look one up takes as long as a deployment is loaded."""

Given = Mapping[str, list[str]]


class Caller(NamedTuple):
    """What a browser brings along. Only the token is proof of anything."""

    token: str
    visitor: str | None
    query: str
    referrer: str
    framed: bool
    languages: str = ""
    country: str | None = None


@dataclass(frozen=True, slots=True)
class FormDoor:
    """Each method answers one route."""

    context: Context
    folder: Path
    """The workspace's, for files that forms give access to."""
    country_header: str | None = None
    """In which the front door says from which country a request comes."""
    by_caller: Throttle = field(default_factory=lambda: Throttle(20, 60.0))
    before: dict[forms.Mailed, Form | None] = field(default_factory=dict)
    """Forms that are gone, by mails of theirs whose links are still followed."""

    def show(self, request: Request) -> Response:
        caller = _caller(request.query_params.get)
        if not caller.framed:
            # Whoever leads somebody here must not say whose browser it is.
            met = request.cookies.get(COOKIE, "")
            caller = caller._replace(
                visitor=met if beacon.VISITOR.fullmatch(met) else None,
                query=request.url.query[:4000],
                referrer=request.headers.get("referer", "")[:2000],
            )
        with self.context.engine.connect() as conn:
            release, form = self._form(conn, request)
            asked = self._asked(conn, release, form, caller)
            issued = self._issue(conn, form.id)
        if _wants_json(request):
            return self._json(request, release, _described(form, asked, issued))
        return self._page(request, release, form, asked, caller, issued)

    async def take(self, request: Request) -> Response:
        if not self.by_caller.allows(caller_of(request)):
            raise HTTPException(429, "Too many requests. Please try again in a minute.", {"Retry-After": "60"})
        if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            given = _from_json(await read(request, FORM))
            return await run_in_threadpool(self._take_json, request, given)
        return await run_in_threadpool(self._take, request, await read_form(request))

    def allow(self, request: Request) -> Response:
        """A browser asks whether a page of another site may post JSON here."""
        with self.context.engine.connect() as conn:
            release, _ = self._form(conn, request)
        return self._json(request, release, None, 204)

    def _take(self, request: Request, given: Given) -> Response:
        caller = self._sender(request, given)
        with self.context.engine.begin() as conn:
            release, form = self._form(conn, request)
            asked = self._asked(conn, release, form, caller)
            try:
                taken = self._submit(conn, release, form, caller, given)
            except Unanswered as wrong:
                issued = self._issue(conn, form.id)
                return self._page(request, release, form, asked, caller, issued, given, wrong.problems)
            access = self._access(conn, form) if taken is not None and not taken.confirm else None
        self._hint(taken)
        state = "confirm" if taken is not None and taken.confirm else "done"
        return self._page(request, release, form, (), caller, "", state=state, access=access)

    def _take_json(self, request: Request, given: Given) -> Response:
        caller = self._sender(request, given)
        with self.context.engine.begin() as conn:
            release, form = self._form(conn, request)
            try:
                taken = self._submit(conn, release, form, caller, given)
            except Unanswered as wrong:
                return self._json(request, release, {"problems": dict(wrong.problems)}, 422)
            access = self._access(conn, form) if taken is not None and not taken.confirm else None
        self._hint(taken)
        status = "confirm" if taken is not None and taken.confirm else "done"
        given_access = {"download": f"{self.context.public_url}{access}"} if access is not None else {}
        return self._json(request, release, {"status": status, **given_access})

    def _sender(self, request: Request, given: Given) -> Caller:
        told = request.headers.get(self.country_header) if self.country_header is not None else None
        languages = request.headers.get("accept-language", "")
        return _caller(lambda name: first(given, name))._replace(
            languages=readable(languages) if is_text(languages) else "", country=country_of(told)
        )

    def _submit(
        self, conn: Connection, release: Release, form: Form, caller: Caller, given: Given
    ) -> forms.Taken | None:
        """None: it was software, which is told nothing. Raises Unanswered."""
        found = dict(answers(form, every(form, release.workspace), given))
        if first(given, TRAP):
            log.warning("a form was sent by software, form=%s", form.id)
            return None
        operating = clock.operating(conn)
        issued = first(given, "c")
        if not challenge.valid(self.context.secret, form.id, issued, operating):
            raise Unanswered({"": STALE})
        human = challenge.proves(issued, first(given, "p"), operating)
        if not human and form.confirm is None:
            raise Unanswered({"": NO_SCRIPT})
        proven = self._proven(conn, caller)
        # As of a visit: who comes by a link in our mail does not come from where they read it.
        referrer = caller.referrer if proven is None else ""
        sent = Sent(
            form=form.id,
            email=found.pop("email"),
            answers=found,
            text=first(given, "message").strip() if form.message else "",
            traces=Traces(_zone(first(given, "zone")), caller.languages, caller.country),
            touch=touch_of(caller.query, referrer, release.workspace.hosts),
            visitor=caller.visitor,
        )
        said = orjson.dumps([sent.email, sent.answers, sent.text], option=orjson.OPT_SORT_KEYS)
        nonce, trace = challenge.nonce_of(issued), challenge.trace(self.context.secret, said)
        if not challenges.use(conn, nonce, trace, challenge.until(issued)):
            # Else the work that was done once would serve for any number of addresses.
            raise Unanswered({"": USED})
        return forms.submit(conn, release, sent, f"form.{nonce}", proven, human, clock.now(conn))

    def _asked(self, conn: Connection, release: Release, form: Form, caller: Caller) -> tuple[Question, ...]:
        """What is still to be asked of who sits there: what nobody answered, whatever their behaviour made us guess. Of
        whom only a cookie tells, nothing is known but what this browser answered itself.
        """
        lead_id = self._proven(conn, caller)
        found = leads.by_ids(conn, [lead_id]) if lead_id is not None else []
        met = visits.known(conn, caller.visitor) if caller.visitor is not None else None
        answered = met.answered if met is not None else frozenset()
        answered = answered.union(*(forms.answered(conn, lead) for lead in found))
        return questions(form, release.workspace, answered.__contains__)

    def _proven(self, conn: Connection, caller: Caller) -> int | None:
        """The lead of whom the caller has shown that they read their mail."""
        ref = token.read(self.context.secret, "link", caller.token)
        if ref is not None:
            return forms.reader(conn, ref)
        met = visits.known(conn, caller.visitor) if caller.visitor is not None else None
        return met.lead_id if met is not None and met.proven else None

    # --- what follows the mails

    def ask(self, request: Request) -> Response:
        """Only the button confirms: link scanners follow links."""
        with self.context.engine.connect() as conn:
            brand = self.context.releases.current(conn).workspace.brand.name
        return page(request, "confirm.html", brand=brand, state="ask", confirmed=())

    def confirm(self, request: Request) -> Response:
        ref = self._ref(request)
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            confirmed = forms.confirm(conn, release, ref, clock.now(conn)) if ref is not None else []
            found = [(form, self._access(conn, form)) for form in confirmed]
        # The same of whatever names nothing that waits: no page says which mails there are.
        state, status = ("done", 200) if confirmed else ("unknown", 404)
        return page(request, "confirm.html", status, brand=release.workspace.brand.name, state=state, confirmed=found)

    def download(self, request: Request) -> Response:
        # Mails of before lead here by the token that unsubscribes: their links lead on.
        given = request.path_params["token"]
        ref = token.read(self.context.secret, "download", given) or self._ref(request)
        with self.context.engine.connect() as conn:
            mail = forms.mailed(conn, ref) if ref is not None else None
            form = self._of_mail(conn, mail) if mail is not None else None
        return self._magnet(form)

    def _of_mail(self, conn: Connection, mail: forms.Mailed) -> Form | None:
        """The form by which the mail went: as it is now, else as it was then. What a mail promised is still there when
        the form is gone or has another name, as long as the file is.
        """
        form = forms.downloadable(self.context.releases.current(conn), mail.sequence)
        if form is not None:
            return form
        if mail not in self.before:
            if len(self.before) >= REMEMBERED:
                self.before.clear()
            then = self.context.releases.at(conn, mail.deployment, keep=False)
            form = forms.downloadable(then, mail.sequence)
            here = form is not None and form.magnet is not None and self._is_there(form.magnet)
            self.before[mail] = form if here else None
        return self.before[mail]

    def _is_there(self, magnet: str) -> bool:
        return magnet.startswith("http") or (self.folder / magnet).is_file()

    def open(self, request: Request) -> Response:
        """What a form gives access to that mails nothing, to who has just sent it or confirmed."""
        with self.context.engine.connect() as conn:
            _, form = self._form(conn, request)
            signed = request.query_params.get("pass", "")
            if not challenge.valid(self.context.secret, _gate(form), signed, clock.operating(conn)):
                raise HTTPException(404)
        return self._magnet(form)

    def _magnet(self, form: Form | None) -> Response:
        if form is None or form.magnet is None:
            raise HTTPException(404)
        if form.magnet.startswith("http"):
            return RedirectResponse(form.magnet, 303)
        path = self.folder / form.magnet
        if not self._is_there(form.magnet):
            log.error("a file is not there that a form gives access to, form=%s", form.id)
            raise HTTPException(503, "This file is not there at the moment. Please try again later.")
        return FileResponse(path, filename=path.name)

    # --- the parts

    def script(self, request: Request) -> Response:
        return Response(_script(), media_type="text/javascript", headers={"Cache-Control": KEPT})

    def _ref(self, request: Request) -> token.Ref | None:
        ref = token.read(self.context.secret, "unsubscribe", request.path_params["token"])
        if ref is None and not self.by_caller.allows(caller_of(request)):
            raise HTTPException(429, "Too many requests. Please try again in a minute.", {"Retry-After": "60"})
        return ref

    def _form(self, conn: Connection, request: Request) -> tuple[Release, Form]:
        release = self.context.releases.current(conn)
        form = release.workspace.forms.get(request.path_params["form"])
        if form is None:
            raise HTTPException(404)
        return release, form

    def _issue(self, conn: Connection, what: str) -> str:
        return challenge.issue(self.context.secret, what, secrets.token_hex(16), clock.operating(conn))

    def _access(self, conn: Connection, form: Form) -> str | None:
        """Where what the form gives access to is found for as long as a page may be open; None: a mail has it."""
        if form.magnet is None or form.deliver is not None:
            return None
        return f"/f/{form.id}/magnet?pass={self._issue(conn, _gate(form))}"

    def _hint(self, taken: forms.Taken | None) -> None:
        if taken is None:
            return
        self.context.wake(taken.awake)
        self.context.hint("visits")

    def _page(
        self,
        request: Request,
        release: Release,
        form: Form,
        asked: Sequence[Question],
        caller: Caller,
        issued: str,
        given: Given | None = None,
        problems: Mapping[str, str] | None = None,
        state: str = "ask",
        access: str | None = None,
    ) -> Response:
        answer = page(
            request,
            "form.html",
            422 if problems else 200,
            brand=release.workspace.brand.name,
            form=form,
            questions=asked,
            countries=named(release.workspace.locale) if any(one.kind == "country" for one in asked) else (),
            given=given or {},
            problems=problems or {},
            caller=caller,
            issued=issued,
            bits=challenge.BITS,
            state=state,
            access=access,
        )
        answer.headers["Content-Security-Policy"] = _policy(release, caller.framed)
        return answer

    def _json(self, request: Request, release: Release, value: Any, status: int = 200) -> Response:
        """For pages of our site, and for programs, which name no page."""
        origin = request.headers.get("origin", "")
        site = release.workspace.site
        allowed = site is not None and host_of(origin) in site.hosts
        if origin and not allowed and origin != self.context.public_url:
            raise HTTPException(403, "expected a page of a host that workspace.yaml names")
        body = orjson.dumps(value) if value is not None else b""
        return Response(body, status, allowing(origin) if allowed else {}, "application/json")


def _gate(form: Form) -> str:
    """No form is called so: what is signed for the form itself opens nothing."""
    return f"{form.id}/magnet"


def _caller(given: Callable[[str], str | None]) -> Caller:
    """`given`: a value of the query or of the form by its name."""
    told = given("v") or ""
    return Caller(
        token=(given("sq") or "")[:40].partition(".")[0],
        visitor=told if beacon.VISITOR.fullmatch(told) else None,
        query=(given("q") or "")[:4000],
        referrer=(given("r") or "")[:2000],
        framed=bool(given("framed")),
    )


def _described(form: Form, asked: Sequence[Question], issued: str) -> dict[str, Any]:
    return {
        "title": form.title,
        "questions": [
            {
                "name": one.name,
                "label": one.label,
                "type": one.kind,
                "choices": list(one.choices),
                "needed": one.needed,
            }
            for one in asked
        ],
        "message": form.message or None,
        "challenge": issued,
        "bits": challenge.BITS,
    }


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").partition(",")[0].strip() == "application/json"


def _from_json(body: bytes) -> Given:
    """The same as a form: a name with its values. Raises HTTPException 400."""
    try:
        told = orjson.loads(body)
        given = told.pop("answers", {}) if isinstance(told, dict) else None
        if not isinstance(given, dict):
            raise ValueError
    except ValueError as error:
        raise HTTPException(400, "expected a JSON object with `answers`") from error
    names = {"challenge": "c", "proof": "p", "visitor": "v", "query": "q", "referrer": "r"}
    said = {**given, **{names.get(name, name): value for name, value in told.items()}}
    return {str(name): texts(value) for name, value in said.items()}


def texts(value: Any) -> list[str]:
    """A value of JSON as a form would have it."""
    if isinstance(value, list):
        return [text for one in value[:50] for text in texts(one) if not isinstance(one, list)]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, float):
        # A point of JSON is a decimal one, also with three digits behind it, which people mean as a thousand.
        return [f"{value}0" if re.fullmatch(r"-?\d+\.\d{3}", str(value)) else str(value)]
    return [str(value)] if isinstance(value, (str, int)) else []


def _zone(text: str) -> str | None:
    return text if len(text) <= LONGEST_ZONE and is_text(text) and is_zone(text) else None


def _policy(release: Release, framed: bool) -> str:
    """That of all pages; and its own script, and in a frame the sites that may frame it."""
    policy = f"{POLICY}; script-src 'self'"
    site = release.workspace.site
    if framed and site is not None and site.hosts:
        return policy.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(sorted(site.hosts))}")
    return policy


@lru_cache(maxsize=1)
def _script() -> str:
    return (FOLDER / "f.js").read_text()
