"""`sequencer reviews`."""

from .conftest import Sequencer


def test_no_mail_waits_where_no_step_asks_for_a_review(deployed: Sequencer) -> None:
    assert deployed("reviews", "list") == "no mail waits for a review\n"
    assert deployed.json("reviews", "list", "--rep", "ana@acme.example") == {"reviews": []}
    assert "no mail to ana@harbor.example waits" in deployed.refusal("reviews", "send", "ana@harbor.example")
    assert "there is no lead" in deployed.refusal("reviews", "skip", "nobody@harbor.example")
