"""`sequencer status`."""

from sqlalchemy import Engine

from sequencer.services import advance
from sequencer.settings import Settings
from sequencer.store import messages
from sequencer.store.messages import Attempt, Common
from sequencer.wiring import build

from .conftest import START, Sequencer


def send_what_is_due(sequencer: Sequencer, sequence: str, position: str) -> None:
    """Works it off with no provider set, so that every mail is surely not sent and goes again later."""
    context = build(Settings.read(sequencer.environ))
    try:
        advance.drain(context, sequence, position)
    finally:
        context.engine.dispose()


def lose_an_answer(engine: Engine, enrollment_id: int, lead_id: int) -> None:
    """A mail of which nobody knows whether it went: whoever sent it is gone, and its lease has run out."""
    common = Common(
        step="handbook-delivery",
        sequence="handbook-delivery",
        deployment=1,
        content="education/handbook-delivery",
        sender="library",
        exempt=True,
        state=messages.State.SENDING,
        attempt=1,
        request_id="r1",
    )
    attempt = Attempt(enrollment_id, lead_id, "ana@harbor.example", "Your handbook", "", common)
    with engine.begin() as conn:
        messages.begin(conn, [attempt], fence=1, lease=-1, now=START)
        messages.reap(conn, 10)


def said(sequencer: Sequencer) -> list[str]:
    """The lines of `status` above what every one of them ends with."""
    *lines, empty, connections = sequencer("status").splitlines()
    most, _, rest = connections.partition(" = ")
    assert (empty, most) == ("", "connections to PostgreSQL: web 3 + worker 5 + clock 1")
    assert rest.startswith("9 at most, ")
    return lines


def test_before_the_first_deploy_it_says_what_to_do(sequencer: Sequencer) -> None:
    assert ["nothing is deployed yet: run `sequencer deploy`"] == said(sequencer)
    assert sequencer.json("status")["deployment"] is None


def test_it_counts_enrollments_by_sequence_and_status(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    deployed("enroll", "handbook-delivery")
    deployed("halt", "cy@mill.example")
    expected = [
        "deployment 1",
        "",
        "enrollments        active  stopped",
        "education               2        1",
        "handbook-delivery       2        1",
    ]
    assert expected == said(deployed)
    assert {"active": 2, "stopped": 1} == deployed.json("status")["enrollments"]["education"]


def test_it_counts_messages_by_state(deployed: Sequencer) -> None:
    deployed("enroll", "handbook-delivery")
    send_what_is_due(deployed, "handbook-delivery", "handbook-delivery")
    assert {"retry": 3} == deployed.json("status")["messages"]
    assert ["messages", "  retry  3"] == said(deployed)[-2:]


def test_a_pause_of_all_sending_stands_at_the_top_with_what_ends_it(deployed: Sequencer) -> None:
    deployed("enroll", "handbook-delivery")
    send_what_is_due(deployed, "handbook-delivery", "handbook-delivery")
    deployed("pause", "--because", "the domain is being moved")
    first, remedy, second, *_ = said(deployed)
    assert first.startswith("ALL SENDING IS PAUSED since 2026-") and "no provider: neither SENDGRID_API_KEY" in first
    assert remedy == ("  set a valid SENDGRID_API_KEY; one mail tries every five minutes, `sequencer resume` at once")
    assert second.endswith("UTC: the domain is being moved")
    assert "sending goes on" in deployed("resume")
    assert said(deployed)[0] == "deployment 1"
    assert deployed("resume") == "nothing changes: sending was not paused\n"


def test_people_without_an_owner_are_shown_where_mail_comes_from_the_owner(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    deployed("enroll", "sales-motivation")
    assert {"sales-motivation": 1} == deployed.json("status")["without_owner"]
    assert ["without an owner: their mail waits until a rep owns them", "  sales-motivation  1"] == said(deployed)[-2:]


def test_a_message_that_nobody_knows_of_is_held_and_shown_with_the_reason(deployed: Sequencer, engine: Engine) -> None:
    deployed("enroll", "handbook-delivery", "--where", 'lead.email == "ana@harbor.example"')
    found = deployed.json("leads", "show", "ana@harbor.example")
    lose_an_answer(engine, found["enrollments"][0]["id"], found["lead"]["id"])
    (held,) = deployed.json("status")["held"]
    assert ("ana@harbor.example", "unknown") == (held["to"], held["state"])
    assert said(deployed)[-2:] == [
        "held: nobody knows whether these went; `sequencer messages resolve` decides",
        "  2026-11-24T09:00  handbook-delivery  handbook-delivery  ana@harbor.example"
        "  no answer was recorded before the lease ended",
    ]
