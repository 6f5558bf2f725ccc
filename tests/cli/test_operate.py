"""`sequencer skip`, `move`, `pause EMAIL` and `resume EMAIL`."""

from sqlalchemy import Engine, text

from .conftest import Sequencer

ANA = "ana@harbor.example"


def standing(sequencer: Sequencer) -> list[tuple[str, str, str]]:
    found = sequencer.json("leads", "show", ANA)["enrollments"]
    return [(e["sequence"], e["status"], e["position"]) for e in found]


def test_a_lead_is_taken_past_its_step_and_told_what_comes(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    said = deployed("skip", f" {ANA.upper()} ")
    assert f"{ANA} in education: skipped `where-invoices-go-wrong`\n" in said
    assert [("education", "active", "ask-what-hurts")] == standing(deployed)
    assert "ask-what-hurts" in said and "sequences/education.yaml:" in said


def test_a_lead_is_moved_before_a_step(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    [moved] = deployed.json("move", ANA, "--before", "their-problem")["sequences"]
    assert ("education", False) == (moved["sequence"], moved["passed"])
    assert moved["next_at"] is not None
    assert [("education", "active", "their-problem")] == standing(deployed)
    assert "has no step `nowhere`" in deployed.refusal("move", ANA, "--before", "nowhere")


def test_in_several_sequences_it_must_be_said_which(deployed: Sequencer) -> None:
    assert f"{ANA} is in no sequence now" == deployed.refusal("skip", ANA)
    deployed("enroll", "education")
    deployed("enroll", "sales-motivation")
    said = f"{ANA} is in several sequences (education, sales-motivation): say which with --sequence"
    assert said == deployed.refusal("skip", ANA)
    deployed("skip", ANA, "--sequence", "education")
    assert f"{ANA} is not in nowhere now" == deployed.refusal("skip", ANA, "--sequence", "nowhere")
    assert "there is no lead with the address no@body.example" == deployed.refusal("skip", "no@body.example")


def test_a_lead_is_paused_and_goes_on(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    assert "is paused by an operator, until `sequencer resume EMAIL`" in deployed("pause", ANA)
    assert [("education", "paused", "where-invoices-go-wrong")] == standing(deployed)
    assert f"{ANA} in education: goes on\n" in deployed("resume", ANA)
    assert f"{ANA} in education: paused\n" in deployed("pause", ANA, "--until", "2026-12-07")
    deployed.refusal("pause", ANA, "--until", "2026-11-01", code=2)
    deployed.refusal("pause", "--until", "2026-12-07", code=2)


def test_what_is_with_the_provider_comes_first(deployed: Sequencer, engine: Engine) -> None:
    deployed("enroll", "education")
    for state, said in (
        ("sending", "`intro` is on its way to the provider: try again in a moment"),
        ("unknown", "nobody knows whether `intro` went: `sequencer messages resolve` comes first"),
    ):
        with engine.begin() as conn:
            conn.execute(text("DELETE FROM message"))
            conn.execute(text(PLANTED), {"state": state})
        assert said == deployed.refusal("skip", ANA)
        assert said == deployed.refusal("move", ANA, "--before", "their-problem")
    with engine.begin() as conn:
        conn.execute(text("UPDATE message SET state = 'retry'"))
    assert f"{ANA} in education: `intro` will not go again\n" in deployed("skip", ANA)
    assert [("education", "active", "where-invoices-go-wrong")] == standing(deployed)
    assert ["cancelled"] == [m["state"] for m in deployed.json("leads", "show", ANA)["messages"]]


PLANTED = """
    INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender, subject,
                         message_id, exempt, state, attempt, request_id, fence, sent_at)
    SELECT id, 'intro', lead_id, sequence, 1, 'intro', 'ana@harbor.example', '', '', '', false, :state, 1, '', 1, since
    FROM enrollment
"""


def test_a_sequence_is_paused_and_goes_on(deployed: Sequencer, engine: Engine) -> None:
    deployed("enroll", "education")
    assert "education is paused\n" == deployed("pause", "--sequence", "education", "--because", "the prices are old")
    said = deployed("status")
    assert said.startswith("education is paused since 2026-11-24T09:00 UTC: the prices are old\n")
    assert "`sequencer resume --sequence education` ends it\n" in said
    again = deployed("pause", "--sequence", "education")
    assert "education was paused already; the reason is the new one\n" == again
    assert "education goes on\n" == deployed("resume", "--sequence", "education")
    assert "nothing changes: education was not paused\n" == deployed("resume", "--sequence", "education")
    assert "there is no sequence `nowhere`" in deployed.refusal("pause", "--sequence", "nowhere")
    deployed.refusal("pause", ANA, "--sequence", "education", code=2)
    deployed.refusal("resume", ANA, "--sequence", "education", code=2)
