"""What a condition calls: its functions, with the texts that each is given, and where these stand."""

from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import nodes

from sequencer.core.condition import Condition
from sequencer.core.condition_parse import parse
from sequencer.core.mark import Mark


class Given(NamedTuple):
    """A text between the brackets of a call."""

    text: str
    mark: Mark


class Call(NamedTuple):
    name: str
    given: tuple[Given, ...]


def calls(condition: Condition) -> Iterator[Call]:
    """Every call of a function by its name, from the outside in. The condition has been checked."""
    tree = parse(condition.source)
    for call in (tree, *tree.find_all(nodes.Call)):
        if isinstance(call, nodes.Call) and isinstance(call.node, nodes.Name):
            texts = [one for one in call.args if isinstance(one, nodes.Const) and isinstance(one.value, str)]
            yield Call(call.node.name, tuple(Given(one.value, condition.place(one.lineno)) for one in texts))
