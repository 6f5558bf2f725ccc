"""Every key that a workspace file may hold, by the place where it stands, in the order in which `fmt` writes them.

A new key is one entry here: the loader then knows it, `sequencer schema` describes it to editors, `sequencer fmt` puts
it into its place, and a test wants it explained in docs/sequences.md.
"""

from collections.abc import Mapping
from typing import Final

from sequencer.core.crm import WRITTEN
from sequencer.workspace.format_crm import CRM
from sequencer.workspace.format_forms import FORMS, WHOLE
from sequencer.workspace.format_scenarios import SCENARIOS
from sequencer.workspace.format_sequence import SEQUENCE
from sequencer.workspace.format_signals import SIGNALS
from sequencer.workspace.format_workspace import WORKSPACE
from sequencer.workspace.shapes import Block, Key, Shape

FORMAT: Final[Mapping[str, tuple[Key, ...]]] = {**WORKSPACE, **CRM, **SIGNALS, **FORMS, **SEQUENCE, **SCENARIOS}

STEP_PLACES: Final = tuple(place for place in FORMAT if place.startswith("step: "))

ANY_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "field": ("text", "number", "date", "flag", "one_of", "some_of"),
    "enroll": ("when", "any", "at"),
    "trigger": ("when", "at"),
    "step: if": ("then", "else"),
    "target": ("slack", "webhook", "crm"),
    "crm.written": WRITTEN,
    "lesson": ("add", "set"),
}
"""Places where at least one of these keys is needed."""

ROOTS: Final[Mapping[str, tuple[str, str]]] = {
    "workspace": (
        "sequences/workspace.yaml",
        "Who we are, what we know of leads, who writes, and how much: what holds for every sequence.",
    ),
    "signals": (
        "sequences/signals.yaml",
        "What leads do and are that counts, and when sales is to talk to them.",
    ),
    "forms": (
        "sequences/forms.yaml",
        "Forms, what they give access to, and what follows from them.",
    ),
    "sequence": (
        "sequences/NAME.yaml",
        "One sequence, which reads from top to bottom. The file's name without .yaml is its id.",
    ),
    "scenarios": (
        "sequences/scenarios/NAME.yaml",
        "Tests of one sequence: a lead, what happens when, and what must follow. `sequencer test` runs them.",
    ),
}
"""The places that are whole files: which file, and what it is for."""


def whole(root: str) -> Shape:
    """What a whole file holds."""
    return WHOLE if root == "forms" else Block(root)
