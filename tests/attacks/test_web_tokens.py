"""Unsubscribing under attack: tokens that are changed, guessed and tried by the thousand; link scanners; redirects."""

import base64
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import quote, urlsplit

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from sequencer.core import token
from sequencer.core.lead import Lead
from sequencer.web import callers, login, throttle, unsubscribe
from sequencer.web.gate import is_open
from sequencer.web.options import WebSettings
from sequencer.web.throttle import Throttle
from sequencer.web.unsubscribe import UnsubscribeDoor
from tests.attacks.conftest import everything_stored, rebuilt
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, Site, csrf, forged

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
WRONG = ("nonsense", "é", "a" * 32, "a" * 500, "%00", "%F0%9F%92%A9", "..%5c")
ROUTER = "203.0.113.9"


def stopped(site: Site, lead: Lead) -> bool:
    return bool(site.world.view(lead)["lead"]["suppressed"])


# --- changing and telling apart


def test_a_token_with_one_bit_changed_names_nothing() -> None:
    text = token.mint(b"secret", 7, "one").unsubscribe
    raw = base64.b32decode(text.upper())
    assert token.read(b"secret", "unsubscribe", text) is not None
    for number in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[number // 8] ^= 1 << number % 8
        assert token.read(b"secret", "unsubscribe", base64.b32encode(changed).decode().lower()) is None
    purposes = get_args(token.Purpose)
    download = token.mint_download(b"secret", 7, "one")
    assert [purpose for purpose in purposes if token.read(b"secret", purpose, text)] == ["unsubscribe"]
    assert [purpose for purpose in purposes if token.read(b"secret", purpose, download)] == ["download"]


def test_changed_tokens_unsubscribe_nobody(site: Site, kim: Lead) -> None:
    honest = site.token()
    for place in range(0, 32, 3):
        other = "b" if honest[place] == "a" else "a"
        site.http.post(f"/u/{honest[:place]}{other}{honest[place + 1 :]}", data=ONE_CLICK)
    assert not stopped(site, kim)
    site.http.post(f"/u/{honest}", data=ONE_CLICK)
    assert stopped(site, kim)


def tell_apart(site: Site) -> None:
    """What a stranger sees of a right token, of wrong ones, and of a right one that was used."""
    seen = set()
    for method, door in itertools.product(("GET", "HEAD"), ("u", "preferences")):
        seen.add((method, door, same_answer(site, method, f"/{door}/", {})))
    for form in ({"do": "none"}, {"do": "save", "topic": "news"}, {"do": "save"}, {"do": "save", "topic": "x" * 99}):
        same_answer(site, "POST", "/preferences/", form)
    site.world.pass_(minutes=1)
    for form in (ONE_CLICK, {}, {"List-Unsubscribe": "x"}):
        same_answer(site, "POST", "/u/", form)
    same_answer(site, "GET", "/u/", {})
    assert len(seen) == 4


def same_answer(site: Site, method: str, door: str, form: dict[str, str]) -> bytes:
    """Byte by byte, headers and status included."""
    answers = [
        site.http.request(method, f"{door}{one}", **({"data": form} if method == "POST" else {}))
        for one in (site.token(), forged(), *WRONG)
    ]
    told = {(a.status_code, a.content, tuple(sorted(a.headers.items()))) for a in answers}
    assert len(told) == 1, (method, door, form)
    [(status, content, _)] = told
    assert status == 200
    return content


def test_right_and_wrong_tokens_are_answered_with_the_same_bytes(
    site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Throttle, "allows", lambda *_: True)
    tell_apart(site)
    assert stopped(site, kim)


def test_an_answer_of_its_own_for_wrong_tokens_is_noticed(
    site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def telling(door: UnsubscribeDoor, request: Any) -> token.Ref:
        if (ref := token.read(door.context.secret, "unsubscribe", request.path_params["token"])) is None:
            raise HTTPException(404, "This link is not valid.")
        return ref

    monkeypatch.setattr(UnsubscribeDoor, "_ref", telling)
    with pytest.raises(AssertionError):
        tell_apart(site)


# --- trying by the thousand


def guess(site: Site, *forwarded: str, token: str = "") -> int:
    """A wrong token, sent by way of Heroku's router: it puts the caller behind what the caller says."""
    headers = {"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {}
    return int(site.http.post(f"/u/{token or forged()}", headers=headers).status_code)


def guess_much(site: Site) -> None:
    """From one place that names another place every time; then from another place."""
    statuses = [guess(site, f"198.51.100.{n}", f"10.0.0.{n}", ROUTER) for n in range(70)]
    assert statuses == [200] * 60 + [429] * 10
    assert guess(site, "198.51.100.200") == 200
    assert guess(site, "198.51.100.1", "198.51.100.201") == 200


def first_entry(callers_: Any, scope: Scope) -> str:
    """What uvicorn's own middleware believes when it trusts every proxy."""
    return Headers(scope=scope).get("x-forwarded-for", "").partition(",")[0]


def test_guesses_are_limited_by_the_address_that_the_router_saw(site: Site, kim: Lead) -> None:
    guess_much(site)


def test_a_limit_by_the_address_that_the_caller_names_is_none(
    site: Site, kim: Lead, web_settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believing(self: callers.Callers, scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = (first_entry(self, scope), 0)
        await self.app(scope, receive, send)

    monkeypatch.setattr(callers.Callers, "__call__", believing)
    with pytest.raises(AssertionError):
        guess_much(rebuilt(site, web_settings))


def test_a_caller_has_one_address_however_many_were_given(site: Site, kim: Lead) -> None:
    statuses = [guess(site, f"2001:db8:1:2:{n:x}::{n:x}") for n in range(61)]
    assert statuses[-2:] == [200, 429]
    assert guess(site, "2001:db8:1:3::1") == 200
    assert [callers.one_caller(one) for one in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "x" * 99, "")] == [
        "192.0.2.1",
        "192.0.2.1",
        "2001:db8::/64",
        "x" * 64,
        "",
    ]


def test_where_no_router_stands_before_us_the_header_is_not_believed(world: World, site: Site) -> None:
    plain = Site(
        World(replace(world.context, public_url="http://mail.acme.example"), world.provider, world.hints),
        site.app,
        site.http,
    )
    direct = rebuilt(plain, WebSettings())
    assert [guess(direct, f"198.51.100.{n}") for n in range(61)][-2:] == [200, 429]


def unsubscribe_thousands(site: Site) -> None:
    """As Google does: one address, honest tokens of many people. Somebody makes it post wrong ones, too."""
    secret = site.world.context.secret
    assert {guess(site, ROUTER) for _ in range(61)} == {200, 429}
    honest = [token.mint(secret, number, "one").unsubscribe for number in range(1, 200)] * 2
    assert {guess(site, ROUTER, token=one) for one in honest} == {200}
    assert {guess(site, ROUTER, token=site.token()) for _ in range(40)} == {200}


def test_honest_tokens_are_never_limited_whatever_else_comes_from_their_address(site: Site, kim: Lead) -> None:
    unsubscribe_thousands(site)
    assert stopped(site, kim)


def test_a_limit_for_all_tokens_would_keep_people_from_unsubscribing(
    site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = UnsubscribeDoor._ref

    def limiting(door: UnsubscribeDoor, request: Any) -> token.Ref | None:
        if not door.by_caller.allows(request.client.host):
            raise HTTPException(429)
        return honest(door, request)

    monkeypatch.setattr(UnsubscribeDoor, "_ref", limiting)
    with pytest.raises(AssertionError):
        unsubscribe_thousands(site)


def test_limits_last_in_operating_time_and_hold_for_every_door(
    site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    assert [guess(site, ROUTER) for _ in range(61)][-1] == 429
    for door in ("u", "preferences"):
        assert site.http.post(f"/{door}/{forged()}", headers={"X-Forwarded-For": ROUTER}).status_code == 429
    assert site.http.get(f"/preferences/{forged()}", headers={"X-Forwarded-For": ROUTER}).status_code == 429
    site.world.pass_(days=3)
    assert guess(site, ROUTER) == 429
    now += 61
    assert guess(site, ROUTER) == 200


def test_the_memory_of_a_limit_is_bounded() -> None:
    limit = Throttle(1, 60.0)
    for number in range(30_000):
        limit.allows(str(number))
    assert len(limit._windows) == 10_000


# --- link scanners, and where answers lead to


def scan(site: Site) -> None:
    """GET and HEAD of everything that strangers may ask for, as mail security products do with every link."""
    before = everything_stored(site.world)
    walked = 0
    for route in site.app.routes:
        if not isinstance(route, Route) or not is_open(route.path) or "GET" not in (route.methods or ()):
            continue
        path = route.path.replace("{token}", site.token())
        for method, query in itertools.product(("GET", "HEAD"), ("", "?List-Unsubscribe=One-Click", "?do=none")):
            site.http.request(method, path + query, headers={"User-Agent": "Barracuda Sentinel"})
            walked += 1
    assert walked >= 5 * 6
    assert everything_stored(site.world) == before


def test_a_link_scanner_changes_nothing(site: Site, kim: Lead) -> None:
    scan(site)


def test_acting_on_get_is_noticed(
    site: Site, kim: Lead, web_settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnsubscribeDoor, "show", UnsubscribeDoor.act)
    careless = rebuilt(site, web_settings)
    with pytest.raises(AssertionError):
        scan(careless)


PARAMETERS = ("next", "to", "url", "return", "return_to", "redirect", "continue", "r", "u", "q", "goto")
ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/dashboard/\r\nLocation: https://evil.example",
    "/dashboard//evil.example/../..//evil.example",
    "%2f%2fevil.example",
    "/dashboard/..//evil.example",
    "/dashboard/@evil.example",
    "https://mail.acme.example@evil.example",
    "/%09/evil.example",
    "preferences",
)


def redirect_elsewhere(site: Site) -> None:
    """Every route with every parameter; the login with every `next`; paths and hosts that lead away."""
    places = []
    for route in site.app.routes:
        assert isinstance(route, (Route, Mount))
        path = route.path.replace("{token}", site.token()).replace("{email}", "a@b.example").replace("{id:int}", "1")
        path = path.replace("{key:path}", "k")
        for wanted in ELSEWHERE:
            query = "&".join(f"{name}={quote(wanted, safe='')}" for name in PARAMETERS)
            places.append(site.http.get(f"{path}?{query}"))
    for path in ("//evil.example", "//evil.example/", "/u//evil.example/", "/dashboard/", "/u/x/", "/login/"):
        places.append(site.http.get(f"{ADDRESS}{path}", headers={"Host": "evil.example"}))
    token_path = quote("\\\\evil.example", safe="")
    places.append(site.http.get(f"/u/{token_path}?to=preferences"))
    for wanted in ELSEWHERE:
        address = f"/login?next={quote(wanted, safe='')}"
        form = {"csrf": csrf(site.http.get(address).text), "password": "correct horse"}
        places.append(site.http.post(address, data=form))
        assert places[-1].status_code == 303
        site.http.cookies.clear()
    told = [answer.headers["location"] for answer in places if "location" in answer.headers]
    assert len(told) > 50
    for location in told:
        assert stays(location), location


def stays(location: str) -> bool:
    """Whether every browser reads it as a path of this site: they take `\\` for `/`, and skip tabs and line ends."""
    read = "".join(c for c in location if c not in "\t\r\n").replace("\\", "/")
    parts = urlsplit(read)
    return read.startswith("/") and not read.startswith("//") and not parts.scheme and not parts.netloc


def test_nothing_leads_away_from_this_site(site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "allows", lambda *_: True)
    redirect_elsewhere(site)


@pytest.mark.parametrize("careless", ["next", "slashes"])
def test_without_these_defences_a_redirect_leads_away(
    site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch, careless: str
) -> None:
    monkeypatch.setattr(Throttle, "allows", lambda *_: True)
    if careless == "next":
        wanted: Callable[[Any], str] = lambda request: request.query_params.get("next", "/")  # noqa: E731
        monkeypatch.setattr(login, "_destination", wanted)
    else:
        site.app.router.redirect_slashes = True
    with pytest.raises(AssertionError):
        redirect_elsewhere(site)


def test_the_limit_is_asked_for_wrong_tokens_only(site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(unsubscribe.Throttle, "allows", lambda self, key: asked.append(key) is None)
    site.http.post(f"/u/{site.token()}", data=ONE_CLICK, headers={"X-Forwarded-For": ROUTER})
    assert asked == []
    site.http.post(f"/u/{forged()}", data=ONE_CLICK, headers={"X-Forwarded-For": ROUTER})
    assert asked == [ROUTER]
