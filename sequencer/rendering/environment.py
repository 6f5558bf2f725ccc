"""The Jinja environments mails are rendered in: sandboxed, bounded, kind to unknown values.

Three of them differ in what becomes of a printed value: escaped in HTML, as it is in text, on one line in the subject.
Differences from plain Jinja, the same for slots and whole templates:
a comparison with an unknown value is false, None prints as nothing, a list as `a, b`, 50.0 as 50;
what would cost memory or time beyond any mail's need is refused.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

from jinja2 import StrictUndefined, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, do_join, do_replace
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from sequencer.rendering.budget import CHARACTERS, Budget, bounded, steps, weighed
from sequencer.rendering.links import harmless_address

REPEAT: Final = 1_000
"""What `range` may count to."""
STRIPPED: Final = 10_000
"""Characters that `striptags` takes; a value of a lead has 1,000 at most."""

URL_FILTER: Final = "_address"
"""Put around values that stand at the beginning of an href or src; not for people to write."""
BUDGET: Final = "_budget"
"""The variable that holds the mail's Budget."""

ALLOWED_FILTERS: Final = frozenset(
    "abs capitalize count d date default first float int join last length list lower max min replace reverse round "
    "sort string striptags sum title trim truncate unique upper urlencode wordcount".split()
)
_ITEM_BY_ITEM: Final = frozenset("join list max min sort sum unique".split())
ALLOWED_TESTS: Final = frozenset("defined divisibleby even none number odd string undefined".split())


class Mode(StrEnum):
    """The kind of place a value is printed into."""

    HTML = "html"
    TEXT = "text"
    HEADER = "header"


class Record:
    """A lead, company, owner, sender or brand, as templates see it: fields to read and nothing else."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.read = read


class _Bounds(NodeTransformer):
    """Replaces comparisons, `~`, lists, and what loops go through by filters that know None and the bounds."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        # Literal text costs nothing to print, but in a loop it may come very often.
        size = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filter(node.iter, "_each", [nodes.Const(1 + size // CHARACTERS, lineno=node.lineno)])
        return node

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        return self._weighed(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        return self._weighed(node) if node.ctx == "load" else node

    def _weighed(self, node: nodes.List | nodes.Tuple) -> nodes.Expr:
        self.generic_visit(node)
        literal = all(isinstance(item, nodes.Const) for item in node.items)
        return node if literal else _filter(node, "_weighed", [])

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:
        self.generic_visit(node)
        left: nodes.Expr = node.expr
        whole: nodes.Expr | None = None
        for operand in node.ops:
            arguments: list[nodes.Expr] = [nodes.Const(operand.op, lineno=node.lineno), operand.expr]
            pair = _filter(left, "_compare", arguments)
            whole = pair if whole is None else nodes.And(whole, pair, lineno=node.lineno)
            left = operand.expr
        assert whole is not None
        return whole

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "_concat", [])


def _filter(node: nodes.Expr, name: str, arguments: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, arguments, [], None, None, lineno=node.lineno)


class MailEnvironment(ImmutableSandboxedEnvironment):
    """One per mode; see the module."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, mode: Mode) -> None:
        super().__init__(
            autoescape=mode is Mode.HTML,
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            finalize=_finalize_header if mode is Mode.HEADER else _finalize,
            cache_size=0,
        )
        self.globals = {"range": _range}
        own: dict[str, Callable[..., Any]] = {
            "date": long_date,
            "replace": _replace,
            "round": _round,
            "striptags": _striptags,
            "sum": _sum,
        }
        filters = {name: own.get(name) or FILTERS[name] for name in ALLOWED_FILTERS if name in FILTERS or name in own}
        self.filters = {name: _known(filtered, name in _ITEM_BY_ITEM) for name, filtered in filters.items()}
        self.filters |= {
            "d": default,
            "default": default,
            "join": _join,
            "_compare": _compare,
            "_concat": _concat,
            "_each": _each,
            "_weighed": _weighed,
            URL_FILTER: address,
        }
        self.tests = {name: TESTS[name] for name in ALLOWED_TESTS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        _Bounds().visit(template)
        return template.set_environment(self)  # type: ignore[return-value]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Fields of records and what loops know of themselves; nothing else has parts with names."""
        if isinstance(obj, Record):
            return obj.read(attribute)
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, argument) if isinstance(argument, str) else super().getitem(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        context[BUDGET].spend(steps(left) + steps(right))
        if operator == "+":
            if hasattr(left, "__len__") and hasattr(right, "__len__"):
                bounded(len(left) + len(right))
            return weighed(left + right)
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise SecurityError(f"expected numbers for “{operator}”, and no powers")
        result = left * right if operator == "*" else left % right
        if isinstance(result, int) and result.bit_length() > 128:
            raise SecurityError("a number grew beyond all measure")
        return result


def _known(filtered: Callable[..., Any], each: bool) -> Callable[..., Any]:
    """The filter, within bounds, and leaving the unknown unknown: Jinja's `upper` would print NONE."""
    wants = getattr(filtered, "jinja_pass_arg", None)
    first = {"eval_context": "eval_ctx", "environment": "environment"}.get(wants.name) if wants is not None else None

    @pass_context
    def call(context: Context, value: Any, *arguments: Any, **options: Any) -> Any:
        if value is None:
            return None
        context[BUDGET].spend(steps(value, each))
        given = () if first is None else (getattr(context, first),)
        result = filtered(*given, value, *arguments, **options)
        return weighed(result) if isinstance(result, str) else result

    return call


def printed(value: Any) -> Any:
    """What a value prints as, before escaping. Characters that no mail may hold are dropped."""
    if isinstance(value, Markup):
        return Markup(clean(str(value)))
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(
            str(printed(item)) for item in (sorted(value) if isinstance(value, set | frozenset) else value)
        )
    if isinstance(value, StrictUndefined):
        return value
    return clean(str(value))


def in_header(value: Any) -> Any:
    """As `printed`, on one line."""
    value = printed(value)
    return value if isinstance(value, StrictUndefined) else one_line(str(value))


# Taking the context also keeps Jinja from printing constants at compile time, by other rules than these.
@pass_context
def _finalize(context: Context, value: Any) -> Any:
    return _paid(context, printed(value))


@pass_context
def _finalize_header(context: Context, value: Any) -> Any:
    return _paid(context, in_header(value))


def _paid(context: Context, value: Any) -> Any:
    context[BUDGET].spend(steps(value))
    return value


_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BREAKS: Final = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]+")


def clean(text: str) -> str:
    """The text without characters that no mail may hold."""
    # What is printable throughout holds none: asked in no time, and mostly so.
    if text.isprintable():
        return text
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n")) if _FORBIDDEN.search(text) else text


def one_line(text: str) -> str:
    """Text fit for a header: line breaks and control characters become a space."""
    return text if text.isprintable() else _BREAKS.sub(" ", text)


def capped(text: str) -> str:
    """The text, when it is no longer than a slot may be."""
    bounded(len(text))
    return text


def _known_only(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and bool(compare(left, right))


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    name: _known_only(compare)
    for name, compare in {
        "eq": operator.eq,
        "ne": operator.ne,
        "lt": operator.lt,
        "lteq": operator.le,
        "gt": operator.gt,
        "gteq": operator.ge,
        "in": lambda left, right: left in right,
        "notin": lambda left, right: left not in right,
    }.items()
}
"""Comparisons by their name in Jinja's tree; false when either side is unknown, whichever it is."""


@pass_context
def _compare(context: Context, left: Any, name: str, right: Any) -> bool:
    context[BUDGET].spend(steps(left) + steps(right))
    return COMPARISONS[name](left, right)


@pass_context
def _concat(context: Context, parts: list[Any]) -> str:
    known = [part if isinstance(part, Markup) else str(printed(part)) for part in parts]
    bounded(sum(map(len, known)))
    context[BUDGET].spend(sum(map(steps, known)))
    return str_join(known) if not context.eval_ctx.autoescape else markup_join(known)


@pass_context
def _join(context: Context, value: Iterable[Any] | None, d: str = "") -> str:
    context[BUDGET].spend(steps(value, each=True))
    items = [item if isinstance(item, Markup) else str(printed(item)) for item in value or ()]
    bounded(sum(map(len, items)) + len(d) * len(items))
    joined: str = do_join(context.eval_ctx, items, d)
    return joined


@pass_context
def _each(context: Context, value: Iterable[Any], cost: int) -> Iterator[Any]:
    """What a loop goes through, each round paid for."""
    budget: Budget = context[BUDGET]

    def rounds(items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            budget.spend(cost)
            yield item

    return rounds(iter(value))


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    context[BUDGET].spend(steps(value))
    return weighed(value)


@pass_eval_context
def _replace(context: EvalContext, value: Any, old: str, new: str) -> str:
    text = value if isinstance(value, Markup) else str(printed(value))
    bounded(len(text) + (str(text).count(old) if old else len(text) + 1) * len(escape(new)))
    return do_replace(context, text, old, new)


def _striptags(value: Any) -> str:
    """MarkupSafe's, which takes time by the square of what there is to strip."""
    text = str(printed(value))
    if len(text) > STRIPPED:
        raise SecurityError(f"striptags: expected at most {STRIPPED} characters, got {len(text)}")
    return Markup(text).striptags()


def _sum(value: Iterable[Any]) -> int | float:
    """Of numbers; Jinja's also joins lists, copying them again and again."""
    return sum(item for item in value if isinstance(item, int | float))


def default(value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Jinja's `default`, to which an unknown field is as good as a missing one."""
    missing = value is None or isinstance(value, StrictUndefined)
    return instead if missing or (boolean and not value) else value


def _round(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(float(value), max(-12, min(12, digits)))


def _range(*bounds: int) -> range:
    counted = range(*bounds)
    if len(counted) > REPEAT:
        raise SecurityError(f"range: expected at most {REPEAT} numbers, got {len(counted)}")
    return counted


def long_date(value: date | None) -> str:
    """`{{ lead.renewal_date | date }}` prints as 21 December 2026 (English, whatever the machine's locale)."""
    if value is None:
        return ""
    day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)  # fmt: skip


def address(value: Any) -> str:
    """A value that an href or src begins with; `#` unless it is harmless."""
    return harmless_address(str(printed(value)))


def _plain(filtered: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        if value is None:
            return None
        result = filtered(value)
        return weighed(result) if isinstance(result, str) else result

    return call


PLAIN_FILTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    name: _plain(FILTERS[name]) for name in ("capitalize", "length", "lower", "title", "trim", "upper")
} | {"date": _plain(long_date)}
"""Filters that need nothing but their value and cost no more than reading it, as the environments have them."""

ENVIRONMENTS: Final[Mapping[Mode, MailEnvironment]] = {mode: MailEnvironment(mode) for mode in Mode}
