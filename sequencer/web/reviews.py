"""Mails that wait for a rep: what each says, a form to change it, and the buttons that have it sent or skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.core.operate import Impossible
from sequencer.errors import NotFound
from sequencer.rendering.edit import BODY, SUBJECT
from sequencer.rendering.errors import RenderingFailed, Unfit
from sequencer.services import review
from sequencer.services.context import Context
from sequencer.services.inspect import shown
from sequencer.services.review import Seen
from sequencer.store import clock, reviews
from sequencer.store.reviews import Key
from sequencer.web.bodies import first, read_form
from sequencer.web.login import csrf_holds, csrf_token
from sequencer.web.pages import asked_rep, page

FOUND: Final = 100
"""Mails on a page."""
FORM: Final = 12 * (SUBJECT + BODY) + 2_000
"""Bytes of a form: a character comes to 12 of them at most."""
DONE: Final[Mapping[str, str]] = {
    "sent": "The mail goes as it is, as soon as hours, gap and caps let it.",
    "changed": "The mail goes as you wrote it, as soon as hours, gap and caps let it.",
    "skipped": "The mail does not go. The sequence goes on without it.",
}


@dataclass(frozen=True, slots=True)
class ReviewDoor:
    """Each method answers one route."""

    context: Context

    def waiting(self, request: Request) -> Response:
        """The mails that wait; one rep's with `?rep=`."""
        rep = asked_rep(request)
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            found = reviews.still_open(conn, rep or None, FOUND + 1)
        names = {email: one.name for email, one in release.workspace.reps.items()}
        return page(
            request,
            "reviews.html",
            brand=release.workspace.brand.name,
            csrf=csrf_token(request),
            done=DONE.get(request.query_params.get("done", ""), ""),
            rep=names.get(rep, rep),
            reps=sorted(names.items(), key=lambda one: one[1]),
            names=names,
            titles={name: series.title for name, series in release.workspace.sequences.items()},
            reviews=[(one, shown(release, one.sequence, one.step)) for one in found[:FOUND]],
            more=len(found) > FOUND,
            now=now,
            zone=ZoneInfo(release.workspace.zone),
        )

    def show(self, request: Request) -> Response:
        return self._mail(request, _key(request))

    async def act(self, request: Request) -> Response:
        form = await read_form(request, FORM)
        if not csrf_holds(request, form):
            raise HTTPException(403, "This page was open for too long. Go back, reload it, and try again.")
        return await run_in_threadpool(self._act, request, form)

    def _act(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        key, do = _key(request), first(form, "do")
        subject, body = (first(form, name) if name in form else None for name in ("subject", "body"))
        if do not in ("send", "skip"):
            return self._mail(request, key, subject, body)
        try:
            with self.context.engine.begin() as conn:
                if do == "send":
                    said = review.send(self.context, conn, key, subject, body)
                else:
                    said = review.skip(self.context, conn, key)
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except Impossible as error:
            raise HTTPException(409, str(error)) from error
        except (Unfit, RenderingFailed) as error:
            return self._mail(request, key, subject, body, str(error))
        self.context.hint("drain", said.sequence, said.step)
        done = "skipped" if do == "skip" else "changed" if said.edited else "sent"
        return RedirectResponse(f"/dashboard/reviews?done={done}", 303)

    def _mail(
        self, request: Request, key: Key, subject: str | None = None, body: str | None = None, problem: str = ""
    ) -> Response:
        """The mail as it waits, or as it would read with what was written."""
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            try:
                seen = review.look(conn, release, key)
                text = seen.text
                if not problem and (subject, body) != (None, None):
                    text = review.reads_with(seen, subject, body)
            except NotFound as error:
                raise HTTPException(404, str(error)) from error
            except (Impossible, RenderingFailed) as error:
                raise HTTPException(409, str(error)) from error
            except Unfit as error:
                text, problem = seen.text, str(error)
        return page(
            request,
            "review.html",
            400 if problem else 200,
            brand=release.workspace.brand.name,
            csrf=csrf_token(request),
            problem=problem,
            title=release.workspace.sequences[seen.row.sequence].title,
            then=seen.then,
            mail=shown(release, seen.row.sequence, seen.row.step),
            **_shown(seen, subject, body),
            text=text,
            most={"subject": SUBJECT, "body": BODY},
            now=now,
            zone=ZoneInfo(release.workspace.zone),
        )


def _shown(seen: Seen, subject: str | None, body: str | None) -> Mapping[str, Any]:
    return {
        "seen": seen,
        "subject": subject if subject is not None and not seen.answers else seen.draft.subject,
        "body": body if body is not None else seen.draft.body,
    }


def _key(request: Request) -> Key:
    return request.path_params["enrollment"], request.path_params["step"].replace("\0", "")
