"""Every key that a workspace file may hold, by the place where it stands. docs/sequences.md explains each."""

from collections.abc import Mapping
from typing import Final

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    # sequences/workspace.yaml
    "workspace": (
        "brand",
        "zone",
        "locale",
        "stages",
        "statuses",
        "fields",
        "topics",
        "senders",
        "reps",
        "owner",
        "pressure",
        "quiet",
        "contact",
        "out_of_office",
        "reply_domain",
    ),
    "brand": ("name", "url", "postal_address"),
    "zone": ("owner_mail", "otherwise"),
    "status": ("label", "stops"),
    "field": ("text", "number", "date", "flag", "one_of", "some_of", "ask"),
    "topic": ("label", "default"),
    "sender": ("name", "email", "zone"),
    "rep": ("name", "zone", "phone", "calendar", "deputy", "away", "webhook"),
    "away": ("from", "to"),
    "owner": ("missing", "away"),
    "owner.away": ("hold", "then"),
    "pressure": ("day", "week", "gap", "over", "catch_up"),
    "over": ("wait", "then"),
    "quiet": ("days",),
    "contact": ("reply",),
    "out_of_office": ("unknown", "at_most"),
    # sequences/NAME.yaml
    "sequence": (
        "title",
        "state",
        "topic",
        "goal",
        "enroll",
        "from",
        "hours",
        "exit_on",
        "pressure",
        "max_lateness",
        "steps",
    ),
    "enroll": ("when", "if", "any", "again"),
    "trigger": ("when", "if"),
    "hours": ("days", "between"),
    "step: email": ("email", "id", "on_unknown"),
    "on_unknown": ("resend_after",),
    "step: wait": ("wait",),
    "step: if": ("if", "id", "within", "then", "else"),
    "step: tell": ("tell", "id", "note"),
    "step: set": ("set", "id"),
    "step: handoff": ("handoff", "id", "note"),
    "handoff": ("stage",),
    "step: start": ("start", "id"),
    "step: exit": ("exit", "id"),
}

STEP_KINDS: Final = tuple(place.removeprefix("step: ") for place in KEYS if place.startswith("step: "))

LATER: Final[Mapping[str, tuple[str, ...]]] = {
    "workspace": ("crm", "audiences", "never", "colleagues"),
    "status": ("runs", "pauses", "needs"),
    "owner": ("of", "by", "assign", "changed"),
    "pressure": ("counts",),
    "quiet": ("holidays", "unknown"),
    "contact": ("call", "meeting", "mail"),
    "sequence": ("lane", "priority", "pauses", "holdout", "edits"),
    "enroll": ("at",),
    "step: email": ("unless", "thread", "review", "fallback", "was"),
    "step: if": ("was",),
    "step": ("task", "choose", "test", "series"),
}
"""Keys of the format that this version does not know yet: they are named as such, not called unknown."""

LATER_FILES: Final = ("forms.yaml", "signals.yaml")
"""Files of `sequences/` that this version does not know yet."""
