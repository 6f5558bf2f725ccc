"""What happens to a lead answers a handoff that waits, so that nobody is pressed who was in touch."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sequencer.core.event import Event
from sequencer.core.handoff import Handoff, over_at
from sequencer.core.handoff_policy import HandoffPolicy, Within
from sequencer.core.lead import Away, Lead, Rep
from sequencer.core.overtaken import hears, overtaken
from sequencer.core.signals import Signals
from sequencer.core.workspace import Brand, Workspace

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
BEGAN = NOW - timedelta(hours=4)
ANA, BEN, EVA = "ana@a.example", "ben@a.example", "eva@a.example"


def space(away: bool = False, policy: HandoffPolicy | None = None) -> Workspace:
    gone = (Away(date(2026, 11, 20), date(2026, 11, 24)),) if away else ()
    reps = {ANA: Rep(ANA, "Ana", deputy=BEN, away=gone), BEN: Rep(BEN, "Ben"), EVA: Rep(EVA, "Eva")}
    signals = Signals(handoff=policy) if policy is not None else None
    return Workspace(Brand("A", "", ""), (), {}, {}, {}, {}, reps, {}, signals=signals)


def said(kind: str, minutes: int = 30, source: str = "crm", **data: Any) -> Event:
    return Event(kind, BEGAN + timedelta(minutes=minutes), 1, f"{kind}{minutes}", source, data=data)


def came_to(*happened: Event, owner: str | None = ANA, asked: tuple[str, ...] = (ANA,), away: bool = False) -> Any:
    one = Handoff(1, 1, BEGAN, rep=asked[-1] if asked else None, asked=asked, told_at=BEGAN if asked else None, turns=1)
    looked = overtaken(space(away), one, Lead(1, "kim@h.example", owner=owner), happened, NOW)
    if looked is None:
        return None
    after = looked.handoff
    return after.state.value, after.rep, after.answer or looked.told


CALL = "was in touch: call"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (came_to(), None),
        (came_to(said("call_logged", rep=ANA)), ("accepted", ANA, CALL)),
        (came_to(said("meeting_booked", rep=ANA)), ("accepted", ANA, "was in touch: meeting")),
        (came_to(said("call_logged", minutes=0, rep=ANA)), None),
        (came_to(said("call_logged", rep=EVA)), None),
        (came_to(said("call_logged", rep=ANA), asked=(ANA, BEN)), ("accepted", ANA, CALL)),
        (came_to(said("call_logged", rep=ANA), asked=()), ("accepted", ANA, CALL)),
        (came_to(owner=None, asked=()), None),
        (came_to(said("changed", field="stage", after="customer")), ("closed", ANA, "the lead became a customer")),
        (came_to(said("deal_lost"), said("call_logged", rep=ANA)), ("closed", ANA, "the lead was lost")),
        (came_to(said("changed", field="stage", after="opportunity")), None),
        (came_to(owner=EVA), ("waiting", EVA, "reassigned")),
        (came_to(owner="gone@a.example"), None),
        (came_to(said("call_logged", rep=EVA), owner=EVA), ("accepted", EVA, CALL)),
        (came_to(said("call_logged", rep=ANA), owner=EVA), ("waiting", EVA, "reassigned")),
        (came_to(owner=ANA, asked=(BEN,)), ("waiting", ANA, "reassigned")),
        (came_to(owner=ANA, asked=(BEN,), away=True), None),
        (came_to(owner=ANA, asked=(EVA,), away=True), ("waiting", BEN, "reassigned")),
        (came_to(said("call_logged", rep=ANA), owner=ANA, asked=(BEN,), away=True), ("accepted", ANA, CALL)),
        (came_to(said("call_logged", rep=BEN), asked=(BEN,), away=True), ("accepted", BEN, CALL)),
        (came_to(said("call_logged", rep=EVA), asked=(EVA, BEN), away=True), ("accepted", EVA, CALL)),
        (came_to(said("call_logged", rep=EVA), asked=(BEN,), away=True), None),
    ],
    ids=[
        "nothing happened",
        "the rep called",
        "the rep met them",
        "the call was before",
        "somebody else called",
        "who was asked first called late",
        "the owner called before anybody was asked",
        "nobody was found yet",
        "a customer",
        "lost, although called",
        "another stage",
        "another owner",
        "no rep of ours owns it",
        "the other owner called",
        "who was asked called, and another owns it",
        "the deputy was asked, and the owner was there",
        "the deputy was asked for the owner",
        "the other owner is away",
        "the owner called, for whom the deputy was asked",
        "the deputy called",
        "who was asked before the deputy called",
        "somebody else called than the deputy",
    ],
)
def test_what_happened_since_answers_for_the_rep(given: Any, expected: Any) -> None:
    assert given == expected


def test_what_handoffs_do_themselves_is_not_heard_as_news() -> None:
    news = [said("changed", field="owner"), said("changed", field="stage"), said("mail_logged"), said("deal_won")]
    assert all(map(hears, news))
    ours = said("changed", source="sales", field="owner")
    assert not any(map(hears, (ours, said("changed", field="title"), said("visited"))))


def test_the_time_of_the_present_rep_is_counted_from_when_they_were_asked_or_reminded() -> None:
    policy = HandoffPolicy(accept_within=Within.parse("2 hours"))
    one = Handoff(1, 1, BEGAN, rep=ANA, asked=(ANA,), told_at=BEGAN)
    late = BEGAN + timedelta(hours=30)
    assert over_at(space(policy=policy), one, None) == BEGAN + timedelta(hours=2)
    assert over_at(space(policy=policy), one, late) == late + timedelta(hours=2)
    assert over_at(space(policy=policy), one._replace(rep="gone@a.example"), late) == late
    assert over_at(space(policy=replace(policy, accept_within=None)), one, late) is None
