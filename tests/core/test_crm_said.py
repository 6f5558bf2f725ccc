"""What CRMs post, read by ready-made mappings and by declared ones. The bodies are those of the CRMs' documentation."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sequencer.core.crm import Crm, CrmSource
from sequencer.core.crm_ready import READY
from sequencer.core.crm_said import MOST, NotSaid, Told, read_body, rep_of, typed
from sequencer.workspace.settings import load_settings
from tests.workspaces import WORKSPACE, files

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)
HUBSPOT = {
    "eventId": 3816279340,
    "subscriptionId": 25,
    "portalId": 33,
    "appId": 1160452,
    "occurredAt": 1764151200500,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 1246965,
    "propertyName": "lifecyclestage",
    "propertyValue": "customer",
    "changeSource": "CRM",
}
WORKFLOW = {"email": "Kim@Harbor.example", "event": "deal_won", "hs_object_id": "1246965", "lifecyclestage": "customer"}
SALESFORCE = {
    "Id": "003xx000004TmiQAAS",
    "Email": "kim@harbor.example",
    "event": "call_logged",
    "OwnerId": "005xx0000012345AAA",
    "Status": "Working - Contacted",
    "LastModifiedDate": "2026-11-26T09:00:00.000+0000",
}
PERSON = {
    "meta": {
        "action": "change",
        "entity": "person",
        "entity_id": "3",
        "id": "d71d80a5",
        "timestamp": "2026-11-26T09:00:00.000Z",
        "version": "2.0",
    },
    "data": {
        "id": 3,
        "first_name": "Kim",
        "owner_id": 77,
        "emails": [{"value": "kim@harbor.example", "primary": True}],
    },
    "previous": {"first_name": "K"},
}
DEAL = {
    "meta": {"action": "change", "entity": "deal", "id": "e3d5", "timestamp": 1764147600},
    "data": {"id": 9, "person_id": 3, "owner_id": 77, "status": "won", "stage_id": 4},
    "previous": {"status": "open"},
}
CALL = {
    "meta": {"action": "change", "entity": "activity", "id": "f1", "timestamp": 1764147600},
    "data": {"id": 10, "person_id": 3, "owner_id": 77, "type": "call", "done": True, "note": "Wants a quote"},
}
MAIL = {**CALL, "data": {**CALL["data"], "type": "email"}}
KIM = "kim@harbor.example"


def said(name: str, *things: Any) -> list[Told]:
    return read_body(READY[name], json.dumps(things if name == "hubspot" else things[0]).encode(), NOW)


@pytest.mark.parametrize(
    ("name", "thing", "email", "contact", "kinds", "values"),
    [
        ("hubspot", HUBSPOT, None, "1246965", ("stage_changed",), {"stage": "customer"}),
        ("hubspot-workflow", WORKFLOW, "kim@harbor.example", "1246965", ("deal_won",), {"stage": "customer"}),
        (
            "salesforce",
            SALESFORCE,
            "kim@harbor.example",
            "003xx000004TmiQAAS",
            ("call_logged",),
            {"stage": "Working - Contacted", "owner": "005xx0000012345AAA"},
        ),
        ("pipedrive-person", PERSON, "kim@harbor.example", "3", (), {"owner": 77, "first_name": "Kim"}),
        ("pipedrive-deal", DEAL, None, "3", ("deal_won",), {"stage": "won"}),
        ("pipedrive-deal", CALL, None, "3", ("call_logged",), {}),
        ("pipedrive-deal", MAIL, None, "3", ("mail_logged",), {}),
        ("hubspot-workflow", {"email": KIM, "event": "mail_logged"}, KIM, None, ("mail_logged",), {}),
        ("salesforce", {"Email": KIM, "event": "mail_logged"}, KIM, None, ("mail_logged",), {}),
    ],
)
def test_what_each_crm_posts_is_read_by_its_ready_mapping(
    name: str, thing: Any, email: str | None, contact: str, kinds: tuple[str, ...], values: dict[str, Any]
) -> None:
    [told] = said(name, thing)
    assert (told.email, told.contact, told.kinds, dict(told.values)) == (email, contact, kinds, values)
    assert told.at <= NOW and told.key == said(name, thing)[0].key


def test_an_activity_that_is_edited_after_it_was_done_is_told_of_by_the_same_key_and_another_by_another() -> None:
    later = {**CALL["meta"], "id": "f2", "timestamp": 1764151200}
    edited = {**CALL, "meta": later, "data": {**CALL["data"], "note": "Wants two quotes"}}
    other = {**edited, "data": {**CALL["data"], "id": 11}}
    [first], [second], [third] = (said("pipedrive-deal", one) for one in (CALL, edited, other))
    assert first.key_of("call_logged") == second.key_of("call_logged") != third.key_of("call_logged")
    assert first.key_of("stage") != second.key_of("stage"), "of its fields it is a later word"


def test_a_repeat_has_the_same_key_and_the_time_of_what_happened() -> None:
    first, again, other = said("hubspot", HUBSPOT, {**HUBSPOT, "attemptNumber": 3}, {**HUBSPOT, "eventId": 1})
    assert first.key == again.key != other.key
    assert (first.at, first.number, other.number) == (datetime(2025, 11, 26, 10, 0, 0, 500_000, UTC), 1, 3)
    assert said("salesforce", SALESFORCE)[0].at == datetime(2026, 11, 26, 9, tzinfo=UTC)
    [late] = said("hubspot", {**HUBSPOT, "occurredAt": 4_000_000_000_000})
    assert late.at == NOW, "nothing has happened that is yet to come"


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("hubspot", {**HUBSPOT, "subscriptionType": "deal.propertyChange"}),
        ("hubspot", {**HUBSPOT, "subscriptionType": "contact.creation", "propertyName": None}),
        ("pipedrive-person", {**PERSON, "meta": {"entity": "organization"}}),
        ("pipedrive-deal", {**DEAL, "data": {**DEAL["data"], "person_id": None}}),  # type: ignore[dict-item]
        ("pipedrive-deal", {**CALL, "data": {**CALL["data"], "type": "email", "done": False}}),
        ("salesforce", {"Email": ["kim@harbor.example"], "event": "call_logged"}),
        ("salesforce", {"Email": "kim@harbor.example", "Id": "\0"}),
    ],
)
def test_what_concerns_no_contact_says_nothing(name: str, thing: Any) -> None:
    assert said(name, thing) == []


def test_a_deal_that_was_won_before_is_not_won_again() -> None:
    [told] = said("pipedrive-deal", {**DEAL, "previous": {"title": "Boat"}})
    assert told.kinds == ()


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[1]", b"[" * 100_000, b'{"a": ' * 50_000, json.dumps([{}] * (MOST + 1)).encode()]
)
def test_what_is_no_such_body_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotSaid):
        read_body(READY["hubspot"], body, NOW)


def test_a_mapping_of_ones_own_finds_lists_paths_and_beginnings() -> None:
    source = CrmSource(
        "erp",
        "erp",
        each=("items",),
        only={("kind",): ("contact.*", "person")},
        email=("who", "mails", "1"),
        events={"call_logged": {("did",): ("phone", "call")}},
        fields={"pains": ("who", "pains")},
    )
    who = {"mails": ["old@harbor.example", "kim@harbor.example"], "pains": ["cost"]}
    items = [{"kind": kind, "did": "call", "who": who} for kind in ("contact.changed", "deal", "person", "personal")]
    found = read_body(source, json.dumps({"items": items}).encode(), NOW)
    assert [(one.number, one.email, one.kinds) for one in found] == [
        (1, "kim@harbor.example", ("call_logged",)),
        (3, "kim@harbor.example", ("call_logged",)),
    ]


def test_values_become_what_fields_hold_and_what_is_none_of_ours_says_nothing() -> None:
    text = WORKSPACE.replace("{name: Ana Ruiz,", '{name: Ana Ruiz, crm: "77",')
    workspace, problems = load_settings({**files(), "sequences/workspace.yaml": text})
    assert workspace is not None and problems == ()
    crm = Crm(stages={"won": "customer"})
    values = {"stage": "won", "status": "Idle", "owner": 77, "pains": ["cost"], "first_name": "Kim"}
    expected = values | {"stage": "customer", "status": "idle-timing", "owner": "ana@acme.example"}
    assert typed(workspace, crm, "kim@harbor.example", values) == (expected, {})
    assert typed(workspace, crm, "kim@harbor.example", {"stage": "open", "status": "?", "owner": "78"}) == ({}, {})
    assert [rep_of(workspace, one) for one in ("77", "BEN@acme.example", "x@y.example", None)] == [
        "ana@acme.example",
        "ben@acme.example",
        None,
        None,
    ]
    found, wrong = typed(workspace, crm, "kim@harbor.example", values | {"pains": ["width"], "time_zone": "Mars"})
    assert found == {name: value for name, value in expected.items() if name != "pains"}
    assert [*wrong] == ["pains", "time_zone"] and wrong["pains"].startswith("pains: expected one of cost, ")
