"""The bench on which one condition is checked and turned into code: what was found wrong, named and asked so far."""

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from sequencer.core.codes import UNKNOWN, Code, Declared
from sequencer.core.condition_names import Asks, Names
from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.lead import BUILT_IN

FACTS: Final = "facts"
"""The one parameter of compiled conditions."""

_LISTED: Final = 12
"""More options than this are not listed in a message."""

_CHOICES: Final = 10
"""The same of choices, which are named also where one was probably meant."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong, at a column of the source (from 1)."""

    column: int
    code: Code
    message: str


@dataclass(slots=True)
class Bench:
    """Collects while the checker walks over one condition."""

    names: Names
    flaws: list[Flaw] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    """What the code refers to by name, because it cannot stand in it."""
    fields: set[str] = field(default_factory=set)
    company: set[str] = field(default_factory=set)
    steps: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    standing: set[str] = field(default_factory=set)
    awaits: set[str] = field(default_factory=set)
    windows: set[Duration] = field(default_factory=set)
    bounded: Duration | None = None
    ever: bool = False
    links: set[str] = field(default_factory=set)

    def flaw(self, column: int, code: Code, message: str) -> None:
        self.flaws.append(Flaw(column, code, message))

    def is_among(self, column: int, kind: Declared, name: str, options: Collection[str] | None) -> bool:
        """Whether a name is declared; if not, it is a flaw `unknown-KIND`."""
        if options is None or name in options:
            return True
        self.flaw(column, UNKNOWN[kind], f"expected {article(kind)}, got `{name}`{suggestion(name, options)}")
        return False

    def is_choice(self, column: int, value: str, choices: Sequence[str]) -> None:
        """Notes a flaw `unknown-choice` unless the value is one of them; they are named as they are declared."""
        if value in choices:
            return
        listed = ", ".join(choices[:_CHOICES]) + (" …" if len(choices) > _CHOICES else "")
        close = get_close_matches(value, choices, 1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        expected = f"expected one of {listed}" if choices else "expected a choice, of which none is declared"
        self.flaw(column, "unknown-choice", f"{expected}, got `{value}`{hint}")

    def field(self, column: int, name: str) -> Field | None:
        """A field of the lead, which the condition then depends on; None and a flaw if there is none."""
        if not self.is_among(column, "field", name, self.names.fields.keys() | BUILT_IN):
            return None
        self.fields.add(name)
        choices = {"stage": self.names.stages, "status": self.names.statuses}.get(name)
        if choices is not None:
            return Field(name, "one_of", choices)
        return self.names.fields.get(name) or Field(name, "text")

    def look_back(self, within: Duration | None, ever: bool) -> None:
        """Note how far back events may count."""
        self.ever = self.ever or ever
        if within is not None:
            # However many days of a week are quiet, so many weeks hold the business days.
            plain = within if within.unit != "business day" else Duration(within.amount, "week")
            self.bounded = max(self.bounded or plain, plain, key=lambda bound: bound.elapsed)

    def include(self, asks: Asks) -> None:
        """The condition depends on all that another one does."""
        self.fields |= asks.fields
        self.company |= asks.company
        self.steps |= asks.steps
        self.events |= asks.events
        self.contents |= asks.contents
        self.topics |= asks.topics
        self.standing |= asks.standing
        self.awaits |= asks.awaits
        self.windows |= asks.windows
        self.links |= asks.links
        self.look_back(asks.bounded, asks.ever)

    def bind(self, value: Any) -> ast.expr:
        """Code for a value that Python has no literal for."""
        name = f"value_{len(self.constants)}"
        self.constants[name] = value
        return ast.Name(name, ast.Load())

    @property
    def asks(self) -> Asks:
        return Asks(
            frozenset(self.fields),
            frozenset(self.company),
            frozenset(self.steps),
            frozenset(self.events),
            frozenset(self.contents),
            frozenset(self.topics),
            frozenset(self.standing),
            frozenset(self.awaits),
            frozenset(self.windows),
            self.bounded,
            self.ever,
            frozenset(self.links),
        )


def article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def suggestion(name: str, options: Collection[str]) -> str:
    """`; did you mean …?`, else what there is, if that is short enough to read."""
    ordered = sorted(options)
    if close := get_close_matches(name, ordered, 1):
        return f"; did you mean `{close[0]}`?"
    if not ordered:
        return "; none is declared"
    listed = ", ".join(ordered[:_LISTED])
    return f"; possible: {listed}" + (" …" if len(ordered) > _LISTED else "")


def ask_lead(name: str, kind: str = "text") -> ast.expr:
    """Code that reads a field of the lead: what every lead has at once, and of the declared ones texts by `get`, to
    which an empty one is unknown; of any other kind it is nothing that compares.
    """
    lead = ast.Attribute(ast.Name(FACTS, ast.Load()), "lead", ast.Load())
    if name in BUILT_IN:
        own = ast.Attribute(lead, "zone" if name == "time_zone" else name, ast.Load())
        return ast.BoolOp(ast.Or(), [own, ast.Constant(None)])
    where = lead if kind == "text" else ast.Attribute(lead, "fields", ast.Load())
    return ast.Call(ast.Attribute(where, "get", ast.Load()), [ast.Constant(name)], [])


def ask(method: str, *arguments: Any, **keywords: ast.expr) -> ast.expr:
    """Code that asks the facts."""
    return ast.Call(
        ast.Attribute(ast.Name(FACTS, ast.Load()), method, ast.Load()),
        [ast.Constant(argument) for argument in arguments],
        [ast.keyword(name, value) for name, value in keywords.items()],
    )
