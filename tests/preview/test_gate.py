"""Nobody but the person at this machine sees or changes anything: not other sites, nor names that lead here."""

import json
import re

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sequencer.preview.door import VIEWS
from tests.attacks.test_web_xss import PAYLOADS, TAGS, Page

from .conftest import KEY, PORT, URL, Open

SEES = ["/", "/mails/two", "/frame/two", "/problems", "/propose", "/events"]
ACTS = ["/save/two", "/send/two", "/series/welcome", "/stop", "/paste", "/propose"]


def test_these_are_all_the_routes_there_are(person: TestClient) -> None:
    routes = person.app.routes  # type: ignore[attr-defined]
    found = {route.path.partition("/{")[0] or "/" for route in routes if isinstance(route, Route)}
    listed = {path.removesuffix("/two").removesuffix("/welcome") for path in (*SEES, *ACTS)}
    assert listed | {"/reader"} == {path or "/" for path in found}
    assert ["/static"] == [route.path for route in routes if isinstance(route, Mount)]


@pytest.mark.parametrize("path", SEES)
def test_without_the_key_nothing_is_shown(person: TestClient, path: str) -> None:
    person.cookies.clear()
    for cookie in ("", "nonsense", KEY[:-1]):
        answer = person.get(path, headers={"Cookie": f"preview-{PORT}={cookie}"})
        assert (403, True) == (answer.status_code, "sequencer preview" in answer.text)


@pytest.mark.parametrize("path", ACTS)
def test_only_our_own_page_with_the_key_changes_anything(person: TestClient, path: str) -> None:
    refused = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": URL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": URL, "Sec-Fetch-Site": "same-site"},
        {"Origin": URL, "Cookie": f"preview-{PORT}=nonsense"},
        {"Origin": "http://rebound.example", "Host": "rebound.example"},
    ]
    for headers in refused:
        assert person.post(path, json={}, headers=headers).status_code in (403, 421), headers
    assert person.post(path, json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code in (200, 400, 409)


@pytest.mark.parametrize(
    "host", ["rebound.example", f"rebound.example:{PORT}", "127.0.0.1", "", f"127.0.0.1:{PORT}.evil.example"]
)
def test_a_name_that_was_made_to_lead_here_is_refused_even_with_the_key(person: TestClient, host: str) -> None:
    for path in ("/", f"/enter/{KEY}", "/static/preview.js", "/reader"):
        assert 421 == person.get(path, headers={"Host": host}).status_code


def test_the_key_lets_in_by_a_cookie_that_scripts_and_other_sites_do_not_get(preview: Open) -> None:
    person = preview()
    person.cookies.clear()
    assert 403 == person.get("/enter/nonsense").status_code
    answer = person.get(f"/enter/{KEY}")
    assert (303, "/") == (answer.status_code, answer.headers["location"])
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and f"preview-{PORT}=" in cookie


def test_pages_run_only_our_script_and_mails_run_none(person: TestClient) -> None:
    page, mail = person.get("/mails/two"), person.get("/frame/two")
    assert "default-src 'none'; script-src 'self';" in page.headers["content-security-policy"]
    policy = mail.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "allow-scripts" not in policy
    assert "sandbox allow-same-origin allow-popups" in policy
    assert 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "<script" not in mail.text and page.text.count("<script") == 1 and " style=" not in page.text
    assert {"no-store"} == {answer.headers["cache-control"] for answer in (page, mail)}


SCRIPT = re.compile(r'<script src="/static/preview\.js\?[0-9a-f]+" defer></script>')
OURS = TAGS | frozenset("iframe aside pre textarea select option strong".split())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_lead_says_is_shown_and_never_run(person: TestClient, payload: str) -> None:
    said = dict.fromkeys(("first_name", "title", "company", "note"), payload)
    assert (
        "pasted" == person.post("/paste", json={"text": json.dumps({"email": "x@harbor.example", **said})}).json()["as"]
    )
    for path in ("/?as=pasted", *(f"/mails/two?as=pasted&view={view}" for view in VIEWS)):
        text, scripts = re.subn(
            r'<script src="/static/preview.js\?[0-9a-f]+" defer></script>', "", person.get(path).text
        )
        assert (1, []) == (scripts, Page(text, OURS).problems), path
    for path in ("/frame/two?as=pasted", "/frame/two?as=pasted&marks=1"):
        assert "<" not in payload or payload not in person.get(path).text
