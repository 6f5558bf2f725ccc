"""Waits for a date of the lead, and steps that are skipped, on a real database."""

from sequencer.services.why import why
from tests.services.conftest import World
from tests.workspaces import files

DATED = """
title: Dated
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
    unless: received("one")
  - wait: {until: 1 week before next_attempt, unknown: 90 days}
  - email: two
"""

FIRST = """
title: First
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
"""


def test_what_was_received_from_another_sequence_is_skipped_and_why_says_so(world: World) -> None:
    world.deploy(files(dated=DATED, first=FIRST))
    kim = world.lead()
    world.enter("first", kim)
    world.work()
    world.enter("dated", kim)
    world.work()
    assert world.provider.mails == [("kim@harbor.example", "one")]
    with world.context.engine.connect() as conn:
        answer = why(conn, world.context.releases.current(conn), kim, None, world.now())[0]
    assert answer.past[1].text == 'one was skipped (unless: received("one")), Mon 23 Nov 2026 08:00 (London)'
    assert answer.now[0].text == "waits until Sun 21 Feb 2027 08:00 (London), before two"


def test_holidays_of_the_leads_country_hold_its_mail_alone(world: World) -> None:
    series = FIRST.replace("pressure: exempt\n", "").replace("- email: one", "- wait: 3 days\n  - email: one")
    world.deploy(files(first=series))
    world.enter("first", world.lead(country="US"), world.lead("lee@harbor.example", country="GB"))
    world.pass_(days=3)
    assert world.provider.mails == [("lee@harbor.example", "one")]
    world.pass_(days=1)
    assert world.provider.mails == [("lee@harbor.example", "one"), ("kim@harbor.example", "one")]


def test_a_date_that_is_imported_during_the_wait_wakes_who_waits_for_it(world: World) -> None:
    world.deploy(files(dated=DATED))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("dated", kim, lee)
    world.pass_(days=10)
    world.lead(next_attempt="2027-01-10")
    world.lead("lee@harbor.example", next_attempt="2026-12-05")
    world.work()
    assert world.provider.mails[2:] == [("lee@harbor.example", "two")]
    world.pass_(days=30, hours=23)
    assert len(world.provider.mails) == 3
    world.pass_(hours=1)
    assert world.provider.mails[3:] == [("kim@harbor.example", "two")]
