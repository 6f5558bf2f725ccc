"""The API's lists and acts in OpenAPI 3.1; leads and events stand in `api_description`, which puts both together."""

from collections.abc import Callable, Mapping
from typing import Any

from sequencer.core.enrollment import Status
from sequencer.core.handoff import State
from sequencer.web.api_lists import MOST, USUAL

Answer = Callable[[str, str, dict[str, Any]], dict[str, Any]]
Problem = Callable[..., dict[str, Any]]

_EMAIL: Mapping[str, Any] = {"type": "string", "format": "email"}
_MAYBE: Mapping[str, Any] = {"type": ["string", "null"]}
_TIME: Mapping[str, Any] = {"type": ["string", "null"], "format": "date-time"}

SCHEMAS: Mapping[str, Any] = {
    "Enroll": {
        "type": "object",
        "required": ["email", "sequence"],
        "additionalProperties": False,
        "properties": {"email": _EMAIL, "sequence": {"type": "string", "description": "One that is deployed."}},
    },
    "Enrolled": {
        "type": "object",
        "required": ["lead", "entered", "why"],
        "properties": {
            "lead": {"type": "integer"},
            "entered": {"type": "boolean"},
            "why": {**_MAYBE, "description": "Why it did not enter; that is no error."},
        },
    },
    "Stop": {
        "type": "object",
        "required": ["email"],
        "additionalProperties": False,
        "properties": {"email": {**_EMAIL, "description": "Of a lead that is known."}},
    },
    "Stopped": {
        "type": "object",
        "required": ["email", "stopped"],
        "properties": {"email": {"type": "string"}, "stopped": {"type": "array", "items": {"type": "string"}}},
    },
    "Lifted": {
        "type": "object",
        "required": ["lifted", "still"],
        "properties": {
            "lifted": {"type": "boolean"},
            "still": {**_MAYBE, "description": "What goes on forbidding all mail."},
        },
    },
    "Answer": {
        "type": "object",
        "required": ["answer"],
        "additionalProperties": False,
        "properties": {
            "answer": {"enum": ["accept", "decline"]},
            "reason": {"type": ["string", "null"], "maxLength": 300, "description": "A declared one, by its id."},
            "words": {"type": ["string", "null"], "maxLength": 300},
            "until": {"type": ["string", "null"], "format": "date", "description": "When to ask again."},
        },
    },
    "Answered": {
        "type": "object",
        "required": ["lead", "number", "state"],
        "properties": {
            "lead": {"type": "integer"},
            "number": {"type": "integer"},
            "state": {"enum": [one.value for one in State]},
        },
    },
    "Submission": {
        "type": "object",
        "required": ["email"],
        "additionalProperties": False,
        "properties": {
            "email": _EMAIL,
            "answers": {"type": ["object", "null"], "description": "By field; `GET /api/forms` says which."},
            "message": {"type": ["string", "null"], "maxLength": 5000},
            "key": {"type": ["string", "null"], "minLength": 1, "maxLength": 200, "description": "Counts once."},
            "query": {
                "type": ["string", "null"],
                "maxLength": 5000,
                "description": "Of the page: UTM, click ids.",
            },
            "referrer": {"type": ["string", "null"], "maxLength": 5000, "description": "Where the visitor came from."},
        },
    },
    "Submitted": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"enum": ["done", "confirm"], "description": "confirm: a mail asks for it first."}},
    },
}


def _page(noun: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    row = {"type": "object", "required": list(properties), "properties": dict(properties)}
    return {
        "type": "object",
        "required": [noun, "next"],
        "properties": {
            noun: {"type": "array", "items": row},
            "next": {
                **_MAYBE,
                "description": "The `cursor` of the page after it, also of an empty one; null: this was the last.",
            },
        },
    }


_LEAD = {
    "id": {"type": "integer"},
    "email": {"type": "string"},
    **{name: _MAYBE for name in ("first_name", "last_name", "title", "time_zone", "country", "stage", "status")},
    "campaign": _MAYBE,
    "owner_email": _MAYBE,
    "suppressed": {"type": "boolean"},
    "fields": {"type": "object"},
    "created_at": _TIME,
}
_EVENT = {
    "event": {"type": "string"},
    "at": _TIME,
    "source": {"type": "string"},
    "enrollment": {"type": ["integer", "null"]},
    "step": _MAYBE,
    "machine": {"type": "boolean"},
    "data": {"type": "object"},
}
_ENROLLMENT = {
    "id": {"type": "integer"},
    "email": {"type": "string"},
    "sequence": {"type": "string"},
    "status": {"enum": [one.value for one in Status]},
    "reason": _MAYBE,
    "step": {"type": "string"},
    "due_at": _TIME,
    "entered_at": _TIME,
    "ended_at": _TIME,
}
_HANDOFF = {
    "lead": {"type": "integer"},
    "email": {"type": "string"},
    "number": {"type": "integer"},
    "state": {"enum": [one.value for one in State]},
    "at": _TIME,
    "reasons": {"type": "array", "items": {"type": "string"}},
    "note": {"type": "string"},
    "rep": _MAYBE,
    "asked": {"type": "array", "items": {"type": "string"}},
    "due_at": _TIME,
    "answered_at": _TIME,
    "answer": _MAYBE,
    "until": {"type": ["string", "null"], "format": "date"},
}
_SUPPRESSION = {"email": {"type": "string"}, "topic": _MAYBE, "reason": {"type": "string"}, "at": _TIME}
_FORM = {
    "id": {"type": "string"},
    "title": {"type": "string"},
    "message": _MAYBE,
    "questions": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "type", "choices", "needed"],
            "properties": {
                "name": {"type": "string"},
                "type": {"type": "string"},
                "choices": {"type": "array", "items": {"type": "string"}},
                "needed": {"type": "boolean"},
            },
        },
    },
}
PAGES: Mapping[str, Any] = {
    "Leads": _page("leads", _LEAD),
    "Events": _page("events", _EVENT),
    "Enrollments": _page("enrollments", _ENROLLMENT),
    "Handoffs": _page("handoffs", _HANDOFF),
    "Suppressions": _page("suppressions", _SUPPRESSION),
    "Forms": _page("forms", _FORM),
}

_AT = "2026-11-23T09:30:00+00:00"
_EXAMPLES: Mapping[str, dict[str, Any]] = {
    "leads": {
        **dict.fromkeys(_LEAD),
        **{"id": 17, "email": "jane@acme.example", "suppressed": False, "fields": {}, "created_at": _AT},
    },
    "events": {**dict.fromkeys(_EVENT), "event": "visited", "at": _AT, "source": "site", "machine": False}
    | {"data": {"page": "/pricing"}},
    "enrollments": {**dict.fromkeys(_ENROLLMENT), "id": 1803886265344001, "email": "jane@acme.example"}
    | {"sequence": "education", "status": "active", "step": "worksheet", "entered_at": _AT},
    "handoffs": {**dict.fromkeys(_HANDOFF), "lead": 17, "email": "jane@acme.example", "number": 1, "at": _AT}
    | {"state": "waiting", "reasons": ["asked"], "note": "", "rep": "daan@counterweigh.example"}
    | {"asked": ["daan@counterweigh.example"]},
    "suppressions": {"email": "jane@acme.example", "topic": None, "reason": "bounced", "at": _AT},
    "forms": {"id": "handbook", "title": "The Handbook", "message": None, "questions": []},
}


def _parameter(name: str, schema: Mapping[str, Any], description: str, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": dict(schema), "description": description}


_PAGING = [
    _parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST}, f"Of one page; {USUAL}, when left out."),
    _parameter("cursor", {"type": "string", "maxLength": 1000}, "`next` of the page before, with the same question."),
]


def _in_path(name: str, schema: Mapping[str, Any], example: str | int) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), "example": example}


def paths(answer: Answer, problem: Problem, refusals: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By path and method. What all operations share is given by whoever puts the document together."""
    on_reading = {status: refusals[status] for status in ("400", "401", "403", "422", "429", "503")}
    no_lead = {"404": problem("No such lead.", "there is no lead with the address jane@acme.example")}

    def listing(noun: str, summary: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
        page = answer("A page.", noun.capitalize(), {noun: [_EXAMPLES[noun]], "next": None})
        return {
            "summary": summary,
            "operationId": f"list{noun.capitalize()}",
            "parameters": [*parameters, *([] if noun == "forms" else _PAGING)],
            "responses": {"200": page, **on_reading, **more},
        }

    def act(operation: str, summary: str, body: str | None, example: Any, done: dict[str, Any], **more: Any) -> Any:
        shown = {"$ref": f"#/components/schemas/{body}"}
        content = {"application/json": {"schema": shown, "examples": {"one": {"value": example}}}}
        asked = {"requestBody": {"required": True, "content": content}} if body is not None else {}
        parameters = {"parameters": more.pop("parameters")} if "parameters" in more else {}
        answers = {"200": done, **refusals, **more}
        return {"summary": summary, "operationId": operation, **parameters, **asked, "responses": answers}

    conflict = {"409": problem("It is answered already, or nobody was asked.", "This handoff is accepted already.")}
    by_email = _parameter("email", _EMAIL, "Of one lead.")
    return {
        "/api/leads": {
            "get": listing("leads", "All leads", _parameter("owner", _EMAIL, "Those of one rep, by the company too."))
        },
        "/api/events": {
            "get": listing("events", "What one lead did, the newest first", {**by_email, "required": True}, **no_lead)
        },
        "/api/enrollments": {
            "get": listing(
                "enrollments",
                "Who is or was in which sequence",
                by_email,
                _parameter("sequence", {"type": "string", "maxLength": 1000}, "One sequence."),
                _parameter("status", {"enum": [one.value for one in Status]}, "One status."),
                **no_lead,
            ),
            "post": act(
                "enroll",
                "Let a lead into a sequence",
                "Enroll",
                {"email": "jane@acme.example", "sequence": "education"},
                answer("Entered, or why not.", "Enrolled", {"lead": 17, "entered": True, "why": None}),
                **no_lead,
            ),
        },
        "/api/handoffs": {
            "get": listing(
                "handoffs",
                "Leads of whom sales was told, the newest first",
                _parameter("rep", _EMAIL, "Those of one rep."),
                _parameter("state", {"enum": [one.value for one in State]}, "One state."),
            )
        },
        "/api/handoffs/{lead}/{number}": {
            "post": act(
                "answerHandoff",
                "Accept or decline a handoff, as the rep who was asked",
                "Answer",
                {"answer": "decline", "words": "Not before March", "until": "2027-03-01"},
                answer("It counts.", "Answered", {"lead": 17, "number": 1, "state": "declined"}),
                parameters=[
                    _in_path(name, {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, example)
                    for name, example in (("lead", 17), ("number", 1))
                ],
                **{"404": problem("No such handoff.", "there is no such handoff")},
                **conflict,
            )
        },
        "/api/suppressions": {
            "get": listing("suppressions", "Addresses that must not be mailed, and why"),
            "post": act(
                "stop",
                "Stop all mail to a lead, as `sequencer halt`",
                "Stop",
                {"email": "jane@acme.example"},
                answer("Stopped.", "Stopped", {"email": "jane@acme.example", "stopped": ["education"]}),
                **no_lead,
            ),
        },
        "/api/suppressions/{email}": {
            "delete": act(
                "lift",
                "Take such a stop back; what the lead said, and bounces, stay",
                None,
                None,
                answer("Whether there was one.", "Lifted", {"lifted": True, "still": None}),
                parameters=[_in_path("email", {"type": "string"}, "jane@acme.example")],
                **no_lead,
            )
        },
        "/api/forms": {"get": listing("forms", "The forms, and what each asks")},
        "/api/forms/{form}": {
            "post": act(
                "submitForm",
                "Pass on what a person sent by a form of your own",
                "Submission",
                {"email": "jane@acme.example", "answers": {"first_name": "Jane"}, "key": "order-17"},
                answer("Taken.", "Submitted", {"status": "done"}),
                parameters=[_in_path("form", {"type": "string"}, "handbook")],
                **{"404": problem("No such form.", "there is no such form")},
            )
        },
    }
