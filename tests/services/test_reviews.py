"""Mails that wait for a rep to look at them, and go as the rep wrote them; on a real database."""

from typing import Any

import pytest
from sqlalchemy import text

from sequencer.core.mail import Answer, Outcome, Receipt, join
from sequencer.core.operate import Impossible
from sequencer.rendering.errors import Unfit
from sequencer.services import alerts, operate, review
from sequencer.services.halt import halt
from sequencer.services.inspect import reviews_view
from sequencer.store.reviews import Key
from tests.services.conftest import World
from tests.workspaces import content, files

SERIES = """
title: Reviewed
state: live
topic: guides
enroll:
  when: manual
from: owner
hours: {days: mon-fri, between: "09:00-17:00"}
exit_on:
  - did("bought")
steps:
  - email: one
    review: {by: owner, within: 2 business days, then: send}
  - wait: 1 day
  - email: two
"""
OTHER = """
title: Other
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: three
"""


@pytest.fixture
def reviewed(world: World) -> World:
    world.deploy(files(reviewed=SERIES, other=OTHER))
    world.pass_(hours=1)
    return world


def waiting(world: World) -> list[tuple[str, str, str]]:
    with world.context.engine.connect() as conn:
        return [(r["email"], r["rep"], r["due_at"][:16]) for r in reviews_view(conn, None, None, 100)]


def kept(world: World) -> list[tuple[Any, ...]]:
    with world.context.engine.connect() as conn:
        return [
            tuple(row) for row in conn.execute(text("SELECT closed_by, subject, body FROM review ORDER BY lead_id"))
        ]


def key(world: World) -> Key:
    with world.context.engine.connect() as conn:
        [row] = conn.execute(text("SELECT enrollment_id, step FROM review"))
        return row.enrollment_id, row.step


def send(world: World, subject: str | None = None, body: str | None = None) -> None:
    with world.context.engine.begin() as conn:
        review.send(world.context, conn, key(world), subject, body)


def enter(world: World, **values: Any) -> Any:
    kim = world.lead(first_name="Kim", owner_email="ana@acme.example", **values)
    world.enter("reviewed", kim)
    world.work()
    return kim


def test_the_rep_is_told_what_the_mail_would_say_and_it_waits_and_goes_when_nobody_looked(reviewed: World) -> None:
    kim = enter(reviewed)
    assert waiting(reviewed) == [("kim@harbor.example", "ana@acme.example", "2026-11-25T09:00")]
    alerts.deliver(reviewed.context)
    subject, _, said = reviewed.provider.batches[-1].recipients[0].values
    assert subject == "To review: the mail to Kim"
    assert "One\n\nSee prices (https://www.acme.example/price?sq=review.1)" in said
    assert f"https://mail.acme.example/dashboard/reviews/{key(reviewed)[0]}/one" in said
    reviewed.pass_(hours=47)
    assert reviewed.provider.mails == []
    reviewed.pass_(hours=1)
    assert (reviewed.provider.mails, waiting(reviewed)) == ([("kim@harbor.example", "one")], [])
    assert kept(reviewed) == [("time", None, None)]
    assert [o["sentence"] for o in reviewed.view(kim)["enrollments"][0]["outcomes"]] == [
        "the rep was asked to review one",
        "was sent one",
    ]


def test_a_mail_that_nobody_looked_at_can_be_skipped_and_a_rep_can_skip_it_too(reviewed: World) -> None:
    reviewed.deploy(files(reviewed=SERIES.replace("then: send", "then: skip")))
    kim = enter(reviewed)
    reviewed.pass_(days=2)
    assert (reviewed.provider.mails, kept(reviewed)) == ([], [("time", None, None)])
    said = [o["sentence"] for o in reviewed.view(kim)["enrollments"][0]["outcomes"]]
    assert said[1] == "one was skipped (not-reviewed)"
    ben = reviewed.lead("ben@harbor.example", owner_email="ana@acme.example")
    reviewed.enter("reviewed", ben)
    reviewed.work()
    with reviewed.context.engine.begin() as conn:
        review.skip(
            reviewed.context, conn, review.one_of(conn, reviewed.context.releases.current(conn), ben.email, None)
        )
    reviewed.work()
    assert kept(reviewed)[1] == ("skipped", None, None)
    assert [o["sentence"] for o in reviewed.view(ben)["enrollments"][0]["outcomes"]][1:] == [
        "the rep had one skipped",
        "one was skipped (review)",
    ]


def test_what_the_rep_wrote_goes_alone_by_the_same_protocol_and_is_kept_with_the_message(reviewed: World) -> None:
    enter(reviewed)
    other = reviewed.lead("ben@harbor.example", owner_email="ana@acme.example")
    reviewed.enter("reviewed", other)
    reviewed.work()
    body = "Hi {{ lead.email }} <b>you</b>,\n\n[the prices](link:price)"
    with reviewed.context.engine.begin() as conn:
        review.send(
            reviewed.context,
            conn,
            review.one_of(conn, reviewed.context.releases.current(conn), "kim@harbor.example", None),
            "Two\r\nBcc: x@y.z",
            body,
        )
        review.send(
            reviewed.context, conn, review.one_of(conn, reviewed.context.releases.current(conn), other.email, None)
        )
    reviewed.provider.answers = [Receipt(Outcome(Answer.RETRY, "busy")), Receipt(Outcome(Answer.RETRY, "busy"))]
    reviewed.work()
    reviewed.pass_(minutes=5)
    sent = {
        batch.recipients[0].to_email: batch for batch in reviewed.provider.batches if batch.recipients[0].custom_args
    }
    assert all(len(batch.recipients) == 1 for batch in sent.values())
    kim = sent["kim@harbor.example"]
    values = kim.recipients[0].values
    assert kim.recipients[0].custom_args["sq_attempt"] == "2"
    assert join(kim.skeleton.subject, values) == "Two Bcc: x@y.z"
    plain = join(kim.skeleton.text, values)
    assert plain.startswith("Hi {{ lead.email }} <b>you</b>,\n\nthe prices (https://www.acme.example/price?sq=")
    assert "?sq=review" not in plain
    assert "Unsubscribe (https://mail.acme.example/u/" in plain
    html = join(kim.skeleton.html, values)
    assert "<p>Hi &#123;&#123; lead.email }} &lt;b&gt;you&lt;/b&gt;,</p>" in html
    assert "the prices</a>" in html
    assert join(sent[other.email].skeleton.subject, sent[other.email].recipients[0].values) == "One"
    assert kept(reviewed) == [("sent", "Two Bcc: x@y.z", body), ("sent", None, None)]
    ledger = reviewed.view(reviewed.lead())["messages"]
    assert [(m["step"], m["subject"], m["state"]) for m in ledger] == [("one", "Two Bcc: x@y.z", "accepted")]
    with pytest.raises(Impossible):
        with reviewed.context.engine.begin() as conn:
            review.send(reviewed.context, conn, (int(kim.recipients[0].custom_args["sq_enrollment"]), "one"))


def test_hours_gap_and_unsubscription_are_asked_again_when_the_rep_lets_it_go(reviewed: World) -> None:
    kim = enter(reviewed)
    reviewed.enter("other", kim)
    reviewed.work()
    reviewed.pass_(hours=9)
    send(reviewed, subject="Later")
    reviewed.work()
    assert reviewed.provider.mails == [("kim@harbor.example", "three")]
    reviewed.pass_(hours=14)
    assert reviewed.provider.mails[1:] == []
    reviewed.pass_(hours=1)
    assert reviewed.provider.mails[1:] == [("kim@harbor.example", "one")]


@pytest.mark.parametrize("how", ["halt", "exit", "unsubscribed"])
@pytest.mark.parametrize("approved", [False, True])
def test_never_after_a_halt_or_an_exit_whether_the_rep_let_it_go_before_or_not(
    reviewed: World, how: str, approved: bool
) -> None:
    kim = enter(reviewed)
    reviewed.pass_(hours=9)
    if approved:
        send(reviewed, body="Mine")
    if how == "halt":
        with reviewed.context.engine.begin() as conn:
            halt(conn, kim.email, reviewed.now())
    else:
        reviewed.happens(kim, "bought" if how == "exit" else "unsubscribed")
    if not approved:
        with pytest.raises(Impossible):
            send(reviewed)
    reviewed.pass_(days=4)
    assert (reviewed.provider.mails, waiting(reviewed)) == ([], [])
    assert kept(reviewed)[0][0] == ("sent" if approved else "left")


def test_a_lead_that_an_operator_moved_on_or_a_mail_that_does_not_fit_is_refused(reviewed: World) -> None:
    kim = enter(reviewed)
    for bad in ("", "[x](link:nope)", "[x](javascript:alert(1))", "x" * 10_001):
        with pytest.raises(Unfit):
            send(reviewed, body=bad)
    with reviewed.context.engine.begin() as conn:
        operate.skip(reviewed.context, conn, kim.email, None)
    assert waiting(reviewed) == []
    with pytest.raises(Impossible):
        send(reviewed)


def test_what_was_written_follows_its_content_through_deployments_and_is_refused_without_it(reviewed: World) -> None:
    kim = enter(reviewed)
    reviewed.pass_(hours=9)
    send(reviewed, body="Mine: [prices](link:price)")
    changed = files(reviewed=SERIES, other=OTHER) | {"content/one.md": content("One", "No link any more")}
    reviewed.deploy(changed)
    reviewed.pass_(days=1)
    [mail] = reviewed.view(kim)["messages"]
    assert (mail["state"], "link:price" in mail["failure"]) == ("refused", True)
    assert reviewed.provider.mails == []
