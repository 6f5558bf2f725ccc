"""What programs may do beside saving leads and events: enrol, stop, answer a handoff, pass a form on."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core.handoff import policy_of
from sequencer.core.lead_input import InvalidLead, normal_email
from sequencer.core.operate import Impossible
from sequencer.core.questions import LONGEST_MESSAGE, Unanswered, answers, every
from sequencer.core.rep_answer import LONGEST, Said
from sequencer.core.touch import touch_of
from sequencer.errors import NotFound
from sequencer.services import accept, forms, halt
from sequencer.services.context import Context
from sequencer.services.forms import Sent
from sequencer.services.leads import enter
from sequencer.store import clock, handoffs, leads
from sequencer.web.api import LARGEST, SOURCE
from sequencer.web.api_answers import json_answer, known
from sequencer.web.api_input import LONGEST_KEY, Refused, parse
from sequencer.web.bodies import read
from sequencer.web.forms import texts

_LACKS: Final[Mapping[accept.Lack, str]] = {
    "no_such_day": "expected a day from tomorrow on, within two years",
    "date_needed": "expected the day to try again, which the lead's status then needs",
}


@dataclass(frozen=True, slots=True)
class ActDoor:
    """Each method answers one route."""

    context: Context

    async def enroll(self, request: Request) -> Response:
        return await self._act(request, self._enroll, "email", "sequence")

    def _enroll(self, request: Request, told: dict[str, Any]) -> Response:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            series = release.workspace.sequences.get(told["sequence"] if isinstance(told.get("sequence"), str) else "")
            if series is None:
                deployed = ", ".join(sorted(release.workspace.sequences))
                raise Refused(422, f"sequence: expected one that is deployed: {deployed}")
            lead = known(leads.by_email(conn, _email(told)), _email(told))
            entered = enter(conn, release, series, [lead.id], SOURCE, clock.now(conn))
        if entered.leads:
            self.context.wake({(series.id, series.start)})
        why = next(iter(entered.refused), None)
        return json_answer({"lead": lead.id, "entered": bool(entered.leads), "why": why})

    async def stop(self, request: Request) -> Response:
        return await self._act(request, self._stop, "email")

    def _stop(self, request: Request, told: dict[str, Any]) -> Response:
        try:
            with self.context.engine.begin() as conn:
                halted = halt.halt(conn, _email(told), clock.now(conn))
        except NotFound as error:
            raise Refused(404, str(error)) from error
        return json_answer({"email": halted.email, "stopped": list(halted.sequences)})

    def lift(self, request: Request) -> Response:
        try:
            with self.context.engine.begin() as conn:
                lifted = halt.lift(conn, _email(request.path_params))
        except NotFound as error:
            raise Refused(404, str(error)) from error
        return json_answer({"lifted": lifted.lifted, "still": lifted.still})

    async def answer(self, request: Request) -> Response:
        return await self._act(request, self._answer, "answer", "reason", "words", "until")

    def _answer(self, request: Request, told: dict[str, Any]) -> Response:
        key = (request.path_params["lead"], request.path_params["number"])
        if max(key) >= 2**31:
            raise Refused(404, "there is no such handoff")
        try:
            with self.context.engine.begin() as conn:
                release = self.context.releases.current(conn)
                said = _said(told, list(policy_of(release.workspace).declines))
                one = handoffs.by_keys(conn, [key]).get(key)
                if one is None:
                    raise Refused(404, "there is no such handoff")
                if one.rep is None:
                    raise Refused(409, "nobody was asked yet")
                lack = accept.lacking(conn, release, one, one.rep, said, clock.now(conn))
                if lack is not None:
                    raise Refused(422, f"until: {_LACKS[lack]}")
                awake = accept.answer(self.context, conn, key, one.rep, said)
                state = handoffs.by_keys(conn, [key])[key].state.value
        except Impossible as error:
            raise Refused(409, str(error)) from error
        self.context.wake(awake)
        return json_answer({"lead": key[0], "number": key[1], "state": state})

    async def submit(self, request: Request) -> Response:
        return await self._act(request, self._submit, "email", "answers", "message", "key", "query", "referrer")

    def _submit(self, request: Request, told: dict[str, Any]) -> Response:
        """As if the form's page had been sent by a person: whoever holds the key vouches for that."""
        given, key = told.get("answers"), told.get("key")
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise Refused(422, "answers: expected an object of values by field")
        unfit = [
            f"{name}: expected text of at most {LONGEST_MESSAGE:,} characters"
            for name in ("message", "query", "referrer")
            if not isinstance(told.get(name), str | None) or len(told.get(name) or "") > LONGEST_MESSAGE
        ]
        if unfit:
            raise Refused(422, *unfit)
        if key is not None and not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
            raise Refused(422, f"key: expected a text of 1 to {LONGEST_KEY} characters that is the same for a repeat")
        said = {"email": [_email(told)], "message": texts(told.get("message"))}
        said |= {str(name): texts(value) for name, value in given.items() if name not in said}
        once = f"api.{hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid.uuid4().hex}"
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            form = release.workspace.forms.get(request.path_params["form"])
            if form is None:
                raise Refused(404, "there is no such form")
            try:
                found = dict(answers(form, every(form, release.workspace), said))
            except Unanswered as wrong:
                raise Refused(422, *(f"{name}: {problem}" for name, problem in wrong.problems.items())) from wrong
            sent = Sent(
                form=form.id,
                email=found.pop("email"),
                answers=found,
                text=next(iter(said["message"]), "").strip() if form.message else "",
                touch=touch_of(told.get("query"), told.get("referrer"), release.workspace.hosts),
            )
            taken = forms.submit(conn, release, sent, once, None, True, clock.now(conn))
        self.context.wake(taken.awake)
        return json_answer({"status": "confirm" if taken.confirm else "done"})

    async def _act(self, request: Request, act: Callable[[Request, dict[str, Any]], Response], *names: str) -> Response:
        told = parse(await read(request, LARGEST))
        wrong = [f"{name[:100]}: expected only {', '.join(names)}" for name in told if name not in names]
        if wrong:
            raise Refused(422, *wrong)
        return await run_in_threadpool(act, request, told)


def _email(told: Any) -> str:
    try:
        return normal_email(told["email"] if isinstance(told.get("email"), str) else "")
    except InvalidLead as error:
        raise Refused(422, *error.problems) from error


def _said(told: dict[str, Any], reasons: list[str]) -> Said:
    """The rep's answer. Raises Refused."""
    problems = [
        f"{name}: expected text of at most {LONGEST} characters"
        for name in ("reason", "words", "until")
        if told.get(name) is not None and not (isinstance(told[name], str) and len(told[name]) <= LONGEST)
    ]
    answer, reason, words = told.get("answer"), told.get("reason") or "", told.get("words") or ""
    if answer not in ("accept", "decline"):
        problems.append("answer: expected accept or decline")
    if problems:
        raise Refused(422, *problems)
    if reason and reason not in reasons:
        raise Refused(422, f"reason: expected one of {', '.join(reasons)}; say anything else in `words`")
    if answer == "decline" and not (reason or words):
        raise Refused(422, "reason: expected why it is declined, in `reason` or `words`")
    until = None
    if told.get("until"):
        try:
            if len(told["until"]) != 10:
                raise ValueError
            until = date.fromisoformat(told["until"])
        except ValueError as error:
            raise Refused(422, f"until: expected a date as 2026-11-30, got `{told['until'][:100]}`") from error
    return Said(answer == "accept", reason, words, until)
