"""Compiles simple expressions and `if`s to plain Python: a third of the sandbox's time, and most of what mails hold."""

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes
from markupsafe import escape

from sequencer.rendering.environment import URL_FILTER, Mode, address, compare, default, in_header, printed
from sequencer.rendering.names import RECORDS, VALUES
from sequencer.rendering.scope import Scope

Value = Callable[[Scope], Any]
Fill = Callable[[Scope], str]


def shown(value: Any, mode: Mode) -> str:
    """A value as it is printed in this kind of place."""
    if mode is Mode.HTML:
        return str(escape(printed(value)))
    return str(in_header(value) if mode is Mode.HEADER else printed(value))


def quick_value(node: nodes.Node) -> Value | None:
    """The expression as a function; None when it is not simple enough."""
    match node:
        case nodes.Const(value=constant):
            return lambda scope: constant
        case nodes.Name(name=name) if name in VALUES:
            return lambda scope: scope.value(name)
        case nodes.Getattr(node=nodes.Name(name=record), attr=name) if record == "lead" or record in RECORDS:
            return lambda scope: scope.field(record, name)
        case nodes.Not(node=inner):
            negated = quick_value(inner)
            return None if negated is None else _negated(negated)
        case nodes.And() | nodes.Or():
            return _joined(node)
        case nodes.CondExpr(test=test, expr1=first, expr2=nodes.Expr() as second):
            when, then, otherwise = quick_value(test), quick_value(first), quick_value(second)
            if when is None or then is None or otherwise is None:
                return None
            return lambda scope: then(scope) if when(scope) else otherwise(scope)
        case nodes.Filter(node=nodes.Expr()) if not node.kwargs:
            return _filter(node)
    return None


def _joined(node: nodes.And | nodes.Or) -> Value | None:
    left, right = quick_value(node.left), quick_value(node.right)
    if left is None or right is None:
        return None
    if isinstance(node, nodes.And):
        return lambda scope: left(scope) and right(scope)
    return lambda scope: left(scope) or right(scope)


def _negated(inner: Value) -> Value:
    return lambda scope: not inner(scope)


def _filter(node: nodes.Filter) -> Value | None:
    assert node.node is not None
    inner = quick_value(node.node)
    arguments = [quick_value(argument) for argument in node.args]
    known = [argument for argument in arguments if argument is not None]
    if inner is None or len(known) < len(arguments):
        return None
    if node.name == "_compare":
        operator = node.args[0].as_const()
        right = known[1]
        return lambda scope: compare(inner(scope), operator, right(scope))
    if node.name in ("default", "d") and len(known) == 1:
        return lambda scope: default(inner(scope), known[0](scope))
    if node.name == URL_FILTER:
        return lambda scope: address(inner(scope))
    return None


def quick_block(body: Sequence[nodes.Node], mode: Mode) -> Fill | None:
    """Outputs and `if`s as a function that writes them; None when something in them is not simple enough."""
    fills: list[Fill] = []
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if (written := _written(child, mode)) is None:
                    return None
                fills.append(written)
        elif isinstance(node, nodes.If):
            if (chosen := _if(node, mode)) is None:
                return None
            fills.append(chosen)
        else:
            return None
    return fills[0] if len(fills) == 1 else lambda scope: "".join([fill(scope) for fill in fills])


def _written(node: nodes.Expr, mode: Mode) -> Fill | None:
    if isinstance(node, nodes.TemplateData):
        data = node.data
        return lambda scope: data
    value = quick_value(node)
    return None if value is None else lambda scope: shown(value(scope), mode)


def _if(node: nodes.If, mode: Mode) -> Fill | None:
    branches: list[tuple[Value, Fill]] = []
    for branch in (node, *node.elif_):
        test, body = quick_value(branch.test), quick_block(branch.body, mode)
        if test is None or body is None:
            return None
        branches.append((test, body))
    otherwise = quick_block(node.else_, mode)
    if otherwise is None:
        return None

    def fill(scope: Scope) -> str:
        for test, body in branches:
            if test(scope):
                return body(scope)
        return otherwise(scope)

    return fill
