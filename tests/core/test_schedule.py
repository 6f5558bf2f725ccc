"""Waits, windows and quiet days in the zones of leads."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequencer.core.duration import Duration
from sequencer.core.quiet import NEVER_QUIET, Quiet, quiet
from sequencer.core.schedule import (
    EVERY_DAY,
    Hours,
    Until,
    local_day,
    next_open,
    opens,
    parse_days,
    shift,
    start_of_next_day,
)

NEW_YORK = ZoneInfo("America/New_York")
MADRID = ZoneInfo("Europe/Madrid")
WEEKEND = Quiet(frozenset({5, 6}))
OFFICE = Hours.parse("mon-fri", "09:00-17:00")


def at(zone: ZoneInfo, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def wall(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(" ", "minutes")


# --- reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("tue-thu", {1, 2, 3}),
        ("mon, wed", {0, 2}),
        ("tue", {1}),
        ("Mon-Tue, sat", {0, 1, 5}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sun-sun", {6}),
    ],
)
def test_days_are_read_as_ranges_and_lists(text: str, expected: set[int]) -> None:
    assert expected == parse_days(text)


@pytest.mark.parametrize("text", ["", "monday", "mon-", "mon--fri", "mon,", "1-5", "mon-fri-sun"])
def test_days_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a weekday"):
        parse_days(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tuesday 10:00", "tue"),
        ("teu 10:00", "tue"),
        ("mo 10:00", "mon"),
        ("xyz 10:00", None),
        ("10am", "10:00"),
        ("12am", "00:00"),
        ("5pm", "17:00"),
        ("10.30", "10:30"),
        ("9", "09:00"),
        ("14h", "14:00"),
        ("25:00", None),
        ("09:60", None),
        ("noon", None),
    ],
)
def test_what_day_or_time_was_probably_meant_is_said(text: str, meant: str | None) -> None:
    with pytest.raises(ValueError, match=r"expected a (weekday|time of day)") as refused:
        Until.parse(text)
    assert str(refused.value).partition(", did you mean ")[2] == (f"`{meant}`?" if meant else "")


def test_a_window_reads_days_and_times() -> None:
    assert Hours(frozenset({0, 1, 2, 3, 4}), time(9), time(17, 30)) == Hours.parse("mon-fri", "09:00-17:30")
    assert "mon, tue, wed, thu, fri 09:00-17:30" == str(Hours.parse("mon-fri", "9:00 - 17:30"))


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ("17:00-09:00", "ends after it starts"),
        ("09:00-09:00", "ends after it starts"),
        ("09:00", "expected a window"),
        ("9-17", "expected a time of day"),
        ("09:00-24:00", "expected a time of day"),
        ("09:60-10:00", "expected a time of day"),
    ],
)
def test_a_window_that_is_none_is_refused(between: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Hours.parse("mon", between)


@pytest.mark.parametrize("text", ["tue 10:00", "10:00", "sun 00:00"])
def test_until_is_written_as_it_is_read(text: str) -> None:
    assert text == str(Until.parse(text))


@pytest.mark.parametrize("text", ["", "tue", "10", "tuesday 10:00", "tue 10:00 sharp", "tue 25:00"])
def test_until_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        Until.parse(text)


# --- waits


@pytest.mark.parametrize(
    ("start", "wait", "expected"),
    [
        ("2026-11-23 09:00", "4 days", "2026-11-27 09:00-05:00"),
        ("2026-11-23 09:00", "1 week", "2026-11-30 09:00-05:00"),
        ("2026-11-23 09:00", "26 hours", "2026-11-24 11:00-05:00"),
        ("2026-11-23 09:00", "0 days", "2026-11-23 09:00-05:00"),
        # the clocks go forward on 8 March, back on 1 November
        ("2026-03-07 09:00", "1 day", "2026-03-08 09:00-04:00"),
        ("2026-03-07 09:00", "24 hours", "2026-03-08 10:00-04:00"),
        ("2026-03-07 02:30", "1 day", "2026-03-08 03:30-04:00"),
        ("2026-03-08 01:30", "1 hour", "2026-03-08 03:30-04:00"),
        ("2026-10-31 01:30", "1 day", "2026-11-01 01:30-04:00"),
        ("2026-10-31 09:00", "24 hours", "2026-11-01 08:00-05:00"),
        # business days
        ("2026-11-23 09:00", "3 business days", "2026-11-26 09:00-05:00"),
        ("2026-11-26 09:00", "3 business days", "2026-12-01 09:00-05:00"),
        ("2026-11-27 09:00", "1 business day", "2026-11-30 09:00-05:00"),
        ("2026-11-28 09:00", "1 business day", "2026-11-30 09:00-05:00"),
        ("2026-11-28 09:00", "5 business days", "2026-12-04 09:00-05:00"),
        ("2026-11-29 09:00", "6 business days", "2026-12-07 09:00-05:00"),
        ("2026-11-28 09:00", "0 business days", "2026-11-28 09:00-05:00"),
        # until
        ("2026-11-23 09:00", "tue 10:00", "2026-11-24 10:00-05:00"),
        ("2026-11-24 09:59", "tue 10:00", "2026-11-24 10:00-05:00"),
        ("2026-11-24 10:00", "tue 10:00", "2026-12-01 10:00-05:00"),
        ("2026-11-24 10:00", "10:00", "2026-11-25 10:00-05:00"),
        ("2026-11-24 09:00", "10:00", "2026-11-24 10:00-05:00"),
        ("2026-03-08 01:00", "02:30", "2026-03-08 03:30-04:00"),
        ("2026-10-31 20:00", "sun 01:30", "2026-11-01 01:30-04:00"),
    ],
)
def test_a_wait_ends_in_the_leads_own_time(start: str, wait: str, expected: str) -> None:
    parsed = Until.parse(wait) if ":" in wait else Duration.parse(wait)
    assert expected == wall(shift(at(NEW_YORK, start), parsed, NEW_YORK, WEEKEND), NEW_YORK)


def test_the_second_coming_of_an_hour_is_over_before_until_it() -> None:
    second = at(NEW_YORK, "2026-11-01 01:45", fold=1)
    assert "2026-11-02 01:30-05:00" == wall(shift(second, Until.parse("01:30"), NEW_YORK, WEEKEND), NEW_YORK)


def test_the_two_comings_of_an_hour_are_told_apart_though_they_are_equal() -> None:
    first, second = (at(NEW_YORK, "2026-11-01 01:15", fold=fold) for fold in (0, 1))
    assert first == second
    found = [wall(shift(moment, Until.parse("01:30"), NEW_YORK, WEEKEND), NEW_YORK) for moment in (first, second)]
    assert ["2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"] == found


def test_the_same_wait_means_another_moment_in_another_zone() -> None:
    start = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    assert datetime(2026, 10, 25, 22, 30, tzinfo=UTC) == shift(start, Duration(1, "day"), NEW_YORK, WEEKEND)
    assert datetime(2026, 10, 25, 23, 30, tzinfo=UTC) == shift(start, Duration(1, "day"), MADRID, WEEKEND)


def test_business_days_without_a_business_day_are_refused() -> None:
    with pytest.raises(ValueError, match="not a quiet day"):
        shift(at(MADRID, "2026-11-23 09:00"), Duration(1, "business day"), MADRID, Quiet(EVERY_DAY))


# --- windows


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23 08:59", "2026-11-23 09:00+01:00"),
        ("2026-11-23 09:00", "2026-11-23 09:00+01:00"),
        ("2026-11-23 16:59", "2026-11-23 16:59+01:00"),
        ("2026-11-23 17:00", "2026-11-24 09:00+01:00"),
        ("2026-11-27 17:00", "2026-11-30 09:00+01:00"),
        ("2026-11-28 12:00", "2026-11-30 09:00+01:00"),
        ("2026-03-27 18:00", "2026-03-30 09:00+02:00"),
    ],
)
def test_a_mail_waits_for_the_window(moment: str, expected: str) -> None:
    assert expected == wall(next_open(at(MADRID, moment), OFFICE, MADRID, NEVER_QUIET), MADRID)


def test_quiet_days_hold_also_without_hours_and_inside_them() -> None:
    saturday = at(MADRID, "2026-11-28 12:00")
    assert "2026-11-30 00:00+01:00" == wall(next_open(saturday, None, MADRID, WEEKEND), MADRID)
    daily = Hours.parse("mon-sun", "09:00-17:00")
    assert "2026-11-30 09:00+01:00" == wall(next_open(saturday, daily, MADRID, WEEKEND), MADRID)
    assert saturday == next_open(saturday, None, MADRID, NEVER_QUIET)


def test_a_window_opens_when_the_clocks_skip_its_start() -> None:
    early = Hours.parse("sun", "02:30-03:30")
    before = at(NEW_YORK, "2026-03-08 01:00")
    assert "2026-03-08 03:00-04:00" == wall(next_open(before, early, NEW_YORK, NEVER_QUIET), NEW_YORK)


def test_a_window_that_the_clocks_skip_altogether_opens_a_week_later() -> None:
    skipped = Hours.parse("sun", "02:00-03:00")
    before = at(NEW_YORK, "2026-03-08 01:00")
    assert "2026-03-15 02:00-04:00" == wall(next_open(before, skipped, NEW_YORK, NEVER_QUIET), NEW_YORK)


def test_a_day_that_a_country_skipped_is_no_day_for_mail() -> None:
    apia = ZoneInfo("Pacific/Apia")
    friday = Hours.parse("fri", "09:00-17:00")
    thursday = at(apia, "2011-12-29 18:00")  # there was no 30th
    assert "2012-01-06 09:00+14:00" == wall(next_open(thursday, friday, apia, NEVER_QUIET), apia)
    assert "2011-12-31 00:00+14:00" == wall(start_of_next_day(thursday, apia), apia)


@pytest.mark.parametrize(
    ("country", "moment", "goes"),
    [
        ("us", "2026-11-26 10:00", "2026-11-27 09:00+01:00"),  # Thanksgiving
        ("DE", "2026-11-26 10:00", "2026-11-26 10:00+01:00"),
        ("GB", "2026-12-25 10:00", "2026-12-29 09:00+01:00"),  # Boxing Day falls on a Saturday: the Monday is off
        ("UK", "2026-12-25 10:00", "2026-12-29 09:00+01:00"),
        ("Deutschland", "2026-12-25 10:00", "2026-12-28 09:00+01:00"),
        ("Atlantis", "2026-12-25 10:00", "2026-12-25 10:00+01:00"),
        (None, "2026-12-25 10:00", "2026-12-25 10:00+01:00"),
    ],
)
def test_no_mail_goes_on_the_holidays_of_the_leads_country(country: str | None, moment: str, goes: str) -> None:
    off = quiet(frozenset({5, 6}), country, None)
    assert goes == wall(next_open(at(MADRID, moment), OFFICE, MADRID, off), MADRID)


def test_holidays_are_no_business_days_and_where_no_country_is_known_another_stands_in() -> None:
    start = at(MADRID, "2026-12-23 09:00")
    for country, unknown in (("GB", None), (None, "GB"), ("Atlantis", "GB")):
        off = quiet(frozenset({5, 6}), country, unknown)
        assert "2026-12-30 09:00+01:00" == wall(shift(start, Duration(3, "business day"), MADRID, off), MADRID)
    assert "2026-12-28 09:00+01:00" == wall(shift(start, Duration(3, "business day"), MADRID, WEEKEND), MADRID)


def test_a_window_of_quiet_days_only_is_told_apart_and_refused() -> None:
    saturdays = Hours.parse("sat", "09:00-17:00")
    assert not opens(saturdays, WEEKEND)
    assert opens(OFFICE, WEEKEND)
    assert opens(None, WEEKEND)
    with pytest.raises(ValueError, match="all quiet days"):
        next_open(at(MADRID, "2026-11-23 09:00"), saturdays, MADRID, WEEKEND)


def test_days_begin_and_end_where_the_lead_is() -> None:
    moment = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    assert date(2026, 11, 22) == local_day(moment, NEW_YORK)
    assert datetime(2026, 11, 23, 5, 0, tzinfo=UTC) == start_of_next_day(moment, NEW_YORK)
    assert datetime(2026, 11, 23, 23, 0, tzinfo=UTC) == start_of_next_day(moment, MADRID)


def test_a_day_begins_late_where_the_clocks_skip_midnight() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    assert "2026-04-24 01:00+03:00" == wall(start_of_next_day(at(cairo, "2026-04-23 12:00"), cairo), cairo)


# --- laws

ZONES = st.sampled_from(
    [
        "UTC",
        "America/New_York",
        "America/St_Johns",
        "America/Santiago",
        "America/Havana",
        "America/Nuuk",
        "Europe/Madrid",
        "Atlantic/Azores",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
    ]
).map(ZoneInfo)
MOMENTS = st.integers(
    int(datetime(2011, 11, 1, tzinfo=UTC).timestamp()), int(datetime(2032, 1, 1, tzinfo=UTC).timestamp())
).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
CLOCK = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
DAYS = st.frozensets(st.integers(0, 6), min_size=1)
HOURS = st.builds(
    lambda days, times: Hours(days, *sorted(times)), DAYS, st.lists(CLOCK, min_size=2, max_size=2, unique=True)
)
QUIET = st.builds(Quiet, st.frozensets(st.integers(0, 6), max_size=5), st.sampled_from([None, "US", "DE", "JP"]))
DURATIONS = st.builds(
    Duration, st.integers(0, 400), st.sampled_from(["second", "minute", "hour", "day", "business day", "week"])
)
SPRING = datetime(2026, 3, 8, 6, 40, tzinfo=UTC)


@given(MOMENTS, st.none() | HOURS, ZONES, QUIET)
@example(SPRING, Hours.parse("sun", "02:30-03:30"), NEW_YORK, NEVER_QUIET)
def test_the_next_opening_is_open_and_not_before(
    moment: datetime, hours: Hours | None, zone: ZoneInfo, quiet: Quiet
) -> None:
    if not opens(hours, quiet):
        return
    found = next_open(moment, hours, zone, quiet)
    assert found >= moment
    assert UTC is found.tzinfo
    assert found == next_open(found, hours, zone, quiet)
    assert found.astimezone(zone).date() not in quiet
    assert hours is None or found.astimezone(zone).weekday() in hours.days


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)), st.none() | HOURS, ZONES, QUIET)
def test_who_comes_later_is_never_let_in_earlier(
    moment: datetime, later: timedelta, hours: Hours | None, zone: ZoneInfo, quiet: Quiet
) -> None:
    if opens(hours, quiet):
        assert next_open(moment, hours, zone, quiet) <= next_open(moment + later, hours, zone, quiet)


@given(MOMENTS, HOURS, ZONES)
def test_nothing_open_is_passed_over(moment: datetime, hours: Hours, zone: ZoneInfo) -> None:
    found = next_open(moment, hours, zone, NEVER_QUIET)
    for minutes in range(0, 60 * 24 * 9, 7):
        between = moment + timedelta(minutes=minutes)
        if between >= found:
            break
        local = between.astimezone(zone)
        assert not (local.weekday() in hours.days and hours.start <= local.time() < hours.end)


@given(MOMENTS, DURATIONS, ZONES, QUIET)
def test_a_wait_keeps_the_time_of_day_or_the_elapsed_time(
    moment: datetime, wait: Duration, zone: ZoneInfo, quiet: Quiet
) -> None:
    found = shift(moment, wait, zone, quiet)
    assert UTC is found.tzinfo
    if wait.unit in ("second", "minute", "hour"):
        assert wait.elapsed == found - moment
    elif wait.amount:
        assert found > moment
        before, after = moment.astimezone(zone), found.astimezone(zone)
        if not exists(datetime.combine(after.date(), before.time()), zone):
            return
        assert before.time() == after.time()
        if wait.unit == "business day":
            passed = [before.date() + timedelta(days=n) for n in range(1, (after.date() - before.date()).days + 1)]
            assert after.date() not in quiet
            assert wait.amount == sum(day not in quiet for day in passed)


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks there ever show this."""
    return local == local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)


@given(MOMENTS, st.builds(Until, st.none() | st.integers(0, 6), CLOCK), ZONES)
def test_until_is_the_next_such_time(moment: datetime, until: Until, zone: ZoneInfo) -> None:
    found = shift(moment, until, zone, NEVER_QUIET)
    assert found > moment
    assert found - moment <= timedelta(days=9 if until.weekday is not None else 3)
    local = found.astimezone(zone)
    if local.time() == until.at:
        assert until.weekday in (None, local.weekday())


@given(MOMENTS, ZONES)
def test_the_next_day_starts_at_its_first_second(moment: datetime, zone: ZoneInfo) -> None:
    start = start_of_next_day(moment, zone)
    assert start > moment
    assert local_day(start, zone) > local_day(moment, zone)
    assert local_day(start - timedelta(seconds=1), zone) <= local_day(moment, zone)
