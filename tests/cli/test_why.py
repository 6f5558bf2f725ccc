"""`sequencer why`."""

import re
from pathlib import Path

from sqlalchemy import Engine, update

from sequencer.store.tables import message

from .conftest import ROOT, START, Sequencer
from .test_status import send_what_is_due

ONLY_ANA = ("--where", 'lead.email == "ana@harbor.example"')


def marked(where: str) -> str:
    """The source line that `file:line:column` points at, from that column on."""
    file, line, column = where.split(":")
    return Path(ROOT, file).read_text("utf-8").splitlines()[int(line) - 1][int(column) - 1 :]


def test_it_says_what_was_what_is_and_what_comes_in_local_time(deployed: Sequencer) -> None:
    deployed("enroll", "sales-motivation", *ONLY_ANA)
    said = deployed("why", "ana@harbor.example")
    part = said[said.index("sales-motivation\n") :].splitlines()
    sentences = [re.split(r"  +", line.strip()) for line in part]
    assert ["sales-motivation"] == sentences[0]
    assert "entered Tue 24 Nov 2026 10:00 (Madrid)" == sentences[1][0]
    assert ["now", "sends pricing"] == sentences[3][:2]
    assert "next" == sentences[-1][0]


def test_every_reason_points_at_its_place_in_the_files(deployed: Sequencer) -> None:
    deployed("enroll", "sales-motivation", *ONLY_ANA)
    answers = {one["sequence"]: one for one in deployed.json("why", "ana@harbor.example")["sequences"]}
    branch, mail, *_ = answers["sales-motivation"]["now"]
    assert 'did("demo_requested", within="3 days")' == marked(branch["where"])
    assert "email: sales/pricing" == marked(mail["where"])


def test_a_step_narrows_the_answer_to_the_sequences_that_have_it(deployed: Sequencer) -> None:
    deployed("enroll", "education", *ONLY_ANA)
    found = deployed.json("why", "ana@harbor.example", "benchmark")
    (answer,) = found["sequences"]
    assert ("education", []) == (answer["sequence"], answer["past"])
    assert "has not come to benchmark yet" == answer["now"][-1]["text"]
    assert "2026-12-01T09:00:00+00:00" == answer["next_at"]


def test_a_mail_that_did_not_go_is_not_called_sent_alone(deployed: Sequencer) -> None:
    """`leads show` says the same."""
    deployed("enroll", "handbook-delivery", *ONLY_ANA)
    send_what_is_due(deployed, "handbook-delivery", "handbook-delivery")
    (answer,) = deployed.json("why", "ana@harbor.example", "handbook-delivery")["sequences"]
    why = "no provider: neither SENDGRID_API_KEY nor SMTP_URL is set"
    assert [
        "came to handbook-delivery, Tue 24 Nov 2026 10:00 (Madrid)",
        f"handbook-delivery was not sent yet and goes again ({why})",
    ] == [sentence["text"] for sentence in answer["past"]]
    last = deployed("leads", "show", "ana@harbor.example").splitlines()[-1]
    assert f"Tue 24 Nov 2026 10:00  handbook-delivery  came to handbook-delivery – retry: {why}" == last.strip()


def test_a_mail_that_went_is_called_sent_and_delivered(deployed: Sequencer, engine: Engine) -> None:
    deployed("enroll", "handbook-delivery", *ONLY_ANA)
    send_what_is_due(deployed, "handbook-delivery", "handbook-delivery")
    with engine.begin() as conn:
        conn.execute(update(message).values(state="delivered", accepted_at=START, delivered_at=START))
    (answer,) = deployed.json("why", "ana@harbor.example", "handbook-delivery")["sequences"]
    assert [
        "was sent handbook-delivery, Tue 24 Nov 2026 10:00 (Madrid)",
        "handbook-delivery was delivered",
    ] == [sentence["text"] for sentence in answer["past"]]


def test_whoever_never_entered_is_told_whether_they_could(deployed: Sequencer) -> None:
    deployed("halt", "ana@harbor.example")
    said = deployed("why", "ana@harbor.example").splitlines()
    assert "ana@harbor.example must not be mailed: halted by an operator" == said[0]
    of_each = [re.split(r"  +", line.strip())[1] for line in said if line.startswith("  now")]
    assert ["never entered; could not: must not be mailed"] * len(of_each) == of_each and len(of_each) >= 5
    allowed = deployed.json("why", "bo@harbor.example", "pricing")
    assert ([], "never entered; could") == (allowed["suppressed"], allowed["sequences"][0]["now"][0]["text"])


def test_a_step_that_no_sequence_has_is_refused_with_the_one_probably_meant(deployed: Sequencer) -> None:
    said = deployed.refusal("why", "ana@harbor.example", "sales/pricng")
    assert "no sequence has a step `sales/pricng`; did you mean `pricing`?" == said


def test_an_unknown_lead_is_refused(deployed: Sequencer) -> None:
    assert "there is no lead with the address x@y.example" == deployed.refusal("why", "x@y.example")
