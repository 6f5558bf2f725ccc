"""The keys of sequences/scenarios/*.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.workspace.shapes import Block, Flag, Key, Named, Several, Words, either
from sequencer.workspace.words import ANY, CONTENT, DURATION, ID

_WHEN: Final = Words("when, as `3 days` or `1 hour after pricing`", r"^\s*[0-9]")
_FIELDS: Final = Named(Words("a field", "^[a-z]"), either(ANY, Several(ANY)))
_TIME: Final = Words("a time as `tue 2026-11-24 09:00`", r"[0-9]{4}-[0-9]{2}-[0-9]{2}\s+[0-9]{1,2}:[0-9]{2}\s*$")
_HAPPENS: Final = Key(
    "happens",
    Several(Named(_WHEN, ANY)),
    "What the lead does and when: so long after the start, or after a step.",
    "[{1 hour after pricing: clicked pricing calculator}]",
)

SCENARIOS: Final[Mapping[str, tuple[Key, ...]]] = {
    "scenarios": (
        Key("sequence", ID, "The sequence that is tested.", "sales-motivation", True),
        Key("given", Block("given"), "Who goes through it, and from when on.", "{start: 2026-11-23 09:00}", True),
        Key(
            "scenarios",
            Named(ANY, Block("scenario")),
            "The tests, each under a name that says what it shows.",
            "{never reacts: {expect: [{ended: finished}]}}",
            True,
        ),
    ),
    "given": (
        Key("start", _TIME, "When it begins, by the lead's own clock.", "mon 2026-11-23 09:00"),
        Key("lead", _FIELDS, "The lead's fields, named as in CSV files.", "{stage: mql, time_zone: Europe/London}"),
        Key("for", DURATION, "How much time is looked at; 400 days unless you say so.", "60 days"),
        Key("consent", Several(ID), "Topics that the lead asked for.", "[news]"),
        Key("received", Several(CONTENT), "Contents that the lead got before.", "[sales/pricing]"),
        Key(
            "enrolled",
            Flag(),
            "`no`: the lead is not in the sequence at the start, something that happens has to let it in.",
            "no",
        ),
    ),
    "scenario": (
        Key("given", Block("given"), "What differs from the file's `given`.", "{lead: {stage: sql}}"),
        _HAPPENS,
        Key("expect", Several(Block("expect")), "What must follow.", "[{ended: finished}]", True),
    ),
    "expect": (
        Key(
            "received",
            either(ANY, Several(ANY)),
            "Mails that come in this order, by step, or by content as `sales/pricing`.",
            "[pricing, faq]",
        ),
        Key("at", _TIME, "With one `received`: when it comes, by the lead's own clock.", "tue 2026-11-24 09:00"),
        Key("not_received", either(ANY, Several(ANY)), "Mails that do not come.", "[roi]"),
        Key("told", either(ANY, Several(ANY)), "`owner`, or the steps by which the owner is told.", "owner"),
        Key("entered", either(ID, Several(ID)), "Sequences that the lead enters.", "newsletter"),
        Key("not_entered", either(ID, Several(ID)), "Sequences that it does not enter.", "newsletter"),
        Key(
            "ended",
            ANY,
            "How it ends: `finished`, `converted`, `left`, `stopped`, or the reason, as `replied`.",
            "replied",
        ),
        Key("none_on", Several(ANY), "Days, or weekdays, on which no mail comes.", "[2026-11-26, sat, sun]"),
        Key("lead", _FIELDS, "Fields of the lead as they are at the end.", "{status: idle-timing}"),
    ),
}
