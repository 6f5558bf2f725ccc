"""The syntax of conditions: text → Jinja2 nodes whose `lineno` is the column in the text, from 1.

Jinja's own parser does the parsing, so that conditions read as the expressions in templates do. It knows lines only;
it is given columns in their place. What conditions never use is refused before it, where the exact place is known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

LENGTH: Final = 2000
"""Characters."""

NESTING: Final = 25
"""Brackets and `not`s around one another. Jinja's parser takes 14 Python frames for each, of about 1,000 there are."""

_ENVIRONMENT = Environment(autoescape=False)  # nothing is rendered with it

_BREAK = re.compile(r"\r\n?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

_SURPRISE = re.compile(r"unexpected (?P<got>.+?)(?:, expected (?P<expected>.+?)\.?)?")

_OPERATORS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]", ",", ".", "=", "-"})

_WORDS: Final = frozenset({"and", "or", "not", "in"})

_CURLY: Final = "“”„‟‘’‚‛«»"
_STRAIGHT: Final = ': write straight quotes, `"`'

_INSTEAD: Final = {
    "|": "`or`; filters are not part of conditions",
    "&": "`and`",
    "!": "`not`",
    "=": "`==` to compare",
    **dict.fromkeys(("contains", "includes", "has"), '`has(lead.field, "value")` to look into several values'),
    "is": '`==`, or `known("field")` to ask whether a value is known',
    "if": "`and`, `or` and `not`; there is no inline `if`",
    "{": "an expression without curly braces",
    "}": "an expression without curly braces",
    "~": "`==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `not in`",
}


@dataclass(frozen=True, slots=True)
class SyntaxProblem(Exception):
    """What was expected instead, and the column where (from 1)."""

    column: int
    message: str


@lru_cache(maxsize=4096)  # half a workspace's conditions are `replied()` and the like
def parse(source: str) -> nodes.Expr:
    """Raises SyntaxProblem. In the nodes, which nobody changes, `lineno` is the column."""
    if len(source) > LENGTH:
        raise SyntaxProblem(1, f"expected a condition of at most {LENGTH:,} characters, got {len(source):,}")
    if unprintable := _UNPRINTABLE.search(source.replace("\r", "\n")):
        raise SyntaxProblem(unprintable.start() + 1, f"expected text, got the control character {unprintable[0]!r}")
    if not source.strip():
        raise SyntaxProblem(1, "expected a condition, got nothing")
    pieces = list(_pieces(_BREAK.sub("\n", source).rstrip()))
    _refuse_deep(pieces)
    try:
        parser = Parser(_ENVIRONMENT, "", state="variable")
        tokens: Iterator[Token] = _ENVIRONMENT.lexer.wrap(iter(pieces))
        parser.stream = TokenStream(tokens, None, None)
        found = parser.parse_expression()
    except TemplateSyntaxError as error:
        raise SyntaxProblem(*_from_jinja(error, source, pieces)) from None
    rest = parser.stream.current
    if not parser.stream.eos:
        raise SyntaxProblem(rest.lineno, _leftover(rest))
    return found


def _pieces(source: str) -> Iterator[tuple[int, str, str]]:
    """Jinja's tokens with the column of each; only those that conditions are made of."""
    position = 0
    before = ""
    try:
        for _, kind, text in _ENVIRONMENT.lexer.tokeniter(source, None, state="variable"):
            if kind != "whitespace":
                _refuse_foreign(position + 1, kind, text, before)
                before = text
            yield position + 1, kind, text
            position += len(text)
    except TemplateSyntaxError:
        got = source[position : position + 1]
        if got in "\"'":
            hint = _STRAIGHT if any(c in _CURLY for c in source[position:]) else ""
            raise SyntaxProblem(position + 1, f"expected a closing quote for {got}{hint}") from None
        expected = _INSTEAD.get(got, "a condition")
        hint = _STRAIGHT if got in _CURLY else ""
        raise SyntaxProblem(position + 1, f"expected {expected}, got `{got}`{hint}") from None


def _refuse_foreign(column: int, kind: str, text: str, before: str) -> None:
    if kind == "name" and before != "." and text not in _WORDS and text.lower() in _WORDS:
        raise SyntaxProblem(column, f"expected `{text.lower()}`, got `{text}`")
    known = kind in ("name", "string", "integer", "float") or (kind == "operator" and text in _OPERATORS)
    if not known or (text in ("is", "if") and kind == "name" and before != "."):
        expected = _INSTEAD.get(text[:1] if kind != "name" else text)
        expected = expected or "a condition (`and`, `or`, `not`, comparisons, functions)"
        raise SyntaxProblem(column, f"expected {expected}, got `{text}`")
    if kind == "string" and "\\" in text:
        raise SyntaxProblem(column + text.index("\\"), "expected text without `\\`")
    if before == "-" and kind not in ("integer", "float"):
        raise SyntaxProblem(column, f"expected a number after `-`, got `{text}`")


def _refuse_deep(pieces: list[tuple[int, str, str]]) -> None:
    """Python's stack must not depend on what somebody wrote."""
    nots = [0]
    for column, kind, text in pieces:
        if kind == "operator" and text in "([":
            nots.append(1)
        elif kind == "name" and text == "not":
            nots[-1] += 1
        elif kind == "operator" and text in ")]":
            nots.pop()
            nots[-1] = min(nots[-1], int(len(nots) > 1))
        elif kind != "whitespace":
            nots[-1] = min(nots[-1], int(len(nots) > 1))
        if sum(nots) > NESTING:
            raise SyntaxProblem(column, f"expected brackets and `not` at most {NESTING} deep")


def _from_jinja(error: TemplateSyntaxError, source: str, pieces: list[tuple[int, str, str]]) -> tuple[int, str]:
    message = (error.message or "").replace("'end of template'", "the end").replace("end of template", "the end")
    if surprise := _SURPRISE.fullmatch(message):
        message = f"expected {surprise['expected'] or 'a value'}, got {surprise['got']}"
    message = message[:1].lower() + message[1:].replace("token '", "'").replace("'", "`")
    column = len(source.rstrip()) + 1 if "the end" in message else error.lineno
    # Jinja asks for the next comma; what was forgotten is as likely the bracket's end.
    if message.startswith("expected `,`") and (bracket := _open_bracket(pieces, column)):
        message = message.replace("`,`", f"`,` or `{_ENDS[bracket]}`", 1)
    return column, message


_ENDS: Final = {"(": ")", "[": "]"}


def _open_bracket(pieces: list[tuple[int, str, str]], column: int) -> str:
    """The innermost one that is open before a column."""
    opened = []
    for at, kind, text in pieces:
        if at >= column:
            break
        if kind == "operator" and text in _ENDS:
            opened.append(text)
        elif kind == "operator" and text in ")]":
            opened.pop()
    return opened[-1] if opened else ""


def _leftover(token: Token) -> str:
    text = str(token.value)
    expected = _INSTEAD.get(text, "`and`, `or` or the end of the condition")
    return f"expected {expected}, got `{text}`"
