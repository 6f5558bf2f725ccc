"""Visits of our pages: whose they are, when they become events, and what is forgotten. On a real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.core import beacon
from sequencer.core.lead import Lead
from sequencer.core.token import mint
from sequencer.services import tidy, visits
from sequencer.services.advance import drain
from sequencer.store import clock
from sequencer.store import visits as store
from tests.services.conftest import World
from tests.workspaces import WORKSPACE, files

SITE = "\nsite: {hosts: [www.acme.example], keep: 10 days}\n"
SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 20, half_life: 10 days, at_most: 60}
sales_ready: score >= 50
"""
SERIES = """
title: Series
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - email: one
  - id: looked
    if: visited("/pricing")
    within: 20 days
    then:
      - email: two
    else:
      - email: three
"""
A, B = "a" * 32, "b" * 32


@pytest.fixture
def shop(world: World) -> World:
    world.deploy(
        files(series=SERIES) | {"sequences/workspace.yaml": WORKSPACE + SITE, "sequences/signals.yaml": SIGNALS}
    )
    return world


def tells(world: World, visitor: str, *pages: str, ago: int = 0, **more: Any) -> None:
    """A browser posts, and workers look into it."""
    body = orjson.dumps({"v": visitor, "p": [[page, ago] for page in pages], **more})
    with world.context.engine.begin() as conn:
        store.put(conn, [body], clock.now(conn))
    assert visits.process(world.context) is False


def sends_form(world: World, visitor: str, lead: Lead, *answered: str) -> None:
    with world.context.engine.begin() as conn:
        store.put_ours(conn, beacon.write(visitor, answered), lead.id, clock.now(conn))
    visits.process(world.context)


def link(world: World, step: str = "one") -> str:
    with world.context.engine.connect() as conn:
        enrollment = conn.execute(text("SELECT max(id) FROM enrollment")).scalar_one()
    return f"{mint(world.context.secret, enrollment, step).link}.1"


def seen(world: World, lead: Lead) -> list[tuple[str, str]]:
    """(page, minute), by page."""
    found = [e for e in world.view(lead)["events"] if e["event"] == "visited"]
    return sorted((e["data"]["page"], e["at"][:16]) for e in found)


def rows(world: World, table: str) -> int:
    with world.context.engine.connect() as conn:
        return int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def score(world: World, lead: Lead) -> int:
    with world.context.engine.connect() as conn:
        rows = conn.execute(text("SELECT sum(times) FROM signal_count WHERE lead_id = :id"), {"id": lead.id})
        return int(rows.scalar_one() or 0)


def test_history_joins_when_a_link_of_ours_names_the_reader_at_its_own_days(shop: World) -> None:
    kim = shop.lead()
    tells(shop, A, "/pricing", "/blog")
    tells(shop, B, "/pricing")
    shop.pass_(days=2)
    shop.enter("series", kim)
    shop.work()
    tells(shop, A, "/contact/", s=link(shop))
    assert seen(shop, kim) == [
        ("/blog", "2026-11-23T08:00"),
        ("/contact", "2026-11-25T08:00"),
        ("/pricing", "2026-11-23T08:00"),
    ]
    assert (score(shop, kim), rows(shop, "visit")) == (1, 1)
    tells(shop, A, "/pricing/eu", s=link(shop))
    assert (score(shop, kim), rows(shop, "beacon")) == (2, 0)


def test_what_a_lead_looks_at_moves_their_series_on(shop: World) -> None:
    kim = shop.lead()
    shop.enter("series", kim)
    shop.work()
    tells(shop, A, s=link(shop))
    shop.hints.clear()
    tells(shop, A, "/pricing")
    [hint] = [hint for hint in shop.hints if hint[0] == "drain"]
    drain(shop.context, *hint[1:])
    shop.work()
    assert [step for _, step in shop.provider.mails] == ["one", "two"]


@pytest.mark.parametrize("token", [f"{mint(b'another secret', 1, 'one').link}.1", "x", f"{'a' * 32}.1", None])
def test_who_signs_nothing_is_nobody(shop: World, token: str | None) -> None:
    kim = shop.lead()
    shop.enter("series", kim)
    shop.work()
    tells(shop, A, "/pricing", s=token, lead=kim.id, lead_id=kim.id, a=["email"])
    with shop.context.engine.connect() as conn:
        found = store.known(conn, A)
    assert found is not None and (found.lead_id, found.answered, seen(shop, kim)) == (None, frozenset(), [])


def test_an_unsubscribe_token_names_nobody_here(shop: World) -> None:
    shop.enter("series", shop.lead())
    shop.work()
    with shop.context.engine.connect() as conn:
        enrollment = conn.execute(text("SELECT max(id) FROM enrollment")).scalar_one()
    tells(shop, A, "/pricing", s=f"{mint(shop.context.secret, enrollment, 'one').unsubscribe}.1")
    assert rows(shop, "visit") == 1


def test_a_form_names_the_visitor_without_proof_and_a_link_with(shop: World) -> None:
    kim, jo = shop.lead(), shop.lead("jo@harbor.example")
    tells(shop, A, "/pricing")
    sends_form(shop, A, kim, "role")
    sends_form(shop, A, kim, "pains")

    def now() -> tuple[int | None, bool, set[str]]:
        with shop.context.engine.connect() as conn:
            found = store.known(conn, A)
        assert found is not None
        return found.lead_id, found.proven, set(found.answered)

    assert now() == (kim.id, False, {"role", "pains"})
    shop.enter("series", kim)
    shop.work()
    tells(shop, A, s=link(shop))
    assert now() == (kim.id, True, {"role", "pains"})
    sends_form(shop, A, jo, "role")
    tells(shop, A, "/faq")
    assert now() == (jo.id, False, {"role"})
    assert ([page for page, _ in seen(shop, kim)], [page for page, _ in seen(shop, jo)]) == (["/pricing"], ["/faq"])


def test_what_is_told_twice_or_at_once_counts_once(shop: World) -> None:
    kim = shop.lead()
    shop.enter("series", kim)
    shop.work()
    token = link(shop)
    bodies = [orjson.dumps({"v": v, "s": token, "p": [["/pricing", 0]] * 3}) for v in (A, B) for _ in range(20)]
    with shop.context.engine.begin() as conn:
        store.put(conn, bodies, clock.now(conn))
        store.put(conn, [orjson.dumps({"v": f"{n:032x}", "p": [["/x", 0]]}) for n in range(40)], clock.now(conn))
    original, visits.AT_ONCE = visits.AT_ONCE, 1  # type: ignore[misc]
    try:
        with ThreadPoolExecutor(3) as pool:
            for _ in range(6):
                list(pool.map(lambda _: visits._process(shop.context), range(3)))
    finally:
        visits.AT_ONCE = original  # type: ignore[misc]
    assert (rows(shop, "beacon"), rows(shop, "visit"), len(seen(shop, kim)), score(shop, kim)) == (0, 40, 2, 2)


def test_what_led_here_first_and_last_is_the_leads_and_a_campaign_is_kept(shop: World) -> None:
    kim = shop.lead()
    tells(shop, A, "/", q="utm_source=search&utm_campaign=autumn")
    shop.pass_(days=1)
    tells(shop, A, "/", r="https://news.example/story")
    sends_form(shop, A, kim)
    shop.pass_(days=1)
    tells(shop, A, "/", q="utm_campaign=winter&gclid=x")
    tells(shop, B, "/", q="utm_campaign=other")
    with shop.context.engine.connect() as conn:
        first, last = store.touches_of(conn, kim.id)
    assert (first["campaign"], first["source"], first["at"][:10]) == ("autumn", "search", "2026-11-23")
    assert (last["campaign"], last["gclid"], last["at"][:10]) == ("winter", "x", "2026-11-25")
    lead = shop.view(kim)["lead"]
    assert (lead["campaign"], lead["first_touch"], lead["last_touch"]) == ("autumn", first, last)


@pytest.mark.parametrize(
    ("told", "campaign"),
    [
        ({"q": "gclid=x"}, "google / cpc"),
        ({"r": "https://duckduckgo.com/"}, "duckduckgo / organic"),
        ({"r": "https://www.acme.example/"}, None),
    ],
)
def test_a_click_id_or_the_site_before_alone_is_a_first_touch(
    shop: World, told: dict[str, str], campaign: str | None
) -> None:
    kim = shop.lead()
    tells(shop, A, "/", **told)
    sends_form(shop, A, kim)
    assert shop.view(kim)["lead"]["campaign"] == campaign
    tells(shop, A, "/", q="utm_campaign=later")
    assert shop.view(kim)["lead"]["campaign"] == (campaign or "later")


def test_strangers_are_forgotten_after_the_declared_time_and_leads_are_not(shop: World) -> None:
    kim = shop.lead()
    tells(shop, A, "/pricing")
    tells(shop, B, "/pricing")
    sends_form(shop, A, kim)
    shop.pass_(days=9)
    assert tidy.tidy(shop.context) is False and (rows(shop, "visit"), rows(shop, "visitor")) == (1, 2)
    shop.pass_(days=2)
    assert tidy.tidy(shop.context) is False
    assert (rows(shop, "visit"), rows(shop, "visitor"), len(seen(shop, kim))) == (0, 1, 1)


def test_an_odd_beacon_is_dropped_and_the_others_count(shop: World) -> None:
    with shop.context.engine.begin() as conn:
        store.put(conn, [b"\x00\xff", b"[" * 3000, b"{}"], clock.now(conn))
    tells(shop, A, "/pricing", "/ok")
    assert (rows(shop, "beacon"), rows(shop, "visit")) == (0, 2)


def test_beacons_share_rows_and_keep_their_order_also_with_those_of_the_version_before(shop: World) -> None:
    bodies = [b"%d" % n for n in range(45)]
    with shop.context.engine.begin() as conn:
        store.put(conn, bodies, clock.now(conn))
        conn.execute(text("INSERT INTO beacon (body, at) VALUES ('45', clock_timestamp())"))
        assert conn.execute(text("SELECT count(*) FROM beacon")).scalar_one() == 4
        told, more = store.take(conn, 10)
        assert ([one.body for one in told], more) == ([*bodies, b"45"], False)


def test_a_visit_happened_when_the_page_was_seen_and_at_most_an_hour_ago(shop: World) -> None:
    tells(shop, A, "/a", ago=90_000)
    tells(shop, A, "/b", ago=10**10)
    with shop.context.engine.connect() as conn:
        found = {page: at for page, at in conn.execute(text("SELECT page, at FROM visit"))}
    now = shop.now()
    assert {page: now - at for page, at in found.items()} == {
        "/a": timedelta(seconds=90),
        "/b": timedelta(hours=1),
    }


def test_of_a_flood_only_the_last_becomes_a_leads(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    kim = shop.lead()
    for number in range(5):
        tells(shop, A, f"/{number}")
        shop.pass_(hours=1)
    sends_form(shop, A, kim)
    assert ([page for page, _ in seen(shop, kim)], rows(shop, "visit")) == (["/2", "/3", "/4"], 0)
