"""The functions that conditions may call: their arguments, checked, and the code that asks for their answer."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import nodes

from sequencer.core import event
from sequencer.core.condition_bench import FACTS, Bench, ask, ask_lead, suggestion
from sequencer.core.condition_run import known
from sequencer.core.duration import Duration

_WINDOW: Final = ("within", "at_least", "ever")


@dataclass(frozen=True, slots=True)
class _Text:
    value: str
    column: int


@dataclass(frozen=True, slots=True)
class _Call:
    """A call whose arguments are of the right number and sort."""

    texts: tuple[_Text, ...]
    within: Duration | None = None
    at_least: int = 1
    ever: bool = False
    window: int = 0
    """The column of the first of `within`, `at_least`, `ever`; 0 if none is given."""


@dataclass(frozen=True, slots=True)
class _Function:
    """`build` checks what the arguments name; None if something is wrong."""

    example: str
    build: Callable[[Bench, _Call], ast.expr | None]
    least: int = 1
    most: int = 1
    window: bool = False
    """Whether `within`, `at_least` and `ever` make sense."""


def build_call(bench: Bench, name: str, node: nodes.Call) -> ast.expr | None:
    """Code for a call of one of FUNCTIONS; None, and flaws, if it is wrong."""
    function = FUNCTIONS[name]
    before = len(bench.flaws)
    found = _arguments(bench, function, node)
    return function.build(bench, found) if len(bench.flaws) == before else None


def _arguments(bench: Bench, function: _Function, node: nodes.Call) -> _Call:
    column = node.node.lineno
    if not function.least <= len(node.args) <= function.most:
        bench.flaw(column, "condition-argument", f"expected {function.example}, got {len(node.args)} arguments")
    texts = tuple(_texts(bench, function, node.args))
    within, at_least, ever, window = None, 1, False, 0
    given: set[str] = set()
    for keyword in node.kwargs:
        key, at = keyword.key, keyword.value.lineno
        value = keyword.value.value if isinstance(keyword.value, nodes.Const) else None
        window = window or at
        if key in given:
            bench.flaw(at, "condition-argument", f"expected `{key}` once")
        elif key not in _WINDOW or not function.window:
            hint = suggestion(key, _WINDOW) if function.window else ""
            bench.flaw(at, "condition-argument", f"expected {function.example}, got `{key}`{hint}")
        elif key == "within":
            within = _within(bench, at, value)
        elif key == "at_least":
            if type(value) is int and 1 <= value <= 1000:
                at_least = value
            else:
                bench.flaw(at, "condition-argument", "expected `at_least` to be a number from 1 to 1000")
        elif value is True:
            ever = True
        else:
            bench.flaw(at, "condition-argument", "expected `ever=true`, or to leave it out")
        given.add(key)
    if {"within", "ever"} <= given:
        bench.flaw(column, "condition-argument", "expected either `within` or `ever`, got both")
    return _Call(texts, within, at_least, ever, window)


def _texts(bench: Bench, function: _Function, arguments: list[nodes.Expr]) -> Iterator[_Text]:
    for argument in arguments:
        value = argument.value if isinstance(argument, nodes.Const) else None
        if isinstance(value, str) and known(value):
            yield _Text(value, argument.lineno)
        else:
            bench.flaw(argument.lineno, "condition-argument", f"expected text in quotes, as in {function.example}")


def _within(bench: Bench, column: int, value: object) -> Duration | None:
    try:
        if not isinstance(value, str):
            raise ValueError('expected a duration in quotes, such as `within="60 days"`')
        duration = Duration.parse(value)
        if not duration.amount:
            raise ValueError(f"expected a duration longer than nothing, got `{value}`")
        return duration
    except ValueError as error:
        bench.flaw(column, "condition-argument", str(error))
        return None


def _events(bench: Bench, kind: str, method: str, call: _Call, *subject: object) -> ast.expr:
    """Code that counts events in the call's window."""
    ever = call.within is None and (call.ever or bench.names.scope == "ever")
    bench.events.add(kind)
    bench.look_back(call.within, ever)
    return ask(
        method,
        *subject,
        within=ast.Constant(None) if call.within is None else bench.bind(call.within),
        at_least=ast.Constant(call.at_least),
        ever=ast.Constant(ever),
    )


def _opened(bench: Bench, call: _Call) -> ast.expr | None:
    subject = call.texts[0]
    if "/" in subject.value:
        if not bench.is_among(subject.column, "content", subject.value, bench.names.contents):
            return None
        return _events(bench, event.OPENED, "opened_content", call, subject.value)
    if _step(bench, call) is None:
        return None
    return ask("opened", bench.names.key(subject.value))


def _clicked(bench: Bench, call: _Call) -> ast.expr | None:
    subject = call.texts[0]
    link = call.texts[1] if len(call.texts) > 1 else None
    if "/" in subject.value:
        declared = bench.is_among(subject.column, "content", subject.value, bench.names.contents)
        content = subject.value if declared else None
    else:
        content = _step(bench, call)
    if content is None:
        return None
    links = bench.names.links.get(content)
    if link is not None and not bench.is_among(link.column, "link", link.value, links):
        return None
    name = None if link is None else link.value
    if name is not None:
        bench.links.add(name)
    if "/" in subject.value:
        return _events(bench, event.CLICKED, "clicked_content", call, subject.value, name)
    return ask("clicked", bench.names.key(subject.value), name)


def _step(bench: Bench, call: _Call) -> str | None:
    """The content that the named step mails."""
    step = call.texts[0]
    if call.window:
        bench.flaw(
            call.window,
            "condition-argument",
            f"expected only a step and a link: `{step.value}` counts from this enrollment on; "
            f"for anything longer name the content, such as `sales/{step.value}`",
        )
        return None
    if bench.names.scope == "ever":
        example = bench.names.steps.get(step.value) or f"sales/{step.value}"
        expected = f"expected a content, such as `{example}`: nobody has passed a step yet here"
        bench.flaw(step.column, "unknown-step", f"{expected}, got `{step.value}`")
        return None
    renamed = next((name for name, before in bench.names.was.items() if step.value in before), None)
    if renamed is not None and step.value not in bench.names.steps:
        bench.flaw(step.column, "unknown-step", f"expected a step, got `{step.value}`: it is called `{renamed}` now")
        return None
    if not bench.is_among(step.column, "step", step.value, bench.names.steps):
        return None
    content = bench.names.steps[step.value]
    if content is None:
        mailing = [name for name, mailed in bench.names.steps.items() if mailed is not None]
        bench.flaw(
            step.column,
            "unknown-step",
            f"expected a step that mails, got `{step.value}`{suggestion(step.value, mailing)}",
        )
        return None
    bench.steps.add(bench.names.key(step.value))
    return content


def _clicked_kind(bench: Bench, call: _Call) -> ast.expr | None:
    declared = [bench.is_among(text.column, "kind", text.value, bench.names.kinds) for text in call.texts]
    kinds = tuple(text.value for text in call.texts)
    return _events(bench, event.CLICKED, "clicked_kind", call, kinds) if all(declared) else None


def _clicked_tag(bench: Bench, call: _Call) -> ast.expr | None:
    tags = bench.names.tags
    declared = [bench.is_among(text.column, "tag", text.value, tags) for text in call.texts]
    contents = {content for text in call.texts for content in (tags or {}).get(text.value, ())}
    return _events(bench, event.CLICKED, "clicked_among", call, tuple(sorted(contents))) if all(declared) else None


def _replied(bench: Bench, call: _Call) -> ast.expr | None:
    return _events(bench, event.REPLIED, "happened", call, event.REPLIED, None)


def _unsubscribed(bench: Bench, call: _Call) -> ast.expr | None:
    return _events(bench, event.UNSUBSCRIBED, "happened", call, event.UNSUBSCRIBED, None)


def _visited(bench: Bench, call: _Call) -> ast.expr | None:
    return _events(bench, event.VISITED, "happened", call, event.VISITED, call.texts[0].value)


def _submitted(bench: Bench, call: _Call) -> ast.expr | None:
    return _events(bench, event.SUBMITTED, "happened", call, event.SUBMITTED, call.texts[0].value)


def _asked_about(bench: Bench, call: _Call) -> ast.expr | None:
    about = call.texts[0]
    if not bench.is_among(about.column, "inquiry", about.value, bench.names.inquiries):
        return None
    bench.events.add(event.SUBMITTED)
    return _events(bench, event.REPLIED, "asked_about", call, about.value)


def _did(bench: Bench, call: _Call) -> ast.expr | None:
    kind = call.texts[0]
    if kind.value in event.DELIVERY:
        bench.flaw(
            kind.column,
            "condition-argument",
            f"expected something that a lead does, such as `meeting_booked`, got `{kind.value}`",
        )
        return None
    return _events(bench, kind.value, "happened", call, kind.value, None)


def _received(bench: Bench, call: _Call) -> ast.expr | None:
    content = call.texts[0]
    if not bench.is_among(content.column, "content", content.value, bench.names.contents):
        return None
    bench.contents.add(content.value)
    return ask("received", content.value)


def _consent(bench: Bench, call: _Call) -> ast.expr | None:
    topic = call.texts[0]
    if not bench.is_among(topic.column, "topic", topic.value, bench.names.topics):
        return None
    bench.topics.add(topic.value)
    return ask("consent", topic.value)


def _in_audience(bench: Bench, call: _Call) -> ast.expr | None:
    name = call.texts[0]
    if not bench.is_among(name.column, "audience", name.value, bench.names.audiences):
        return None
    audience = bench.names.audiences[name.value]
    bench.include(audience.asks)
    return ast.Call(bench.bind(audience.test), [ast.Name(FACTS, ast.Load())], [])


def _known(bench: Bench, call: _Call) -> ast.expr | None:
    name = call.texts[0]
    field = bench.field(name.column, name.value)
    if field is None:
        return None
    return ast.Call(ast.Name(known.__name__, ast.Load()), [ask_lead(name.value)], [])


FUNCTIONS: Final = {
    "opened": _Function('opened("step")', _opened, window=True),
    "clicked": _Function('clicked("step", "link")', _clicked, most=2, window=True),
    "clicked_kind": _Function('clicked_kind("case-study")', _clicked_kind, most=20, window=True),
    "clicked_tag": _Function('clicked_tag("cost")', _clicked_tag, most=20, window=True),
    "replied": _Function("replied()", _replied, least=0, most=0, window=True),
    "visited": _Function('visited("/pricing*")', _visited, window=True),
    "submitted": _Function('submitted("form")', _submitted, window=True),
    "asked_about": _Function('asked_about("price")', _asked_about, window=True),
    "unsubscribed": _Function("unsubscribed()", _unsubscribed, least=0, most=0, window=True),
    "did": _Function('did("event")', _did, window=True),
    "received": _Function('received("sales/pricing")', _received),
    "consent": _Function('consent("topic")', _consent),
    "in_audience": _Function('in_audience("icp")', _in_audience),
    "known": _Function('known("field")', _known),
}
"""All but `has`, whose first argument is a field and not text."""
