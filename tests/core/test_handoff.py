"""When a rep's time for an answer is over, and who gets a lead."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequencer.core.handoff_policy import Within
from sequencer.core.lead import Away, Company, Lead, Rep
from sequencer.core.owner import Load, rep_for
from sequencer.core.quiet import Quiet
from sequencer.core.schedule import OFFICE, Hours, business_time
from sequencer.core.workspace import Brand, OwnerPolicy, Workspace

MADRID = ZoneInfo("Europe/Madrid")
WEEKEND = frozenset({5, 6})


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MADRID).astimezone(UTC)


@pytest.mark.parametrize(
    ("begins", "hours", "over"),
    [
        ("2026-11-23 10:00", 4, "2026-11-23 14:00"),
        ("2026-11-23 07:00", 4, "2026-11-23 13:00"),
        ("2026-11-23 15:00", 4, "2026-11-24 11:00"),
        ("2026-11-23 13:00", 4, "2026-11-23 17:00"),
        ("2026-11-27 16:00", 4, "2026-11-30 12:00"),
        ("2026-12-07 16:00", 4, "2026-12-09 12:00"),
        ("2026-11-28 12:00", 20, "2026-12-02 13:00"),
    ],
    ids=["today", "before work", "over night", "to the last minute", "over the weekend", "over a holiday", "days"],
)
def test_business_hours_count_while_the_rep_works(begins: str, hours: int, over: str) -> None:
    quiet = Quiet(WEEKEND, "ES")
    assert business_time(local(begins), timedelta(hours=hours), OFFICE, MADRID, quiet) == local(over)


def test_business_hours_over_a_change_of_the_clocks_are_elapsed_hours() -> None:
    night = Hours(frozenset(range(7)), time(0), time(6))
    began = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Madrid; at 2:00 the clocks go forward
    assert business_time(began, timedelta(hours=5), night, MADRID, Quiet()) == began + timedelta(hours=5)
    assert business_time(began, timedelta(hours=6), night, MADRID, Quiet()) == datetime(2026, 3, 29, 23, tzinfo=UTC)


def test_a_time_is_read_with_or_without_working_hours() -> None:
    assert [
        str(Within.parse(text)) for text in ("4 Business hours", "1 business day", "30 business minutes", "2 days")
    ] == [
        "4 business hours",
        "1 business day",
        "30 business minutes",
        "2 days",
    ]
    with pytest.raises(ValueError, match="duration"):
        Within.parse("4 business years")
    with pytest.raises(ValueError, match="got `4 buisness hours`, did you mean `4 business hours`"):
        Within.parse("4 buisness hours")


NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ANA, BEN, EVA = "ana@a.example", "ben@a.example", "eva@a.example"
GONE = (Away(date(2026, 11, 20), date(2026, 11, 30)),)


def workspace(*assign: str, of: str = "company", away: str = "") -> Workspace:
    reps = {
        ANA: Rep(ANA, "Ana", deputy=BEN, away=GONE if away == ANA else ()),
        BEN: Rep(BEN, "Ben", territory=("GB",), away=GONE if away == BEN else ()),
        EVA: Rep(EVA, "Eva", territory=("DE", "AT")),
    }
    policy = OwnerPolicy(of=of, assign=assign or ("company_owner", "territory country", "round_robin"))  # type: ignore[arg-type]
    return Workspace(Brand("A", "", ""), (), {}, {}, {}, {}, reps, {}, owner=policy)


def drawn(
    space: Workspace,
    lead: Lead | None = None,
    company: str | None = None,
    spoke: str | None = None,
    loads: dict[str, Load] | None = None,
    barred: tuple[str, ...] = (),
) -> tuple[str, str] | None:
    found = rep_for(
        space, lead or Lead(1, "k@h.example"), Company(1, "h", None, company), spoke, loads or {}, NOW, barred
    )
    return (found.rep.email, found.owner.email) if found is not None else None


def test_whoever_owns_or_spoke_first_comes_before_the_company_and_the_rules() -> None:
    owned, german = Lead(1, "k@h.example", owner=ANA, country="DE"), Lead(1, "k@h.example", country="de")
    assert drawn(workspace(), owned, company=BEN, spoke=EVA) == (ANA, ANA)
    assert drawn(workspace(), german, company=BEN, spoke=ANA) == (ANA, ANA)
    assert drawn(workspace(), german, company=BEN) == (BEN, BEN)
    assert drawn(workspace(of="lead"), german, company=BEN) == (EVA, EVA)
    assert drawn(workspace("company_owner"), german) is None
    assert drawn(workspace("territory country"), Lead(1, "k@h.example", country="FR")) is None


def test_a_territory_is_the_same_country_however_it_is_written() -> None:
    by_country = workspace("territory country")
    for said in ("DE", "de", "Germany", "Deutschland"):
        assert drawn(by_country, Lead(1, "k@h.example", country=said)) == (EVA, EVA), said
    assert drawn(by_country, Lead(1, "k@h.example", country="United Kingdom")) == (BEN, BEN)


def test_turns_go_to_whoever_was_given_least_then_waited_longest_then_by_address() -> None:
    assert drawn(workspace()) == (ANA, ANA)
    loads = {ANA: Load(1, NOW), BEN: Load(1, NOW - timedelta(days=1)), EVA: Load(2, NOW)}
    assert drawn(workspace(), loads=loads) == (BEN, BEN)
    assert drawn(workspace(), loads=loads, barred=(BEN,)) == (ANA, ANA)
    assert drawn(workspace(away=ANA), loads=loads | {BEN: Load(9)}) == (EVA, EVA)


def test_who_is_away_is_stood_in_for_and_who_had_their_chance_is_not_asked_again() -> None:
    owned = Lead(1, "k@h.example", owner=ANA)
    assert drawn(workspace(away=ANA), owned) == (BEN, ANA)
    assert drawn(workspace("company_owner"), owned, barred=(ANA,)) == (BEN, BEN), "the deputy where no rule finds one"
    assert drawn(workspace("company_owner", away=BEN), owned, barred=(ANA,)) is None
    assert drawn(workspace(), owned, company=ANA, barred=(ANA, BEN, EVA)) is None


def test_a_deputy_who_had_their_chance_is_not_asked_again_for_who_is_still_away() -> None:
    owned, other = Lead(1, "k@h.example", owner=ANA), Lead(1, "k@h.example")
    assert drawn(workspace(away=ANA), owned, barred=(BEN,)) == (EVA, EVA)
    assert drawn(workspace(away=ANA), other, company=ANA, barred=(BEN,)) == (EVA, EVA)
    assert drawn(workspace("company_owner", away=ANA), owned, barred=(BEN,)) is None
    assert drawn(workspace(), owned, barred=(BEN,)) == (ANA, ANA), "who is back by now was not asked yet"
