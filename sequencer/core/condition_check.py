"""From a condition's syntax to Python: every name, value and comparison is checked on the way.

The code is built as a Python syntax tree, of which only constants come from what people wrote.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from sys import float_info
from typing import Any, Final, Literal, TypeAlias

from jinja2 import nodes

from sequencer.core import condition_run as run
from sequencer.core.codes import Code
from sequencer.core.condition_bench import FACTS, Bench, ask, ask_lead, suggestion
from sequencer.core.condition_functions import FUNCTIONS, build_call
from sequencer.core.condition_names import STANDING, Facts
from sequencer.core.duration import Duration
from sequencer.core.event import SALES_READY

Kind: TypeAlias = Literal["text", "number", "date", "flag", "some_of", "list"]

COMPANY: Final = frozenset({"name", "domain", "owner"})

_CALLABLE: Final = FUNCTIONS.keys() | {"has"}

_LATER: Final = frozenset({"became", "silent", "before"})
"""Triggers, which no condition asks for."""

_MEANT: Final = {
    "answered": "replied",
    "booked": "did",
    "delivered": "received",
    "downloaded": "submitted",
    "filled": "submitted",
    "requested": "did",
    "sent": "received",
    "viewed": "visited",
}
"""Functions that people expect, and the one that asks for it."""

_PEOPLE: Final = 'company.engaged_people("30 days")'

_KINDS: Final[dict[Kind, str]] = {
    "text": "text",
    "number": "a number",
    "date": "a date",
    "flag": "true or false",
    "some_of": "several values",
    "list": "a list",
}

_HELPERS: Final[tuple[Callable[..., Any], ...]] = (
    run.equal, run.differs, run.less, run.at_most, run.among, run.not_among, run.holds, run.lacks, run.known, run.day,
)  # fmt: skip

_COMPARE: Final = {
    "eq": (run.equal, False),
    "ne": (run.differs, False),
    "lt": (run.less, False),
    "lteq": (run.at_most, False),
    "gt": (run.less, True),
    "gteq": (run.at_most, True),
}
"""What compares, and whether the sides change places."""

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison."""

    kind: Kind
    column: int
    written: str
    """How it reads in a message."""
    code: ast.expr
    choices: tuple[str, ...] | None = None
    literal: bool = False
    value: Any = None
    """Of a literal."""
    items: tuple["Operand", ...] = ()
    """Of a list."""
    counted: bool = False
    """A number that behaviour makes, and that is compared with fixed ones only."""


def build(node: nodes.Expr, bench: Bench, label: str) -> Callable[[Facts], bool] | None:
    """The condition as a function; None when the bench has flaws. `label` names it in a traceback."""
    body = _Checker(bench).test(node)
    if bench.flaws:
        return None
    parameters = ast.arguments([], [ast.arg(FACTS)], None, [], [], None, [])
    code = compile(ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, body))), label, "eval")
    names = {helper.__name__: helper for helper in _HELPERS} | bench.constants
    test: Callable[[Facts], bool] = eval(code, {"__builtins__": {}, **names})
    return test


class _Checker:
    """Where something is wrong it notes a flaw and goes on, so that every problem is found at once."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def test(self, node: nodes.Expr) -> ast.expr:
        """Code for something true or false."""
        match node:
            case nodes.And() | nodes.Or():
                operator = ast.And() if isinstance(node, nodes.And) else ast.Or()
                return ast.BoolOp(operator, [self.test(part) for part in _parts(node, type(node))])
            case nodes.Not():
                return ast.UnaryOp(ast.Not(), self.test(node.node))
            case nodes.Compare():
                return self.comparison(node)
        operand = self.operand(node)
        if operand is None:
            return _NEVER
        if operand.kind != "flag":
            expected = f"expected a comparison, such as `{operand.written} == …`"
            if operand.written.startswith("lead."):
                expected += f', or `known("{operand.written.removeprefix("lead.")}")`'
            self.bench.flaw(operand.column, "condition-type", f"{expected}, got {_KINDS[operand.kind]}")
        # A flag that is unknown is not set.
        return ast.Compare(operand.code, [ast.Is()], [ast.Constant(True)])

    def comparison(self, node: nodes.Compare) -> ast.expr:
        operands = [self.operand(node.expr), *(self.operand(part.expr) for part in node.ops)]
        tests = [
            self.compare(part.op, left, right)
            for part, left, right in zip(node.ops, operands, operands[1:], strict=False)
            if left is not None and right is not None
        ]
        if not tests:
            return _NEVER
        return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)

    def operand(self, node: nodes.Expr) -> Operand | None:
        """Code for a value; None, and a flaw, if it is nothing that conditions know."""
        match node:
            case nodes.Const():
                return self.constant(node.value, node.lineno)
            case nodes.Neg(node=nodes.Const(value=int() | float() as number)) if not isinstance(number, bool):
                return self.constant(-number, node.lineno)
            case nodes.Getattr(node=nodes.Name(name="lead")):
                return self.lead(node.attr, node.lineno + 1)
            case nodes.Getattr(node=nodes.Name(name="company")):
                if not self.bench.is_among(node.lineno + 1, "field", node.attr, COMPANY):
                    return None
                self.bench.company.add(node.attr)
                return Operand("text", node.node.lineno, f"company.{node.attr}", ask("company", node.attr))
            case nodes.Name(name="score" | "fit" as name) if name in self.bench.names.standing:
                self.bench.standing.add(name)
                if name == "score":
                    self.bench.awaits |= self.bench.names.counted
                return Operand("number", node.lineno, name, ask(name), counted=True)
            case nodes.Call(node=nodes.Getattr(node=nodes.Name(name="company"), attr="engaged_people")) if (
                "engaged_people" in self.bench.names.standing
            ):
                return self.people(node)
            case nodes.List():
                return self.items(node)
            case nodes.Call(node=nodes.Name(name="list")):
                return self.listed(node)
            case nodes.Call():
                code = self.call(node)
                return None if code is None else Operand("flag", node.node.lineno, "it", code)
            case nodes.And() | nodes.Or() | nodes.Not() | nodes.Compare():
                return Operand("flag", node.lineno, "it", self.test(node))
        self.refuse(node)
        return None

    def constant(self, value: Any, column: int) -> Operand | None:
        code = ast.Constant(value)
        if isinstance(value, bool):
            return Operand("flag", column, str(value).lower(), code, literal=True, value=value)
        if isinstance(value, str):
            return Operand("text", column, f'"{value}"', code, literal=True, value=value)
        if isinstance(value, int | float) and abs(value) <= float_info.max:
            return Operand("number", column, str(value), code, literal=True, value=value)
        expected = "a smaller number" if value is not None else '`known("field")` to ask whether a value is known'
        self.bench.flaw(column, "condition-type", f"expected {expected}")
        return None

    def lead(self, name: str, column: int) -> Operand | None:
        field = self.bench.field(column, name)
        if field is None:
            return None
        kind: Kind = "text" if field.type == "one_of" else field.type
        code = ask_lead(name, kind)
        if kind == "date":
            code = _run(run.day, code)
        choices = field.choices if field.type in ("one_of", "some_of") else None
        return Operand(kind, column - len("lead."), f"lead.{name}", code, choices)

    def people(self, node: nodes.Call) -> Operand | None:
        """`company.engaged_people("30 days")`."""
        column = node.node.lineno + 1
        given = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], nodes.Const) else None
        if not isinstance(given, str) or node.kwargs:
            self.bench.flaw(column, "condition-argument", f"expected {_PEOPLE}")
            return None
        try:
            window = Duration.parse(given)
        except ValueError as error:
            self.bench.flaw(node.args[0].lineno, "condition-argument", str(error))
            return None
        if window.unit not in ("day", "week") or not window.amount:
            expected = f"expected days or weeks, as in {_PEOPLE}, got `{given}`"
            self.bench.flaw(node.args[0].lineno, "condition-argument", expected)
            return None
        self.bench.standing.add("engaged_people")
        self.bench.windows.add(window)
        code = ask("engaged_people", within=self.bench.bind(window))
        return Operand("number", column - len("company."), "company.engaged_people(…)", code, counted=True)

    def items(self, node: nodes.List) -> Operand | None:
        items = [self.operand(item) for item in node.items]
        found = [item for item in items if item is not None]
        if len(found) < len(items):
            return None
        wrong = next((item for item in found if not item.literal), None)
        if wrong is not None or not found:
            column = node.lineno if wrong is None else wrong.column
            self.bench.flaw(column, "condition-type", 'expected values in the list, such as `["mql", "sql"]`')
            return None
        return Operand("list", node.lineno, "the list", _NEVER, items=tuple(found))

    def listed(self, node: nodes.Call) -> Operand | None:
        """`list("competitors.txt")`: the values that a file holds."""
        named = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], nodes.Const) else None
        if not isinstance(named, str) or node.kwargs:
            self.bench.flaw(node.node.lineno, "condition-argument", 'expected list("competitors.txt")')
            return None
        if not self.bench.is_among(node.args[0].lineno, "list", named, self.bench.names.lists):
            return None
        column = node.node.lineno
        if not self.bench.names.lists[named]:
            self.bench.flaw(node.args[0].lineno, "condition-argument", f"expected at least one value in {named}")
            return None
        items = tuple(
            Operand("text", column, f'"{value}"', ast.Constant(value), literal=True, value=value)
            for value in sorted(self.bench.names.lists[named])
        )
        return Operand("list", column, "the list", _NEVER, items=items)

    def call(self, node: nodes.Call) -> ast.expr | None:
        if not isinstance(node.node, nodes.Name):
            self.refuse(node.node)
            return None
        name = node.node.name
        if name == "has":
            return self.has(node)
        if name == "sales_ready" and name in self.bench.names.standing:
            return self.ready(node)
        if name in FUNCTIONS:
            return build_call(self.bench, name, node)
        meant = f"; did you mean `{_MEANT[name]}(…)`?" if name in _MEANT else suggestion(name, _CALLABLE)
        told = f"{_absent(f'{name}()', name)}{meant}"
        self.bench.flaw(node.node.lineno, "condition-name", told)
        return None

    def ready(self, node: nodes.Call) -> ast.expr | None:
        if node.args or node.kwargs:
            self.bench.flaw(node.node.lineno, "condition-argument", "expected sales_ready()")
            return None
        self.bench.standing.add("sales_ready")
        self.bench.awaits.add(SALES_READY)
        return ask("sales_ready")

    def has(self, node: nodes.Call) -> ast.expr | None:
        if len(node.args) != 2 or node.kwargs:
            self.bench.flaw(node.node.lineno, "condition-argument", 'expected has(lead.field, "value")')
            return None
        several, item = self.operand(node.args[0]), self.operand(node.args[1])
        if several is None or item is None:
            return None
        if several.kind != "some_of":
            got = f"`{several.written}` is {_KINDS[several.kind]}"
            self.bench.flaw(several.column, "condition-type", f"expected a field of several values in has(): {got}")
            return None
        return self.member("in", item, several)

    def compare(self, op: str, left: Operand, right: Operand) -> ast.expr:
        if op in ("in", "notin"):
            return self.member(op, left, right)
        for side in (left, right):
            if side.kind in ("list", "some_of"):
                other = right if side is left else left
                asked = other.written if other.literal and other.kind == "text" else '"…"'
                better = f"has({side.written}, {asked}), as it holds several values"
                better = better if side.kind == "some_of" else "`in` before a list"
                self.bench.flaw(side.column, "condition-type", f"expected {better}")
                return _NEVER
        left, right = self.pair(left, right)
        for side, other in ((left, right), (right, left)):
            if side.counted and other.kind == "number" and not other.literal:
                self.bench.flaw(
                    other.column, "condition-type", f"expected a number after `{side.written}`, got `{other.written}`"
                )
                return _NEVER
        compare, turned = _COMPARE[op]
        if compare in (run.less, run.at_most):
            unordered = next((side for side in (left, right) if side.kind == "flag" or side.choices), None)
            if unordered is not None:
                self.bench.flaw(
                    unordered.column,
                    "condition-type",
                    f"expected `==`, `!=` or `in`: `{unordered.written}` has no order",
                )
        return _run(compare, right.code, left.code) if turned else _run(compare, left.code, right.code)

    def member(self, op: str, item: Operand, several: Operand) -> ast.expr:
        if item.kind in ("list", "some_of"):
            better = f'has({item.written}, "…")' if item.kind == "some_of" else "one value before `in`"
            self.bench.flaw(item.column, "condition-type", f"expected {better}")
            return _NEVER
        if item.counted:
            expected = f"expected a comparison, such as `{item.written} >= 30`, got `in`"
            self.bench.flaw(item.column, "condition-type", expected)
            return _NEVER
        if several.kind == "some_of":
            fitting, _ = self.pair(item, replace(several, kind="text"))
            return _run(run.holds if op == "in" else run.lacks, several.code, fitting.code)
        if several.kind != "list":
            self.bench.flaw(
                several.column,
                "condition-type",
                f'expected a list after `in`, such as `["a", "b"]`, got {_KINDS[several.kind]}',
            )
            return _NEVER
        fitted = [self.pair(item, one)[1] for one in several.items]
        values = frozenset(one.value for one in fitted)
        sort = run.SORTS[type(fitted[0].value)]
        function = run.among if op == "in" else run.not_among
        return _run(function, item.code, self.bench.bind(values), ast.Constant(sort))

    def pair(self, left: Operand, right: Operand) -> tuple[Operand, Operand]:
        """Both sides, made comparable; a flaw where they are not."""
        left, right = self.fit(left, right), self.fit(right, left)
        if left.kind != right.kind:
            wrong, other = (left, right) if left.literal and not right.literal else (right, left)
            self.bench.flaw(
                wrong.column,
                "condition-type",
                f"expected {_KINDS[other.kind]}, as `{other.written}` is, got `{wrong.written}`",
            )
        return left, right

    def fit(self, side: Operand, other: Operand) -> Operand:
        """A text literal in the light of what it is compared with: a date, or one of the choices."""
        if not side.literal or side.kind != "text":
            return side
        if other.kind == "date":
            day = run.day(side.value) if _ISO_DATE.fullmatch(side.value) else None
            if day is None:
                expected = f'expected a date such as "2026-12-31", got {side.written}'
                self.bench.flaw(side.column, "condition-type", expected)
            return replace(side, kind="date", value=day or date.min, code=self.bench.bind(day))
        if side.value == "":
            expected = 'expected `known("field")` to ask whether a value is known, got ""'
            self.bench.flaw(side.column, "condition-type", expected)
        elif other.choices is not None:
            self.bench.is_choice(side.column, side.value, other.choices)
        return side

    def refuse(self, node: nodes.Expr) -> None:
        match node:
            case nodes.Name(name="lead" | "company"):
                expected = f"expected a field, such as `{node.name}.{'stage' if node.name == 'lead' else 'name'}`"
            case nodes.Name(name=name) if name in _CALLABLE:
                expected = f"expected `{name}(…)`"
            case nodes.Name(name=name) if name in self.bench.names.fields or name in ("stage", "status", "owner"):
                expected = f"expected `lead.{name}`, got `{name}`"
            case nodes.Name(name=name):
                expected = f"{_absent(name, name)}; expected `lead.`, `company.` or a function"
                expected += f" ({', '.join(sorted(_CALLABLE))})"
            case nodes.Getattr(node=nodes.Name(name=name)):
                expected = f"{_absent(f'{name}.{node.attr}', node.attr)}; expected `lead.FIELD` or `company.FIELD`"
            case nodes.Getattr() | nodes.Getitem():
                expected = "expected `lead.FIELD` or `company.FIELD`"
            case nodes.Tuple():
                expected = "expected a list in square brackets, got round ones"
            case _:
                expected = "expected a comparison or a function, without arithmetic"
        code: Code = "condition-name" if isinstance(node, nodes.Name | nodes.Getattr) else "condition-syntax"
        column = node.lineno + 1 if isinstance(node, nodes.Getattr) else node.lineno  # after the dot
        self.bench.flaw(column, code, expected)


_NEVER: Final = ast.Constant(False)
"""Stands in for what is wrong: there are flaws, so it never runs."""


def _absent(written: str, name: str) -> str:
    if name in STANDING:
        return f"`{written}` is not available here (sequences/signals.yaml says what counts)"
    return f"`{written}` is not available here" if name in _LATER else f"there is no `{written}`"


def _parts(node: nodes.Expr, kind: type[nodes.BinExpr]) -> Iterator[nodes.Expr]:
    """`a or b or c` from left to right. Jinja nests it to the left, as deep as it is long."""
    rights = []
    while isinstance(node, kind):
        rights.append(node.right)
        node = node.left
    yield node
    yield from reversed(rights)


def _run(helper: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(helper.__name__, ast.Load()), list(arguments), [])
