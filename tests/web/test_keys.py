"""Keys of the API: what each may, how often, and that it can be taken back."""

import asyncio
import itertools
import secrets

import pytest
from starlette.requests import Request

from sequencer.core.api_key import SCOPES, digest_of, id_of, mint, scope_of
from sequencer.store import api_keys
from sequencer.web import programs, throttle
from tests.services.test_batches import counted
from tests.web.conftest import TOKEN, Site, bearer, key_of

EMAIL = "kim@harbor.example"


def test_a_key_may_do_what_it_was_made_for_and_nothing_else(site: Site) -> None:
    writer, reader = bearer(key_of(site, "leads:write")), bearer(key_of(site, "leads:read"))
    assert site.http.post("/api/leads", json={"email": EMAIL}, headers=writer).status_code == 201
    assert site.http.get(f"/api/leads/{EMAIL}", headers=reader).json()["lead"]["email"] == EMAIL
    refused = site.http.get(f"/api/leads/{EMAIL}", headers=writer)
    assert (refused.status_code, refused.json()) == (
        403,
        {"problems": ["this key may not do that: it has not the scope leads:read"]},
    )
    assert site.http.post("/api/leads", json={"email": EMAIL}, headers=reader).status_code == 403
    for path in ("/metrics", "/api/danger", "/api/", "/api", "/api/events", "/api/leads/../events"):
        assert site.http.post(path, json={"email": EMAIL, "event": "x"}, headers=writer).status_code == 403, path


def test_what_a_request_does_besides_needs_the_scope_of_that(site: Site) -> None:
    site.world.lead(EMAIL)
    few, more = ("leads:write", "events:write"), ("enrollments:write", "suppressions:write")
    for path, body in (
        ("/api/leads", {"email": EMAIL, "enroll": "welcome"}),
        ("/api/leads", {"email": "lee@harbor.example", "enroll": ["welcome"]}),
        ("/api/events", {"email": EMAIL, "event": "unsubscribed"}),
        ("/api/events", {"email": EMAIL, "event": "complained"}),
    ):
        assert site.http.post(path, json=body, headers=bearer(key_of(site, *few))).status_code == 403
    view = site.world.view(site.world.lead(EMAIL))
    assert (view["enrollments"], view["lead"]["suppressed"]) == ([], False)
    told = site.http.get("/api/leads/lee@harbor.example", headers=bearer(key_of(site, "leads:read")))
    assert told.status_code == 404
    both = bearer(key_of(site, *few, *more))
    assert site.http.post("/api/leads", json={"email": EMAIL, "enroll": "welcome"}, headers=both).status_code == 200


def test_only_the_token_of_the_environment_may_what_no_scope_is_made_for(site: Site) -> None:
    every = bearer(key_of(site, *SCOPES))
    assert site.http.get("/metrics", headers=every).status_code == 200
    assert site.http.get("/api/danger", headers=every).status_code == 403
    assert site.http.get("/dashboard", headers=every).status_code == 303
    unknown = {scope_of(method, path) for method, path in (("GET", "/api/keys"), ("PUT", "/api/"), ("x", "/api"))}
    assert not unknown & set(SCOPES)


def test_a_key_that_is_revoked_or_changed_opens_nothing(site: Site) -> None:
    token = key_of(site, "leads:read")
    kim = site.world.lead(EMAIL)
    assert site.http.get(f"/api/leads/{kim.email}", headers=bearer(token)).status_code == 200
    for wrong in (
        f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}",
        token.upper(),
        token[:-1],
        f"sq_{'a' * 8}_{'a' * 32}",
    ):
        answer = site.http.get(f"/api/leads/{kim.email}", headers=bearer(wrong))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), wrong
    with site.world.context.engine.begin() as conn:
        assert api_keys.revoke(conn, id_of(token) or "")
    assert site.http.get(f"/api/leads/{kim.email}", headers=bearer(token)).status_code == 401


def test_what_is_kept_of_a_key_opens_nothing_and_says_when_it_was_used(site: Site) -> None:
    token = key_of(site, "leads:read")
    with site.world.context.engine.connect() as conn:
        [kept] = api_keys.listed(conn)
    assert (kept.used_at, kept.digest, token in str(kept)) == (None, digest_of(token), False)
    site.http.get(f"/api/leads/{EMAIL}", headers=bearer(token))
    with site.world.context.engine.connect() as conn:
        [kept] = api_keys.listed(conn)
    assert kept.used_at is not None and kept.used_at >= kept.created_at


def test_a_key_has_so_many_requests_a_minute_and_every_answer_tells_what_is_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    first, other = (bearer(key_of(site, "leads:read", per_minute=2)) for _ in range(2))
    answers = [site.http.get(f"/api/leads/{EMAIL}", headers=first) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert [answer.headers["ratelimit"] for answer in answers] == [f'"key";r={left};t=60' for left in (1, 0, 0)]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"key";q=2;w=60'}
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, "60"]
    assert "at most 2 requests a minute" in answers[2].json()["problems"][0]
    assert site.http.get(f"/api/leads/{EMAIL}", headers=other).status_code == 404
    now += 60
    assert site.http.get(f"/api/leads/{EMAIL}", headers=first).status_code == 404


def test_the_token_of_the_environment_has_as_many_requests_as_a_key(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    monkeypatch.setattr(programs, "PER_MINUTE", 2)
    answers = [site.http.get(path, headers=bearer(TOKEN)) for path in ("/metrics", "/api/forms", "/api/forms")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit"] for answer in answers] == [f'"key";r={left};t=60' for left in (1, 0, 0)]
    assert answers[2].headers["retry-after"] == "60"
    # Wrong ones take nothing from it, and a key has its own.
    assert site.http.get("/api/forms", headers=bearer(f"{TOKEN}x")).status_code == 401
    assert site.http.get("/api/forms", headers=bearer(key_of(site, "forms:read"))).status_code == 200
    now += 60
    assert site.http.get("/api/forms", headers=bearer(TOKEN)).status_code == 200


def test_who_guesses_keys_is_not_looked_up_any_more_and_right_keys_go_on_from_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    monkeypatch.setattr(programs, "GUESSES", 3)
    door = programs.Programs(site.world.context, None)

    def tried(token: str, caller: str = "203.0.113.9") -> int:
        scope = {"type": "http", "method": "GET", "path": "/api/leads/x", "client": (caller, 0)}
        raw = [(name.lower().encode(), value.encode()) for name, value in bearer(token).items()]
        refusal = asyncio.run(door.admit(Request({**scope, "headers": raw}))).refusal
        return refusal.status_code if refusal is not None else 200

    def guess() -> str:
        return mint(secrets.token_bytes(5), secrets.token_bytes(20)).token

    right, revoked = key_of(site, "leads:read"), key_of(site, "leads:read")
    with site.world.context.engine.begin() as conn:
        api_keys.revoke(conn, id_of(revoked) or "")
    assert [tried(token) for token in (right, right, right, right)] == [200] * 4
    with counted(site.world.context.engine) as statements:
        assert [tried(token) for token in (guess(), revoked, guess())] == [401] * 3
        looked_up = len(statements)
        assert [tried(token) for token in (guess(), revoked, f"{right[:12]}{'a' * 32}", guess())] == [429] * 4
        assert len(statements) == looked_up + 1, "which keys there are, once for all"
    assert (tried(right), tried(guess(), "198.51.100.7")) == (200, 401)
    now += programs.FRESH
    assert tried(key_of(site, "leads:read")) == 200
    now += programs.MINUTE
    assert tried(guess()) == 401


def test_keys_look_like_keys_and_are_told_apart() -> None:
    minted = [mint(bytes([n] * 5), bytes([m] * 20)) for n, m in itertools.product(range(3), range(3))]
    assert len({one.token for one in minted}) == len({one.digest for one in minted}) == 9
    assert [id_of(one.token) for one in minted] == [one.id for one in minted]
    assert [id_of(odd) for odd in ("", "sq_", "Bearer x", f"{minted[0].token}\n", minted[0].token[1:])] == [None] * 5
