"""Checks the Jinja of a template: what it says, with file, line and column, before anything is rendered."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isinf
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

from sequencer.core.codes import Code
from sequencer.core.mark import Problem
from sequencer.rendering.environment import ALLOWED_FILTERS, ALLOWED_TESTS
from sequencer.rendering.links import INSECURE, link_fault, unencrypted
from sequencer.rendering.names import LOOP, MAY_BE_UNKNOWN, RECORDS, VALUES, TemplateNames, suggest
from sequencer.rendering.tokens import Kind, Piece

STATEMENTS: Final = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "include"})
LOOPS: Final = 2
"""How deep loops may stand in one another: with the bound on `range`, no template runs for long."""

DEEPEST: Final = 60
"""Brackets, filters, operators and statements in one another: Python's stack must not depend on what somebody wrote."""
LONGEST_NUMBER: Final = 100
"""Digits."""

_PARSER: Final = Environment()

_PLAIN: Final = (
    nodes.Output,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.CondExpr,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Slice,
)
"""Nodes that are fine wherever they stand when their children are."""


@dataclass(frozen=True, slots=True)
class LinkCall:
    """A `link(…)` in a template."""

    name: str
    url: str
    piece: Piece
    with_text: bool


@dataclass
class Findings:
    problems: list[Problem] = field(default_factory=list)
    links: list[LinkCall] = field(default_factory=list)
    shown: dict[str, Piece] = field(default_factory=dict)
    """Paths printed for everyone, as `unsubscribe_url`, `brand.postal_address`: outside of any statement."""
    hidden: dict[str, Piece] = field(default_factory=dict)
    """Paths printed inside of statements: not for everyone."""
    used: dict[str, Piece] = field(default_factory=dict)
    """Plain names read anywhere, as `subject`."""


def check_template(
    pieces: Sequence[Piece], names: TemplateNames, *, links: bool = True, warnings: bool = True
) -> Findings:
    """Everything wrong with the tokens among these pieces."""
    findings = Findings()
    tokens = [piece for piece in pieces if piece.kind is not Kind.DATA]
    if warnings:
        findings.problems += _single_braces(pieces)
    if not _statements_fit(tokens, findings):
        return findings
    # One token a line: Jinja's line numbers then name the token.
    try:
        tree = _PARSER.parse("\n".join(token.text.replace("\n", " ") for token in tokens))
    except TemplateSyntaxError as error:
        piece = tokens[min(error.lineno, len(tokens)) - 1]
        message = f"{error.message or 'not understood'} in {_shown(piece)}"
        findings.problems.append(Problem(piece.mark(), "template-syntax", message))
        return findings
    except RecursionError:
        _deep(max(tokens, key=lambda token: len(token.text)), findings)
        return findings
    if (line := _too_deep(tree)) is not None:
        _deep(tokens[min(line, len(tokens)) - 1], findings)
        return findings
    _Checker(tokens, names, findings, links, warnings).run(tree)
    findings.problems.sort()
    return findings


_SINGLE: Final = re.compile(rf"(?<![{{%]){{\s*((?:lead|{'|'.join(RECORDS)})\.\w+)[^{{}}\n]{{0,80}}}}(?!}})")


def _single_braces(pieces: Sequence[Piece]) -> Iterator[Problem]:
    for piece in pieces:
        for found in _SINGLE.finditer(piece.text) if piece.kind is Kind.DATA else ():
            message = f"this is mailed as it stands, expected two braces: {{{{ {found[1]} }}}}"
            yield Problem(piece.mark(found.start()), "template-syntax", message, "warning")


def _shown(piece: Piece) -> str:
    """A token's first line: one that is not closed goes on to the end of the file."""
    first, newline, _ = piece.text.partition("\n")
    return f"{first.rstrip()} …" if newline else first


_ENDS: Final = {"endif": "if", "endfor": "for", "endset": "set"}


def _statements_fit(tokens: Sequence[Piece], findings: Findings) -> bool:
    """Whether every statement is a known one, begun and ended."""
    stack: list[Piece] = []
    before = len(findings.problems)

    def problem(piece: Piece, code: Code, message: str) -> None:
        findings.problems.append(Problem(piece.mark(), code, message))

    for piece in tokens:
        keyword = piece.keyword
        if re.search(rf"[0-9_]{{{LONGEST_NUMBER}}}", piece.inner):
            problem(piece, "template-syntax", f"expected numbers of less than {LONGEST_NUMBER} digits")
            return False
        if piece.kind is Kind.PRINT:
            if not piece.inner:
                problem(piece, "template-syntax", "expected a name between {{ and }}, got nothing")
        elif keyword not in STATEMENTS:
            problem(piece, "forbidden-statement", f"“{keyword}” may not be used: there are if, for, set and include")
        elif keyword in ("if", "for") or (keyword == "set" and _is_block_set(piece)):
            stack.append(piece)
            if len(stack) > DEEPEST // 2:
                _deep(piece, findings)
                return False
        elif keyword in ("elif", "else"):
            opened = stack[-1].keyword if stack else ""
            if opened != "if" and not (opened == "for" and keyword == "else"):
                problem(piece, "template-syntax", f"{{% {keyword} %}} belongs into an {{% if %}}, got none here")
        elif keyword in _ENDS:
            if not stack or stack[-1].keyword != _ENDS[keyword]:
                opened = f"{_shown(stack[-1])} at {stack[-1].mark()} is open" if stack else "nothing is open"
                problem(piece, "template-syntax", f"{{% {keyword} %}} does not fit: {opened}")
                return False
            stack.pop()
    for piece in stack:
        problem(piece, "template-syntax", f"expected {{% end{piece.keyword} %}} for {_shown(piece)}, got the end")
    return len(findings.problems) == before


def _deep(piece: Piece, findings: Findings) -> None:
    message = f"expected brackets, filters, operators and statements at most {DEEPEST} deep in one another"
    findings.problems.append(Problem(piece.mark(), "template-syntax", message))


def _too_deep(tree: nodes.Template) -> int | None:
    """The line of a node that lies too deep."""
    left: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while left:
        node, depth = left.pop()
        if depth > DEEPEST:
            return node.lineno
        left += [(child, depth + 1) for child in node.iter_child_nodes()]
    return None


def _is_block_set(piece: Piece) -> bool:
    """`{% set x %}…{% endset %}`, without a value of its own."""
    return re.fullmatch(r"set\s+\w+\s*(\|.*)?", piece.inner, re.DOTALL) is not None


class _Checker:
    """Walks the tree in the order of execution, knowing what is set where."""

    def __init__(
        self, tokens: Sequence[Piece], names: TemplateNames, findings: Findings, links: bool, warnings: bool
    ) -> None:
        self._tokens = tokens
        self._names = names
        self._findings = findings
        self._links = links
        self._warnings = warnings
        self._loops = 0
        self._inside = 0
        self._guarded: list[str] = []
        self._maybe: set[str] = set()

    def run(self, tree: nodes.Template) -> None:
        self._body(tree.body, set())

    def _piece(self, node: nodes.Node) -> Piece:
        return self._tokens[min(node.lineno, len(self._tokens)) - 1]

    def _problem(self, node: nodes.Node, code: Code, message: str, word: str = "", warning: bool = False) -> None:
        piece = self._piece(node)
        mark = piece.mark_of(word) if word else piece.mark()
        self._findings.problems.append(Problem(mark, code, message, "warning" if warning else "error"))

    def _body(self, body: Sequence[nodes.Node], known: set[str]) -> None:
        for node in body:
            self._statement(node, known)

    def _statement(self, node: nodes.Node, known: set[str]) -> None:
        match node:
            case nodes.Output():
                for child in node.nodes:
                    if not isinstance(child, nodes.TemplateData):
                        self._printed(child, known)
            case nodes.If():
                self._if(node, known)
            case nodes.For():
                self._for(node, known)
            case nodes.Assign(target=nodes.Name(name=name)):
                self._expression(node.node, known)
                self._set(node, name, known)
            case nodes.AssignBlock(target=nodes.Name(name=name), filter=None):
                self._inside += 1
                self._body(node.body, set(known))
                self._inside -= 1
                self._set(node, name, known)
            case _:
                self._forbidden(node)

    def _forbidden(self, node: nodes.Node) -> None:
        self._problem(node, "forbidden-expression", f"content may not use this: {_shown(self._piece(node))}")

    def _set(self, node: nodes.Node, name: str, known: set[str]) -> None:
        if name in self._names.roots or name == "loop" or name.startswith("_"):
            self._problem(node, "forbidden-expression", f"expected a name of your own, got “{name}”", name)
        known.add(name)

    def _if(self, node: nodes.If, known: set[str]) -> None:
        """What is set in some branches only may be missing afterwards."""
        branches: list[set[str]] = []
        guards = len(self._guarded)
        self._inside += 1
        for branch in (node, *node.elif_):
            self._expression(branch.test, known)
            self._guarded += _paths(branch.test)
            inner = set(known)
            self._body(branch.body, inner)
            branches.append(inner)
        del self._guarded[guards:]
        inner = set(known)
        self._body(node.else_, inner)
        branches.append(inner)
        self._inside -= 1
        known |= set.intersection(*branches)
        self._maybe |= set.union(*branches) - known

    def _for(self, node: nodes.For, known: set[str]) -> None:
        if node.recursive:
            self._problem(node, "forbidden-statement", "a loop may not be recursive")
        self._loops += 1
        self._inside += 1
        if self._loops > LOOPS:
            self._problem(node, "forbidden-statement", f"loops may stand {LOOPS} deep in one another, no deeper")
        self._expression(node.iter, known)
        own = [node.target] if isinstance(node.target, nodes.Name) else []
        targets = [target.name for target in [*own, *node.target.find_all(nodes.Name)]]
        inner = {*known, *targets, "loop"}
        for name in targets:
            self._set(node, name, inner)
        if node.test is not None:
            self._expression(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, set(known))
        self._loops -= 1
        self._inside -= 1

    def _printed(self, node: nodes.Expr, known: set[str]) -> None:
        path = _path(node)
        if path:
            seen = self._findings.hidden if self._inside else self._findings.shown
            seen.setdefault(path, self._piece(node))
        bare = _path(_unfiltered(node))
        field_of_lead = bare.removeprefix("lead.") if bare.startswith("lead.") else ""
        declared = field_of_lead in (self._names.of("lead") or ()) and field_of_lead != "email"
        if (declared or bare in MAY_BE_UNKNOWN) and bare not in self._guarded and self._warnings:
            message = f'{bare} may be unknown: say what to print then, as {{{{ {bare} or "…" }}}}'
            self._problem(node, "no-default", message, bare.split(".")[1], warning=True)
        self._expression(node, known)

    def _expression(self, node: nodes.Node, known: set[str]) -> None:
        match node:
            case nodes.Name(name=name):
                self._name(node, name, known)
            case nodes.Getattr(node=nodes.Name(name=root), attr=attribute):
                self._attribute(node, root, attribute, known)
            case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=str(attribute))):
                self._attribute(node, root, attribute, known)
            case nodes.Getitem():
                self._expression(node.node, known)
                self._expression(node.arg, known)
            case nodes.Call():
                self._call(node, known)
            case nodes.Filter(node=nodes.Expr()):
                if node.name not in ALLOWED_FILTERS:
                    hint = suggest(node.name, ALLOWED_FILTERS)
                    self._problem(node, "unknown-filter", f"there is no filter “{node.name}”{hint}", node.name)
                self._arguments(node, known)
            case nodes.Const(value=float() as number) if isinf(number):
                self._problem(node, "forbidden-expression", "expected a smaller number")
            case nodes.Test():
                if node.name not in ALLOWED_TESTS:
                    hint = suggest(node.name, ALLOWED_TESTS)
                    self._problem(node, "unknown-test", f"there is no test “{node.name}”{hint}", node.name)
                self._arguments(node, known)
            case _ if isinstance(node, _PLAIN):
                for child in node.iter_child_nodes():
                    self._expression(child, known)
            case _:
                self._forbidden(node)

    def _arguments(self, node: nodes.Filter | nodes.Test, known: set[str]) -> None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self._forbidden(node)
        if node.node is not None:
            self._expression(node.node, known)
        for child in (*node.args, *(pair.value for pair in node.kwargs)):
            self._expression(child, known)

    def _name(self, node: nodes.Node, name: str, known: set[str]) -> None:
        if name in VALUES:
            self._findings.used.setdefault(name, self._piece(node))
        if name in known or name in VALUES:
            return
        if name == "content":
            message = "{{ content }} belongs into a layout, which puts the item there"
        elif name in self._maybe:
            message = f"“{name}” is not set in every case: set it before the {{% if %}} too"
        elif (fields := self._names.of(name)) is not None:
            message = f"expected one of its fields, as {name}.{min(fields)}, got “{name}” alone"
        elif name in ("link", "range"):
            message = f"expected {name}(…), got “{name}” alone"
        elif name in self._names.of("lead"):  # type: ignore[operator]
            message = f"unknown name “{name}” (did you mean “lead.{name}”?)"
        else:
            message = f"unknown name “{name}”{suggest(name, self._names.roots | known)}"
        self._problem(node, "unknown-name", message, name)

    def _attribute(self, node: nodes.Node, root: str, attribute: str, known: set[str]) -> None:
        fields = LOOP if root == "loop" and "loop" in known else self._names.of(root)
        if root in known and root != "loop":
            self._problem(node, "unknown-name", f"“{root}” has no parts, got “{root}.{attribute}”", attribute)
        elif fields is None:
            self._name(node, root, known)
        elif attribute not in fields:
            hint = suggest(attribute, fields)
            message = f"there is no “{root}.{attribute}”{hint}"
            if root == "lead":
                message += "; fields of leads are declared in sequences/workspace.yaml"
            self._problem(node, "unknown-name", message, attribute)

    def _call(self, node: nodes.Call, known: set[str]) -> None:
        function = node.node.name if isinstance(node.node, nodes.Name) else ""
        arguments = [*node.args, *(pair.value for pair in node.kwargs)]
        for argument in arguments:
            self._expression(argument, known)
        plain = not node.kwargs and node.dyn_args is None and node.dyn_kwargs is None
        if function == "range" and plain and 1 <= len(node.args) <= 3:
            return
        if function == "link":
            self._link(node)
            return
        self._problem(
            node, "forbidden-expression", f"only link(…) and range(…) may be called: {self._piece(node).text}"
        )

    def _link(self, node: nodes.Call) -> None:
        values = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
        keywords = {pair.key for pair in node.kwargs}
        with_text = len(node.args) == 3 or keywords == {"text"}
        if (
            not self._links
            or node.dyn_args is not None
            or node.dyn_kwargs is not None
            or len(node.args) not in (2, 3)
            or keywords > {"text"}
            or (keywords and keywords != {"text"})
            or (keywords and len(node.args) == 3)
            or not isinstance(values[0], str)
            or not isinstance(values[1], str)
        ):
            place = 'link("name", "https://…") or link("name", "https://…", "words")'
            message = f"expected {place} with name and address in quotes" if self._links else "no link can stand here"
            self._problem(node, "bad-link", message, "link")
            return
        name, url = values[0], values[1]
        piece = self._piece(node)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
            message = f"expected a link's name of a-z, 0-9, - and _, got “{name}”"
            self._problem(node, "bad-link", message, name)
        if fault := link_fault(url):
            self._problem(node, "bad-link", f"link “{name}”: {fault}", url)
        elif unencrypted(url):
            self._problem(node, "insecure-link", f"link “{name}”: {INSECURE}", url, warning=True)
        first = next((call for call in self._findings.links if call.name == name), None)
        if first is not None:
            where = first.piece.mark_of(name)
            message = f"expected each link's name once in a mail, got “{name}” again (first at {where})"
            self._problem(node, "duplicate-link", message, name)
            return
        self._findings.links.append(LinkCall(name, url, piece, with_text))


def _unfiltered(node: nodes.Node) -> nodes.Node:
    """What filters are applied to, as long as none of them stands in for an unknown value."""
    while isinstance(node, nodes.Filter) and node.node is not None and node.name not in ("default", "d"):
        node = node.node
    return node


def _path(node: nodes.Node) -> str:
    """`lead.first_name`, `unsubscribe_url`; empty for anything else."""
    match node:
        case nodes.Name(name=name):
            return name
        case nodes.Getattr(node=nodes.Name(name=root), attr=attribute):
            return f"{root}.{attribute}"
        case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=str(attribute))):
            return f"{root}.{attribute}"
    return ""


def _paths(test: nodes.Node) -> list[str]:
    return [path for node in (test, *test.find_all(nodes.Expr)) if (path := _path(node))]
