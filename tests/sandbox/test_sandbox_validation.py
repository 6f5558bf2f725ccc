"""The documented rules of mail/send, one by one; and the JSON Schema of the request beside them."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sequencer.sandbox.schema import SCHEMA
from sequencer.sandbox.validation import check, is_address

SCHEMA_CHECK = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATEST = int((START + timedelta(hours=72)).timestamp())


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value set; `...` removes it."""
    body = copy.deepcopy(body)
    *parents, last = [int(word) if word.isdecimal() else word for word in path.split("/")]
    inner: Any = body
    for word in parents:
        inner = inner[word]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return body


SHAPES = [
    ("personalizations", ..., "personalizations"),
    ("personalizations", [], "personalizations"),
    ("personalizations", [{"to": [{"email": "a@b.example"}]}] * 1001, "personalizations"),
    ("personalizations/0", "jane", "personalizations.0"),
    ("personalizations/0/to", ..., "personalizations.0.to"),
    ("personalizations/0/to", [], "personalizations.0.to"),
    ("personalizations/0/to/0", {}, "personalizations.0.to.0.email"),
    ("personalizations/0/to/0/email", "jane", "personalizations.0.to.0.email"),
    ("personalizations/0/to/0/name", "Doe, Jane", "personalizations.0.to.0.name"),
    ("personalizations/0/to/0/name", "Jane; Doe", "personalizations.0.to.0.name"),
    ("personalizations/0/to/0/name", None, "personalizations.0.to.0.name"),
    ("personalizations/0/to/0/nick", "J", "personalizations.0.to.0.nick"),
    ("personalizations/0/cc", {"email": "a@b.example"}, "personalizations.0.cc"),
    ("personalizations/0/subject", "", "personalizations.0.subject"),
    ("personalizations/0/custom_args/sq_lead", 7, "personalizations.0.custom_args.sq_lead"),
    ("personalizations/0/substitutions/%name%", None, "personalizations.0.substitutions.%name%"),
    ("personalizations/0/substitutions", ["a"], "personalizations.0.substitutions"),
    ("personalizations/0/content", [], "personalizations.0.content"),
    ("personalizations/0/reply_to", {"email": "a@b.example"}, "personalizations.0.reply_to"),
    ("personalizations/0/send_at", "soon", "personalizations.0.send_at"),
    ("personalizations/0/headers/X-SG-EID", "1", "personalizations.0.headers.X-SG-EID"),
    ("personalizations/0/headers/bad name", "1", "personalizations.0.headers.bad name"),
    ("from", ..., "from.email"),
    ("from/email", "mara", "from.email"),
    ("reply_to/email", "%tag%", "reply_to.email"),
    ("reply_to_list", [{"email": "a@b.example"}], "reply_to"),
    ("subject", "", "subject"),
    ("content", [], "content"),
    ("content/0/value", "", "content.0.value"),
    ("content/0/type", "", "content.0.type"),
    ("content/0/charset", "utf-8", "content.0.charset"),
    ("categories", [str(n) for n in range(11)], "categories"),
    ("categories", ["a", "a"], "categories"),
    ("categories", ["x" * 256], "categories.0"),
    ("headers/Subject", "Other", "headers.Subject"),
    ("headers/dkim-signature", "v=1", "headers.dkim-signature"),
    ("headers/Content-Transfer-Encoding", "8bit", "headers.Content-Transfer-Encoding"),
    ("headers/BCC", "x@example.com", "headers.BCC"),
    ("headers/Reply-To", "x@example.com", "headers.Reply-To"),
    ("headers/Received", "from x", "headers.Received"),
    ("custom_args", {"a": True}, "custom_args.a"),
    ("attachments", [{"content": "", "filename": "a.pdf"}], "attachments.0.content"),
    ("attachments", [{"content": "eA==", "filename": "a.pdf", "disposition": "floating"}], "attachments.0.disposition"),
    ("asm", {"groups_to_display": [1]}, "asm.group_id"),
    ("ip_pool_name", "x", "ip_pool_name"),
    ("mail_settings", {"sandbox_mode": {"enable": "yes"}}, "mail_settings.sandbox_mode.enable"),
    ("tracking_settings", {"click_tracking": {"enabled": True}}, "tracking_settings.click_tracking.enabled"),
    ("template", "d-1", "template"),
]
"""What a schema can see: (where, what it becomes, the field that the answer names)."""


@pytest.mark.parametrize(("path", "value", "field"), SHAPES, ids=[f"{path}={str(v)[:20]}" for path, v, _ in SHAPES])
def test_a_wrong_shape_is_refused_by_the_rules_and_by_the_schema(mail, path, value, field):
    body = changed(mail, path, value)

    assert field in {refusal.field for refusal in check(body, START)}
    assert not SCHEMA_CHECK.is_valid(body)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("personalizations/0/cc", [{"email": "JANE@acme.example"}], "personalizations.0"),
        ("personalizations/0/from", {"email": "mara@elsewhere.example"}, "personalizations.0.from.email"),
        ("personalizations/0/substitutions", {"%a%": "é" * 5000}, "personalizations.0.substitutions"),
        ("personalizations/0/custom_args", {"a": "x" * 10_000}, "personalizations.0.custom_args"),
        ("personalizations/0/send_at", LATEST + 1, "personalizations.0.send_at"),
        ("personalizations/0/headers/X-A", "a\r\nBcc: x@example.com", "personalizations.0.headers.X-A"),
        ("send_at", LATEST + 1, "send_at"),
        ("from/email", "Mara <mara@mail.kestrel.example>", "from.email"),
        ("subject", ..., "subject"),
        ("content", ..., "content"),
        (
            "content",
            [{"type": "text/html", "value": "a"}, {"type": "text/plain", "value": "a"}],
            "content",
        ),
    ],
)
def test_what_no_schema_can_see_is_refused_too(mail, path, value, field):
    assert [field] == [refusal.field for refusal in check(changed(mail, path, value), START)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("personalizations/0/from", {"email": "ana@mail.kestrel.example", "name": "Ruiz, Ana"}),
        ("personalizations/0/cc", [{"email": "john@acme.example"}]),
        ("personalizations/0/substitutions", {"%ab%": "é" * 4998}),
        ("personalizations/0/send_at", LATEST),
        ("personalizations/0/headers", {"List-Unsubscribe": "<https://x.example/u/1>", "In-Reply-To": "<1@x.example>"}),
        ("categories", [str(n) for n in range(10)]),
        ("attachments", [{"content": "eA==", "filename": "a.pdf", "type": "application/pdf"}]),
        ("asm", {"group_id": 1, "groups_to_display": [1, 2]}),
        ("send_at", 0),
    ],
)
def test_what_the_rules_allow_is_accepted_by_the_schema_too(mail, path, value):
    body = changed(mail, path, value)

    assert [] == check(body, START)
    assert [] == [problem.message for problem in SCHEMA_CHECK.iter_errors(body)]


def test_a_subject_in_every_personalization_is_enough(mail, person):
    del mail["subject"]
    mail["personalizations"] = [person("a@acme.example", "A", subject="a"), person("b@acme.example", "B", subject="b")]
    assert [] == check(mail, START)

    del mail["personalizations"][1]["subject"]
    assert ["subject"] == [refusal.field for refusal in check(mail, START)]


def test_an_address_may_stand_once_in_a_request_whatever_its_case(mail, person):
    mail["personalizations"] = [person("jane@acme.example", "Jane"), person("Jane@ACME.example", "Jane")]

    assert ["personalizations.1"] == [refusal.field for refusal in check(mail, START)]


def test_more_than_a_thousand_recipients_are_too_many_also_in_few_personalizations(mail, person):
    mail["personalizations"] = [
        {"to": [{"email": f"{side}{n}@acme.example"} for n in range(501)], "subject": side} for side in ("a", "b")
    ]

    assert ["personalizations"] == [refusal.field for refusal in check(mail, START)]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("jane@acme.example", True),
        ("r-abc.d+e_f@reply.kestrel.example", True),
        ("o'neil@acme.example", True),
        ("jane@acme", False),
        ("jane@@acme.example", False),
        (".jane@acme.example", False),
        ("jane..doe@acme.example", False),
        ("jane@acme.example\n", False),
        ("jane@-acme.example", False),
        ("jäne@acme.example", False),
        ("x" * 65 + "@acme.example", False),
        (7, False),
    ],
)
def test_addresses_are_told_from_what_only_looks_like_one(text, valid):
    assert valid == is_address(text)


def test_what_the_sandbox_serves_as_the_schema_is_a_schema(sandbox):
    schema = sandbox.get("/schema.json")

    Draft202012Validator.check_schema(schema)
    assert SCHEMA == schema
