"""Conditions that are the same for every lead there could be.

The compiled condition itself is run on made-up leads: for each question that it asks, every answer that could make a
difference. Of a field these are the values that the condition names, some between and beyond them, none at all, and
one of a foreign type, as older data may hold. Answers are taken as independent of one another, which they are not
always (who clicked a link clicked the mail): more worlds are looked at than there are, so what holds in all of them
holds. Where there are too many, nothing is said.
"""

from collections.abc import Hashable, Iterator, Sequence
from datetime import date
from itertools import combinations, pairwise
from math import ceil, floor, inf, isfinite, nextafter
from typing import Any, Final

from jinja2 import nodes

from sequencer.core.condition import Condition
from sequencer.core.condition_names import MadeUp, Names
from sequencer.core.condition_parse import SyntaxProblem, parse
from sequencer.core.condition_run import day
from sequencer.core.duration import Duration

WORLDS: Final = 2_000
"""Runs of a condition, a few microseconds each, after which it counts as one that can be either."""

MEMBERS: Final = 5
"""Values of a field of several, of which every subset is a world."""

_ODD: Final = object()
"""A value of a type that compares with nothing."""

_NOTHING: Final = (None, _ODD)


def always(condition: Condition, names: Names) -> bool | None:
    """True or False if the condition is that for every lead; None if it can be either, or if nobody can tell."""
    try:
        trees = list(_trees(condition.source, names, set()))
    except SyntaxProblem:
        return None  # of an audience, where it is told
    every = [node for tree in trees for node in (tree, *tree.find_all(nodes.Node))]
    literals = [node.value for node in every if isinstance(node, nodes.Const)]
    negative = [node.node for node in every if isinstance(node, nodes.Neg)]
    literals += [-node.value for node in negative if isinstance(node, nodes.Const)]
    fields = sum(isinstance(node, nodes.Getattr) for node in every)
    several = {name for name, field in names.fields.items() if field.type == "some_of"}
    if several & condition.asks.fields and any(map(_member_unnamed, every)):
        return None
    # Fields that are compared with one another must be able to lie in any order, also between two literals.
    apart = fields if any(map(_of_fields, every)) else 1
    domains = _Domains(names, literals, apart)
    seen: set[bool] = set()
    path: list[int] = []
    for _ in range(WORLDS):
        world = _World(domains, path)
        seen.add(condition.test(world))
        if len(seen) > 1 or world.too_many:
            return None
        path = [number for number, _ in world.taken]
        while path and path[-1] + 1 == world.taken[len(path) - 1][1]:
            path.pop()
        if not path:
            return seen.pop()
        path[-1] += 1
    return None


def _trees(source: str, names: Names, seen: set[str]) -> Iterator[nodes.Expr]:
    """The condition's own syntax, and that of the audiences it asks for."""
    tree = parse(source)
    yield tree
    for call in (tree, *tree.find_all(nodes.Call)):
        if isinstance(call, nodes.Call) and isinstance(call.node, nodes.Name) and call.node.name == "in_audience":
            name = call.args[0].value if isinstance(call.args[0], nodes.Const) else ""
            if name in names.audiences and name not in seen:
                seen.add(name)
                yield from _trees(names.audiences[name].source, names, seen)


def _of_fields(node: nodes.Node) -> bool:
    """A comparison in which a field stands on more than one side."""
    if not isinstance(node, nodes.Compare):
        return False
    return sum(isinstance(side, nodes.Getattr) for side in (node.expr, *(part.expr for part in node.ops))) > 1


def _member_unnamed(node: nodes.Node) -> bool:
    """Whether something other than a literal is looked for in a field of several values."""
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name) and node.node.name == "has" and not _literal(node.args[1])
    if not isinstance(node, nodes.Compare):
        return False
    sides = (node.expr, *(part.expr for part in node.ops))
    return any(
        part.op in ("in", "notin") and isinstance(part.expr, nodes.Getattr) and not _literal(before)
        for before, part in zip(sides, node.ops, strict=False)
    )


def _literal(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const)


class _Domains:
    """The values that could make a difference, by the type of a field."""

    def __init__(self, names: Names, literals: Sequence[Any], apart: int) -> None:
        self._types = {name: field.type for name, field in names.fields.items()}
        texts = sorted({value for value in literals if isinstance(value, str)})
        numbers = sorted({value for value in literals if type(value) in (int, float)})
        dates = sorted({found for text in texts if len(text) == 10 and (found := day(text)) is not None})
        self._texts = (*_NOTHING, *_texts(texts, apart))
        self._known_numbers = tuple(_numbers(numbers, apart))
        self._numbers = (*_NOTHING, *self._known_numbers)
        self._dates = (*_NOTHING, *_days([found.toordinal() for found in dates], apart))
        members = texts if len(texts) <= MEMBERS else None
        self._several = None if members is None else (*_NOTHING, *_subsets(members))

    def of(self, name: str) -> Sequence[Any] | None:
        """None: too many."""
        match self._types.get(name, "text"):
            case "number":
                return self._numbers
            case "date":
                return self._dates
            case "flag":
                return (*_NOTHING, True, False)
            case "some_of":
                return self._several
        return self._texts

    @property
    def counts(self) -> Sequence[int]:
        """What is always known, and whole: every such number that could make a difference."""
        finite = [number for number in self._known_numbers if isfinite(number)]
        return sorted({*map(floor, finite), *map(ceil, finite)})

    @property
    def company(self) -> Sequence[Any]:
        """An empty text is not told from a known one here, as it is for leads."""
        return (*self._texts, "")


def _texts(literals: Sequence[str], apart: int) -> Iterator[str]:
    """Each, and what comes right after it: no text lies between a text and itself with NUL behind it."""
    for text in ("", *literals):
        if text:
            yield text
        yield from (text + "\0" * (number + 1) for number in range(apart))


def _numbers(literals: Sequence[int | float], apart: int) -> Iterator[int | float]:
    if not literals:
        yield from range(apart)
        return
    yield from (literals[0] - number - 1 for number in range(apart))
    yield nextafter(literals[0], -inf)
    for low, high in pairwise(literals):
        yield low
        whole = isinstance(low, int) and isinstance(high, int) and high - low > apart
        for number in range(1, apart + 1):
            part = number / (apart + 1)
            yield low + (high - low) * number // (apart + 1) if whole else low * (1 - part) + high * part
        if whole and isinstance(low, int):
            yield low + 1
    yield literals[-1]
    yield nextafter(literals[-1], inf)
    yield from (literals[-1] + number + 1 for number in range(apart))


def _days(literals: Sequence[int], apart: int) -> Iterator[str]:
    """As ISO text, which is how fields hold dates."""
    around = sorted(
        {at + step for at in literals or [date(2026, 1, 1).toordinal()] for step in range(-apart, apart + 1)}
    )
    yield from (date.fromordinal(at).isoformat() for at in around if 0 < at <= date.max.toordinal())


def _subsets(members: Sequence[str]) -> Iterator[list[str]]:
    for size in range(len(members) + 1):
        for some in combinations(members, size):
            yield list(some)
            yield [*some, "\0"]


class _World:
    """Answers along a path: the number of the answer to each question in the order of asking, the first beyond it."""

    def __init__(self, domains: _Domains, path: Sequence[int]) -> None:
        self._domains = domains
        self._path = path
        self._given: dict[Hashable, Any] = {}
        self.taken: list[tuple[int, int]] = []
        """Of each question: the number of its answer, and how many there are."""
        self.too_many = False
        self.lead = MadeUp(self._field)

    def _answer(self, question: Hashable, answers: Sequence[Any]) -> Any:
        if question not in self._given:
            at = len(self.taken)
            number = self._path[at] if at < len(self._path) else 0
            self.taken.append((number, len(answers)))
            self._given[question] = answers[number]
        return self._given[question]

    def _field(self, name: str) -> Any:
        answers = self._domains.of(name)
        self.too_many |= answers is None
        return self._answer(("lead", name), answers or _NOTHING)

    def company(self, name: str, /) -> Any:
        return self._answer(("company", name), self._domains.company)

    def _asked(self, *question: Hashable) -> bool:
        return bool(self._answer(question, (False, True)))

    def opened(self, step: str, /) -> bool:
        return self._asked("opened", step)

    def clicked(self, step: str, link: str | None, /) -> bool:
        return self._asked("clicked", step, link)

    def opened_content(self, content: str, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._asked("opened_content", content, within, at_least, ever)

    def clicked_content(
        self, content: str, link: str | None, /, *, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        return self._asked("clicked_content", content, link, within, at_least, ever)

    def clicked_kind(self, kinds: tuple[str, ...], /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._asked("clicked_kind", kinds, within, at_least, ever)

    def clicked_among(
        self, contents: tuple[str, ...], /, *, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        return self._asked("clicked_among", contents, within, at_least, ever)

    def happened(self, kind: str, detail: str | None, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._asked("happened", kind, detail, within, at_least, ever)

    def asked_about(self, inquiry: str, /, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._asked("asked_about", inquiry, within, at_least, ever)

    def received(self, content: str, /) -> bool:
        return self._asked("received", content)

    def consent(self, topic: str, /) -> bool:
        return self._asked("consent", topic)

    def score(self) -> int:
        return int(self._answer("score", self._domains.counts))

    def fit(self) -> int:
        return int(self._answer("fit", self._domains.counts))

    def sales_ready(self) -> bool:
        return self._asked("sales_ready")

    def engaged_people(self, *, within: Duration) -> int:
        return int(self._answer(("engaged_people", within), self._domains.counts))
