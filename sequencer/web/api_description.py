"""The API in OpenAPI 3.1, written by hand: short, and a test posts every example in it."""

from typing import Any, Final

from sequencer.web.api_paths import PAGES, SCHEMAS, paths

_LEAD: Final = {
    "email": "jane@acme.example",
    "first_name": "Jane",
    "last_name": "Doe",
    "company": "Acme",
    "time_zone": "Europe/Madrid",
    "owner_email": "daan@counterweigh.example",
    "stage": "lead",
    "campaign": "webinar-fuel-surcharges",
    "enroll": "education",
}
_EVENT: Final = {
    "email": "jane@acme.example",
    "event": "meeting_booked",
    "key": "crm-meeting-8841",
    "data": {"with": "daan@counterweigh.example"},
}
_SUBMITTED: Final = {"email": "jane@acme.example", "event": "submitted", "data": {"form": "handbook"}}


def describe(url: str) -> dict[str, Any]:
    """The document. `url`: where this process is reached."""
    more = paths(_answer, _problem, _REFUSALS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sequencer",
            "version": "1",
            "description": "Tell the sequencer about leads and about what they do.",
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": {
            **more,
            "/api/leads": {**more["/api/leads"], "post": _PUT_LEAD},
            "/api/leads/{email}": {"get": _GET_LEAD},
            "/api/events": {**more["/api/events"], "post": _PUT_EVENT},
        },
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of `sequencer keys create`, or the value of API_TOKEN, which may everything.",
                }
            },
            "schemas": {
                "Lead": _LEAD_SCHEMA,
                "Saved": _SAVED_SCHEMA,
                "Event": _EVENT_SCHEMA,
                "Recorded": _RECORDED_SCHEMA,
                "Everything": _EVERYTHING_SCHEMA,
                "Problems": _PROBLEMS_SCHEMA,
                **SCHEMAS,
                **PAGES,
            },
        },
    }


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(name: str, **examples: dict[str, Any]) -> dict[str, Any]:
    shown = {title: {"value": value} for title, value in examples.items()}
    return {"required": True, "content": {"application/json": {"schema": _schema(name), "examples": shown}}}


def _answer(description: str, name: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _schema(name), "example": example}},
    }


def _problem(description: str, *problems: str) -> dict[str, Any]:
    return _answer(description, "Problems", {"problems": list(problems)})


def _limited() -> dict[str, Any]:
    refusal = _problem(
        "Too many requests with this key, or too many unknown keys from there.",
        "expected at most 600 requests a minute …",
    )
    seconds = {"description": "Seconds until it may ask again.", "schema": {"type": "integer"}}
    return refusal | {"headers": {"Retry-After": seconds}}


_VALUE: Final = {"type": ["string", "number", "boolean", "null"], "maxLength": 1000}
_TEXT: Final = {"type": ["string", "null"], "maxLength": 1000}
_REFUSALS: Final = {
    "400": _problem("Not JSON.", "expected a JSON object"),
    "401": _problem("No key, or a wrong one.", "expected the header `Authorization: Bearer …`"),
    "403": _problem("The key may not do that.", "this key may not do that: it has not the scope enrollments:write"),
    "408": _problem("The body came too slowly.", "expected the whole body sooner"),
    "413": _problem("More than 1 MB.", "expected a body of at most 1,048,576 bytes"),
    "422": _problem(
        "Something in it is wrong; all problems are listed and nothing was done.",
        "time_zone: expected an IANA zone such as Europe/Madrid, got `Madrid`",
    ),
    "429": _limited(),
    "503": _problem("The database is away, or nothing is deployed: try again later.", "try again later"),
}
_NO_LEAD: Final = _problem("No such lead.", "there is no lead with the address jane@acme.example")

_LEAD_SCHEMA: Final = {
    "type": "object",
    "description": "Built-in fields, declared ones of workspace.yaml, and any others, which become attributes. "
    "What is left out, null or empty stays as it was. Names are the same in upper and lower case.",
    "required": ["email"],
    "propertyNames": {"minLength": 1, "maxLength": 64},
    "properties": {
        "email": {"type": "string", "format": "email"},
        **{
            name: _VALUE
            for name in ("first_name", "last_name", "title", "company", "country", "stage", "status", "campaign")
        },
        "time_zone": {**_TEXT, "description": "IANA name."},
        "owner_email": {
            "description": "The rep who owns the lead.",
            "anyOf": [{"type": "string", "format": "email"}, {"type": "string", "maxLength": 0}, {"type": "null"}],
        },
        "enroll": {
            "description": "Sequences to enter. Who may not enter one is told why; that is no error.",
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}],
        },
    },
    "additionalProperties": {
        "description": "A field that takes several values takes a list of them.",
        "anyOf": [_VALUE, {"type": "array", "items": _VALUE}],
    },
}
_SAVED_SCHEMA: Final = {
    "type": "object",
    "required": ["id", "email", "new", "enrolled"],
    "properties": {
        "id": {"type": "integer"},
        "email": {"type": "string", "description": "As it is kept: lower case."},
        "new": {"type": "boolean"},
        "enrolled": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["entered"],
                "properties": {"entered": {"type": "boolean"}, "why": {"type": ["string", "null"]}},
            },
        },
    },
}
_EVENT_SCHEMA: Final = {
    "type": "object",
    "required": ["email", "event"],
    "additionalProperties": False,
    "properties": {
        "email": {"type": "string", "format": "email", "description": "Of a lead that is known."},
        "event": {
            "type": "string",
            "maxLength": 64,
            "pattern": "^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$",
            "description": "A name of your own, or `submitted`, `visited`, `replied`, `unsubscribed`, `complained`.",
        },
        "at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it happened; now, when left out. A repeat must carry the same.",
        },
        "key": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 200,
            "description": "Makes repeats count once: with `at`, for good; without, within a day. "
            "Without a key every post counts.",
        },
        "data": {
            "anyOf": [{"type": "object"}, {"type": "null"}, {"type": "array", "maxItems": 0}],
            "description": "`submitted` says `form`, `visited` says `page`, `unsubscribed` may say `topic`.",
        },
    },
}
_RECORDED_SCHEMA: Final = {
    "type": "object",
    "required": ["lead", "recorded"],
    "properties": {
        "lead": {"type": "integer", "description": "The lead's id."},
        "recorded": {"type": "boolean", "description": "False for a repeat."},
    },
}
_LISTED: Final = {"type": "array", "items": {"type": "object"}}
_EVERYTHING_SCHEMA: Final = {
    "type": "object",
    "required": ["lead", "enrollments", "messages", "events", "handoffs", "alerts", "standing"],
    "properties": {
        "lead": {
            "type": "object",
            "description": "Who they are, and of each field who said so, when, and how sure that is (`sources`).",
            "required": ["id", "email", "company", "suppressed", "suppressions", "fields", "sources"],
        },
        "enrollments": {**_LISTED, "description": "Sequences they are or were in, with what came of each step."},
        "messages": {**_LISTED, "description": "Mails to them, and how far each came."},
        "events": {**_LISTED, "description": "What happened, newest first."},
        "handoffs": {**_LISTED, "description": "To which reps they were handed, why, and what was answered."},
        "alerts": {**_LISTED, "description": "What reps were told of them."},
        "standing": {
            "description": "Score, fit and readiness, and what they are made of; null where no signals are declared.",
            "anyOf": [
                {
                    "type": "object",
                    "required": ["score", "fit", "sales_ready", "lacks", "company", "signals", "readiness"],
                    "properties": {
                        "score": {"type": "integer"},
                        "fit": {"type": "integer"},
                        "sales_ready": {"type": "boolean"},
                        "lacks": {"type": "array", "items": {"type": "string"}},
                        **dict.fromkeys(("company", "signals", "readiness"), _LISTED),
                    },
                },
                {"type": "null"},
            ],
        },
    },
}
_EVERYTHING: Final = {
    "lead": {
        "id": 17,
        "email": "jane@acme.example",
        "company": {"domain": "acme.example", "name": "Acme", "owner": "daan@counterweigh.example"},
        "stage": "sql",
        "suppressed": False,
        "suppressions": [],
        "fields": {"role": "finance"},
        "sources": {"role": {"by": "api", "at": "2026-11-02T09:00:00+00:00", "confidence": 100, "because": []}},
    },
    "enrollments": [{"sequence": "education", "status": "active", "sentence": "is in it"}],
    "messages": [],
    "events": [{"event": "visited", "at": "2026-11-23T09:30:00+00:00", "source": "site", "data": {"page": "/pricing"}}],
    "handoffs": [{"number": 1, "state": "waiting", "rep": "daan@counterweigh.example", "reasons": ["warm"]}],
    "alerts": [],
    "standing": {
        "score": 72,
        "fit": 20,
        "sales_ready": True,
        "lacks": [],
        "company": [{"within": "30 days", "people": 2}],
        "signals": [{"signal": 'visited("/pricing*")', "times": 4, "points": 60.0, "capped": True}],
        "readiness": [{"number": 1, "at": "2026-11-23T09:30:02+00:00", "over_at": None, "reasons": ["warm"]}],
    },
}
_PROBLEMS_SCHEMA: Final = {
    "type": "object",
    "required": ["problems"],
    "properties": {"problems": {"type": "array", "items": {"type": "string"}}},
}

_SAVED: Final = {
    "id": 17,
    "email": "jane@acme.example",
    "new": True,
    "enrolled": {"education": {"entered": False, "why": "was in it before"}},
}
_PUT_LEAD: Final = {
    "summary": "Save a lead, and let it into sequences",
    "operationId": "saveLead",
    "requestBody": _body("Lead", lead=_LEAD),
    "responses": {
        "200": _answer("A known lead was updated.", "Saved", {**_SAVED, "new": False}),
        "201": _answer("A new lead was saved.", "Saved", _SAVED),
        **_REFUSALS,
    },
}
_GET_LEAD: Final = {
    "summary": "Everything about one lead: enrollments, messages, events",
    "operationId": "showLead",
    "parameters": [
        {"name": "email", "in": "path", "required": True, "schema": {"type": "string"}, "example": "jane@acme.example"}
    ],
    "responses": {
        "200": _answer("As `sequencer leads show EMAIL --json` prints it.", "Everything", _EVERYTHING),
        **{status: _REFUSALS[status] for status in ("401", "403", "429")},
        "404": _NO_LEAD,
        "422": _problem("Not an address.", "email: expected an address, got `jane`"),
        "503": _REFUSALS["503"],
    },
}
_PUT_EVENT: Final = {
    "summary": "Tell what a lead did",
    "operationId": "recordEvent",
    "requestBody": _body("Event", meeting=_EVENT, form=_SUBMITTED),
    "responses": {
        "200": _answer("Recorded, or known already.", "Recorded", {"lead": 17, "recorded": True}),
        "404": _NO_LEAD,
        **_REFUSALS,
    },
}
