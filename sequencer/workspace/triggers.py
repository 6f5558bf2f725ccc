"""`enroll`: who enters a sequence, and how often."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sequencer.core.condition import Condition
from sequencer.core.duration import Duration
from sequencer.core.event import EXAMPLE, is_name
from sequencer.core.lead import BUILT_IN
from sequencer.core.schedule import parse_clock
from sequencer.core.sequence import Trigger
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Text, as_items, as_map, did_you_mean, listed, shown
from sequencer.workspace.steps import settable
from sequencer.workspace.surroundings import Surroundings

TRIGGER: Final = re.compile(r"""(\w+)\(\s*((?:"[^"]*"|'[^']*')(?:\s*,\s*(?:"[^"]*"|'[^']*'))*)?\s*\)""")

ARGUMENT: Final = re.compile(r"""["']([^"']*)["']""")

TRIGGERS: Final = (
    'expected `manual`, `submitted("form")`, `sales_ready()`, `became("stage", "mql")`, `did("event")`, '
    '`silent("event", "60 days")` or `before("date_field", "30 days")`'
)

ARGUMENTS: Final[Mapping[str, int]] = {
    "sales_ready": 0,
    "submitted": 1,
    "did": 1,
    "became": 2,
    "silent": 2,
    "before": 2,
}

ZONES: Final = timedelta(hours=14)
"""How far a clock on a wall can be from UTC."""


def read_enroll(root: Map, around: Surroundings) -> tuple[tuple[Trigger, ...], Duration | None]:
    block = as_map(root.need("enroll", "{when: manual}"), "keys below `enroll`, as `when: manual`")
    if block is None:
        return (), None
    block.expect("enroll")
    again = read_again(block.text("again"))
    if "any" not in block.entries:
        return read_trigger(block, around), again
    if block.entries.keys() & {"when", "at", "if"}:
        message = "expected either `when` or `at` (with `if`) or `any`, got both: put them into an item of `any`"
        around.problems.error(block.entries["any"].mark, "bad-value", message)
        return (), again
    triggers: tuple[Trigger, ...] = ()
    for item in as_items(block.take("any"), "a list of triggers, each with `when`"):
        each = as_map(item, "a trigger, as `- when: manual`")
        if each is not None:
            each.expect("trigger")
            triggers += read_trigger(each, around)
    return triggers, again


def read_again(text: Text | None) -> Duration | None:
    if text is None or text.value == "never":
        return None
    word, _, rest = text.value.partition(" ")
    if word == "after":
        return values.parsed(text, lambda _: Duration.parse(rest), "bad-duration")
    text.bad("`never` or `after 180 days`")
    return None


def read_trigger(block: Map, around: Surroundings) -> tuple[Trigger, ...]:
    condition = around.condition(block.text("if"), "ever")
    if "at" in block.entries:
        if "when" in block.entries:
            message = "expected either `when` or `at`, got both: put each into an item of `any`"
            around.problems.error(block.entries["at"].mark, "bad-value", message)
        return read_at(block.text("at"), condition)
    text = block.need_text("when", "manual")
    if text is None:
        return ()
    if text.value == "manual":
        return (Trigger("manual", text.mark, condition=condition),)
    match = TRIGGER.fullmatch(text.value)
    if match is None:
        text.wrong("bad-trigger", f"{TRIGGERS}, got {text.got}{_without_quotes(text.value)}")
        return ()
    kind, arguments = match[1], ARGUMENT.findall(match[2] or "")
    if len(arguments) != ARGUMENTS.get(kind) or not all(arguments):
        hint = "" if kind in ARGUMENTS else did_you_mean(kind, ARGUMENTS)
        text.wrong("bad-trigger", f"{TRIGGERS}, got {text.got}{hint}")
        return ()
    if kind == "sales_ready":
        return read_ready(text, condition, around)
    name = arguments[0]
    if kind in ("did", "silent") and not is_name(name):
        text.wrong("bad-id", f"no event is called {shown(name)}: expected {EXAMPLE}")
        return ()
    match kind:
        case "submitted":
            return (Trigger("submitted", text.mark, name, condition=condition),)
        case "did":
            return (Trigger("did", text.mark, name, condition=condition),)
        case "became":
            if not check_became(text, name, arguments[1], around):
                return ()
            return (Trigger("became", text.mark, name, arguments[1], condition),)
    span = read_span(text, arguments[1], days=kind == "before")
    if span is None or (kind == "before" and not check_date(text, name, around)):
        return ()
    return (Trigger("silent" if kind == "silent" else "before", text.mark, name, str(span), condition, span),)


def _without_quotes(written: str) -> str:
    """The end of a message, with the trigger as it was meant where only the quotes are missing."""
    kind, bracket, rest = written.partition("(")
    names = [name.strip(" \"'") for name in rest.removesuffix(")").split(",")]
    if kind not in ARGUMENTS or not bracket or len(names) != ARGUMENTS[kind] or not all(names):
        return ""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f", did you mean `{kind}({quoted})`?"


def read_ready(text: Text, condition: Condition | None, around: Surroundings) -> tuple[Trigger, ...]:
    signals = around.workspace.signals
    if signals is None or signals.sales_ready is None:
        text.wrong("bad-trigger", "nobody is ever `sales_ready()`: declare `sales_ready` in sequences/signals.yaml")
        return ()
    return (Trigger("sales_ready", text.mark, condition=condition),)


def read_at(text: Text | None, condition: Condition | None) -> tuple[Trigger, ...]:
    """One moment, by each lead's own clock."""
    if text is None:
        return ()
    try:
        written, _, clock = text.value.partition(" ")
        moment = datetime.combine(date.fromisoformat(written), parse_clock(clock))
        moment.replace(tzinfo=UTC) - ZONES
        moment.replace(tzinfo=UTC) + ZONES
    except (ValueError, OverflowError):
        text.bad("a moment as `2026-12-03 10:00`", "bad-date")
        return ()
    return (Trigger("at", text.mark, f"{moment:%Y-%m-%d %H:%M}", "", condition, moment=moment),)


def read_span(text: Text, written: str, days: bool) -> Duration | None:
    """How long a silence is, or how long before a date."""
    span = values.parsed(text, lambda _: Duration.parse(written), "bad-duration")
    if span is None:
        return None
    if span.unit not in (("day", "week") if days else ("hour", "day", "week")) or not span.amount:
        text.bad("days or weeks, as `30 days`" if days else "hours, days or weeks, as `60 days`", "bad-duration")
        return None
    return span


def check_date(text: Text, name: str, around: Surroundings) -> bool:
    dates = [field.name for field in around.workspace.fields.values() if field.type == "date"]
    if name in dates:
        return True
    hint = did_you_mean(name, dates) or f": workspace.yaml declares {listed(dates)} as dates"
    text.wrong("unknown-field", f"there is no date {shown(name)} of the lead{hint}")
    return False


def check_became(text: Text, name: str, value: str, around: Surroundings) -> bool:
    fields = settable(around.workspace)
    known = BUILT_IN | fields.keys()
    if name not in known:
        text.wrong("unknown-field", f"there is no field {shown(name)}{did_you_mean(name, known)}")
        return False
    choices = fields[name].choices if name in fields else ()
    if choices and value not in choices:
        hint = did_you_mean(value, choices) or f": expected one of {', '.join(choices)}"
        text.wrong("bad-value", f"`{name}` never becomes {shown(value)}{hint}")
        return False
    return True
