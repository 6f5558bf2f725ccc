"""What nobody told of a lead is guessed by a number that the API brings, and becomes an answer by whoever says it."""

import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from sequencer.core.guess import Traces
from sequencer.core.lead import Lead
from sequencer.core.lead_input import read
from sequencer.services.imports import import_csv
from sequencer.services.leads import save
from sequencer.store import clock, leads
from tests.services.conftest import World
from tests.workspaces import files

SERIES = """
title: Series
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - email: one
"""


def saved(world: World, **values: Any) -> Lead:
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        one = read({"email": "kim@harbor.example", **values}, release.workspace)
        save(conn, release, [one], "api", clock.now(conn), announce_new=True)
        found = leads.by_email(conn, one.email)
    assert found is not None
    return found


def zone(world: World, lead: Lead) -> tuple[str, str, int]:
    known = world.view(lead)["lead"]
    source = known["sources"]["time_zone"]
    return known["time_zone"], source["by"], source["confidence"]


@pytest.mark.parametrize("door", ["file", "api", "sequence"])
@pytest.mark.parametrize("answer", ["Europe/Berlin", "Europe/Vienna"])
def test_a_zone_guessed_by_a_number_becomes_an_answer_whichever_door_it_comes_by(
    world: World, door: str, answer: str
) -> None:
    world.deploy(files(series=SERIES))
    kim = saved(world, phone="+49 151 12345678")
    assert zone(world, kim) == ("Europe/Berlin", "phone", 60)
    if door == "file":
        rows = f"email,time_zone\nkim@harbor.example,{answer}\n"
        import_csv(world.context, io.StringIO(rows, newline=""), None)
    elif door == "api":
        saved(world, time_zone=answer)
    else:
        with world.context.engine.begin() as conn:
            leads.write(conn, [(kim.id, {"time_zone": answer})], "sequence", clock.now(conn))
    assert zone(world, kim) == (answer, {"file": "import"}.get(door, door), 100)
    saved(world, phone="+44 20 7946 0000")
    assert zone(world, kim)[0] == answer


def test_a_later_number_tells_more_and_a_country_that_was_told_more_than_that(world: World) -> None:
    world.deploy(files(series=SERIES))
    kim = saved(world, first_name="Kim", phone="+49 151 12345678")
    saved(world, phone="+34 612 345 678")
    assert zone(world, kim) == ("Europe/Madrid", "phone", 60)
    saved(world, country="UK")
    assert zone(world, kim) == ("Europe/London", "told", 70)
    saved(world, title="CFO")
    assert zone(world, kim) == ("Europe/London", "told", 70)


def test_a_contradicted_guess_keeps_its_value_and_its_day_and_tells_no_change(world: World) -> None:
    world.deploy(files(series=SERIES))
    kim = saved(world, phone="+49 151 12345678")
    before = world.view(kim)
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        again = [read({"email": kim.email}, release.workspace)]
        save(conn, release, again, "form", clock.now(conn) + timedelta(days=3), True, Traces(country="US"))
    after = world.view(kim)
    assert zone(world, kim) == ("Europe/Berlin", "phone", 40)
    assert [one["lead"]["sources"]["time_zone"]["at"] for one in (before, after)] == [
        before["lead"]["sources"]["time_zone"]["at"]
    ] * 2
    assert len(after["events"]) == len(before["events"])


@pytest.mark.parametrize(
    ("given", "looks"),
    [({"phone": "+49 151 12345678"}, 0), ({"phone": "+34 612 345 678"}, 1), ({"title": "CFO"}, 0)],
)
def test_who_wrote_what_stands_is_read_only_where_something_new_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], looks: int
) -> None:
    world.deploy(files(series=SERIES))
    looked: list[Any] = []
    read_sources = leads.sources
    monkeypatch.setattr(leads, "sources", lambda conn, ids: looked.append(ids) or read_sources(conn, ids))
    kim = saved(world, phone="+49 151 12345678")
    assert looked == []
    saved(world, **given)
    assert looked == [[kim.id]] * looks


def test_what_another_answered_since_we_looked_is_not_overwritten_by_a_guess(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(series=SERIES))
    put = leads.put_companies

    def overtaken(conn: Connection, named: Any, source: str) -> Any:
        # Between the look for the lead, which found none, and its insertion.
        monkeypatch.setattr(leads, "put_companies", put)
        saved(world, time_zone="Europe/Berlin", language="de")
        return put(conn, named, source)

    monkeypatch.setattr(leads, "put_companies", overtaken)
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        one = read({"email": "kim@harbor.example", "first_name": "Kim"}, release.workspace)
        done = save(conn, release, [one], "form:a", clock.now(conn), True, Traces("Asia/Tokyo", "en", "JP"))
        kim = leads.by_email(conn, one.email)
    assert kim is not None
    assert (done.new, done.updated) == (set(), {kim.id})
    assert (kim.first_name, kim.zone, kim.get("language")) == ("Kim", "Europe/Berlin", "de")
    assert zone(world, kim) == ("Europe/Berlin", "api", 100)
    changed = [e["data"] for e in world.view(kim)["events"] if e["event"] == "changed"]
    assert "Asia/Tokyo" not in str(changed)
