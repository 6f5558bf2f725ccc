"""The API: leads and events from forms, sites and CRMs."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from starlette.testclient import TestClient

from sequencer.services.standing import standing_view
from sequencer.store import clock
from sequencer.web.api_description import describe
from sequencer.web.app import build
from sequencer.web.options import WebSettings
from sequencer.workspace.load import read_files
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, BEARER, TOKEN, WELCOME, Site
from tests.workspaces import files

ROOT = Path(__file__).parents[2]
NOW = "2026-11-23T08:00:00+00:00"


def put(site: Site, path: str, body: Any) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = site.http.post(path, content=raw, headers=BEARER)
    return answer.status_code, answer.json()


def happened(site: Site, email: str = "kim@harbor.example") -> list[str]:
    return [e["event"] for e in site.http.get(f"/api/leads/{email}", headers=BEARER).json()["events"]]


def test_a_new_lead_is_saved_enrolled_and_the_workers_are_woken(site: Site) -> None:
    lead = {"email": "Kim@Harbor.example", "first_name": "Kim", "time_zone": "Europe/Paris", "plan": "pro"}
    status, answer = put(site, "/api/leads", {**lead, "enroll": "welcome"})
    assert (status, answer["email"], answer["new"]) == (201, "kim@harbor.example", True)
    assert answer["enrolled"] == {"welcome": {"entered": True}}
    assert ("drain", "welcome", "one") in site.world.hints
    view = site.http.get("/api/leads/KIM@harbor.example", headers=BEARER).json()
    assert view["lead"]["id"] == answer["id"]
    assert view["lead"]["fields"] == {"plan": "pro"}


def test_a_known_lead_is_updated_and_told_why_it_does_not_enter(site: Site) -> None:
    put(site, "/api/leads", {"email": "kim@harbor.example", "first_name": "Kim"})
    status, answer = put(
        site,
        "/api/leads",
        {"email": "kim@harbor.example", "title": "CFO", "enroll": ["customers", "welcome", "welcome"]},
    )
    assert (status, answer["new"]) == (200, False)
    assert answer["enrolled"] == {
        "customers": {"entered": False, "why": 'does not fit `lead.stage == "customer"`'},
        "welcome": {"entered": True},
    }
    _, again = put(site, "/api/leads", {"email": "kim@harbor.example", "enroll": "welcome"})
    assert again["enrolled"] == {"welcome": {"entered": False, "why": "is in it already"}}


def test_a_field_that_changes_lets_the_lead_in_where_that_is_the_trigger(site: Site) -> None:
    put(site, "/api/leads", {"email": "kim@harbor.example", "stage": "mql"})
    assert [
        e["sequence"] for e in site.http.get("/api/leads/kim@harbor.example", headers=BEARER).json()["enrollments"]
    ] == ["welcome"]
    assert ("drain", "welcome", "one") in site.world.hints


def test_every_problem_of_a_lead_is_told_and_nothing_is_done(site: Site) -> None:
    status, answer = put(
        site, "/api/leads", {"email": "kim@", "stage": "vip", "pains": ["cost", "x"], "enroll": ["nope"], "n" * 65: 1}
    )
    assert status == 422
    assert [problem.partition(":")[0] for problem in answer["problems"]] == [
        "email",
        "stage",
        "pains",
        f"{'n' * 40}…",
        "enroll",
    ]
    assert site.http.get("/api/leads/kim@harbor.example", headers=BEARER).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "expected a JSON object"),
        (b"[]", 400, "expected a JSON object"),
        (b'{"email": "a@b.example"', 400, "expected a JSON object in UTF-8"),
        (b'{"email": "a@b.example", "first_name": "\\ud800"}', 400, "surrogate"),
        (b'{"email": "a@b.example", "first_name": "\xff"}', 400, "expected a JSON object in UTF-8"),
        (b'{"email": "a@b.example", "first_name": "a\\u0000b"}', 422, "NUL"),
        (b'{"email": "a@b.example", "a\\u0000b": 1}', 422, "NUL"),
        (b'{"email": "a@b.example", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "expected a JSON object"),
        (b'{"email": "a@b.example", "x": ' + b"[" * 300 + b"]" * 300 + b"}", 422, "levels"),
        (b'{"email": "a@b.example", "x": 1' + b"0" * 5000 + b"}", 400, "expected a JSON object"),
        (b'{"email": "a@b.example", "enroll": {"a": 1}}', 422, "enroll"),
        (b'{"email": ["a@b.example"]}', 422, "email"),
        (b"x" * (1024 * 1024 + 1), 413, "1,048,576"),
    ],
)
@pytest.mark.parametrize("path", ["/api/leads", "/api/events"])
def test_bodies_made_to_break_something_are_refused_clearly(
    site: Site, path: str, body: bytes, status: int, says: str
) -> None:
    if path == "/api/events" and b"enroll" in body:
        says = "expected only"
    got, answer = put(site, path, body)
    assert (got, says.lower() in "".join(answer["problems"]).lower()) == (status, True), answer


def test_an_event_is_recorded_and_what_follows_from_it_happens_at_once(site: Site) -> None:
    kim = site.world.lead()
    site.world.enter("welcome", kim)
    status, answer = put(site, "/api/events", {"email": kim.email, "event": "meeting_booked"})
    assert (status, answer) == (200, {"lead": kim.id, "recorded": True})
    assert site.world.status(kim, "welcome") == ("converted", 'goal: did("meeting_booked")')


def test_a_form_lets_the_lead_in_and_the_workers_are_woken(site: Site) -> None:
    kim = site.world.lead()
    put(site, "/api/events", {"email": kim.email, "event": "submitted", "data": {"form": "handbook"}})
    assert site.world.status(kim, "welcome") == ("active", None)
    assert ("drain", "welcome", "one") in site.world.hints


def test_a_repeat_with_the_same_key_and_time_counts_once_for_good(site: Site) -> None:
    kim = site.world.lead()
    event = {"email": kim.email, "event": "visited", "at": NOW, "key": "v1", "data": {"page": "/"}}
    assert [put(site, "/api/events", event)[1]["recorded"] for _ in range(2)] == [True, False]
    site.world.pass_(days=3)
    assert put(site, "/api/events", event)[1]["recorded"] is False


def test_a_repeat_with_a_key_and_no_time_counts_once_within_a_day(site: Site) -> None:
    kim = site.world.lead()
    event = {"email": kim.email, "event": "meeting_held", "key": "crm-1"}
    assert put(site, "/api/events", event)[1]["recorded"] is True
    site.world.pass_(hours=23)
    assert put(site, "/api/events", event)[1]["recorded"] is False
    site.world.pass_(hours=2)
    assert put(site, "/api/events", event)[1]["recorded"] is True
    assert happened(site) == ["meeting_held", "meeting_held"]


def test_without_a_key_every_event_counts(site: Site) -> None:
    kim = site.world.lead()
    event = {"email": kim.email, "event": "price-asked", "at": NOW}
    assert [put(site, "/api/events", event)[1]["recorded"] for _ in range(2)] == [True, True]


def test_an_event_of_an_unknown_lead_is_a_404(site: Site) -> None:
    status, answer = put(site, "/api/events", {"email": "who@harbor.example", "event": "meeting_booked"})
    assert (status, "no lead" in answer["problems"][0]) == (404, True)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"event": "delivered"}, "provider"),
        ({"event": "opened"}, "provider"),
        ({"event": "changed"}, "made here"),
        # Of whoever then presses a confirmation's button it would be believed as if they had sent a form.
        ({"event": "unconfirmed", "data": {"form": "contact", "answers": {"email": "me@evil.example"}}}, "made here"),
        ({"event": "Meeting Booked"}, "lower case"),
        ({"event": "a" * 65}, "lower case"),
        ({"event": 7}, "lower case"),
        ({}, "lower case"),
        ({"event": "submitted"}, "data.form"),
        ({"event": "visited", "data": {"page": 1}}, "data.page"),
        ({"event": "visited", "data": {"page": "pricing"}}, "data.page"),
        ({"event": "unsubscribed", "data": {"topic": "cars"}}, "data.topic"),
        ({"event": "complained", "data": {"topic": "guides"}}, "data.topic"),
        ({"event": "x", "at": "2026-11-23T08:00:00"}, "offset"),
        ({"event": "x", "at": 1}, "offset"),
        ({"event": "x", "at": "0001-01-01T00:00:00+23:59"}, "offset"),
        ({"event": "x", "at": "2026-11-23T09:30:00Z"}, "time that has come"),
        ({"event": "x", "at": "2020-01-01T00:00:00Z"}, "lies outside"),
        ({"event": "x", "key": ""}, "key"),
        ({"event": "x", "data": []}, None),
        ({"event": "x", "data": ["a"]}, "data"),
        ({"event": "x", "lead": 1}, "expected only"),
    ],
)
def test_an_event_that_means_nothing_is_refused(site: Site, event: dict[str, Any], says: str | None) -> None:
    kim = site.world.lead()
    status, answer = put(site, "/api/events", {"email": kim.email, **event})
    assert status == (422 if says else 200)
    assert says is None or says in "".join(answer["problems"])


def test_a_visited_page_is_its_path_however_it_is_told(site: Site) -> None:
    kim = site.world.lead()
    told = ["https://www.acme.example/pricing/?a=1", "https://www.acme.example", "/pricing#plans", "/"]
    for number, page in enumerate(told):
        put(site, "/api/events", {"email": kim.email, "event": "visited", "key": str(number), "data": {"page": page}})
    events = site.http.get(f"/api/leads/{kim.email}", headers=BEARER).json()["events"]
    assert sorted(e["data"]["page"] for e in events if e["event"] == "visited") == ["/", "/", "/pricing", "/pricing"]


def test_how_a_lead_stands_is_told_as_the_command_tells_it(site: Site) -> None:
    signals = '  - {when: visited("/pricing"), points: 20, half_life: 14 days}'
    site.world.deploy(files(welcome=WELCOME) | {"sequences/signals.yaml": f"points:\n{signals}\n"})
    kim = site.world.lead()
    put(site, "/api/events", {"email": kim.email, "event": "visited", "data": {"page": "/pricing"}})
    with site.world.context.engine.connect() as conn:
        release = site.world.context.releases.current(conn)
        shown = standing_view(conn, release, kim, clock.now(conn))
    assert shown is not None
    told = site.http.get(f"/api/leads/{kim.email}", headers=BEARER).json()["standing"]
    assert (told["score"], told) == (20, orjson.loads(orjson.dumps(shown)))


def test_a_crm_may_unsubscribe_a_lead(site: Site) -> None:
    kim = site.world.lead()
    site.world.enter("welcome", kim)
    put(site, "/api/events", {"email": kim.email, "event": "unsubscribed"})
    assert site.world.status(kim, "welcome") == ("stopped", "suppressed")


@pytest.mark.parametrize("email", ["nobody", "a%00b@harbor.example", "%ff@harbor.example"])
def test_an_address_that_is_none_is_refused(site: Site, email: str) -> None:
    assert site.http.get(f"/api/leads/{email}", headers=BEARER).status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic api-token"},
    ],
)
def test_without_the_token_nothing_is_told_or_done(site: Site, headers: dict[str, str]) -> None:
    answer = site.http.post("/api/leads", content=b'{"email": "kim@harbor.example"}', headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert site.http.get("/api/leads/kim@harbor.example", headers=BEARER).status_code == 404


def test_without_a_token_of_ours_the_api_is_shut(world: World) -> None:
    with TestClient(build(world.context, WebSettings()), base_url=ADDRESS) as http:
        answer = http.get("/api/leads/kim@harbor.example", headers={"Authorization": "Bearer None"})
    assert (answer.status_code, "API_TOKEN" in answer.text) == (503, True)


def test_before_the_first_deploy_the_api_says_what_to_do(world: World) -> None:
    with TestClient(build(world.context, WebSettings(api_token="api-token")), base_url=ADDRESS) as http:
        answer = http.post("/api/leads", content=b'{"email": "kim@harbor.example"}', headers=BEARER)
    assert (answer.status_code, "sequencer deploy" in answer.text) == (503, True)


def test_every_example_of_the_description_is_valid_and_works(site: Site) -> None:
    forms = {"sequences/forms.yaml": "handbook: {title: The Handbook, always: [first_name]}\n"}
    site.world.deploy(files(education=WELCOME) | forms)
    document = site.http.get("/api/openapi.json").json()
    assert document == describe(ADDRESS)
    components = document["components"]

    def valid(value: Any, content: Any) -> None:
        jsonschema.validate(value, {**content["schema"], "components": components})

    asked = []
    for path, operations in document["paths"].items():
        for method, operation in sorted(operations.items(), key=lambda one: one[0] != "post"):
            place = path
            for parameter in operation.get("parameters", ()):
                place = place.replace(f"{{{parameter['name']}}}", str(parameter.get("example")))
            needed = [
                one["name"] for one in operation.get("parameters", ()) if one["in"] == "query" and one["required"]
            ]
            query = dict.fromkeys(needed, "jane@acme.example")
            body = operation.get("requestBody", {"content": {"application/json": {"examples": {"": {"value": None}}}}})
            content = body["content"]["application/json"]
            for example in content["examples"].values():
                if "schema" in content:
                    valid(example["value"], content)
                answer = site.http.request(method, place, json=example["value"], params=query, headers=BEARER)
                asked.append((f"{method} {path}", answer.status_code))
                told = operation["responses"][str(answer.status_code)]["content"]["application/json"]
                valid(answer.json(), told)
            for response in operation["responses"].values():
                told = response["content"]["application/json"]
                valid(told["example"], told)
    assert len(asked) == 15
    # There is no handoff in this workspace.
    assert {(what, status) for what, status in asked if status not in (200, 201)} == {
        ("post /api/handoffs/{lead}/{number}", 404)
    }


def test_every_curl_of_the_documentation_is_answered_as_it_says(site: Site) -> None:
    """What stands there, word by word, against the workspace that is shipped."""
    pages = "\n".join((ROOT / "docs" / name).read_text("utf-8") for name in ("api.md", "embedding.md"))
    commands = re.findall(r"^    (curl (?:.*\\\n)*.*)", pages, re.MULTILINE)
    site.world.deploy(read_files(ROOT))
    answers = []
    for command in commands:
        words = shlex.split(command.replace("\\\n", " ").replace("$API_TOKEN", TOKEN).replace("$PUBLIC_URL", ADDRESS))
        given = dict(itertools.pairwise(words))
        [url] = [word for word in words if word.startswith(ADDRESS)]
        method = given.get("-X", "POST" if "-d" in given else "GET")
        name, _, value = given["-H"].partition(": ")
        answer = site.http.request(method, url, content=given.get("-d", "").encode(), headers={name: value})
        answers.append((url.removeprefix(ADDRESS), answer.status_code))
        if url.startswith(f"{ADDRESS}/f/"):
            assert {"title", "questions", "message", "challenge", "bits"} == answer.json().keys()
            assert f'{{"title": "{answer.json()["title"]}", "questions": ' in pages
    assert len(answers) == 9
    assert [one for one in answers if one[1] not in (200, 201)] == [("/api/handoffs/17/1", 404)]
