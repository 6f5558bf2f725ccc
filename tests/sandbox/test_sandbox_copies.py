"""Repeats of every post, and the audience in a hurry: what runs under faults are made of."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sequencer.sandbox import hurry
from sequencer.sandbox.audience import Facts
from sequencer.sandbox.copies import LATEST, Copies

ACCEPTED = datetime(2026, 11, 23, 9, 4, 30, tzinfo=UTC)
LINKS = ("https://kestrel.example/price?sq=a.1", "https://kestrel.example/faq?sq=a.2", "https://kestrel.example/u/tok")


def facts(number):
    return Facts(f"lead{number}@acme.example", "education", "welcome", lambda: LINKS, "https://kestrel.example/u/tok")


def test_every_event_is_posted_as_often_as_asked_for_with_the_same_id(serve, sender, mail):
    with serve(copies=3) as sandbox:
        sandbox.send(mail)
        sender.wait(lambda: len(sender.events()) >= 6)

    times = Counter((event["event"], event["sg_event_id"]) for event in sender.events())
    assert {"processed": 3, "delivered": 3} == {kind: count for (kind, _), count in times.items()}


def test_copies_come_later_and_none_later_than_promised():
    copies = Copies(3, seed=1)
    copies.keep(range(1000), now=100.0)

    assert 2000 == len(copies)
    assert [] == list(copies.ripe(100.0 - 0.001))
    assert Counter(dict.fromkeys(range(1000), 2)) == Counter(copies.ripe(100.0 + LATEST))
    assert 0 == len(copies)


def test_the_audience_in_a_hurry_meets_the_same_fate_with_the_same_seed():
    first, again, other = ([hurry.react(seed, facts(n), ACCEPTED) for n in range(50)] for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_audience_in_a_hurry_is_done_within_seconds_and_halts_in_the_shares_it_says():
    fates = [hurry.react(1, facts(n), ACCEPTED) for n in range(4000)]

    kinds = Counter(told.kind for fate in fates for told in fate)
    assert max(told.due_at for fate in fates for told in fate) <= ACCEPTED + timedelta(seconds=hurry.LATEST)
    for kind, share in (("reply", hurry.REPLIED), ("one_click", hurry.UNSUBSCRIBED), ("bounce", hurry.BOUNCING)):
        assert 0.6 * share < kinds[kind] / 4000 < 1.4 * share
    assert all(len(fate) == 1 for fate in fates if fate[0].kind == "bounce")
