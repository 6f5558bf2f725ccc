"""`wait`: how long, until which time, or until which date of the lead."""

from sequencer.core.duration import Duration
from sequencer.core.schedule import WEEKDAYS, Until, UntilDate
from sequencer.core.sequence import Wait
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Text, as_text, did_you_mean, listed, shown
from sequencer.workspace.surroundings import Surroundings


def read_wait(block: Map, around: Surroundings) -> Wait | None:
    node = block.take("wait")
    if isinstance(node, Map):
        return read_date_wait(node, around)
    text = as_text(node, "a duration as `3 days`, or `until tue 10:00`")
    if text is None:
        return None
    word, _, rest = text.value.partition(" ")
    if word != "until":
        wait = values.duration(text)
        if wait is not None and not wait.amount:
            message = "this waits for nothing: write how long, as `3 days`, or take the line out"
            around.problems.warning(text.mark, "no-wait", message)
        return wait
    if " before " in rest or (values.SNAKE.fullmatch(rest) and rest not in WEEKDAYS):
        date = read_date(text, rest, around)
        return UntilDate(*date) if date is not None else None
    return values.parsed(text, lambda _: Until.parse(rest))


def read_date_wait(block: Map, around: Surroundings) -> Wait | None:
    """`wait` with keys: until a date of the lead, and what to do without one."""
    block.expect("wait")
    until = block.need_text("until", "30 days before renewal_date")
    unknown = block.text("unknown")
    wait = None if unknown is None or unknown.value == "skip" else values.duration(unknown)
    past = values.choice(block.text("past"), ("go on", "skip"))
    date = read_date(until, until.value, around) if until is not None else None
    return UntilDate(*date, wait, past == "go on") if date is not None else None


def read_date(text: Text, written: str, around: Surroundings) -> tuple[str, Duration | None] | None:
    """A date field, and how long before it: `30 days before renewal_date`."""
    span, before, name = written.rpartition(" before ")
    dates = [field.name for field in around.workspace.fields.values() if field.type == "date"]
    if name not in dates:
        hint = did_you_mean(name, dates) or f": workspace.yaml declares {listed(dates)} as dates"
        text.wrong("unknown-field", f"there is no date {shown(name)} of the lead{hint}")
        return None
    if not before:
        return name, None
    earlier = values.parsed(text, lambda _: Duration.parse(span), "bad-duration")
    if earlier is not None and earlier.unit not in ("day", "week"):
        text.bad("days or weeks before a date, as `30 days before renewal_date`", "bad-duration")
        return None
    return (name, earlier) if earlier is not None else None
