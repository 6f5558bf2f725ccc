"""`sequencer enroll`."""

import orjson
import pytest
import redis

from .conftest import LEADS, Sequencer


def test_everybody_who_may_enter_is_enrolled(deployed: Sequencer) -> None:
    deployed("halt", "cy@mill.example")
    expected = ["  1  must not be mailed", "2 of 3 leads entered education"]
    assert expected == deployed("enroll", "education").splitlines()


def test_nobody_is_enrolled_twice(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    expected = {
        "sequence": "education",
        "leads": 3,
        "fitting": 3,
        "entered": 0,
        "refused": {"is in it already": 3},
    }
    assert expected == deployed.json("enroll", "education")


@pytest.mark.parametrize(
    ("where", "emails"),
    [
        ('lead.stage == "lead"', ["ana@harbor.example"]),
        ('has(lead.pains, "risk") or company.domain == "mill.example"', ["ana@harbor.example", "cy@mill.example"]),
        ("not known('owner')", ["bo@harbor.example"]),
        ('clicked("sales/pricing")', []),
        ('did("demo_requested", within="30 days")', []),
        ('not received("sales/pricing") and lead.stage != "customer"', ["ana@harbor.example", "bo@harbor.example"]),
    ],
)
def test_only_leads_of_whom_the_condition_is_true_enter(deployed: Sequencer, where: str, emails: list[str]) -> None:
    assert len(emails) == deployed.json("enroll", "sales-motivation", "--where", where)["entered"]
    everybody = ("ana@harbor.example", "bo@harbor.example", "cy@mill.example")
    assert emails == [email for email in everybody if deployed.json("leads", "show", email)["enrollments"]]


def test_the_counting_line_says_how_many_fit(deployed: Sequencer) -> None:
    said = deployed("enroll", "education", "--where", 'lead.stage == "customer"')
    assert "1 of 1 lead that fit entered education\n" == said


def test_a_bad_condition_is_wrong_use_and_every_problem_is_shown(deployed: Sequencer) -> None:
    said = deployed.refusal("enroll", "education", "--where", 'lead.stag == "x" and clicked("pricing")', code=2)
    assert "--where:1:6: unknown-field expected a field, got `stag`; did you mean `stage`?" in said
    assert "--where:1:30: " in said
    assert 'lead.stag == "x"' in said
    assert [] == deployed.json("leads", "show", "ana@harbor.example")["enrollments"]


def test_an_unknown_sequence_is_refused(deployed: Sequencer) -> None:
    known = (
        "demo-recording-delivery, education, education-confirm-address, handbook-delivery, idle-timing, "
        "library, newsletter-2026-12, sales-motivation"
    )
    assert f"there is no sequence `sales`; deployed are: {known}" == deployed.refusal("enroll", "sales")


def test_workers_are_told_at_once(deployed: Sequencer, urls: dict[str, str]) -> None:
    deployed.environ["REDIS_URL"] = f"{urls['valkey'].rpartition('/')[0]}/7"
    with redis.Redis.from_url(deployed.environ["REDIS_URL"]) as client:
        client.flushdb()
        deployed("enroll", "handbook-delivery", "--where", "known('owner')")
        hinted = [orjson.loads(m)["args"] for m in client.hvals("dramatiq:default.msgs")]
        client.flushdb()
        deployed("leads", "import", "-", "--enroll", "handbook-delivery", given=LEADS)
        hinted += [orjson.loads(m)["args"] for m in client.hvals("dramatiq:default.msgs")]
        client.flushdb()
    assert [["handbook-delivery", "handbook-delivery"]] * 2 == hinted


def test_a_redis_that_is_away_costs_a_warning_only(deployed: Sequencer) -> None:
    deployed.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
    result = deployed.run("enroll", "education")
    assert (0, "3 of 3 leads entered education\n") == (result.exit_code, result.stdout)


def test_more_leads_than_a_batch_all_enter(released: Sequencer) -> None:
    rows = "\n".join(["email", *(f"lead{number}@harbor.example" for number in range(2100))])
    assert "2,100 new, 0 updated\n" == released("leads", "import", "-", given=rows)
    assert "2,100 of 2,100 leads entered education\n" == released("enroll", "education")
