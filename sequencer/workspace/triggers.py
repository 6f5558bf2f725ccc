"""`enroll`: who enters a sequence, and how often."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from sequencer.core.duration import Duration
from sequencer.core.lead import BUILT_IN
from sequencer.core.sequence import Trigger
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Text, as_items, as_map, did_you_mean, shown
from sequencer.workspace.steps import settable
from sequencer.workspace.surroundings import Surroundings

TRIGGER: Final = re.compile(r"""(\w+)\(\s*((?:"[^"]*"|'[^']*')(?:\s*,\s*(?:"[^"]*"|'[^']*'))*)?\s*\)""")

ARGUMENT: Final = re.compile(r"""["']([^"']*)["']""")

TRIGGERS: Final = 'expected `manual`, `submitted("form")`, `became("stage", "mql")` or `did("event")`'

LATER_TRIGGERS: Final = ("sales_ready", "silent", "before")


def read_enroll(root: Map, around: Surroundings) -> tuple[tuple[Trigger, ...], Duration | None]:
    block = as_map(root.need("enroll", "{when: manual}"), "keys below `enroll`, as `when: manual`")
    if block is None:
        return (), None
    block.expect("enroll")
    again = read_again(block.text("again"))
    if "any" not in block.entries:
        return read_trigger(block, around), again
    if "when" in block.entries or "if" in block.entries:
        message = "expected either `when` (with `if`) or `any`, got both: put them into an item of `any`"
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
    text = block.text("when") if "at" in block.entries else block.need_text("when", "manual")
    condition = around.condition(block.text("if"), "ever")
    if text is None:
        return ()
    if text.value == "manual":
        return (Trigger("manual", text.mark, condition=condition),)
    match = TRIGGER.fullmatch(text.value)
    if match is None:
        text.wrong("bad-trigger", f"{TRIGGERS}, got {text.got}")
        return ()
    arguments = ARGUMENT.findall(match[2] or "")
    if match[1] in LATER_TRIGGERS:
        text.wrong("not-in-this-version", f"the trigger `{match[1]}` is not in this version: {TRIGGERS}")
        return ()
    kinds: Mapping[str, tuple[Literal["submitted", "became", "did"], int]] = {
        "submitted": ("submitted", 1),
        "did": ("did", 1),
        "became": ("became", 2),
    }
    kind, wanted = kinds.get(match[1], (None, 0))
    if kind is None or len(arguments) != wanted or not all(arguments):
        hint = "" if kind else did_you_mean(match[1], kinds)
        text.wrong("bad-trigger", f"{TRIGGERS}, got {text.got}{hint}")
        return ()
    if kind == "became" and not check_became(text, arguments[0], arguments[1], around):
        return ()
    if kind == "did" and not values.SNAKE.fullmatch(arguments[0]):
        text.wrong("bad-id", f"expected an event in small letters and underscores, as `meeting_booked`, got {text.got}")
        return ()
    value = arguments[1] if kind == "became" else ""
    return (Trigger(kind, text.mark, arguments[0], value, condition),)


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
