"""Coming in without leave: routes, secrets, forms from other sites, guessed passwords, stolen and old sessions."""

import hmac
import itertools
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from freezegun import freeze_time
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from sequencer.core import token
from sequencer.web import gate, same, throttle
from sequencer.web.login import LoginDoor
from sequencer.web.options import WebSettings
from sequencer.web.throttle import Throttle
from sequencer.web.webhooks import inbound_url
from tests.attacks.conftest import rebuilt
from tests.web.conftest import ADDRESS, BEARER, KEY, PASSWORD, TOKEN, Site, bearer, csrf, key_of

STRANGERS_MAY = {
    "/webhooks/sendgrid/events",
    "/webhooks/sendgrid/inbound",
    "/webhooks/sendgrid/inbound/{key:path}",
    "/webhooks/crm/{name}",
    "/u/{token}",
    "/preferences/{token}",
    "/t.js",
    "/t",
    "/f.js",
    "/h/{token}",
    "/f/{form}",
    "/f/{form}/magnet",
    "/c/{token}",
    "/d/{token}",
    "/healthz",
    "/login",
    "/static",
    "/api/openapi.json",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "x")


# --- every route


def walk(site: Site, last: int = 0) -> int:
    """Every route but the allow-list, or the last so many, by every method; also as strangers write paths to get past a
    check."""
    walked = 0
    for route in site.app.routes[-last:]:
        assert isinstance(route, (Route, Mount)), "a kind of route that this test does not know"
        if route.path in STRANGERS_MAY:
            continue
        plain = re.sub(r"\{[^}]*\}", "1", route.path)
        for path in {
            plain,
            f"{plain}/",
            f"//{plain}",
            f"/static/..{plain}",
            f"/u/..{plain}",
            plain.upper(),
            f"{plain};x",
        }:
            for method in METHODS:
                answer = site.http.request(method, ADDRESS + path)
                refused = (
                    answer.status_code in (401, 403, 404, 405)
                    or answer.headers.get("location", "").partition("?")[0] == "/login"
                )
                assert refused, f"{method} {path}: {answer.status_code}"
                assert path != plain or answer.status_code not in (404, 405), f"{method} {path} got past the gate"
                walked += 1
    return walked


def new_door(request: Request) -> Response:
    return PlainTextResponse("what somebody added and forgot to guard")


def test_every_route_but_the_allow_list_refuses_strangers(site: Site) -> None:
    assert walk(site) > 500
    assert {getattr(route, "path", None) for route in site.app.routes} > STRANGERS_MAY


@pytest.mark.parametrize("path", ["/exports", "/dashboard/danger", "/api/danger", "/metrics/all", "/apis"])
def test_a_route_that_somebody_adds_is_shut_by_itself(site: Site, path: str) -> None:
    site.app.router.routes.append(Route(path, new_door, methods=["GET", "POST"]))
    assert walk(site, last=1) > 50


def test_a_route_under_an_open_folder_is_noticed(site: Site) -> None:
    site.app.router.routes.append(Route("/u/{token}/export", new_door))
    with pytest.raises(AssertionError):
        walk(site, last=1)


def test_without_the_gate_the_walk_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "is_open", lambda path: True)
    with pytest.raises(AssertionError):
        walk(site)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/leads", "/"])
def test_the_api_token_opens_no_dashboard_and_a_session_no_api(site: Site, path: str) -> None:
    assert site.http.get(path, headers=BEARER).status_code == 303
    assert site.log_in().status_code == 303
    assert site.http.get("/api/leads/kim@harbor.example").status_code == 401
    assert site.http.get("/metrics").status_code == 401


# --- secrets are compared in constant time


def compare(site: Site, seen: list[tuple[Any, Any]]) -> None:
    """Each secret, guessed: the guess must have gone through a comparison whose time tells nothing."""
    guesses: dict[str, Callable[[], Any]] = {
        "API_TOKEN": lambda: site.http.get("/api/leads/a@b.example", headers={"Authorization": f"Bearer {TOKEN}x"}),
        "unknown key": lambda: site.http.get("/api/leads/a@b.example", headers=bearer(f"sq_aaaaaaaa_{'a' * 32}")),
        "key": lambda: site.http.get("/api/leads/a@b.example", headers=bearer(f"{key_of(site)[:-1]}a")),
        "password": lambda: site.log_in(f"{PASSWORD}x"),
        "csrf": lambda: site.http.post("/login", data={"csrf": "x", "password": PASSWORD}),
        "inbound key": lambda: site.http.post("/webhooks/sendgrid/inbound/x", content=b"mail"),
        "token": lambda: site.http.get(f"/preferences/{'a' * 32}"),
    }
    for name, guess in guesses.items():
        seen.clear()
        guess()
        assert seen, f"{name} was not compared in constant time"
        # Equal lengths: else the time would tell the secret's.
        assert {len(one) == len(other) for one, other in seen} == {True}, name


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []

    def recording(one: Any, other: Any) -> bool:
        found.append((one, other))
        return hmac.compare_digest(one, other)

    for module in (same, token):
        monkeypatch.setattr(module, "hmac", SimpleNamespace(compare_digest=recording, digest=hmac.digest))
    return found


def test_every_secret_is_compared_in_constant_time(site: Site, seen: list[tuple[Any, Any]]) -> None:
    compare(site, seen)


@pytest.mark.parametrize("module", ["programs", "login", "webhooks"])
def test_a_secret_compared_otherwise_is_noticed(
    site: Site, seen: list[tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(f"sequencer.web.{module}.same", lambda given, expected: given == expected)
    with pytest.raises(AssertionError, match="constant time"):
        compare(site, seen)


# --- forms from other sites

FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ADDRESS},
    {"Origin": "https://evil.example"},
    {"Origin": f"{ADDRESS}.evil.example"},
    {"Origin": "https://evil.example/mail.acme.example"},
)


def ride(site: Site) -> None:
    """With the operator's session, as a page of another site makes the operator's browser send it."""
    site.log_in()
    site.app.router.routes.append(Route("/dashboard/danger", new_door, methods=["POST", "PUT", "DELETE"]))
    for headers, method in itertools.product(FOREIGN, ("POST", "PUT", "DELETE")):
        assert site.http.request(method, "/dashboard/danger", headers=headers).status_code == 403, headers
        assert site.http.request(method, "/logout", headers=headers).status_code == 403, headers
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": ADDRESS}):
        assert site.http.post("/dashboard/danger", headers=headers).status_code == 200, headers


def test_what_another_site_makes_a_browser_send_is_refused_on_every_route(site: Site) -> None:
    ride(site)


def test_without_asking_where_it_comes_from_another_site_may_act(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "foreign", lambda request: False)
    with pytest.raises(AssertionError):
        ride(site)


def test_every_form_of_the_dashboard_needs_its_own_token_too(site: Site) -> None:
    """Browsers that say nothing of where a form came from are told apart by it."""
    site.log_in()
    posts = [
        re.sub(r"\{[^}]*\}", "1", route.path)
        for route in site.app.routes
        if isinstance(route, Route) and "POST" in (route.methods or ()) and not gate.is_open(route.path)
        if not route.path.startswith("/api/")
    ]
    assert "/logout" in posts
    for path in posts:
        for form in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": "é\ud7ff"}):
            assert site.http.post(path, data=form, headers={"Origin": "null"}).status_code == 403, path
    assert site.http.get("/dashboard").status_code == 200


# --- guessing the password


def attempt(site: Site, caller: str, password: str = "wrong", keep: bool = False) -> int:
    """From a browser without any cookie (`keep`: with those it has), at an address as the router saw it."""
    if not keep:
        site.http.cookies.clear()
    headers = {"X-Forwarded-For": f"198.51.100.1, {caller}"}
    form = {"csrf": csrf(site.http.get("/login", headers=headers).text), "password": password}
    return int(site.http.post("/login", data=form, headers=headers).status_code)


def guess(site: Site) -> None:
    assert [attempt(site, "203.0.113.1") for _ in range(11)] == [403] * 10 + [429]
    # The right one, too: else a guesser would learn it all the same.
    assert attempt(site, "203.0.113.1", PASSWORD) == 429
    assert attempt(site, "203.0.113.2") == 403


def test_one_caller_guesses_ten_times_in_five_minutes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    guess(site)
    site.world.pass_(days=3)
    assert attempt(site, "203.0.113.1", PASSWORD) == 429
    now += 301
    assert attempt(site, "203.0.113.1", PASSWORD) == 303


def guess_from_everywhere(site: Site) -> list[int]:
    """From ever new addresses, until nobody new is let try."""
    statuses = []
    for number in range(40):
        statuses += [attempt(site, f"203.0.{number}.1") for _ in range(6)]
    return statuses


def test_guesses_from_everywhere_are_limited_and_keep_no_operator_out(site: Site) -> None:
    assert attempt(site, "192.0.2.1", PASSWORD) == 303
    page = site.http.get("/dashboard")
    site.http.post("/logout", data={"csrf": csrf(page.text)})
    operator = dict(site.http.cookies)
    assert site.http.get("/dashboard").status_code == 303
    statuses = guess_from_everywhere(site)
    # The operator's first attempt was a stranger's, too.
    assert (statuses.count(403), set(statuses[199:])) == (199, {429})
    assert attempt(site, "192.0.2.9", PASSWORD) == 429
    # The operator's own browser has known the password before; from wherever it comes now.
    site.http.cookies.clear()
    site.http.cookies.update(operator)
    assert [attempt(site, "203.0.1.1", keep=True) for _ in range(9)] == [403] * 9
    assert attempt(site, "203.0.1.1", PASSWORD, keep=True) == 303


def test_a_browser_that_knew_the_password_guesses_no_more_than_others(site: Site) -> None:
    assert attempt(site, "192.0.2.1", PASSWORD) == 303
    site.http.post("/logout", data={"csrf": csrf(site.http.get("/dashboard").text)})
    statuses = [attempt(site, f"203.0.113.{n}", keep=True) for n in range(11)]
    assert statuses == [403] * 10 + [429]


def test_another_site_cannot_use_up_the_operators_attempts(site: Site) -> None:
    """Its page can make the operator's browser post, but knows no token of a form."""
    for _ in range(30):
        assert site.http.post("/login", data={"password": "x", "csrf": "x"}).status_code == 403
    assert site.log_in().status_code == 303


@pytest.mark.parametrize("without", ["callers", "everybody"])
def test_without_these_limits_guessing_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    honest = Throttle.allows

    def allows(self: Throttle, key: str) -> bool:
        return True if (key == "everybody") == (without == "everybody") else honest(self, key)

    monkeypatch.setattr(Throttle, "allows", allows)
    if without == "callers":
        with pytest.raises(AssertionError):
            guess(site)
    else:
        assert 429 not in guess_from_everywhere(site)


def test_the_memory_of_attempts_is_bounded() -> None:
    door = LoginDoor("x")
    for number in range(30_000):
        door._may_try(f"10.{number >> 8}.{number & 255}", None)
        door._may_try("", str(number))
    assert [len(one._windows) for one in (door.by_caller, door.by_browser, door.by_all)] == [10_000, 10_000, 1]


# --- sessions


def test_the_cookie_is_for_this_site_alone_for_no_script_and_for_https(site: Site) -> None:
    for answer in (site.http.get("/login"), site.log_in()):
        name, flags = answer.headers["set-cookie"].partition("=")[0], answer.headers["set-cookie"].lower().split("; ")
        assert name == "__Host-sequencer"
        assert {"httponly", "samesite=lax", "secure", "path=/", "max-age=1209600"} <= set(flags)
        assert not any(flag.startswith("domain") for flag in flags)


def test_logging_in_changes_the_session_and_its_form_token(site: Site) -> None:
    before = csrf(site.http.get("/login").text)
    cookie = site.http.cookies["__Host-sequencer"]
    site.log_in()
    assert site.http.cookies["__Host-sequencer"] != cookie
    assert csrf(site.http.get("/dashboard").text) != before
    site.http.cookies.clear()
    site.http.cookies.set("__Host-sequencer", cookie)
    assert site.http.get("/dashboard").status_code == 303


def test_a_session_ends_after_two_weeks_however_much_it_is_used(site: Site) -> None:
    with freeze_time("2026-11-24T09:00:00Z") as clock:
        site.log_in()
        kept = site.http.cookies["__Host-sequencer"]
        for _ in range(13):
            clock.tick(24 * 3600)
            assert site.http.get("/dashboard").status_code == 200
        assert site.http.cookies["__Host-sequencer"] == kept
        clock.tick(24 * 3600 + 1)
        site.http.cookies.clear()
        assert site.http.get("/dashboard", headers={"Cookie": f"__Host-sequencer={kept}"}).status_code == 303


def test_a_changed_cookie_is_none(site: Site) -> None:
    site.log_in()
    kept = site.http.cookies["__Host-sequencer"]
    site.http.cookies.clear()
    for place in range(0, len(kept), 5):
        changed = kept[:place] + ("A" if kept[place] != "A" else "B") + kept[place + 1 :]
        assert site.http.get("/dashboard", headers={"Cookie": f"__Host-sequencer={changed}"}).status_code == 303
    for odd in ("null", "", "é", "a.b.c", "e30=.x.y", "." * 5000):
        raw = {"Cookie": f"__Host-sequencer={odd}".encode()}
        assert site.http.get("/dashboard", headers=raw).status_code == 303
    assert site.http.get("/dashboard", headers={"Cookie": f"__Host-sequencer={kept}"}).status_code == 200


@pytest.fixture
def unset(site: Site) -> Iterator[Site]:
    yield rebuilt(site, WebSettings((KEY.public_key(),), None, None))


def test_without_a_secret_of_ours_its_door_is_shut(unset: Site) -> None:
    for given in ("", "None", "null"):
        assert unset.http.get("/metrics", headers={"Authorization": f"Bearer {given}"}).status_code == 503
        assert unset.http.get("/api/leads/a@b.example", headers={"Authorization": f"Bearer {given}"}).status_code == 503
        assert unset.http.post("/login", data={"password": given}).status_code == 503
    assert unset.http.get("/dashboard").status_code == 303


def test_the_address_of_inbound_mail_cannot_be_guessed_from_what_is_public(site: Site) -> None:
    key = inbound_url(site.world.context).rpartition("/")[2]
    assert re.fullmatch(r"[0-9a-f]{40}", key)
    public = "".join(
        site.http.get(path).text for path in ("/healthz", "/login", "/api/openapi.json", "/u/x", "/nothing")
    )
    assert key not in public
