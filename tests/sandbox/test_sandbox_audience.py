"""The seeded audience: the same fate for the same mail, in believable shares, on few moments of virtual time."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sequencer.sandbox import reaction
from sequencer.sandbox.audience import Facts, react

ACCEPTED = datetime(2026, 11, 23, 9, 4, 30, tzinfo=UTC)
LINKS = ("https://kestrel.example/price?sq=a.1", "https://kestrel.example/faq?sq=a.2", "https://kestrel.example/u/tok")


def facts(email, sequence="education", step="welcome", **more):
    return Facts(email, sequence, step, lambda: LINKS, "https://kestrel.example/u/tok", **more)


@pytest.fixture(scope="module")
def fates():
    """What follows 20,000 mails: 4,000 people of 400 companies, five steps."""
    return {
        (person, step): react(1, facts(f"p{person}@company{person % 400}.example", step=f"step{step}"), ACCEPTED)
        for person in range(4000)
        for step in range(5)
    }


def share(fates, kind):
    return sum(any(one.kind == kind for one in told) for told in fates.values()) / len(fates)


def is_human(one):
    return one.data.get("useragent") == reaction.BROWSER


def test_the_same_seed_and_mail_meet_the_same_fate():
    assert react(1, facts("Jane@acme.example"), ACCEPTED) == react(1, facts("jane@acme.example"), ACCEPTED)


def test_another_seed_brings_other_fates(fates):
    other = [react(2, facts(f"p{n}@company{n}.example", step="step0"), ACCEPTED) for n in range(200)]

    assert other != [react(1, facts(f"p{n}@company{n}.example", step="step0"), ACCEPTED) for n in range(200)]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("delivered", 0.97, 0.995),
        ("bounce", 0.005, 0.03),
        ("reply", 0.014, 0.026),
        ("auto_reply", 0.007, 0.013),
        ("one_click", 0.004, 0.010),
        ("spamreport", 0.0003, 0.002),
    ],
)
def test_shares_are_those_of_the_model(fates, kind, low, high):
    assert low < share(fates, kind) < high


def test_people_open_and_click_as_often_as_the_model_says(fates):
    opened = sum(any(one.kind == "open" and is_human(one) for one in told) for told in fates.values()) / len(fates)
    clicked = sum(any(one.kind == "click" and is_human(one) for one in told) for told in fates.values()) / len(fates)

    assert 0.42 < opened < 0.48
    assert 0.10 < clicked < 0.14


def test_bounces_are_of_addresses_and_nothing_else_follows_them(fates):
    kinds = {
        person: {tuple(one.kind for one in fates[person, step]) == ("bounce",) for step in range(5)}
        for person in range(4000)
    }

    assert {frozenset({True}), frozenset({False})} == {frozenset(each) for each in kinds.values()}


def test_who_clicks_has_opened_and_never_follows_the_unsubscribe_link(fates):
    for told in fates.values():
        clicks = [one for one in told if one.kind == "click" and is_human(one)]
        if clicks:
            opened = min(one.due_at for one in told if one.kind == "open" and is_human(one))
            assert all(one.due_at >= opened for one in clicks)
            assert all(one.data["url"] in LINKS[:2] for one in clicks)


def test_scanners_follow_every_link_seconds_after_delivery(fates):
    scanned = [
        (told, [one for one in told if one.kind == "click" and one.data["useragent"] == reaction.SCANNER])
        for told in fates.values()
    ]
    scanned = [(told, clicks) for told, clicks in scanned if clicks]

    assert 0.01 < len(scanned) / len(fates) < 0.1
    for told, clicks in scanned:
        assert list(LINKS) == [one.data["url"] for one in clicks]
        assert {told[0].due_at + timedelta(seconds=2)} == {one.due_at for one in clicks}


def test_reactions_fall_on_whole_quarter_hours_and_deliveries_on_whole_minutes(fates):
    for told in fates.values():
        for one in told:
            if one.kind in ("delivered", "bounce"):
                assert datetime(2026, 11, 23, 9, 5, tzinfo=UTC) == one.due_at
            elif not (one.kind == "click" and not is_human(one)):
                assert (0, 0) == (one.due_at.minute % 15, one.due_at.second)
                assert one.due_at > ACCEPTED


def test_people_mostly_read_by_day(fates):
    hours = Counter(one.due_at.hour for told in fates.values() for one in told if one.kind == "open" and is_human(one))

    assert sum(hours[hour] for hour in range(7, 20)) / hours.total() > 0.9


def test_an_out_of_office_answer_names_the_day_of_return(fates):
    texts = [one.data["text"] for told in fates.values() for one in told if one.kind == "auto_reply"]

    back = [datetime.fromisoformat(text.split("back on ")[1][:10]) for text in texts]
    assert all(day.weekday() < 5 and day.date() > ACCEPTED.date() for day in back)


def test_what_a_mail_does_not_track_or_offer_does_not_happen():
    for person in range(500):
        bare = Facts(f"p{person}@a.example", "s", "x", lambda: LINKS, None, track_opens=False, track_clicks=False)
        assert not {"open", "click", "one_click"} & {one.kind for one in react(1, bare, ACCEPTED)}


def test_the_audience_reacts_over_http_as_virtual_time_goes_on(serve, sender, mail, person):
    with serve(audience=react, seed=1) as sandbox:
        mail["personalizations"] = [person(f"p{n}@company{n}.example", f"P{n}") for n in range(100)]
        sandbox.send(mail)
        following = sandbox.quiet()
        assert ["processed"] * 100 == [event["event"] for event in sender.events()]
        stops = 0
        while following is not None:
            sandbox.clock.at = following
            following = sandbox.quiet()
            stops += 1
        kinds = Counter(event["event"] for event in sender.events())

    assert 100 == kinds["processed"] == kinds["delivered"] + kinds["bounce"]
    assert 30 <= kinds["open"]
    assert 0 < kinds["click"]
    assert stops < 150
