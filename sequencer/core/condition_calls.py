"""What a condition calls: its functions, with the texts that each is given, and where these stand."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeGuard

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
    for name, given in _written(condition.source):
        yield Call(name, tuple(Given(text, condition.place(column)) for text, column in given))


@lru_cache(maxsize=4096)  # several checks ask for them, of a thousand copies of `replied()` each
def _written(source: str) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """The same with columns for marks."""
    tree = parse(source)
    return tuple(
        (call.node.name, tuple((one.value, one.lineno) for one in call.args if _is_text(one)))
        for call in (tree, *tree.find_all(nodes.Call))
        if isinstance(call, nodes.Call) and isinstance(call.node, nodes.Name)
    )


def _is_text(node: nodes.Node) -> TypeGuard[nodes.Const]:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)
