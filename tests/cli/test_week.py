"""`sequencer week`."""

from .conftest import Sequencer


def test_the_coming_days_with_a_bar_and_a_total(deployed: Sequencer) -> None:
    deployed("enroll", "education")  # one of the three is a customer, and leaves without a mail
    said = deployed("week", "--days", "10").splitlines()
    assert "3 leads, if nobody reacts" == said[0]
    [row] = [line for line in said if line.startswith("Tue 1 Dec")]
    assert ["Tue", "1", "Dec", "2", "▇" * 24] == row.split()[:5]
    assert said[-1] == "2 mails in 10 days"


def test_the_same_as_json(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    found = deployed.json("week", "--days", "10", "--sample", "1000")
    assert (3, 3, 10) == (found["people"], found["looked_at"], len(found["days"]))
    assert {"education": 2} == found["days"][7]["mails"]


def test_a_week_without_anybody(deployed: Sequencer) -> None:
    said = deployed("week").splitlines()
    assert ("0 leads, if nobody reacts", "0 mails in 7 days") == (said[0], said[-1])
