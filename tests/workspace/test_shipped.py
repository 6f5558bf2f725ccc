"""The workspace that is shipped is the example of the whole format: nothing may be declared that it does not show."""

import re
from collections.abc import Iterator
from pathlib import Path

from sequencer.core.condition_functions import FUNCTIONS
from sequencer.workspace.format import FORMAT, STEP_PLACES, whole
from sequencer.workspace.load import read_files, read_scenarios
from sequencer.workspace.nodes import Items, Map, Node, Problems
from sequencer.workspace.parse import parse
from sequencer.workspace.shapes import Block, Either, Named, Several, Shape
from sequencer.workspace.style import place_of

ROOT = Path(__file__).parents[2]


def used(node: Node, shape: Shape | None) -> Iterator[tuple[str, str]]:
    """Every place and key that a node makes use of."""
    match node, shape:
        case _, Either(shapes):
            for one in shapes:
                yield from used(node, one)
        case Map(entries), Block("step"):
            for place in STEP_PLACES:
                if place.removeprefix("step: ") in entries:
                    yield from used(node, Block(place))
        case Map(entries), Block(place) if set(entries) <= {key.name for key in FORMAT[place]}:
            holds = {key.name: key.holds for key in FORMAT[place]}
            for name, entry in entries.items():
                yield place, name
                yield from used(entry.node, holds[name])
        case Map(entries), Named(_, holds):
            for entry in entries.values():
                yield from used(entry.node, holds)
        case Items(items), Several(of):
            for item in items:
                yield from used(item, of)
        case _:
            pass


def shown() -> set[tuple[str, str]]:
    found = set()
    for file, text in {**read_files(ROOT), **read_scenarios(ROOT)}.items():
        if file.endswith(".yaml") and (place := place_of(file)):
            node = parse(file, text, Problems())
            assert node is not None, file
            found |= set(used(node, whole(place)))
    return found


COMMON = ("id", "was", "unless")
"""Keys of many steps that mean the same at each: shown once, they are shown."""

LEFT_OUT = {
    "renames: nothing of it has got another name yet": {("step", "was")},
    "needs a system of somebody's own, with its keys": {
        ("crm", "webhooks"),
        ("crm", "write_back"),
        ("sales_handoff", "targets"),
        ("rep", "crm"),
        ("rep", "webhook"),
        *((place, key.name) for place in FORMAT if place.startswith(("crm.", "target")) for key in FORMAT[place]),
    },
    "what it is unless one says otherwise is what we want": {
        ("handoff", "stage"),
        ("pressure", "catch_up"),
        ("rep", "language"),
        ("sales_handoff", "stage"),
        ("sequence", "edits"),
        ("site", "consent"),
    },
    "a newsletter begins with `at` alone": {("trigger", "at")},
    "mail programs hide openings, or make them up": {("condition", "opened")},
}
"""What the shipped workspace does without, by the reason."""


def once(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {("step" if place.startswith("step: ") and key in COMMON else place, key) for place, key in found}


def asked() -> set[tuple[str, str]]:
    """Functions of conditions that stand in the shipped sequences."""
    text = "\n".join(text for file, text in read_files(ROOT).items() if file.endswith(".yaml"))
    return {("condition", name) for name in re.findall(r"(\w+)\(", text)}


def test_the_shipped_workspace_uses_every_key_and_function_but_a_few_for_a_reason() -> None:
    functions = {("condition", name) for name in (*FUNCTIONS, "has", "list", "sales_ready", "engaged_people")}
    everything = once({(place, key.name) for place, keys in FORMAT.items() for key in keys}) | functions
    assert everything - once(shown()) - asked() == set().union(*LEFT_OUT.values())
