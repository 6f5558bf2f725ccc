"""Mails that go on in the conversation of one before."""

from sequencer.core.mail import join
from tests.providers.servers import build
from tests.services.conftest import World
from tests.services.test_batches import counted
from tests.workspaces import files

SERIES = """
title: Thread
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: four
    unless: lead.stage == "customer"
  - wait: 1 day
  - email: two
    thread: four
  - wait: 1 day
  - email: three
    thread: two
"""


def subjects(world: World, email: str) -> list[tuple[str, dict[str, str]]]:
    """Subject and headers of the mails to somebody, in their order."""
    return [
        (join(batch.skeleton.subject, to.values), dict(to.headers))
        for batch in world.provider.batches
        for to in batch.recipients
        if to.to_email == email
    ]


def test_an_answer_has_the_subject_that_the_lead_got_and_names_all_mails_before_it(world: World) -> None:
    world.deploy(files(thread=SERIES))
    kim, lee = world.lead(first_name="Kim"), world.lead("lee@harbor.example", first_name="Lee")
    world.enter("thread", kim, lee)
    world.pass_(hours=1)
    world.lead(first_name="Renamed")
    world.pass_(days=3)
    for person, name in (kim, "Kim"), (lee, "Lee"):
        first, second, third = subjects(world, person.email)
        ids = [headers["Message-ID"] for _, headers in (first, second, third)]
        assert [first[0], second[0], third[0]] == [f"Four for {name}", *[f"Re: Four for {name}"] * 2]
        assert "In-Reply-To" not in first[1]
        assert (second[1]["In-Reply-To"], second[1]["References"]) == (ids[0], ids[0])
        assert (third[1]["In-Reply-To"], third[1]["References"]) == (ids[1], f"{ids[0]} {ids[1]}")
        ledger = {m["step"]: m["subject"] for m in world.view(person)["messages"]}
        assert ledger == {"four": f"Four for {name}", "two": f"Re: Four for {name}", "three": f"Re: Four for {name}"}
    body = build(world.provider.batches[-1], world.provider.batches[-1].recipients)
    assert [
        next(value for tag, value in one["substitutions"].items() if tag in body["subject"])
        for one in body["personalizations"]
    ] == ["Re: Four for Kim", "Re: Four for Lee"]
    assert "r-" in body["reply_to"]["email"]


def test_who_never_got_the_mail_before_gets_this_one_with_its_own_subject(world: World) -> None:
    world.deploy(files(thread=SERIES))
    kim, customer = world.lead(), world.lead("lee@harbor.example", stage="customer")
    world.enter("thread", kim, customer)
    world.pass_(days=3)
    assert [subject for subject, _ in subjects(world, customer.email)] == ["Two", "Re: Two"]
    assert "In-Reply-To" not in subjects(world, customer.email)[0][1]


def test_a_conversation_costs_one_query_a_batch(world: World) -> None:
    def cost(name: str, series: str, count: int) -> int:
        world.deploy(files(thread=series))
        people = [world.lead(f"{name}{n}@harbor.example") for n in range(count)]
        world.enter("thread", *people)
        world.pass_(hours=23, minutes=59)
        with counted(world.context.engine) as statements:
            world.pass_(minutes=1)
        return len([s for s in statements if "message_id" in s and "SELECT" in s and "INSERT" not in s])

    two = SERIES.partition("  - wait: 1 day\n  - email: three")[0]
    assert [cost("few", two, 1), cost("many", two, 20), cost("none", two.replace("    thread: four\n", ""), 3)] == [
        1,
        1,
        0,
    ]
