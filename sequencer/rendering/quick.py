"""Writes simple expressions and `if`s as Python: most of what mails hold, in a tenth of the sandbox's time.

What is written here is put together by `program`. Nothing of a template's own text becomes source: literals, names of
declared fields and functions are constants that the source calls `k0`, `k1`, …
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from jinja2 import nodes
from markupsafe import escape

from sequencer.core.lead import BUILT_IN
from sequencer.rendering.environment import (
    COMPARISONS,
    PLAIN_FILTERS,
    URL_FILTER,
    Mode,
    address,
    clean,
    default,
    in_header,
    one_line,
    printed,
)
from sequencer.rendering.names import PAGES, RECORDS, VALUES

DEEPEST: Final = 20
"""Expressions nested deeper are left to the sandbox: Python's own parser has a limit too."""
_FEW: Final = 5
_OF_A_LEAD: Final = frozenset({"lead", *RECORDS} - {"brand"})
"""Records; the brand is the same for everyone, and not read any more."""


class Writer:
    """The source of one function over a Scope: constants and what is read once before all slots."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {
            "shown_html": shown_html,
            "shown_text": shown_text,
            "shown_line": shown_line,
            "marked": marked,
        }
        self.readings: dict[str, str] = {}
        """Variables by what they hold."""
        self._names: dict[str | int, str] = {}

    def constant(self, value: Any) -> str:
        """The name of a value that never changes."""
        key = value if isinstance(value, str) else id(value)
        known = self._names.setdefault(key, f"k{len(self._names)}")
        self.constants[known] = value
        return known

    def knows(self, name: str) -> bool:
        """Whether this is the name of a constant that is not None."""
        return self.constants.get(name) is not None

    def reading(self, source: str) -> str:
        """The name of a variable that holds what this source reads."""
        return self.readings.setdefault(source, f"v{len(self.readings)}")


Emit: TypeAlias = Callable[[Writer], str]
"""Writes an expression; of a slot, one that gives its text."""


def shown(value: Any, mode: Mode) -> str:
    """A value as it is printed in this kind of place."""
    return _SHOWN[mode](value)


def shown_html(value: Any) -> str:
    return marked(clean(value)) if type(value) is str else str(escape(printed(value)))


def marked(text: str) -> str:
    """As `escape`, which takes five times as long to say that the text is escaped now."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def shown_text(value: Any) -> str:
    return clean(value) if type(value) is str else str(printed(value))


def shown_line(value: Any) -> str:
    return one_line(clean(value)) if type(value) is str else str(in_header(value))


_SHOWN: Final[Mapping[Mode, Callable[[Any], str]]] = {
    Mode.HTML: shown_html,
    Mode.TEXT: shown_text,
    Mode.HEADER: shown_line,
}


def _unmarked(name: str) -> str:
    """The source that asks whether a text stands in HTML as it is: faster than a pattern, above all in long ones."""
    return " and ".join(f"{mark!r} not in {name}" for mark in "&<>'\"")


_PRINTED: Final[Mapping[Mode, str]] = {
    Mode.HTML: f"(t if type(t := %s) is str and t.isprintable() and {_unmarked('t')} else shown_html(t))",
    Mode.TEXT: "(t if type(t := %s) is str and t.isprintable() else shown_text(t))",
    Mode.HEADER: "(t if type(t := %s) is str and t.isprintable() else shown_line(t))",
}
"""The source of a printed value. What most values are is printed as it is, without calling anything for it."""

_OPERATORS: Final = {
    "eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in",
}  # fmt: skip
"""What COMPARISONS do, between two variables."""


def quick_block(body: Sequence[nodes.Node], mode: Mode, depth: int = 0) -> Emit | None:
    """Outputs and `if`s as one text; None when something in them is not simple enough."""
    emits: list[Emit] = []
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if (written := _written(child, mode, depth)) is None:
                    return None
                emits.append(written)
        elif isinstance(node, nodes.If):
            if (chosen := _if(node, mode, depth + 1)) is None:
                return None
            emits.append(chosen)
        else:
            return None
    if len(emits) == 1:
        return emits[0]
    return lambda writer: _together([emit(writer) for emit in emits])


def _together(texts: Sequence[str]) -> str:
    """The source of texts one after the other: a few of them are added in half the time that it takes to join them."""
    return f"({' + '.join(texts)})" if 1 <= len(texts) <= _FEW else f"''.join(({''.join(f'{one}, ' for one in texts)}))"


def escaped(emit: Emit) -> Emit:
    """A text of the subject or preheader, as it stands in HTML."""
    return lambda writer: f"shown_html({emit(writer)})"


def _written(node: nodes.Expr, mode: Mode, depth: int) -> Emit | None:
    if isinstance(node, nodes.TemplateData):
        data = node.data
        return lambda writer: writer.constant(data)
    if isinstance(node, nodes.Const):
        text = shown(node.value, mode)
        return lambda writer: writer.constant(text)
    value = quick_value(node, depth)
    if value is None:
        return None
    if depth == 0:
        return lambda writer: _always(writer, value(writer), mode)
    return lambda writer: _PRINTED[mode] % value(writer)


def _always(writer: Writer, value: str, mode: Mode) -> str:
    """A value that every mail prints: read once for all places, and looked through once for HTML and text."""
    value = value if value.isidentifier() else writer.reading(value)
    if mode is Mode.HEADER:
        return writer.reading(_PRINTED[mode] % value)
    text = writer.reading(_PRINTED[Mode.TEXT] % value)
    return text if mode is Mode.TEXT else writer.reading(f"{text} if {_unmarked(text)} else marked({text})")


def _if(node: nodes.If, mode: Mode, depth: int) -> Emit | None:
    branches: list[tuple[Emit, Emit]] = []
    for place, branch in enumerate((node, *node.elif_)):
        assert isinstance(branch.test, nodes.Expr)
        test = quick_value(branch.test, depth + place)
        body = quick_block(branch.body, mode, depth + place)
        if test is None or body is None:
            return None
        branches.append((test, body))
    otherwise = quick_block(node.else_, mode, depth + len(branches))
    if otherwise is None:
        return None

    def write(writer: Writer) -> str:
        source = otherwise(writer)
        for test, body in reversed(branches):
            source = f"({body(writer)} if {test(writer)} else {source})"
        return source

    return write


def quick_value(node: nodes.Expr, depth: int = 0) -> Emit | None:
    """The expression's value; None when it is not simple enough."""
    if depth > DEEPEST:
        return None
    match node:
        case nodes.Const(value=constant):
            return lambda writer: writer.constant(constant)
        case nodes.Tuple(items=items) | nodes.List(items=items) if all(isinstance(item, nodes.Const) for item in items):
            several = node.as_const()
            return lambda writer: writer.constant(several)
        case nodes.Name(name=name) if name in PAGES:
            return lambda writer: writer.reading(f"view.page({name!r})")
        case nodes.Name(name=name) if name in VALUES:
            return lambda writer: f"scope.value({name!r})"
        case nodes.Getattr(node=nodes.Name(name=record), attr=name) if record in _OF_A_LEAD:
            return lambda writer: _field(writer, record, name)
        case nodes.Not(node=inner):
            negated = quick_value(inner, depth + 1)
            return None if negated is None else lambda writer: f"(not {negated(writer)})"
        case nodes.And() | nodes.Or():
            word = "and" if isinstance(node, nodes.And) else "or"
            left, right = quick_value(node.left, depth + 1), quick_value(node.right, depth + 1)
            if left is None or right is None:
                return None
            return lambda writer: f"({left(writer)} {word} {right(writer)})"
        case nodes.CondExpr(test=test, expr1=first, expr2=nodes.Expr() as second):
            when, then = quick_value(test, depth + 1), quick_value(first, depth + 1)
            otherwise = quick_value(second, depth + 1)
            if when is None or then is None or otherwise is None:
                return None
            return lambda writer: f"({then(writer)} if {when(writer)} else {otherwise(writer)})"
        case nodes.Filter(node=nodes.Expr()) if not node.kwargs:
            return _filter(node, depth)
    return None


def _filter(node: nodes.Filter, depth: int) -> Emit | None:
    assert node.node is not None
    inner = quick_value(node.node, depth + 1)
    arguments = [quick_value(argument, depth + 1) for argument in node.args]
    known = [argument for argument in arguments if argument is not None]
    if inner is None or len(known) < len(arguments):
        return None
    function: Callable[..., Any]
    if node.name == "_compare":
        return _comparison(node.args[0].as_const(), inner, known[1])
    elif node.name in ("default", "d") and len(known) == 1:
        function = default
    elif node.name == URL_FILTER:
        function = address
    elif node.name in PLAIN_FILTERS and not known:
        function = PLAIN_FILTERS[node.name]
    else:
        return None
    return lambda writer: (
        f"{writer.constant(function)}({', '.join([inner(writer), *(argument(writer) for argument in known)])})"
    )


def _comparison(name: str, left: Emit, right: Emit) -> Emit:
    def write(writer: Writer) -> str:
        a, b = left(writer), right(writer)
        if a.isidentifier() and b.isidentifier():
            known = "".join([f"{side} is not None and " for side in (a, b) if not writer.knows(side)])
            return f"({known}{a} {_OPERATORS[name]} {b})"
        return f"{writer.constant(COMPARISONS[name])}({a}, {b})"

    return write


def _field(writer: Writer, record: str, name: str) -> str:
    """As `Scope.field`, read once for all slots. What is empty is unknown."""
    if record == "lead" and name not in BUILT_IN:
        return writer.reading(f"None if (value := field({writer.constant(name)})) == '' else value")
    if record == "lead":
        return writer.reading(f"lead.{'zone' if name == 'time_zone' else name} or None")
    if name not in RECORDS[record]:
        return writer.constant(None)
    return writer.reading(f"None if view.{record} is None else view.{record}.{name} or None")
