"""CRM webhooks under attack. Below each attack stands that it succeeds once its defence is taken out."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from sequencer.core.crm import Signed
from sequencer.services import ingest
from sequencer.store import intake
from sequencer.web import crm as door
from sequencer.web import crm_proof
from sequencer.web.app import build
from sequencer.web.bodies import Room
from sequencer.web.options import WebSettings
from tests.attacks.test_web_webhooks import flipped
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, Site
from tests.web.crm_posts import SECRETS, WITH_CRM, proved

BODY = b'{"email": "kim@harbor.example", "did": "call"}'
SHARED = Room(door.STRANGERS, door.EACH, door.SCARCE)
NAMES: tuple[Signed, ...] = get_args(Signed)


@pytest.fixture
def crm(world: World) -> Iterator[Site]:
    world.context = replace(world.context, public_url=ADDRESS)
    world.deploy(WITH_CRM)
    app = build(world.context, WebSettings(crm_secrets={name: (secret,) for name, secret in SECRETS.items()}))
    with TestClient(app, base_url=ADDRESS) as http:
        yield Site(world, app, http)


def post(site: Site, name: str, body: bytes, headers: dict[str, Any]) -> int:
    return int(site.http.post(f"/webhooks/crm/{name}", content=body, headers=headers).status_code)


def forge(site: Site) -> None:
    """With no proof, another secret's, another body's, another webhook's, and with proofs that are none."""
    for name in NAMES:
        mine = proved(site.world, name, BODY)
        other = "whsec_b3RoZXI=" if name == "standard" else "other"
        tries: list[dict[str, Any]] = [{}, proved(site.world, name, BODY, other)]
        tries += [{key: "" for key in mine}, {key: "é💥".encode() for key in mine}]
        tries += [{**mine, key: "1" * 5000} for key in mine]
        tries += [{key: value.swapcase() for key, value in mine.items()}]
        for headers in tries:
            assert post(site, name, BODY, headers) == 403, (name, headers)
        for another in NAMES:
            if another != name:
                assert post(site, another, BODY, mine) == 403
    for name in ("hubspot", "standard"):
        signed = proved(site.world, name, BODY)
        for bit in range(0, len(BODY) * 8, 37):
            assert post(site, name, flipped(BODY, bit), signed) == 403
    assert site.stored() == []


def replay(site: Site) -> None:
    """What was signed two days ago, or for two days from now."""
    for name in ("hubspot", "standard"):
        for age in (48 * 3600, -48 * 3600):
            assert post(site, name, BODY, proved(site.world, name, BODY, age=age)) == 403
    assert site.stored() == []


def swell(site: Site) -> None:
    """More than a body may have, announced and not."""
    large = b'"' + b"x" * door.LARGEST + b'"'
    assert post(site, "bearer", large, proved(site.world, "bearer", large, "other")) == 403, "it is not even read"
    assert post(site, "bearer", large, proved(site.world, "bearer", large)) == 413

    def pieces() -> Iterator[bytes]:
        yield from (b"x" * 65536 for _ in range(door.LARGEST // 65536 + 1))

    answer = site.http.post("/webhooks/crm/bearer", content=pieces(), headers=proved(site.world, "bearer", b""))
    assert (answer.status_code, site.stored()) == (413, [])


def poison(site: Site) -> None:
    """Proved, and hostile all the same: each is set aside or says nothing, and what stands beside it counts."""
    kim = site.world.lead()
    email = b'{"email": "kim@harbor.example", '
    hostile = [
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        email + b'"did": ' + b"9" * 5000 + b"}",
        email + b'"did": "\\ud800"}',
        email + b'"did": "call\\u0000"}',
        b'{"email": "kim@harbor.example\\u0000", "did": "call"}',
        b'{"email": {"$ne": ""}, "did": "call"}',
        b'{"email": "kim@harbor.example\' OR 1=1 --", "did": "call"}',
        b"\xff\xfe",
        b"null",
    ]
    for body in [*hostile, BODY]:
        assert post(site, "bearer", body, proved(site.world, "bearer", body)) == 204
    while ingest.process(site.world.context, True) or ingest.process(site.world.context, False):
        pass
    assert [e["event"] for e in site.world.view(kim)["events"]] == ["call_logged"]
    with site.world.context.engine.connect() as conn:
        assert intake.pending(conn) == {}


def stall(site: Site) -> None:
    """One caller announces bodies and never ends them, as many as would fill the room; then the CRM posts."""
    asyncio.run(_stall(site, ["203.0.113.9"] * (door.ROOM // door.LARGEST)))


def crowd(site: Site) -> None:
    """So do twenty callers."""
    asyncio.run(_stall(site, [f"203.0.113.{number}" for number in range(20)]))


def elsewhere(site: Site) -> None:
    """A hundred at the address of another webhook."""
    asyncio.run(_stall(site, [f"203.0.113.{number}" for number in range(100)], "standard"))


async def _stall(site: Site, callers: list[str], name: str = "hubspot") -> None:
    crm = door.CrmDoor(site.world.context, {name: (secret,) for name, secret in SECRETS.items()})
    posts = []
    for caller in callers:
        waits = asyncio.Event()
        long = b"x" * (door.LARGEST - 1 if len(posts) < 8 else door.SCARCE)
        posts.append(asyncio.create_task(crm.take(piece(caller, {}, long, waits, name))))
        stalled = asyncio.create_task(waits.wait())
        await asyncio.wait([posts[-1], stalled], return_when=asyncio.FIRST_COMPLETED)
        stalled.cancel()
    honest = crm.take(piece("198.51.100.7", proved(site.world, "hubspot", BODY), BODY, None))
    [answer] = await asyncio.gather(honest, return_exceptions=True)
    for one in posts:
        one.cancel()
    await asyncio.gather(*posts, return_exceptions=True)
    assert getattr(answer, "status_code", answer) == 204
    assert [(room.left, dict(room.held)) for room in crm.strangers.values()] == [(door.STRANGERS, {})] * len(
        {name, "hubspot"}
    ), "all is given back"


def piece(
    caller: str, headers: dict[str, str], body: bytes, waits: asyncio.Event | None, name: str = "hubspot"
) -> Request:
    """A post to a webhook. `waits`: more is announced, never comes, and this is set once it is waited for."""
    parts = iter([{"type": "http.request", "body": body, "more_body": waits is not None}])

    async def receive() -> Any:
        part = next(parts, None)
        if part is None and waits is not None:
            waits.set()
            await asyncio.Event().wait()
        return part

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": f"/webhooks/crm/{name}", "query_string": b"", "headers": raw}
    return Request({**scope, "path_params": {"name": name}, "client": (caller, 0)}, receive)


Attack = Callable[[Site], None]


@pytest.mark.parametrize("attack", [forge, replay, swell, stall, crowd, elsewhere, poison])
def test_a_crms_webhook_withstands(crm: Site, attack: Attack) -> None:
    attack(crm)


@pytest.mark.parametrize(
    ("attack", "place", "name", "without"),
    [
        (forge, crm_proof, "same", lambda given, expected: True),
        (replay, door.intake, "OLDEST", intake.OLDEST * 10),
        (swell, door, "read", lambda request, most, share: request.body()),
        (stall, door, "caller_of", lambda request: None),
        (crowd, door, "SCARCE", door.LARGEST),
        (elsewhere, door, "Room", lambda *sizes: SHARED),
    ],
)
def test_without_its_defence_the_attack_succeeds(
    crm: Site, monkeypatch: pytest.MonkeyPatch, attack: Attack, place: Any, name: str, without: Any
) -> None:
    monkeypatch.setattr(place, name, without)
    with pytest.raises(AssertionError):
        attack(crm)


def test_every_proof_is_compared_in_constant_time(crm: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def same(given: str, expected: str) -> bool:
        compared.append(expected)
        return False

    monkeypatch.setattr(crm_proof, "same", same)
    for name in NAMES:
        assert post(crm, name, BODY, proved(crm.world, name, BODY)) == 403
    assert len(set(compared)) == len(NAMES)


def test_nothing_of_a_secret_or_a_lead_is_logged(crm: Site, caplog: pytest.LogCaptureFixture) -> None:
    forge(crm)
    poison(crm)
    assert not any(word in caplog.text for word in (*SECRETS.values(), "kim@", "harbor"))
