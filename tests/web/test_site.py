"""What pages of ours tell of their visitors: who may tell, how much, and what is stored of it."""

import asyncio
import gzip
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.services import due
from sequencer.web import bodies, throttle
from sequencer.web.site import FOLDER, LARGEST
from sequencer.web.together import Together
from tests.web.conftest import ADDRESS, CUSTOMERS, WELCOME, Site
from tests.workspaces import WORKSPACE, files

PAGE = "https://www.acme.example"
PEOPLE = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
BODY = orjson.dumps({"v": "a" * 32, "p": [["/pricing", 10]]})
HONEST = {"Origin": PAGE, "User-Agent": PEOPLE, "Content-Type": "text/plain;charset=UTF-8"}


def with_site(more: str = "") -> dict[str, str]:
    made = files(welcome=WELCOME, customers=CUSTOMERS)
    site = f"\nsite: {{hosts: [www.acme.example]{more}}}\n"
    return made | {"sequences/workspace.yaml": WORKSPACE + site}


@pytest.fixture
def door(site: Site) -> Iterator[Site]:
    site.world.deploy(with_site())
    yield site


def stored(site: Site) -> list[bytes]:
    with site.world.context.engine.connect() as conn:
        return list(map(bytes, conn.execute(text("SELECT unnest(bodies) FROM beacon ORDER BY id")).scalars()))


def test_a_beacon_is_stored_raw_and_the_clock_finds_it(door: Site) -> None:
    assert ("visits", ()) not in due.work(door.world.context)
    answer = door.http.post("/t", content=BODY, headers=HONEST)
    assert (answer.status_code, stored(door)) == (204, [BODY])
    assert ("visits", ()) in due.work(door.world.context)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    # It takes a way of its own, and carries what every answer does.
    for either in (answer, door.http.post("/t", content=BODY)):
        assert {"content-security-policy", "strict-transport-security", "x-content-type-options"} <= {*either.headers}
        assert either.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://www.acme.example.evil.example"}, 403),
        ({"Origin": "https://evil.example/www.acme.example"}, 403),
        ({"Origin": "https://www.acme.example:8443"}, 403),
        ({"Origin": "ftp://www.acme.example"}, 403),
        ({"Origin": ADDRESS}, 403),
        ({"DNT": "1"}, 204),
        ({"Sec-GPC": "1"}, 204),
        ({"User-Agent": ""}, 204),
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, 204),
        ({"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/131.0"}, 204),
    ],
)
def test_strangers_software_and_who_does_not_want_to_be_followed_leave_nothing(
    door: Site, headers: dict[str, str], status: int
) -> None:
    answer = door.http.post("/t", content=BODY, headers={**HONEST, **headers})
    assert (answer.status_code, stored(door)) == (status, [])
    assert status == 204 or "access-control-allow-origin" not in answer.headers


def test_a_browser_that_asks_first_is_told_whose_pages_may(door: Site) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = door.http.options("/t", headers={**HONEST, **asks})
    assert (allowed.status_code, allowed.headers["access-control-allow-methods"]) == (204, "POST")
    assert door.http.options("/t", headers={**asks, "Origin": "https://evil.example"}).status_code == 403


def test_a_long_body_is_refused_while_it_is_read(door: Site) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 1000 for _ in range(1_000_000))

    assert door.http.post("/t", content=endless(), headers=HONEST).status_code == 413
    assert door.http.post("/t", content=b"x" * (LARGEST + 1), headers=HONEST).status_code == 413
    assert stored(door) == []


def test_too_much_at_once_is_sent_again(door: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.Share, "take", lambda *_: (_ for _ in ()).throw(bodies.HTTPException(503, "later")))
    assert door.http.post("/t", content=BODY, headers=HONEST).status_code == 503
    assert stored(door) == []


def test_one_address_tells_600_times_a_minute(door: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    # Not the clock of all: the door waits by it, too.
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now))
    statuses = [door.http.post("/t", headers={"Origin": "null"}).status_code for _ in range(601)]
    assert (statuses[:600], statuses[600]) == ([403] * 600, 429)
    other = {**HONEST, "X-Forwarded-For": "203.0.113.7"}
    assert door.http.post("/t", content=BODY, headers=other).status_code == 204
    now += 61
    assert door.http.post("/t", content=BODY, headers=HONEST).status_code == 204


def test_where_no_site_is_declared_there_is_no_tracker(site: Site) -> None:
    assert [site.http.get("/t.js").status_code, site.http.post("/t", headers=HONEST).status_code] == [404, 404]


@pytest.mark.parametrize(
    ("more", "asks"), [("", "true"), (", consent: asked", "true"), (", consent: assumed", "false")]
)
def test_the_script_is_small_ours_and_for_other_sites(site: Site, more: str, asks: str) -> None:
    site.world.deploy(with_site(more))
    answer = site.http.get("/t.js")
    assert len(gzip.compress(answer.content)) < 2048
    assert f"var asks = {asks}" in answer.text
    assert "http" not in answer.text.replace('"https:"', "")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert site.http.get("/healthz").headers["cross-origin-resource-policy"] == "same-origin"
    assert (FOLDER / "t.js").read_text().count("ASKS") == 1


def test_requests_share_a_transaction_and_each_learns_what_became_of_its_own() -> None:
    written: list[Sequence[int]] = []

    def write(items: Sequence[int]) -> None:
        if 13 in items:
            raise OSError("no")
        written.append(items)

    async def run() -> list[Any]:
        together = Together(write, most=4)
        first = await asyncio.gather(*(together.add(n) for n in range(6)))
        failed = await asyncio.gather(*(together.add(n) for n in (13, 14)), return_exceptions=True)
        await together.add(20)
        return [first, [str(one) for one in failed]]

    assert asyncio.run(run()) == [[None] * 6, ["no", "no"]]
    assert written == [[0, 1, 2, 3], [4, 5], [20]]


def test_who_is_patient_shares_with_those_who_come_a_moment_later() -> None:
    written: list[Sequence[int]] = []

    async def run() -> None:
        together: Together[int] = Together(written.append, patience=0.02)
        first = asyncio.ensure_future(together.add(1))
        await asyncio.sleep(0)
        await together.add(2)
        await first

    asyncio.run(run())
    assert written == [[1, 2]]


def test_who_hangs_up_harms_no_other() -> None:
    written: list[int] = []

    async def run() -> None:
        together: Together[int] = Together(written.extend)
        gone = asyncio.ensure_future(together.add(1))
        await asyncio.sleep(0)
        gone.cancel()
        await together.add(2)

    asyncio.run(run())
    assert written == [1, 2]
