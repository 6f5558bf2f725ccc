"""Who may come in, and what every answer carries."""

import re
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sequencer.errors import Misconfigured
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.store.engine import connect
from sequencer.web.app import build, create
from sequencer.web.gate import POLICY, is_open
from sequencer.web.options import WebSettings
from sequencer.web.webhooks import inbound_url
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, BEARER, PASSWORD, Site, csrf

OPEN = {
    "/webhooks/sendgrid/events",
    "/webhooks/sendgrid/inbound",
    "/webhooks/sendgrid/inbound/{key:path}",
    "/webhooks/crm/{name}",
    "/u/{token}",
    "/preferences/{token}",
    "/h/{token}",
    "/healthz",
    "/t",
    "/f.js",
    "/f/{form}",
    "/f/{form}/magnet",
    "/c/{token}",
    "/d/{token}",
    "/t.js",
    "/login",
    "/static",
    "/api/openapi.json",
}


def test_the_documentation_lists_every_route_and_says_who_may_ask(site: Site) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    told = {}
    for row in re.findall(r"^\| (`.*`.*?) \| (open|a key|login)\b", page, re.MULTILINE):
        for path in re.findall(r"(/[^\s`]*)`", row[0]):
            told[path.removesuffix("/…")] = row[1]
    paths = {re.sub(r"\{(\w+):\w+\}", r"{\1}", getattr(route, "path", "")): route for route in site.app.routes}
    wrong = []
    for path, route in paths.items():
        whole = path.removesuffix("/{key}") if "inbound" in path else path
        said = told.get(whole) or next((who for one, who in told.items() if path.startswith(f"{one}/{{")), None)
        by_token = path.startswith("/api/") or path == "/metrics"
        if said != ("open" if route.path in OPEN else "a key" if by_token else "login"):
            wrong.append((path, said))
    assert wrong == []
    assert set(told) - set(paths) == set(), "and none that there is not"


def test_every_route_but_these_refuses_who_is_not_known(site: Site) -> None:
    walked = set()
    for route in site.app.routes:
        assert isinstance(route, (Route, Mount))
        walked.add(route.path)
        if route.path in OPEN:
            continue
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in (route.methods or set()) if isinstance(route, Route) else {"GET"}:
            answer = site.http.request(method, path)
            refused = answer.status_code in (401, 403) or answer.headers.get("location", "").startswith("/login")
            assert refused, f"{method} {path}: {answer.status_code}"
            assert "Set-Cookie" not in answer.headers
    assert walked >= OPEN


@pytest.mark.parametrize(
    "path", ["/nothing", "/dashboard/x", "/API/leads", "//dashboard", "/u", "/webhooks", "/static", "/docs"]
)
def test_what_does_not_exist_is_not_told_to_strangers(site: Site, path: str) -> None:
    assert not is_open(path)
    assert site.http.get(f"{ADDRESS}{path}").status_code == 303
    assert site.http.post(f"{ADDRESS}{path}").status_code == 403


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/../../settings.py", "/u/../dashboard"]
)
def test_open_folders_lead_nowhere_else(site: Site, path: str) -> None:
    site.http.headers["accept"] = "*/*"
    answer = site.http.get(f"{ADDRESS}{path}")
    assert answer.status_code in (303, 404)
    assert "import" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/login"),
        ("GET", "/dashboard"),
        ("GET", "/u/x"),
        ("POST", "/u/x"),
        ("GET", "/api/openapi.json"),
        ("POST", "/api/leads"),
        ("POST", "/webhooks/sendgrid/events"),
        ("GET", "/static/sequencer.css"),
        ("GET", "/static/none"),
        ("DELETE", "/u/x"),
    ],
)
def test_every_answer_has_the_headers_that_protect_browsers(site: Site, method: str, path: str) -> None:
    headers = site.http.request(method, path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "max-age" in headers["strict-transport-security"]
    assert headers["cache-control"] == ("public, max-age=86400" if path.startswith("/static/") else "no-store")


def test_also_when_something_breaks(site: Site) -> None:
    with site.world.context.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE lead RENAME TO lead_gone")
    with TestClient(site.app, base_url=ADDRESS, raise_server_exceptions=False) as http:
        answer = http.get("/api/leads/kim@harbor.example", headers=BEARER)
    assert (answer.status_code, answer.json()) == (500, {"problems": ["Something went wrong here. It was noted."]})
    assert answer.headers["content-security-policy"] == POLICY


def test_pages_carry_no_style_or_script_of_their_own(site: Site) -> None:
    kim = site.world.lead()
    site.world.enter("welcome", kim)
    site.world.work()
    site.log_in()
    for path in ("/dashboard", "/dashboard/leads", f"/dashboard/leads/{kim.id}", f"/u/{site.token()}", "/nothing"):
        text = site.http.get(path).text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://(?!www\.w3\.org|mail\.acme)", text), path


# --- logging in


def test_the_password_opens_the_dashboard_and_leads_back_to_what_was_asked_for(site: Site) -> None:
    asked = site.http.get("/dashboard/leads/1")
    assert asked.headers["location"] == "/login?next=/dashboard/leads/1"
    answer = site.log_in(address=asked.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/leads/1")
    assert site.http.get("/dashboard").status_code == 200
    assert site.http.get("/").headers["location"] == "/dashboard"
    assert site.http.get("/login").headers["location"] == "/dashboard"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/dashboard/%0d%0aX: 1", "/\\evil.example", ""]
)
def test_a_login_leads_nowhere_else(site: Site, wanted: str) -> None:
    assert site.log_in(address=f"/login?next={wanted}").headers["location"] == "/dashboard"


def test_the_cookie_is_for_this_site_and_not_for_scripts(site: Site) -> None:
    cookie = site.log_in().headers["set-cookie"]
    assert cookie.startswith("__Host-sequencer=")
    assert {"httponly", "samesite=lax", "secure", "path=/"} <= set(cookie.lower().split("; "))


def test_a_wrong_password_or_a_form_from_elsewhere_is_refused(site: Site) -> None:
    assert site.log_in("wrong").status_code == 403
    assert site.http.post("/login", data={"password": PASSWORD}).status_code == 403
    assert site.http.post("/login", data={"password": PASSWORD, "csrf": "guess"}).status_code == 403
    assert site.http.get("/dashboard").status_code == 303


def test_guesses_are_limited(site: Site) -> None:
    statuses = [site.log_in("wrong").status_code for _ in range(10)]
    assert statuses == [403] * 10
    assert site.log_in().status_code == 429


def test_logging_out_needs_the_form_and_ends_the_session(site: Site) -> None:
    site.log_in()
    token = csrf(site.http.get("/dashboard").text)
    assert site.http.post("/logout").status_code == 403
    assert site.http.get("/dashboard").status_code == 200
    assert site.http.post("/logout", data={"csrf": token}).headers["location"] == "/login"
    assert site.http.get("/dashboard").status_code == 303


def test_another_password_ends_every_session(site: Site, web_settings: WebSettings) -> None:
    site.log_in()
    changed = build(site.world.context, WebSettings(web_settings.webhook_keys, web_settings.api_token, "another"))
    with TestClient(changed, base_url=ADDRESS, cookies=site.http.cookies, follow_redirects=False) as http:
        assert http.get("/dashboard").status_code == 303


def test_without_a_password_the_dashboard_is_shut(world: World) -> None:
    with TestClient(build(world.context, WebSettings()), base_url=ADDRESS, follow_redirects=False) as http:
        assert http.get("/dashboard").status_code == 303
        answer = http.get("/login")
        assert (answer.status_code, "DASHBOARD_PASSWORD" in answer.text) == (503, True)
        assert http.post("/login", data={"password": "None"}).status_code == 503


# --- the process


def test_health_tells_the_deployment(site: Site) -> None:
    answer = site.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "deployment": 1})


def test_health_is_bad_before_a_deploy_and_without_a_database(world: World) -> None:
    with TestClient(build(world.context, WebSettings()), base_url=ADDRESS) as http:
        assert http.get("/healthz").status_code == 503
    nowhere = connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    away = Context(nowhere, world.provider, world.context.releases, b"secret", ADDRESS, lambda *hint: None)
    with TestClient(build(away, WebSettings(api_token="api-token")), base_url=ADDRESS) as http:
        assert (http.get("/healthz").status_code, http.get("/healthz").json()["ok"]) == (503, False)
        answer = http.get("/api/leads/kim@harbor.example", headers=BEARER)
        assert (answer.status_code, answer.json()) == (
            503,
            {"problems": ["The database does not answer. Please try again in a minute."]},
        )
        assert http.get("/u/x").status_code == 503
        address = inbound_url(away).removeprefix(ADDRESS)
        assert http.post(address, content=b"a reply").status_code == 503


def test_the_factory_reads_the_environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "secret")
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.delenv("REDIS_URL", raising=False)
    with TestClient(create(), base_url="http://127.0.0.1:8000") as http:
        assert http.get("/healthz").status_code == 503


def test_a_verification_key_that_is_none_is_named() -> None:
    with pytest.raises(Misconfigured, match="SENDGRID_WEBHOOK_PUBLIC_KEY"):
        WebSettings.of(Settings(database_url="", webhook_public_keys=("bm9uZQ==",)))
