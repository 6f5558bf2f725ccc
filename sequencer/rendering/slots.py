"""Splits a compiled template into what is the same for everyone and slots for what is not."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from sequencer.rendering.budget import OUTPUT
from sequencer.rendering.environment import ENVIRONMENTS, Mode, capped
from sequencer.rendering.links import around_token
from sequencer.rendering.names import PAGES, RECORDS
from sequencer.rendering.program import Fill, Quick
from sequencer.rendering.quick import escaped, quick_block, shown
from sequencer.rendering.scope import Scope
from sequencer.rendering.view import Letterhead


@dataclass(frozen=True, slots=True)
class Slot:
    """Slots with equal keys have equal values: the same expression, read in the same kind of place."""

    key: Hashable
    fill: Fill = field(compare=False)
    what: str = field(compare=False, default="")
    """For messages: where in the template it stands."""


Parts: TypeAlias = "tuple[str | Slot, ...]"

TOKEN = Slot("link token", Quick(lambda writer: writer.reading("view.link_token")), "link token")
PAGE_TOKEN = Slot("page token", Quick(lambda writer: writer.reading("view.page_token")), "page token")
DOWNLOAD_TOKEN = Slot(
    "download token",
    Quick(lambda writer: writer.reading("view.download_token or view.page_token")),
    "download token",
)
REPLY_TOKEN = Slot("reply token", Quick(lambda writer: writer.reading("view.reply_token")), "reply token")
"""Letters and digits only, hence the one slot of each that HTML, text and subject share."""


def split(
    template: str, mode: Mode, letterhead: Letterhead, links: Mapping[str, int], lines: Mapping[str, Parts]
) -> Parts:
    """The parts of a template. `links` are numbers by name, `lines` the parts of subject and preheader."""
    tree = ENVIRONMENTS[mode].parse(template)
    if "brand" not in {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}:
        _Branded(letterhead).visit(tree)
    return tuple(_merged(_Splitter(mode, letterhead, links, lines).parts(tree.body)))


class _Branded(NodeTransformer):
    """Puts in what a template reads of the brand, which is the same for everyone."""

    def __init__(self, letterhead: Letterhead) -> None:
        self._brand = letterhead.brand

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        match node:
            case nodes.Getattr(node=nodes.Name(name="brand"), attr=name) if name in RECORDS["brand"]:
                return nodes.Const(getattr(self._brand, name) or None, lineno=node.lineno)
        return self.generic_visit(node)


def _merged(parts: Iterator[str | Slot]) -> Iterator[str | Slot]:
    """Neighbouring literals as one, empty ones left out."""
    literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
        literal = ""
        yield part
    if literal:
        yield literal


class _Splitter:
    def __init__(
        self, mode: Mode, letterhead: Letterhead, links: Mapping[str, int], lines: Mapping[str, Parts]
    ) -> None:
        self._mode = mode
        self._letterhead = letterhead
        self._links = links
        self._lines = lines
        self._sets: list[nodes.Stmt] = []
        self._assigned: set[str] = set()

    def parts(self, body: Sequence[nodes.Node]) -> Iterator[str | Slot]:
        for number, node in enumerate(body):
            if isinstance(node, nodes.Output):
                for child in node.nodes:
                    yield from self._printed(child)
            elif isinstance(node, nodes.Assign | nodes.AssignBlock):
                self._sets.append(node)
                self._assigned |= _names(node.target)
            elif _leaks(node):
                # What follows may or may not see the set: one slot for all of it is surely right.
                yield self._slot(body[number:])
                return
            else:
                yield self._slot([node])

    def _printed(self, node: nodes.Expr) -> Iterator[str | Slot]:
        match node:
            case nodes.TemplateData(data=data):
                yield data
            case nodes.Const(value=value):
                yield shown(value, self._mode)
            case nodes.Name(name=name) if name in self._lines:
                yield from self._line(name)
            case nodes.Name(name=name) if name in PAGES and name not in self._assigned:
                yield from self._page(name)
            case nodes.Call(node=nodes.Name(name="link")) if (parts := self._link(node)) is not None:
                yield from parts
            case _:
                yield self._slot([nodes.Output([node], lineno=node.lineno)])

    def _line(self, name: str) -> Iterator[str | Slot]:
        for part in self._lines[name]:
            if isinstance(part, str):
                yield shown(part, self._mode)
            elif self._mode is Mode.HTML:
                yield Slot(("escaped", part.key), _escaped(part.fill), part.what)
            else:
                yield part

    def _page(self, name: str) -> Iterator[str | Slot]:
        """What is the same for everyone apart from the token: so one token serves all pages in all parts."""
        yield shown(self._letterhead.page(name), self._mode)
        yield DOWNLOAD_TOKEN if name == "download_url" else PAGE_TOKEN

    def _link(self, node: nodes.Call) -> Iterator[str | Slot] | None:
        """A link with nothing but literals in it; None for others."""
        given = [*node.args, *(pair.value for pair in node.kwargs)]
        values = [argument.value for argument in given if isinstance(argument, nodes.Const)]
        if len(values) < len(given) or not all(isinstance(value, str) for value in values):
            return None
        return self._link_parts(*values)

    def _link_parts(self, name: str, url: str, words: str | None = None) -> Iterator[str | Slot]:
        html = self._mode is Mode.HTML
        address = around_token(url, self._links[name])
        parts: list[str | Slot] = [url] if address is None else [address[0], TOKEN, address[1]]
        if words is not None:
            words = shown(words, self._mode)
            yield '<a href="' if html else f"{words} ("
        for part in parts:
            yield str(escape(part)) if html and isinstance(part, str) else part
        if words is not None:
            yield f'">{words}</a>' if html else ")"

    def _slot(self, body: Sequence[nodes.Node]) -> Slot:
        """A slot for these nodes, with the sets before them when they read what was set."""
        reads = set().union(*map(_names, body))
        sets = list(self._sets) if reads & self._assigned else []
        key = (self._mode, repr(sets), repr(body))
        line = body[0].lineno
        what = f"the {self._mode} part, line {line}"
        emit = None if sets else quick_block(body, self._mode)
        return Slot(key, Quick(emit) if emit is not None else self._sandboxed([*sets, *body]), what)

    def _sandboxed(self, body: list[nodes.Node]) -> Fill:
        mode, environment = self._mode, ENVIRONMENTS[self._mode]
        tree = nodes.Template(body, lineno=1)
        tree.set_environment(environment)
        lines = [name for name in ("subject", "preheader") if name in _names(tree)]
        template = environment.from_string(tree)

        def fill(scope: Scope) -> str:
            variables = scope.context(mode) | {name: scope.value(name) for name in lines}
            chunks: list[str] = []
            size = 0
            for chunk in template.generate(variables):
                size += len(chunk)
                if size > OUTPUT:
                    capped("".join([*chunks, chunk]))
                chunks.append(chunk)
            return "".join(chunks)

        return fill


def _escaped(fill: Fill) -> Fill:
    return Quick(escaped(fill.emit)) if isinstance(fill, Quick) else lambda scope: str(escape(fill(scope)))


def _names(node: nodes.Node) -> set[str]:
    found = {name.name for name in node.find_all(nodes.Name)}
    return found | {node.name} if isinstance(node, nodes.Name) else found


def _leaks(node: nodes.Node) -> bool:
    """Whether a set inside this statement is seen after it, as Jinja's `if` lets through and `for` does not."""
    if isinstance(node, nodes.For):
        return False
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return True
    return any(_leaks(child) for child in node.iter_child_nodes())
